"""The shapes: each constraint is broken by one file, and each file breaks one constraint.

tests/good/SET.ttl is a small graph that satisfies every shape of the set and has a focus node for every target.
tests/bad/SET/SHAPE.COMPONENT.ttl is a change to it that breaks the constraint (SHAPE, COMPONENT). Its triples are
added; its first lines say the rest:

    # message: the exact message of the result
    # without: <subject> property     (the triples of the good graph to take away; without property, all of the subject)
    # also: SHAPE COMPONENT           (a second constraint that the fault breaks of necessity)
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest
from rdflib import RDF, SH, Graph, Literal, URIRef
from rdflib.term import BNode, Node

from cosponsor.check import Result, graph_of, shapes, validate, validate_ours

TESTS = Path(__file__).parent
SETS = ("source", "style", "union")
SHAPE = "https://w3id.org/cosponsor/shapes#"
BAD = sorted((TESTS / "bad").glob("*/*.ttl"))
DETAILS = (SH.name, SH.description, SH.severity, SH.message)

Constraint = tuple[str, str]


@dataclass(frozen=True)
class Fault:
    """A violating file: its header and its triples."""

    message: str
    without: tuple[str, ...]
    also: frozenset[Constraint]
    triples: frozenset[ox.Triple]
    prefixes: str


def parse(text: str) -> frozenset[ox.Triple]:
    quads = ox.parse(text, format=ox.RdfFormat.TURTLE)
    return frozenset(ox.Triple(quad.subject, quad.predicate, quad.object) for quad in quads)


@cache
def good(folder: str) -> frozenset[ox.Triple]:
    return parse((TESTS / "good" / f"{folder}.ttl").read_text("utf-8"))


def read_fault(file: Path) -> Fault:
    lines = file.read_text("utf-8").splitlines()
    header = [line.removeprefix("# ").partition(": ") for line in lines if line.startswith("# ")]
    (message,) = [value for key, _, value in header if key == "message"]
    return Fault(
        message,
        tuple(value for key, _, value in header if key == "without"),
        frozenset((value.split()[0], value.split()[1]) for key, _, value in header if key == "also"),
        parse("\n".join(lines)),
        "\n".join(line for line in lines if line.startswith("@")),
    )


def broken(folder: str, fault: Fault) -> frozenset[ox.Triple]:
    """Return the good graph of a set with a fault in it."""
    left = set(good(folder))
    for removal in fault.without:
        subject, _, predicate = removal.partition(" ")
        (pattern,) = parse(f"{fault.prefixes}\n{subject} {predicate or '<urn:any>'} 0 .")
        gone = {
            triple
            for triple in left
            if triple.subject == pattern.subject and (not predicate or triple.predicate == pattern.predicate)
        }
        assert gone, f"the good graph has nothing to take away for {removal}"
        left -= gone
    return frozenset(left | fault.triples)


@cache
def written(folder: str) -> Graph:
    """Return the shapes of a set for pySHACL, which adds triples of its own to them; a build must not see these."""
    return Graph() + shapes(folder)


@cache
def results(folder: str, triples: frozenset[ox.Triple]) -> list[Result]:
    return validate_ours((ox.Quad(*triple) for triple in triples), folder)


def named(result: Result) -> Constraint:
    return result.shape.removeprefix(SHAPE), result.component.removeprefix(str(SH)).removesuffix("ConstraintComponent")


def component(parameter: Node) -> str:
    """Return the component that a property of SHACL is the parameter of, or nothing (SHACL, section 4)."""
    name = str(parameter).removeprefix(str(SH))
    if parameter in (SH.sparql, SH.property):
        return "SPARQL" if parameter == SH.sparql else ""
    name = name[:1].upper() + name[1:]
    return name if f"{SH}{name}ConstraintComponent" in SH else ""


def all_shapes(folder: str) -> set[Node]:
    graph = shapes(folder)
    return {node for class_ in (SH.NodeShape, SH.PropertyShape) for node in graph.subjects(RDF.type, class_)}


def constraints(folder: str) -> set[Constraint]:
    graph = shapes(folder)
    found = {(node, component(key)) for node in all_shapes(folder) for key in graph.predicates(node)}
    return {(str(node).removeprefix(SHAPE), name) for node, name in found if name}


def literals(graph: Graph, node: Node, key: URIRef) -> list[str]:
    return [str(value) for value in graph.objects(node, key) if isinstance(value, Literal)]


@pytest.mark.parametrize("folder", SETS)
def test_every_constraint_is_broken_by_exactly_one_file(folder: str) -> None:
    files = {tuple(file.stem.split(".")) for file in BAD if file.parent.name == folder}
    assert files == constraints(folder)


@pytest.mark.parametrize("file", BAD, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_fault_breaks_its_constraint_with_its_message_and_no_other(file: Path) -> None:
    fault = read_fault(file)
    shape, name = file.stem.split(".")
    found = results(file.parent.name, broken(file.parent.name, fault))
    assert {named(result) for result in found} == {(shape, name), *fault.also}
    assert {result.message for result in found if named(result) == (shape, name)} == {fault.message}


@pytest.mark.parametrize("folder", SETS)
def test_the_good_graph_breaks_nothing(folder: str) -> None:
    assert results(folder, good(folder)) == []


@pytest.mark.parametrize("file", [file for file in BAD if "SPARQL" in file.name], ids=lambda file: file.stem)
def test_the_shapes_as_they_are_run_find_what_the_shapes_as_written_find(file: Path) -> None:
    folder = file.parent.name
    triples = broken(folder, read_fault(file))
    data = graph_of(ox.Quad(*triple) for triple in triples)
    assert validate(data, written(folder)) == results(folder, triples) != []


@pytest.mark.parametrize("folder", SETS)
def test_every_target_has_focus_nodes_in_the_good_graph(folder: str) -> None:
    graph = shapes(folder)
    nodes = {triple.object.value for triple in good(folder) if isinstance(triple.object, ox.NamedNode)}
    properties = {triple.predicate.value for triple in good(folder)}
    for key, known in ((SH.targetClass, nodes), (SH.targetNode, nodes), (SH.targetSubjectsOf, properties)):
        assert {str(value) for value in graph.objects(None, key)} <= known
    assert not set(graph.predicates()) & {SH.targetObjectsOf, SH.target}


@pytest.mark.parametrize("folder", SETS)
def test_every_shape_has_an_iri_a_name_a_reason_a_severity_and_a_rule_as_its_message(folder: str) -> None:
    graph = shapes(folder)
    for node in all_shapes(folder):
        assert str(node).startswith(SHAPE), node
        for key in DETAILS:
            assert len(list(graph.objects(node, key))) == 1, (node, key)
        (message,) = literals(graph, node, SH.message)
        (reason,) = literals(graph, node, SH.description)
        assert message.endswith(".") and reason.endswith("."), node
        for query in graph.objects(node, SH.sparql):
            assert literals(graph, query, SH.message) == [message], node


@pytest.mark.parametrize("folder", SETS)
def test_a_property_shape_and_a_query_belong_to_exactly_one_shape(folder: str) -> None:
    graph = shapes(folder)
    for node in graph.subjects(RDF.type, SH.PropertyShape):
        assert len(list(graph.subjects(SH.property, node))) == 1, node
    for node in graph.subjects(RDF.type, SH.SPARQLConstraint):
        assert len(list(graph.subjects(SH.sparql, node))) == 1, node


def test_no_shape_stands_in_two_sets() -> None:
    names = [node for folder in SETS for node in all_shapes(folder)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("folder", SETS)
def test_the_shapes_have_no_blank_nodes_and_only_predicates_as_paths(folder: str) -> None:
    graph = shapes(folder)
    assert not [term for triple in graph for term in triple if isinstance(term, BNode)]
    paths = set(graph.objects(None, SH.path))
    assert all(isinstance(path, URIRef) and (path, None, None) not in graph for path in paths)


@pytest.mark.parametrize("folder", SETS)
def test_the_queries_use_nothing_that_shacl_forbids(folder: str) -> None:
    graph = shapes(folder)
    for query in map(str, graph.objects(None, SH.select)):
        assert not re.search(r"\b(MINUS|SERVICE|VALUES)\b", query), query
        assert all(names.startswith("$this") for names in re.findall(r"SELECT (?:DISTINCT )?(\S+)", query)), query


@pytest.mark.parametrize("folder", SETS)
def test_every_term_of_shacl_that_is_used_exists(folder: str) -> None:
    terms = {str(term) for triple in shapes(folder) for term in triple if str(term).startswith(str(SH))}
    assert not [term for term in terms if term not in SH]


@pytest.mark.parametrize("folder", SETS)
def test_the_shapes_are_well_formed_by_the_shapes_for_shapes(folder: str) -> None:
    from pyshacl.entrypoints import meta_validate

    conforms, _, text = meta_validate(written(folder), inference="none")
    assert conforms, text
