"""Checks: SHACL over one source's graph, over the union of all graphs, and over the ontology's style.

pySHACL runs on plain rdflib graphs parsed from the files, before anything goes into a store, because stores rewrite
literals (DESIGN, section 6).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import pyoxigraph as ox
from rdflib import RDF, SH, Graph, URIRef
from rdflib.term import Node

from .findings import Finding
from .iris import GRAPH, graph_iri, room
from .skolem import skolemize


@dataclass(frozen=True, order=True)
class Result:
    """One validation result (SHACL, section 3.6.2), IRIs and literals as text."""

    severity: str
    focus_node: str
    shape: str
    component: str
    path: str
    value: str
    message: str

    @property
    def is_violation(self) -> bool:
        """Whether the result makes the build fail: warnings and infos do not."""
        return self.severity == str(SH.Violation)

    def finding(self, places: dict[str, str]) -> Finding:
        """Return the result as a sentence at the place where the focus node is described."""
        node = self.focus_node
        where = places.get(node) or places.get(node.split("#")[0]) or node
        found = f" (found {self.value})" if self.value and self.value != node else ""
        return Finding(where, f"{self.message}{found} [{self.shape.split('#')[-1]}]")


@cache
def shapes(folder: str) -> Graph:
    """Return the shapes of one set: ``source``, ``union`` or ``style``, without blank nodes."""
    graph = Graph()
    for file in sorted((room("shapes") / folder).iterdir(), key=lambda entry: entry.name):
        graph += skolemize(Graph().parse(data=file.read_bytes(), format="turtle"))
    return graph


def graph_of(quads: Iterable[ox.Quad]) -> Graph:
    """Return quads as one rdflib graph, their union, with literals as they are written."""
    triples = (ox.Triple(quad.subject, quad.predicate, quad.object) for quad in quads)
    text = ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b""
    return Graph(bind_namespaces="none").parse(data=text, format="nt")


def validate(data: Graph, shapes_graph: Graph) -> list[Result]:
    """Return the results of validating ``data`` against ``shapes_graph``, sorted. No inference, no imports."""
    from pyshacl import validate as run  # importing pyshacl takes 0.3 s: only where it is needed

    _, report, _ = run(data, shacl_graph=shapes_graph, inference="none", advanced=False, meta_shacl=False)
    return sorted(_results(report))


def _results(report: Graph) -> Iterator[Result]:
    for node in report.subjects(RDF.type, SH.ValidationResult):
        yield Result(
            severity=_text(report.value(node, SH.resultSeverity)),
            focus_node=_text(report.value(node, SH.focusNode)),
            shape=_text(report.value(node, SH.sourceShape)),
            component=_text(report.value(node, SH.sourceConstraintComponent)),
            path=_text(report.value(node, SH.resultPath)),
            value=_text(report.value(node, SH.value)),
            message=_text(report.value(node, SH.resultMessage)),
        )


def _text(term: Node | None) -> str:
    return "" if term is None else str(term)


def check_dataset(quads: list[ox.Quad]) -> list[Result]:
    """Check each source's graph alone, the ontology's style, and the union; return all results."""
    results: list[Result] = []
    by_graph: dict[str, list[ox.Quad]] = {}
    for quad in quads:
        by_graph.setdefault(_name(quad), []).append(quad)
    for name, members in sorted(by_graph.items()):
        if name.startswith(graph_iri("source/")):
            results += validate(graph_of(members), shapes("source"))
    results += validate(graph_of(by_graph.get(graph_iri("ontology"), [])), shapes("style"))
    results += validate(graph_of(quad for quad in quads if _name(quad) != graph_iri("shapes")), shapes("union"))
    return results


def _name(quad: ox.Quad) -> str:
    return quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""


def dangling(quads: list[ox.Quad]) -> list[tuple[str, str, str]]:
    """Return (subject, predicate, object) of every statement that points to a node of ours that nobody describes.

    The ontology is left out: it names versions of itself that are not part of the dataset.
    """
    described = {quad.subject for quad in quads}
    base = GRAPH.removesuffix("graph/")
    return sorted(
        (_text(URIRef(quad.subject.value)), quad.predicate.value, quad.object.value)
        for quad in quads
        if isinstance(quad.object, ox.NamedNode)
        and isinstance(quad.subject, ox.NamedNode)
        and quad.object.value.startswith(base)
        and quad.object not in described
        and _name(quad) != graph_iri("ontology")
    )
