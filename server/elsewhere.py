"""Statements that another engine has, read by SELECT queries, which all engines understand alike.

They go through the endpoint's own engine as others do: with a deadline, and a place in the queue of the client.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import pyoxigraph as ox

BATCH = 500  # nodes that one query names
# Statements in a graph, and others: where the default graph is the union of the named ones, there are none of these.
_QUADS = """SELECT ?s ?p ?o ?g {{
  {{ {values} GRAPH ?g {{ ?s ?p ?o }} }}
  UNION {{ {values} ?s ?p ?o FILTER NOT EXISTS {{ GRAPH ?any {{ ?s ?p ?o }} }} }}
  {filter}
}}"""


class Elsewhere:
    """Statements of the engine behind the endpoint; an outage is the error that a query would get."""

    def about(self, nodes: Iterable[ox.NamedNode], predicates: Iterable[ox.NamedNode] = ()) -> list[ox.Quad]:
        """Return the quads whose subject is one of ``nodes``, of all predicates or of some."""
        # Not VALUES, with which Oxigraph takes seconds: it looks for all that has these predicates.
        chosen = ", ".join(map(str, predicates))
        of = f"FILTER (?p IN ({chosen}))" if chosen else ""
        return [quad for batch in _batches(nodes) for quad in self._quads(_values("s", batch), of)]

    def pointing_to(self, nodes: Iterable[ox.NamedNode], limit: int) -> list[ox.Quad]:
        """Return the quads whose object is one of ``nodes``, no more than ``limit``."""
        found = (quad for batch in _batches(nodes) for quad in self._quads(_values("o", batch), most=f" LIMIT {limit}"))
        return list(islice(found, limit))

    def within(self, graph: ox.NamedNode, limit: int) -> list[ox.Quad]:
        """Return the quads of a named graph, no more than ``limit``."""
        found = self.select(f"SELECT ?s ?p ?o {{ GRAPH {graph} {{ ?s ?p ?o }} }} LIMIT {limit}")
        return [_quad(row, graph) for row in found]

    def mentions(self, node: ox.NamedNode) -> bool:
        """Return whether a quad has ``node`` as its subject, predicate or object."""
        return any(next(self._quads(_values(name, [node]), most=" LIMIT 1"), None) for name in ("s", "p", "o"))

    def has_graph(self, graph: ox.NamedNode) -> bool:
        """Return whether there is a named graph of this name."""
        return bool(self.within(graph, 1))

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs, sorted."""
        # Grouped, which Virtuoso answers in milliseconds, where SELECT DISTINCT takes seconds.
        found = self.select("SELECT ?g { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
        return sorted(row["g"].value for row in found if isinstance(row["g"], ox.NamedNode))

    def select(self, query: str) -> ox.QuerySolutions:
        """Return the answer to a SELECT query over the engine's default graph; raise TypeError if it is another."""
        from .sparql import rows  # which builds on what builds on this

        found = ox.parse_query_results(rows(query), format=ox.QueryResultsFormat.JSON)
        if not isinstance(found, ox.QuerySolutions):
            raise TypeError("this is not a SELECT query")
        return found

    def _quads(self, values: str, filter_: str = "", most: str = "") -> Iterator[ox.Quad]:
        for row in self.select(_QUADS.format(values=values, filter=filter_) + most):
            yield _quad(row)


def _quad(row: ox.QuerySolution, graph: ox.NamedNode | None = None) -> ox.Quad:
    """Return the quad that a row says; raise 502 if the engine answered with other columns or terms than asked for."""
    try:
        return ox.Quad(row["s"], row["p"], row["o"], graph or row["g"])
    except (KeyError, TypeError) as error:
        from .upstream import failed  # which builds on what builds on this

        failed(f"answers with a row that is no statement: {error!r}", "answered with other columns than it was asked.")


def _batches(nodes: Iterable[ox.NamedNode]) -> Iterator[list[ox.NamedNode]]:
    left = iter(nodes)
    while batch := list(islice(left, BATCH)):
        yield batch


def _values(name: str, nodes: Iterable[ox.NamedNode]) -> str:
    return f"VALUES ?{name} {{ {' '.join(map(str, nodes))} }} "
