"""The service description (SPARQL 1.1 Service Description) and what else tells of the endpoint."""

import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest
import rdflib
from flask import Flask
from flask.testing import FlaskClient
from rdflib.namespace import RDF
from werkzeug.test import TestResponse

from cosponsor.iris import PREFIXES
from cosponsor.questions import questions
from cosponsor.server import create_app
from cosponsor.server.negotiation import GRAPHS, HTML, ROWS, Format
from cosponsor.server.service import W3C_FORMATS
from cosponsor.server.settings import Settings

from .conftest import BASE

SD = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
VOID = rdflib.Namespace("http://rdfs.org/ns/void#")
ENDPOINT = rdflib.URIRef(BASE + "sparql")
SERVICE = rdflib.URIRef(BASE + "sparql#service")
DATASET = rdflib.URIRef(BASE + "dataset")
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
# As seen from Comunica 4.2 (shortened at the dots of what it does not get here).
COMUNICA = (
    "application/n-quads,application/trig;q=0.95,application/ld+json;q=0.9,application/n-triples;q=0.8,"
    "text/turtle;q=0.6,application/rdf+xml;q=0.5,text/html;q=0.2"
)
# What SIB's editor asks of an endpoint, and of its description where that has no answer.
EDITOR = {
    "properties": """PREFIX void: <http://rdfs.org/ns/void#>
        SELECT DISTINCT ?class ?property
        { ?part void:class ?class ; void:propertyPartition ?inner . ?inner void:property ?property }""",
    "examples": """PREFIX sh: <http://www.w3.org/ns/shacl#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
        SELECT DISTINCT ?example ?comment ?query
        { ?example a sh:SPARQLExecutable ; rdfs:comment ?comment .
          ?example sh:select|sh:ask|sh:construct|sh:describe ?query }""",
    "prefixes": """PREFIX sh: <http://www.w3.org/ns/shacl#>
        SELECT DISTINCT ?prefix ?namespace { [] sh:namespace ?namespace ; sh:prefix ?prefix }""",
}


@pytest.fixture(scope="module")
def described(app: Flask) -> rdflib.Graph:
    return rdflib.Graph().parse(data=app.test_client().get("/sparql").data, format="turtle")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    file = tmp_path_factory.mktemp("foreign") / "data.trig"
    file.write_text(
        "@prefix : <http://x.example/> . :g { :a a :C ; :p :b } :h { :a :p :b }",
        "utf-8",
    )
    app = create_app(Settings(BASE, (file,), services=("http://other.example/sparql",)))
    app.testing = True
    app.extensions["cosponsor.service"].counting.wait(60)
    return app.test_client()


def number(graph: rdflib.Graph, subject: rdflib.term.Node | None, predicate: rdflib.URIRef) -> int:
    return int(str(graph.value(subject, predicate)))


def triples(response: TestResponse) -> set[str]:
    """Return what an RDF document says; the description has no blank nodes."""
    return {
        str(quad.triple)
        for quad in ox.parse(response.data, format=ox.RdfFormat.from_media_type(response.mimetype or ""))
    }


def test_get_endpoint_without_a_query_is_the_description_in_turtle(client: FlaskClient) -> None:
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/turtle"}):
        response = client.get("/sparql", headers=headers)
        assert (response.status_code, response.content_type) == (200, "text/turtle; charset=utf-8")
        assert "Accept" in response.vary
    assert client.get("/sparql?").data == response.data


@pytest.mark.parametrize("offer", GRAPHS, ids=lambda offer: offer.name)
def test_the_description_is_the_same_graph_in_every_format(client: FlaskClient, offer: Format) -> None:
    response, turtle = (client.get("/sparql", headers={"Accept": kind}) for kind in (offer.media_type, "text/turtle"))
    assert response.mimetype == offer.media_type
    assert triples(response) == triples(turtle)


def test_comunica_gets_rdf_and_browsers_the_editor(client: FlaskClient) -> None:
    assert client.get("/sparql", headers={"Accept": COMUNICA}).mimetype in {offer.media_type for offer in GRAPHS}
    page = client.get("/sparql", headers=BROWSER)
    assert page.mimetype == "text/html"
    assert "<textarea" in page.text


