"""Checks: SHACL over one source's graph, over the union of all graphs, and over the ontology's style.

pySHACL looks terms up in rdflib's memory, where literals stay as they are written (stores rewrite them: DESIGN,
section 6); SPARQL constraints are answered by Oxigraph, which takes 0.1 ms for a query that takes rdflib 30. Those of
our own shapes are asked once for all focus nodes, because pySHACL takes longer at each than Oxigraph for all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

import pyoxigraph as ox
from rdflib import RDF, RDFS, SH, XSD, BNode, Graph, Literal, URIRef, Variable
from rdflib.plugins.stores import memory
from rdflib.query import Result as QueryResult
from rdflib.term import Identifier, Node

from .files import files_of, read_turtle
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
        """Return the result as a sentence at the place where its focus node, or else its value, is described."""
        node = self.focus_node
        tries = [name for iri in (node, self.value) for name in (iri, iri.split("#")[0])]
        where = next((places[name] for name in tries if name in places), node)
        key = f"at {re.split('[#/]', self.path)[-1]}" if self.path else ""
        found = f"found {self.value}" if self.value and self.value != node else ""
        details = ", ".join(filter(None, (key, found)))
        return Finding(where, f"{self.message} [{self.shape.split('#')[-1]}{details and ': '}{details}]")


@cache
def shapes(folder: str) -> Graph:
    """Return the shapes of one set: ``source``, ``union`` or ``style``, without blank nodes."""
    graph = Graph()
    for file in files_of(room("shapes") / folder, ".ttl"):
        graph += skolemize(read_turtle(file, f"shapes/{folder}/{file.name}"))
    return graph


class Memory(memory.Memory):
    """rdflib's memory, whose SPARQL queries go to an Oxigraph store with the same triples."""

    def __init__(self, triples: Iterable[ox.Triple]) -> None:
        super().__init__()
        self.engine = ox.Store()
        self.engine.bulk_extend(ox.Quad(*triple) for triple in triples)

    def query(  # type: ignore[override]  # the names are those of rdflib's Store
        self,
        query: str,
        initNs: object,  # noqa: N803
        initBindings: Mapping[str, Node],  # noqa: N803
        queryGraph: object,  # noqa: N803
        **_: object,
    ) -> QueryResult:
        """Answer a SELECT or ASK query; ``initBindings`` are the pre-bound variables (SHACL, section 5.2.1)."""
        bound: dict[ox.Variable, ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple]
        bound = {ox.Variable(name): _to_oxigraph(term) for name, term in initBindings.items()}
        answer = self.engine.query(query, substitutions=bound)
        if isinstance(answer, ox.QueryBoolean):
            result = QueryResult("ASK")
            result.askAnswer = bool(answer)
            return result
        if not isinstance(answer, ox.QuerySolutions):
            raise ValueError(f"a SPARQL constraint is a SELECT or ASK query, found {query!r}")
        result = QueryResult("SELECT")
        result.vars = [Variable(variable.value) for variable in answer.variables]
        result.bindings = [_binding(result.vars, row) for row in answer]
        return result


def _binding(names: list[Variable], row: ox.QuerySolution) -> dict[Variable, Identifier]:
    return {name: _to_rdflib(term) for name, term in zip(names, row, strict=True) if term is not None}


def _to_oxigraph(term: Node) -> ox.NamedNode | ox.BlankNode | ox.Literal:
    if isinstance(term, Literal):
        datatype = ox.NamedNode(term.datatype) if term.datatype else None
        return ox.Literal(str(term), language=term.language, datatype=datatype)
    return ox.NamedNode(str(term)) if isinstance(term, URIRef) else ox.BlankNode(str(term))


def _to_rdflib(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> URIRef | BNode | Literal:
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.Literal):
        datatype = None if term.language or term.datatype.value == str(XSD.string) else term.datatype.value
        return Literal(term.value, lang=term.language, datatype=datatype)
    return BNode(term.value if isinstance(term, ox.BlankNode) else str(term))


TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf)


@cache
def core(folder: str) -> Graph:
    """Return the shapes of one of our sets without SPARQL, the targets of each node shape moved to its property shapes.

    The results are the same, because each property shape belongs to one node shape and no node shape to another.
    pySHACL takes the focus nodes of a property shape all at once if the targets are its own, else one by one.
    """
    result = Graph()
    result += shapes(folder)
    result.remove((None, SH.sparql, None))
    for node, part in shapes(folder).subject_objects(SH.property):
        result.remove((node, SH.property, part))
        for key in TARGETS:
            for target in shapes(folder).objects(node, key):
                result.add((part, key, target))
    return result


