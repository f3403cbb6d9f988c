"""The graph store, reading part (SPARQL 1.1 Graph Store HTTP Protocol)."""

from urllib.parse import urlencode

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from .conftest import BASE
from .test_server_sparql import problem

CANONICAL = "https://w3id.org/cosponsor/graph/rules"
RULES = BASE + "graph/rules"


def get(client: FlaskClient, accept: str | None = None, **parameters: object) -> TestResponse:
    address = "/graph-store?" + urlencode(parameters, doseq=True)
    return client.get(address, headers={"Accept": accept} if accept else {}, buffered=True)


def triples(body: bytes, file_format: ox.RdfFormat) -> set[ox.Triple]:
    return {quad.triple for quad in ox.parse(body, format=file_format)}


@pytest.mark.parametrize(
    ("accept", "file_format"),
    [
        (None, ox.RdfFormat.TURTLE),
        ("*/*", ox.RdfFormat.TURTLE),
        ("text/turtle", ox.RdfFormat.TURTLE),
        ("application/trig", ox.RdfFormat.TRIG),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/n-quads", ox.RdfFormat.N_QUADS),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
        ("text/html,*/*;q=0.8", ox.RdfFormat.TURTLE),
    ],
)
def test_get_graph_gives_its_triples_in_the_format_asked_for(
    app: Flask, client: FlaskClient, accept: str | None, file_format: ox.RdfFormat
) -> None:
    response = get(client, accept, graph=RULES)
    assert (response.status_code, response.mimetype) == (200, file_format.media_type)
    found = app.extensions["cosponsor"].store.quads_for_pattern(None, None, None, ox.NamedNode(RULES))
    assert triples(response.data, file_format) == {quad.triple for quad in found}
    assert "Accept" in response.vary


def test_get_graph_as_json_ld_is_compact(client: FlaskClient) -> None:
    assert "@context" in get(client, "application/ld+json", graph=RULES).get_json(force=True)


def test_get_default_gives_the_union_of_all_graphs(app: Flask, client: FlaskClient) -> None:
    response = client.get("/graph-store?default", headers={"Accept": "application/n-triples"}, buffered=True)
    assert response.status_code == 200
    union = {quad.triple for quad in app.extensions["cosponsor"].store}
    assert triples(response.data, ox.RdfFormat.N_TRIPLES) == union
    assert "Link" not in response.headers


def test_get_graph_understands_its_canonical_iri_and_links_to_it(client: FlaskClient) -> None:
    response = get(client, graph=CANONICAL)
    assert response.data == get(client, graph=RULES).data != b""
    assert response.headers["Link"] == f'<{CANONICAL}>; rel="canonical"'


def test_get_unknown_graph_is_404(client: FlaskClient) -> None:
    detail = problem(get(client, graph="http://x.example/no"), 404)["detail"]
    assert "http://x.example/no" in detail
    assert f"{BASE}dataset" in detail


@pytest.mark.parametrize("iri", ["", "graph/rules", "//x.example/", "http://[", "http://x.example/>{}", "a b"])
def test_get_graph_that_is_no_absolute_iri_is_400(client: FlaskClient, iri: str) -> None:
    problem(get(client, graph=iri), 400)


@pytest.mark.parametrize(
    "address",
    [
        "/graph-store",
        f"/graph-store?default&graph={RULES}",
        f"/graph-store?graph={RULES}&graph={RULES}",
        "/graph-store?other=1",
    ],
)
def test_get_of_no_graph_or_of_two_is_400_that_says_how(client: FlaskClient, address: str) -> None:
    detail = problem(client.get(address), 400)["detail"]
    assert "'?default'" in detail
    assert "'?graph='" in detail


def test_get_in_no_format_of_graphs_is_406_that_names_them(client: FlaskClient) -> None:
    for accept in ("text/csv", "text/html"):
        response = get(client, accept, graph=RULES)
        assert response.status_code == 406
        assert "application/n-quads" in response.text


def test_head_has_the_fields_of_get_and_no_body(client: FlaskClient) -> None:
    for address in (f"/graph-store?graph={RULES}", "/graph-store?graph=http://x.example/no"):
        head, whole = (ask(address, headers={"X-Request-ID": "a1"}, buffered=True) for ask in (client.head, client.get))
        assert head.data == b""
        assert (head.status_code, head.headers) == (whole.status_code, whole.headers)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_writing_is_405_that_says_why(client: FlaskClient, method: str) -> None:
    response = client.open(
        f"/graph-store?graph={RULES}", method=method, data="<a:a> <a:b> 1 .", content_type="text/turtle"
    )
    assert "read-only" in problem(response, 405)["detail"]
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}