def test_head_of_the_description_has_its_fields_and_no_body(client: FlaskClient) -> None:
    head, whole = client.head("/sparql"), client.get("/sparql")
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == len(whole.data)
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert client.get("/sparql", headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_a_description_in_no_acceptable_format_is_406_that_names_the_offers(client: FlaskClient) -> None:
    refused = client.get("/sparql", headers={"Accept": "image/png"})
    assert refused.status_code == 406
    assert "text/turtle" in refused.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_parameters_without_a_query_are_400_for_programs(client: FlaskClient, method: str) -> None:
    assert client.open("/sparql?timeout=2", method=method).status_code == 400


def test_the_description_has_one_service_at_the_endpoint(described: rdflib.Graph) -> None:
    assert list(described.subjects(SD.endpoint, ENDPOINT)) == [SERVICE]
    assert (SERVICE, RDF.type, SD.Service) in described
    assert set(described.objects(SERVICE, SD.supportedLanguage)) == {SD.SPARQL11Query, SD.SPARQLQuery}
    assert (SERVICE, SD.defaultEntailmentRegime, rdflib.URIRef("http://www.w3.org/ns/entailment/Simple")) in described


def test_the_description_has_the_terms_of_the_vocabulary_only(described: rdflib.Graph) -> None:
    # SPARQL 1.1 Service Description, section 3, and supportedVersion and SPARQLQuery of 1.2.
    known = (
        "Service Dataset Graph NamedGraph endpoint feature defaultEntailmentRegime supportedLanguage supportedVersion "
        "resultFormat defaultDataset defaultGraph namedGraph name UnionDefaultGraph SPARQL11Query SPARQLQuery"
    )
    found = {str(term).removeprefix(SD) for triple in described for term in triple if str(term).startswith(SD)}
    assert found - {""} == set(known.split())


def test_every_format_that_is_offered_is_described(described: rdflib.Graph) -> None:
    formats = {
        rdflib.URIRef("http://www.w3.org/ns/formats/" + W3C_FORMATS[offer.media_type]) for offer in (*ROWS, *GRAPHS)
    }
    assert set(described.objects(SERVICE, SD.resultFormat)) == formats


def test_features_are_those_that_are_true(described: rdflib.Graph, foreign: FlaskClient) -> None:
    assert set(described.objects(SERVICE, SD.feature)) == {SD.UnionDefaultGraph}
    other = rdflib.Graph().parse(data=foreign.get("/sparql").data, format="turtle")
    assert set(other.objects(SERVICE, SD.feature)) == {SD.UnionDefaultGraph, SD.BasicFederatedQuery}


def test_the_dataset_names_every_graph_with_its_triples(app: Flask, described: rdflib.Graph) -> None:
    named = {described.value(graph, SD.name) for graph in described.objects(DATASET, SD.namedGraph)}
    assert {str(name) for name in named} == set(app.extensions["cosponsor"].graphs)
    for graph in named - {rdflib.URIRef(f"{BASE}graph/{name}") for name in ("metadata", "service")}:
        found = app.extensions["cosponsor"].store.quads_for_pattern(None, None, None, ox.NamedNode(str(graph)))
        assert number(described, graph, VOID.triples) == len(list(found))
    assert number(described, described.value(DATASET, SD.defaultGraph), VOID.triples) > 10000


def test_counts_by_class_and_property_are_those_of_the_graph(client: FlaskClient, described: rdflib.Graph) -> None:
    country = rdflib.URIRef(BASE + "ontology#Country")
    part = next(
        part for part in described.objects(DATASET, VOID.classPartition) if (part, VOID["class"], country) in described
    )
    inner = {described.value(each, VOID.property): each for each in described.objects(part, VOID.propertyPartition)}
    counted = client.get(
        "/sparql?" + urlencode({"query": "SELECT (COUNT(*) AS ?n) { ?s a cosp:Country ; rdfs:label ?l }"})
    )
    expected = int(counted.get_json(force=True)["results"]["bindings"][0]["n"]["value"])
    assert number(described, inner[rdflib.RDFS.label], VOID.triples) == expected > 0
    assert number(described, part, VOID.entities) > 0


@pytest.mark.parametrize("question", EDITOR)
def test_the_queries_of_an_editor_find_what_they_look_for(described: rdflib.Graph, question: str) -> None:
    document = ox.Store()
    document.load(described.serialize(format="nt"), format=ox.RdfFormat.N_TRIPLES)
    found = document.query(EDITOR[question])
    assert isinstance(found, ox.QuerySolutions)
    assert len(list(found)) >= {"properties": 100, "examples": len(questions()), "prefixes": len(PREFIXES)}[question]


def test_every_question_is_an_example_with_its_english_and_its_query(described: rdflib.Graph) -> None:
    sh = rdflib.Namespace(PREFIXES["sh"])
    for question in questions():
        node = rdflib.URIRef(f"{BASE}questions/{question.name}")
        assert {sh.SPARQLExecutable, sh.SPARQLSelectExecutable} == set(described.objects(node, RDF.type))
        assert str(described.value(node, rdflib.RDFS.comment)) == question.english
        query = str(described.value(node, sh.select))
        assert query == question.query.replace("https://w3id.org/cosponsor/", BASE)
        assert described.value(node, rdflib.URIRef("https://schema.org/target")) == ENDPOINT


def test_the_description_has_no_blank_node(described: rdflib.Graph) -> None:
    assert not [term for triple in described for term in triple if isinstance(term, rdflib.BNode)]


def test_foreign_data_are_counted_and_left_as_they_are(foreign: FlaskClient) -> None:
    described = rdflib.Graph().parse(data=foreign.get("/sparql").data, format="turtle")
    dataset = described.value(SERVICE, SD.defaultDataset)
    assert {str(graph) for graph in described.objects(dataset, SD.namedGraph)} == {
        "http://x.example/g",
        "http://x.example/h",
    }
    assert number(described, described.value(dataset, SD.defaultGraph), VOID.triples) == 2
    part = described.value(dataset, VOID.classPartition)
    assert described.value(part, VOID["class"]) == rdflib.URIRef("http://x.example/C")
    assert number(described, part, VOID.entities) == 1
    assert len(list(described.objects(part, VOID.propertyPartition))) == 2
    assert len(list(described.objects(dataset, VOID.propertyPartition))) == 2
    assert not list(described.subjects(RDF.type, rdflib.URIRef(PREFIXES["sh"] + "SPARQLExecutable")))
    assert "http://other.example/sparql" in foreign.get("/sparql", headers=BROWSER).text
    graphs = foreign.get("/sparql?" + urlencode({"query": "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }"}))
    assert len(graphs.get_json(force=True)["results"]["bindings"]) == 2


def test_an_empty_file_is_described_too(tmp_path: Path) -> None:
    file = tmp_path / "empty.nt"
    file.write_text("", "utf-8")
    described = create_app(Settings(BASE, (file,))).test_client().get("/sparql")
    graph = rdflib.Graph().parse(data=described.data, format="turtle")
    assert list(graph.subjects(SD.endpoint, ENDPOINT)) == [SERVICE]


def test_the_limits_are_told_to_programs_and_people(client: FlaskClient, described: rdflib.Graph) -> None:
    told = [str(comment) for comment in described.objects(SERVICE, rdflib.RDFS.comment)]
    page = client.get("/sparql", headers=BROWSER).text
    assert any("SERVICE is refused" in sentence for sentence in told)
    for sentence in told:
        assert sentence in page


@pytest.mark.parametrize("path", ["/questions", "/questions/years-declined", "/.well-known/sparql-examples"])
def test_questions_are_rdf_for_those_who_ask_for_it(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/turtle"})
    graph = rdflib.Graph().parse(data=response.data, format="turtle")
    found = set(graph.subjects(RDF.type, rdflib.URIRef(PREFIXES["sh"] + "SPARQLExecutable")))
    assert rdflib.URIRef(BASE + "questions/years-declined") in found
    assert len(found) == (1 if path.endswith("declined") else len(questions()))
    assert len(list(graph.objects(rdflib.URIRef(BASE + "sparql#prefixes")))) == len(PREFIXES)


def test_well_known_examples_lead_browsers_to_the_page(client: FlaskClient) -> None:
    response = client.get("/.well-known/sparql-examples", headers=BROWSER)
    assert (response.status_code, response.location) == (302, BASE + "questions")


def test_the_editor_starts_from_a_question(client: FlaskClient) -> None:
    page = client.get("/sparql?question=years-declined", headers=BROWSER).text
    assert "cosp:polarity-not-sponsoring" in page
    assert "Answer</h2>" not in page
    empty = client.get("/sparql?question=nothing", headers=BROWSER)
    assert (empty.status_code, "COUNT(?thing)" in empty.text) == (200, True)


def test_the_editor_links_every_question_and_the_answer_in_other_formats(client: FlaskClient) -> None:
    page = client.get(
        "/sparql?query=ASK%7B%7D&format=html&default-graph-uri=http%3A%2F%2Fx.example%2F", headers=BROWSER
    ).text
    for question in questions():
        assert f'href="{BASE}sparql?question={question.name}"' in page
    again = urlencode({"query": "ASK{}", "default-graph-uri": "http://x.example/", "format": "csv"}).replace(
        "&", "&amp;"
    )
    assert f'href="{BASE}sparql?{again}"' in page


@pytest.mark.parametrize(("query", "offers"), [("ASK {}", ROWS), ("CONSTRUCT {} {}", GRAPHS)])
def test_the_links_of_an_answer_lead_to_it_in_every_other_format(
    client: FlaskClient, query: str, offers: tuple[Format, ...]
) -> None:
    page = client.get("/sparql?" + urlencode({"query": query}), headers=BROWSER).text
    links = dict(re.findall(r'<a rel="nofollow" type="([^"]+)" href="([^"]+)"', page))
    assert links.keys() == {offer.media_type for offer in offers}
    for media_type, address in links.items():
        answer = client.get("/" + unescape(address).removeprefix(BASE), headers=BROWSER, buffered=True)
        assert (answer.status_code, answer.mimetype) == (200, media_type)


@pytest.mark.parametrize("offer", [*ROWS, *GRAPHS, HTML], ids=lambda offer: offer.name)
def test_the_form_offers_every_format(client: FlaskClient, offer: Format) -> None:
    assert f'<option value="{offer.extension}">' in client.get("/sparql", headers=BROWSER).text


@pytest.mark.parametrize("path", ["/", "/sparql", "/sparql?query=ASK{}", "/sparql?query=ASK"])
def test_the_endpoint_and_the_landing_page_link_to_their_descriptions(client: FlaskClient, path: str) -> None:
    links = client.get(path).headers.getlist("Link")
    assert f'<{BASE}openapi.json>; rel="service-desc"; type="application/vnd.oai.openapi+json;version=3.1"' in links
    assert f'<{BASE}sparql>; rel="service-doc"; type="text/html"' in links
    assert f'<{BASE}.well-known/api-catalog>; rel="api-catalog"' in links


def test_the_api_catalog_is_a_linkset_whose_addresses_answer(client: FlaskClient) -> None:
    response = client.get("/.well-known/api-catalog")
    assert response.mimetype == "application/linkset+json"
    [interface] = json.loads(response.data)["linkset"]
    assert interface.pop("anchor") == BASE + "sparql"
    assert set(interface) == {"service-desc", "service-doc", "service-meta"}
    for target in (target for targets in interface.values() for target in targets):
        found = client.get("/" + target["href"].removeprefix(BASE), headers={"Accept": target["type"]})
        assert (found.status_code, found.mimetype) == (200, target["type"].partition(";")[0])
    assert 'rel="api-catalog"' in client.head("/.well-known/api-catalog").headers["Link"]
