"""Dereferencing (Cool URIs, section 4; RFC 9110) and what documents say."""

import gzip
import json

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor import iris
from cosponsor.dataset import published

from .conftest import BASE

THING = "sponsorship/KOR-dprk-hrc-46"
CLAIM = "claim/koreaherald-2021-03-24/14"
TYPES = {
    "ttl": "text/turtle; charset=utf-8",
    "nt": "application/n-triples",
    "jsonld": "application/ld+json",
    "rdf": "application/rdf+xml",
    "html": "text/html; charset=utf-8",
}
FORMATS = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdf": ox.RdfFormat.RDF_XML,
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
RDFLIB = (
    "application/rdf+xml, text/n3, text/turtle, application/n-triples, application/ld+json, "
    "application/n-quads, application/trix, application/trig"
)
COMUNICA = (
    "application/n-quads,application/trig;q=0.95,application/ld+json;q=0.9,application/n-triples;q=0.8,"
    "text/turtle;q=0.6,application/rdf+xml;q=0.5,text/html;q=0.2"
)


def accept(value: str | None) -> dict[str, str]:
    return {} if value is None else {"Accept": value}


def parse(client: FlaskClient, path: str, extension: str) -> set[ox.Triple]:
    response = client.get(f"/{path}.{extension}")
    assert response.status_code == 200
    return {quad.triple for quad in ox.parse(response.data, format=FORMATS[extension])}


@pytest.mark.parametrize(
    ("asked", "extension"),
    [
        (None, "ttl"),
        ("*/*", "ttl"),
        ("text/turtle", "ttl"),
        ("application/x-turtle", "ttl"),
        ("text/plain", "nt"),
        ("application/json", "jsonld"),
        ("application/rdf+xml", "rdf"),
        (BROWSER, "html"),
        ("text/html, */*", "html"),  # F-UJI
        (RDFLIB, "ttl"),
        (COMUNICA, "jsonld"),
        ("application/ld+json, application/json;q=0.9, */*;q=0.1", "jsonld"),
        ("application/ld+json, application/n-triples", "nt"),  # EasyRdf cannot read JSON-LD
        ("text/turtle;q=0, */*", "nt"),
        ("text/turtle;q=0.2, application/rdf+xml;q=0.3", "rdf"),
        ('application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"', "jsonld"),
    ],
)
def test_a_thing_is_303_to_its_document_in_one_hop(client: FlaskClient, asked: str | None, extension: str) -> None:
    response = client.get(f"/{THING}", headers=accept(asked))
    assert response.status_code == 303
    assert response.headers["Location"] == f"{BASE}{THING}.{extension}"
    assert client.get(f"/{THING}.{extension}").status_code == 200


@pytest.mark.parametrize(
    "path", ["country/KOR", "stance/koreaherald-2021-03-24/14/KOR-dprk-hrc-46", "rule/source/stances"]
)
def test_things_of_several_segments_are_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"/{path}").headers["Location"] == f"{BASE}{path}.ttl"


def test_the_address_comes_from_the_base_and_never_from_the_request(client: FlaskClient) -> None:
    fields = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for path in (THING, f"{THING}.ttl", f"{THING}.html", "", "void", ".well-known/void", "nothing", "sparql"):
        response = client.get(f"/{path}", headers=fields)
        assert "evil.example" not in response.text + str(response.headers)


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        (THING, None, 303),
        (f"{THING}.ttl", None, 200),
        (f"{THING}.html", "text/html", 200),
        ("ontology", None, 200),
        ("nothing", None, 404),
        (THING, "image/png", 406),
    ],
)
def test_vary_and_cors_on_every_answer(client: FlaskClient, path: str, asked: str | None, status: int) -> None:
    response = client.get(f"/{path}", headers=accept(asked))
    assert response.status_code == status
    assert "Accept" in response.vary
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert {"Link", "Content-Location", "ETag"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))


