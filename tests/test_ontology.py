"""The ontology is consistent and means one thing to every reader of its context."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import owlrl
import pyoxigraph as ox
import pytest
from pyld import jsonld
from rdflib import OWL, RDF, RDFS, SKOS, Dataset, Graph, Literal, URIRef

from cosponsor import records
from cosponsor.check import graph_of
from cosponsor.dataset import published
from cosponsor.iris import BASE, ONTOLOGY, RDF_TYPE, graph_iri, room

OWLRL_ERROR = URIRef("http://www.daml.org/2002/03/agents/agent-ont#error")


@pytest.fixture(scope="module")
def ontology() -> Graph:
    return Graph().parse(str(room("ontology") / "cosponsor.ttl"))


def concepts(ontology: Graph) -> list[str]:
    return sorted(str(concept).removeprefix(ONTOLOGY) for concept in ontology.subjects(RDF.type, SKOS.Concept))


def test_every_term_of_the_context_is_defined(ontology: Graph) -> None:
    defined = {str(term) for term in ontology.subjects()}
    ids = [value["@id"] if isinstance(value, dict) else value for value in records.context().values() if value]
    ours = {ONTOLOGY + iri.removeprefix("cosp:") for iri in ids if isinstance(iri, str) and iri.startswith("cosp:")}
    assert ours - defined == set()
    assert len(ours) > 80


def test_every_property_of_the_ontology_that_files_may_set_is_in_the_context(ontology: Graph) -> None:
    kinds = (OWL.ObjectProperty, OWL.DatatypeProperty)
    properties = {str(term).removeprefix(ONTOLOGY) for kind in kinds for term in ontology.subjects(RDF.type, kind)}
    assert properties - set(records.context()) == set()


def test_every_concept_is_reached_by_its_short_name(ontology: Graph) -> None:
    """A value that is also a key of the context would resolve to that key (JSON-LD 1.1 API, section 5.2.2)."""
    vocabularies = {
        key: term["@context"]["@vocab"]
        for key, term in records.context().items()
        if isinstance(term, dict) and str(term.get("@context", {}).get("@vocab", "")).startswith(ONTOLOGY)
    }
    schemes = {vocabulary.removeprefix(ONTOLOGY) for vocabulary in vocabularies.values()} - {""}
    assert len(schemes) > 20
    for key, vocabulary in vocabularies.items():
        prefix = vocabulary.removeprefix(ONTOLOGY)
        names = [name.removeprefix(prefix) for name in concepts(ontology) if prefix and name.startswith(prefix)]
        document = {"@context": records.context(), "id": "urn:x", key: names}
        assert {quad.object for quad in ox.parse(json.dumps(document), format=ox.RdfFormat.JSON_LD)} == {
            ox.NamedNode(vocabulary + name) for name in names
        }, key


def documents(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the JSON-LD documents that the committed data files become."""
    seen: list[str] = []
    original = records._quads

    def spy(text: str, name: str) -> Any:  # noqa: ANN401
        seen.append(text)
        return original(text, name)

    monkeypatch.setattr(records, "_quads", spy)
    for kind in ("articles", "issues", "reference"):
        records.read_folder(room(kind), kind)
    return seen