@cache
def queries(folder: str) -> list[tuple[Result, str]]:
    """Return the SPARQL constraints of one of our sets: a query for all focus nodes, and what its results share.

    ``$this`` is bound to the focus nodes in the outermost group (SHACL, section 5.3.1, binds it beforehand); a test
    shows for every constraint that the results are the same.
    """
    graph = shapes(folder)
    found = []
    for shape, constraint in sorted(graph.subject_objects(SH.sparql)):
        shared = Result(
            severity=_text(graph.value(shape, SH.severity)),
            focus_node="",
            shape=_text(shape),
            component=_text(SH.SPARQLConstraintComponent),
            path="",
            value="",
            message=_text(graph.value(constraint, SH.message)),
        )
        query = _text(graph.value(constraint, SH.select)).replace("WHERE {", f"WHERE {{ {_focus(graph, shape)}", 1)
        found.append((shared, _declarations(graph, constraint) + query))
    return found


def _focus(graph: Graph, shape: Node) -> str:
    """Return the group that binds ``$this`` to the focus nodes of ``shape`` (SHACL, section 2.1.3)."""
    classes, nodes, subjects = (" ".join(sorted(f"<{term}>" for term in graph.objects(shape, key))) for key in TARGETS)
    patterns = [
        f"{{ VALUES ?target {{ {classes} }} $this a/<{RDFS.subClassOf}>* ?target }}" if classes else "",
        f"{{ VALUES $this {{ {nodes} }} }}" if nodes else "",
        f"{{ VALUES ?property {{ {subjects} }} $this ?property ?any }}" if subjects else "",
    ]
    return f"{{ SELECT DISTINCT $this WHERE {{ {' UNION '.join(filter(None, patterns))} }} }}"


def _declarations(graph: Graph, constraint: Node) -> str:
    declared = {
        node for prefixes in graph.objects(constraint, SH.prefixes) for node in graph.objects(prefixes, SH.declare)
    }
    lines = (f"PREFIX {graph.value(node, SH.prefix)}: <{graph.value(node, SH.namespace)}>\n" for node in declared)
    return "".join(sorted(lines))


def validate_ours(quads: Iterable[ox.Quad], folder: str) -> list[Result]:
    """Return the results of validating the union of ``quads`` against one of our sets of shapes, sorted.

    pySHACL is given the triples whose property a shape names, which are all that it looks at: no shape is closed.
    """
    triples = list(dict.fromkeys(ox.Triple(quad.subject, quad.predicate, quad.object) for quad in quads))
    engine = ox.Store()
    engine.bulk_extend(ox.Quad(*triple) for triple in triples)
    named = {_text(term) for triple in core(folder) for term in triple} | {str(RDF.type), str(RDFS.subClassOf)}
    looked_at = _fill(Graph(bind_namespaces="none"), (triple for triple in triples if triple.predicate.value in named))
    return sorted({*validate(looked_at, core(folder)), *_answers(engine, folder)})


def _answers(engine: ox.Store, folder: str) -> Iterator[Result]:
    for shared, query in queries(folder):
        rows = engine.query(query)
        if not isinstance(rows, ox.QuerySolutions):
            raise ValueError(f"a SPARQL constraint is a SELECT query, found {query!r}")
        names = {variable.value for variable in rows.variables}
        for row in rows:
            found = {name: _lexical(row[name]) for name in names & {"this", "path", "value"}}
            value = found.get("value") or found["this"]
            yield replace(shared, focus_node=found["this"], path=found.get("path", ""), value=value)


def _lexical(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple | None) -> str:
    return "" if term is None else str(_to_rdflib(term))


def graph_of(quads: Iterable[ox.Quad]) -> Graph:
    """Return quads as one rdflib graph, their union, with literals as they are written."""
    triples = {ox.Triple(quad.subject, quad.predicate, quad.object) for quad in quads}
    return _fill(Graph(store=Memory(triples), bind_namespaces="none"), triples)


def _fill(graph: Graph, triples: Iterable[ox.Triple]) -> Graph:
    terms: dict[object, URIRef | BNode | Literal] = {}
    for triple in triples:
        for term in triple:
            if term not in terms:
                terms[term] = _to_rdflib(term)
        graph.add((terms[triple.subject], terms[triple.predicate], terms[triple.object]))
    return graph


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
            results += validate_ours(members, "source")
    results += validate_ours(by_graph.get(graph_iri("ontology"), []), "style")
    results += validate_ours((quad for quad in quads if _name(quad) != graph_iri("shapes")), "union")
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