def test_options_is_answered_for_scripts_of_other_origins(client: FlaskClient) -> None:
    response = client.options("/sparql")
    assert response.status_code == 204
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]


def test_nothing_acceptable_is_406_that_names_the_offers(client: FlaskClient) -> None:
    for path in (THING, "ontology"):
        response = client.get(f"/{path}", headers=accept("image/png"))
        assert response.status_code == 406
        assert "text/turtle, application/n-triples, application/ld+json" in response.text


@pytest.mark.parametrize(
    ("asked", "content_type"),
    [
        (None, "application/problem+json"),
        (BROWSER, TYPES["html"]),
        ("text/turtle", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize(
    "path", ["country/XXX", "country/XXX.ttl", "country/", "a b", "é", "graph/none", "x//y", "%00"]
)
def test_what_is_not_described_is_404(client: FlaskClient, path: str, asked: str | None, content_type: str) -> None:
    response = client.get(f"/{path}", headers=accept(asked))
    assert (response.status_code, response.content_type) == (404, content_type)
    assert "Nothing is described at" in response.text


@pytest.mark.parametrize("extension", TYPES)
def test_a_document_has_type_location_and_entity_tag(client: FlaskClient, extension: str) -> None:
    response = client.get(f"/{THING}.{extension}", headers=accept("image/png"))  # the address says the format
    assert (response.status_code, response.content_type) == (200, TYPES[extension])
    assert response.headers["Content-Location"] == f"{BASE}{THING}.{extension}"
    etag, weak = response.get_etag()
    assert etag
    assert not weak


def test_the_entity_tag_gives_304(client: FlaskClient) -> None:
    etag = client.get(f"/{THING}.ttl").headers["ETag"]
    same = client.get(f"/{THING}.ttl", headers={"If-None-Match": etag})
    other = client.get(f"/{THING}.nt", headers={"If-None-Match": etag})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", etag)
    assert "Accept" in same.vary
    assert other.status_code == 200


def test_head_has_the_fields_of_get_and_no_body(client: FlaskClient) -> None:
    get, head = client.get(f"/{THING}.ttl"), client.head(f"/{THING}.ttl")
    assert (head.status_code, head.data) == (200, b"")
    fields = [{name: value for name, value in each.headers if name != "Date"} for each in (get, head)]
    assert fields[0] == fields[1]
    assert client.head(f"/{THING}").status_code == 303


def test_links_name_formats_terms_licence_type_and_canonical_iri(client: FlaskClient) -> None:
    links = client.get(f"/{THING}.ttl").headers["Link"].split(", ")
    assert f'<{BASE}{THING}.jsonld>; rel="alternate"; type="application/ld+json"' in links
    assert f'<{BASE}ontology#Sponsorship>; rel="type"' in links
    assert f'<{BASE}ontology>; rel="describedby"' in links
    assert '<https://creativecommons.org/licenses/by/4.0/>; rel="license"' in links
    assert f'<https://w3id.org/cosponsor/{THING}>; rel="canonical"' in links


@pytest.mark.parametrize("path", [THING, CLAIM, "country/KOR", "source/koreaherald-2021-03-24", "body/HRC", "ontology"])
def test_all_formats_say_the_same(client: FlaskClient, path: str) -> None:
    documents = {ox.NamedNode(f"{BASE}{path}.{extension}") for extension in FORMATS}
    said = [{t for t in parse(client, path, extension) if t.subject not in documents} for extension in FORMATS]
    assert said[0]
    assert said[0] == said[1] == said[2] == said[3]


def test_a_document_says_all_of_its_thing_and_what_points_there(client: FlaskClient) -> None:
    said = parse(client, CLAIM, "nt")
    claim, cosp = ox.NamedNode(BASE + CLAIM), BASE + "ontology#"
    stance = ox.NamedNode(BASE + "stance/koreaherald-2021-03-24/14/KOR-dprk-hrc-46")
    country = ox.NamedNode(BASE + "country/KOR")
    assert ox.Triple(claim, ox.NamedNode(iris.RDF_TYPE), ox.NamedNode(cosp + "Claim")) in said
    assert any(t.subject == ox.NamedNode(BASE + CLAIM + "#evidence") for t in said)
    assert ox.Triple(stance, ox.NamedNode(iris.PREFIXES["prov"] + "wasDerivedFrom"), claim) in said
    assert any(t.subject == country and t.predicate.value == iris.RDFS_LABEL for t in said)


def test_a_document_describes_itself(client: FlaskClient) -> None:
    itself = ox.NamedNode(f"{BASE}{THING}.ttl")
    said = {(t.predicate.value, t.object) for t in parse(client, THING, "ttl") if t.subject == itself}
    assert (iris.PREFIXES["foaf"] + "primaryTopic", ox.NamedNode(BASE + THING)) in said
    assert (iris.PREFIXES["void"] + "inDataset", ox.NamedNode(BASE + "dataset")) in said
    assert (
        iris.PREFIXES["dcterms"] + "license",
        ox.NamedNode("https://creativecommons.org/licenses/by/4.0/"),
    ) in said


@pytest.mark.parametrize(
    "path", ["ontology", "void", "dataset", "graph/reference", "graph/source/koreaherald-2021-03-24"]
)
def test_information_resources_are_200_and_say_where_each_format_is(client: FlaskClient, path: str) -> None:
    for asked, extension in ((None, "ttl"), ("application/ld+json", "jsonld"), (BROWSER, "html")):
        response = client.get(f"/{path}", headers=accept(asked))
        assert (response.status_code, response.content_type) == (200, TYPES[extension])
        assert response.headers["Content-Location"] == f"{BASE}{path}.{extension}"


def test_a_graph_document_is_exactly_the_named_graph(client: FlaskClient, app: Flask) -> None:
    name = ox.NamedNode(BASE + "graph/rules")
    held = {quad.triple for quad in app.extensions["cosponsor"].store.quads_for_pattern(None, None, None, name)}
    assert {t for t in parse(client, "graph/rules", "ttl") if t.subject != name} == held


def test_the_version_of_the_ontology_is_the_ontology(client: FlaskClient) -> None:
    version = client.get("/ontology/0.2.0")
    assert (version.status_code, version.content_type) == (200, TYPES["ttl"])
    assert client.get("/ontology/0.1.0").status_code == 404


def test_json_ld_is_compacted_with_the_context_of_the_project(client: FlaskClient) -> None:
    document = json.loads(client.get(f"/{THING}.jsonld").data)
    thing = next(node for node in document["@graph"] if node.get("id") == f"cosponsor:{THING}")
    assert document["@context"]["cosponsor"] == BASE
    assert (thing["type"], thing["country"], thing["resolution"]) == ("Sponsorship", "KOR", "dprk-hrc-46")
    assert json.loads(client.get("/context.jsonld").data)["@context"] == document["@context"]


def test_void_is_found_at_its_well_known_address(client: FlaskClient) -> None:
    response = client.get("/.well-known/void")
    assert (response.status_code, response.headers["Location"]) == (302, BASE + "void")


def test_the_dump_is_the_dataset_as_built(client: FlaskClient) -> None:
    response = client.get("/dump.nq.gz")
    assert response.content_type == "application/gzip"
    assert "Content-Encoding" not in response.headers
    assert gzip.decompress(response.data) == published().read_bytes()
    assert response.data[4:8] == bytes(4)  # no time stamp (RFC 1952, section 2.3)


def test_no_document_holds_a_canonical_iri_but_in_its_link_and_context(client: FlaskClient) -> None:
    for path in (THING, CLAIM, "void", "ontology"):
        assert "https://w3id.org/cosponsor" not in client.get(f"/{path}.ttl").text