def lines(nquads: str) -> set[str]:
    """Return N-Quads as a set of lines, in one spelling for all readers."""
    return {str(quad) for quad in ox.parse(nquads, format=ox.RdfFormat.N_QUADS)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")  # its own parsers use what it deprecates
def test_three_readers_of_the_context_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in documents(monkeypatch):
        ours = {str(quad) for quad in ox.parse(text, format=ox.RdfFormat.JSON_LD)}
        assert lines(jsonld.to_rdf(json.loads(text), {"format": "application/n-quads"})) == ours
        if len(text) < 150_000:  # rdflib is slow: the table of countries is left to the other two
            dataset = Dataset()
            dataset.parse(data=text, format="json-ld")
            assert lines(dataset.serialize(format="nquads")) == ours


@pytest.fixture(scope="module")
def quads() -> list[ox.Quad]:
    """Return what OWL has to say something on; words in a language entail nothing and take time."""
    left_out = {graph_iri(name) for name in ("shapes", "rules", "metadata")}
    return [
        quad
        for quad in ox.parse(path=str(published()), format=ox.RdfFormat.N_QUADS)
        if getattr(quad.graph_name, "value", "") not in left_out and not getattr(quad.object, "language", None)
    ]


def roles(quads: list[ox.Quad]) -> dict[str, dict[object, ox.Quad]]:
    """Return for each node the roles that it plays, and for each role the first quad in which it plays it.

    A role is a class, a property of the node with the datatype of its value, or a property whose value the node is.
    """
    found: dict[str, dict[object, ox.Quad]] = defaultdict(dict)
    for quad in sorted(quads, key=str):
        name, value = quad.predicate.value, quad.object
        kind = value.datatype.value if isinstance(value, ox.Literal) else value if name == RDF_TYPE else None
        found[str(quad.subject)].setdefault((name, kind), quad)
        if isinstance(value, ox.NamedNode):
            found[str(value)].setdefault(name, quad)
    return found


def sample(quads: list[ox.Quad]) -> list[ox.Quad]:
    """Return the ontology, and of all nodes that play the same roles what is said of the first, a quad for each role.

    Nothing more follows for the others: see the test that says which axioms the ontology has.
    """
    found = roles(quads)
    first = {frozenset(mine): node for node, mine in sorted(found.items(), reverse=True)}
    chosen = {quad for node in first.values() for quad in found[node].values()}
    return [quad for quad in quads if quad in chosen or quad.graph_name == ox.NamedNode(graph_iri("ontology"))]


def test_what_follows_for_a_node_follows_from_its_roles_alone(quads: list[ox.Quad]) -> None:
    """True of these axioms, but not of a functional or a transitive property, nor where two nodes are made one."""
    names = {getattr(term, "value", "") for quad in quads for term in (quad.predicate, quad.object)}
    axioms = {name for name in names if name.startswith((str(OWL), str(RDFS)))}
    described = {OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty, OWL.Ontology}
    described |= {OWL.versionIRI, OWL.priorVersion, OWL.versionInfo, RDFS.isDefinedBy}
    by_role = {OWL.disjointWith, RDFS.subClassOf, RDFS.subPropertyOf, RDFS.domain, RDFS.range}
    assert axioms <= {str(term) for term in described | by_role | {OWL.sameAs}}
    same = {(quad.subject, quad.object) for quad in quads if quad.predicate.value == str(OWL.sameAs)}
    others = {other for _, other in same}
    assert len(others) == len(same)
    assert not others & {quad.subject for quad in quads}
    assert {quad.predicate.value for quad in quads if quad.object in others} == {str(OWL.sameAs), str(RDF.object)}


def test_every_literal_is_one_of_its_datatype(quads: list[ox.Quad]) -> None:
    literals = {quad.object for quad in quads if isinstance(quad.object, ox.Literal)}
    data = {Literal(literal.value, datatype=literal.datatype.value) for literal in literals}
    assert [literal for literal in data if literal.ill_typed] == []


def test_owl_rl_finds_no_inconsistency_and_types_nothing_wrongly(ontology: Graph, quads: list[ox.Quad]) -> None:
    data = graph_of(sample(quads))
    stated = {node: set(data.objects(node, RDF.type)) for node in set(data.subjects(RDF.type))}
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(data)
    assert list(data.subjects(RDF.type, OWL.Nothing)) == []
    assert list(data.objects(None, OWLRL_ERROR)) == []
    for node, types in stated.items():
        if not str(node).startswith(BASE) or str(node).startswith(ONTOLOGY):
            continue
        inferred = {
            kind for kind in data.objects(node, RDF.type) if str(kind).startswith((ONTOLOGY, "http://schema.org/"))
        }
        above = {kind for type_ in types for kind in ontology.transitive_objects(type_, RDFS.subClassOf)}
        assert inferred <= above, f"{node} was typed {inferred - above}"


def test_no_two_administrations_become_one(ontology: Graph) -> None:
    assert (URIRef(ONTOLOGY + "Administration"), OWL.disjointWith, URIRef("http://schema.org/Person")) in ontology
    quads = ox.parse(path=str(published()), format=ox.RdfFormat.N_QUADS)
    same = {quad.subject.value for quad in quads if quad.predicate.value == str(OWL.sameAs)}
    rooms = {iri.removeprefix(BASE).split("/")[0] for iri in same}
    assert rooms <= {"country", "organisation", "person"}


def test_the_page_on_versions_says_what_major_minor_and_patch_mean() -> None:
    page = Path(str(room("ontology") / "VERSIONS.md")).read_text("utf-8")
    assert all(
        word in page for word in ("**major**", "**minor**", "**patch**", "owl:deprecated", "dcterms:isReplacedBy")
    )
