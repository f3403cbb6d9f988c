"""Validators of answers and how long they may be kept (RFC 9110, sections 8.8 and 13.1; RFC 9111)."""

from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from .conftest import BASE

ROWS = "SELECT ?s WHERE { ?s a cosp:Source }"


def get(client: FlaskClient, query: str, tag: str = "", method: str = "GET", **headers: str) -> TestResponse:
    if tag:
        headers["If-None-Match"] = tag
    return client.open("/sparql?" + urlencode({"query": query}), method=method, headers=headers)


def test_an_answer_has_a_weak_tag_and_may_be_kept(client: FlaskClient) -> None:
    response = get(client, ROWS)
    assert response.headers["ETag"].startswith('W/"')
    assert response.headers["Cache-Control"] == "public, max-age=60"
    assert get(client, ROWS).headers["ETag"] == response.headers["ETag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_the_answer_gets_304_with_the_fields_of_the_answer(client: FlaskClient, method: str) -> None:
    tag = get(client, ROWS).headers["ETag"]
    for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        response = get(client, ROWS, sent, method)
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Cache-Control"] == "public, max-age=60"
        assert "Accept" in response.vary
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Security-Policy" not in response.headers  # the answer is no page
    assert get(client, ROWS, '"other"', method).status_code == 200


def test_an_error_is_told_though_any_answer_would_do(client: FlaskClient) -> None:
    """Section 13.2.1: preconditions are ignored where the answer without them would be an error."""
    assert get(client, "SELEC", "*").status_code == 400
    assert get(client, ROWS, "*", Accept="image/png").status_code == 406


def test_304_is_told_without_evaluating(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = get(client, ROWS).headers["ETag"]
    monkeypatch.setattr("cosponsor.server.sparql.ask", None)
    assert get(client, ROWS, tag).status_code == 304


def test_another_format_dataset_or_query_has_another_tag(client: FlaskClient) -> None:
    graph = urlencode({"query": ROWS, "default-graph-uri": f"{BASE}graph/reference"})
    tags = {
        get(client, ROWS).headers["ETag"],
        get(client, ROWS, Accept="text/csv").headers["ETag"],
        get(client, ROWS + " LIMIT 1").headers["ETag"],
        client.get(f"/sparql?{graph}").headers["ETag"],
    }
    assert len(tags) == 4


def test_query_has_a_tag_and_post_none(client: FlaskClient) -> None:
    def send(method: str, **headers: str) -> TestResponse:
        headers["Content-Type"] = "application/sparql-query"
        return client.open("/sparql", method=method, data=ROWS, headers=headers)

    tag = send("QUERY").headers["ETag"]
    assert send("QUERY", **{"If-None-Match": tag}).status_code == 304
    assert "ETag" not in send("POST").headers


@pytest.mark.parametrize("function", ["NOW()", "RAND()", "UUID()", "STRUUID()", "BNODE()"])
def test_what_differs_each_time_is_not_kept(client: FlaskClient, function: str) -> None:
    response = get(client, f"SELECT ({function} AS ?x) {{}}", "*")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


@pytest.mark.parametrize("address", ["/sparql?query=x", "/nothing", "/sparql?query=ASK{}&query=ASK{}", "/healthz"])
def test_errors_and_the_state_of_the_server_are_not_kept(client: FlaskClient, address: str) -> None:
    assert client.get(address).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", ["/country/KOR.ttl", "/void", "/graph-store?default"])
def test_documents_and_graphs_have_tags(client: FlaskClient, address: str) -> None:
    tag = client.get(address, buffered=True).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
