"""Where statements are read: a store of ours, or with the same few questions any other engine.

Pages and documents ask for what they need in few and great questions, because another engine takes milliseconds for
each: the methods of ``Statements`` are one request each, whatever the number of nodes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

import pyoxigraph as ox


class Statements(Protocol):
    """What can be read. Quads are of all graphs, the default one included; an order is not promised.

    An implementation that cannot answer raises the HTTP error that is to be told (502, 504): an empty answer means
    that there is nothing.
    """

    def about(self, nodes: Iterable[ox.NamedNode], predicates: Iterable[ox.NamedNode] = ()) -> list[ox.Quad]:
        """Return the quads whose subject is one of ``nodes``, of all predicates or of some."""
        ...

    def pointing_to(self, nodes: Iterable[ox.NamedNode], limit: int) -> list[ox.Quad]:
        """Return the quads whose object is one of ``nodes``, no more than ``limit``."""
        ...

    def within(self, graph: ox.NamedNode, limit: int) -> list[ox.Quad]:
        """Return the quads of a named graph, no more than ``limit``."""
        ...

    def mentions(self, node: ox.NamedNode) -> bool:
        """Return whether a quad has ``node`` as its subject, predicate or object."""
        ...

    def has_graph(self, graph: ox.NamedNode) -> bool:
        """Return whether there is a named graph of this name; of many graphs that is known sooner than their list."""
        ...

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs, sorted."""
        ...

    def select(self, query: str) -> ox.QuerySolutions:
        """Return the answer to a SELECT query over the union of all graphs; it is whole SPARQL 1.1, prefixes and all.

        What binds its variables stands in its text: see ``bound`` in ``answers.py``.
        """
        ...


@dataclass
class Stored:
    """The statements of a store, which is opened when it is first asked: on disk it must not live through a fork."""

    opened: Callable[[], ox.Store]

    @cached_property
    def store(self) -> ox.Store:
        """The store."""
        return self.opened()

    def reopen(self) -> None:
        """Open the store in a process that was forked; one that was open before is left alone, as it is not whole."""
        self._before = vars(self).pop("store", None)
        _ = self.store

    def about(self, nodes: Iterable[ox.NamedNode], predicates: Iterable[ox.NamedNode] = ()) -> list[ox.Quad]:
        """Return the quads whose subject is one of ``nodes``, of all predicates or of some."""
        chosen: list[ox.NamedNode | None] = [*predicates] or [None]
        found = self.store.quads_for_pattern
        return [quad for node in nodes for predicate in chosen for quad in found(node, predicate, None, None)]

    def pointing_to(self, nodes: Iterable[ox.NamedNode], limit: int) -> list[ox.Quad]:
        """Return the quads whose object is one of ``nodes``, no more than ``limit``."""
        found = (quad for node in nodes for quad in self.store.quads_for_pattern(None, None, node, None))
        return list(islice(found, limit))

    def within(self, graph: ox.NamedNode, limit: int) -> list[ox.Quad]:
        """Return the quads of a named graph, no more than ``limit``."""
        return list(islice(self.store.quads_for_pattern(None, None, None, graph), limit))

    def mentions(self, node: ox.NamedNode) -> bool:
        """Return whether a quad has ``node`` as its subject, predicate or object."""
        found = self.store.quads_for_pattern
        places = (found(node, None, None), found(None, node, None), found(None, None, node))
        return any(next(place, None) for place in places)

    def has_graph(self, graph: ox.NamedNode) -> bool:
        """Return whether there is a named graph of this name."""
        return self.store.contains_named_graph(graph)

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs, sorted."""
        return sorted(graph.value for graph in self.store.named_graphs() if isinstance(graph, ox.NamedNode))

    def select(self, query: str) -> ox.QuerySolutions:
        """Return the answer to a SELECT query over the union of all graphs; raise TypeError if it is another."""
        found = self.store.query(query, use_default_graph_as_union=True)
        if not isinstance(found, ox.QuerySolutions):
            raise TypeError("this is not a SELECT query")
        return found


def in_memory(text: bytes = b"", *, lenient: bool = False) -> Stored:
    """Return the statements of N-Quads; those that were checked are read ``lenient``, in half the time."""
    store = ox.Store()
    store.load(text, format=ox.RdfFormat.N_QUADS, lenient=lenient)
    return Stored(lambda: store)
