"""The SPARQL endpoint (SPARQL 1.1 Protocol, section 2)."""

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from .conftest import BASE

ROWS = "SELECT ?s WHERE { ?s a cosp:Source ; dcterms:identifier '002' }"
GRAPH = "CONSTRUCT { ?s a cosp:Source } WHERE { ?s a cosp:Source }"
SOURCE = BASE + "source/koreaherald-2021-03-24"
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"


def get(client: FlaskClient, query: str, accept: str | None = None, **parameters: object) -> TestResponse:
    address = "/sparql?" + urlencode({"query": query, **parameters}, doseq=True)
    return client.get(address, headers={"Accept": accept} if accept else {})


def get_by_form(client: FlaskClient, query: str) -> TestResponse:
    return client.post("/sparql", data={"query": query})


def values(response: TestResponse, name: str) -> list[str]:
    assert response.status_code == 200, response.text
    return [row[name]["value"] for row in response.get_json(force=True)["results"]["bindings"]]


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(response.data)
    assert {"type", "title", "status", "detail"} <= found.keys()
    assert found["status"] == status
    return found


def test_get_query_is_answered_in_json_by_default(client: FlaskClient) -> None:
    for accept in (None, "*/*"):
        response = get(client, ROWS, accept)
        assert response.content_type == "application/sparql-results+json"
        assert values(response, "s") == [SOURCE]


def test_post_form_query(client: FlaskClient) -> None:
    response = client.post("/sparql", data={"query": ROWS, "ac": "1", "format": "json"})
    assert values(response, "s") == [SOURCE]


@pytest.mark.parametrize("content_type", [QUERY, QUERY + "; charset=utf-8"])
def test_post_direct_query(client: FlaskClient, content_type: str) -> None:
    response = client.post("/sparql", data=ROWS, content_type=content_type)
    assert values(response, "s") == [SOURCE]


def test_post_direct_query_takes_the_dataset_from_the_address(client: FlaskClient) -> None:
    address = "/sparql?" + urlencode({"default-graph-uri": BASE + "graph/reference"})
    response = client.post(address, data=ROWS, content_type=QUERY)
    assert values(response, "s") == []


def test_get_query_with_two_query_params_is_400(client: FlaskClient) -> None:
    detail = problem(client.get("/sparql?query=ASK{}&query=ASK{}"), 400)["detail"]
    assert detail == "Exactly one parameter 'query' is expected, 2 were sent."


def test_query_in_body_and_address_is_400(client: FlaskClient) -> None:
    problem(client.post("/sparql?query=ASK{}", data={"query": ROWS}), 400)
    problem(client.post("/sparql?query=ASK{}", data=ROWS, content_type=QUERY), 400)


def test_get_without_query_is_a_form_for_browsers(client: FlaskClient) -> None:
    page = client.get("/sparql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 200
    assert "<form" in page.text


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", None])
def test_post_with_another_type_or_none_is_415(client: FlaskClient, content_type: str | None) -> None:
    detail = problem(client.post("/sparql", data=ROWS, content_type=content_type), 415)["detail"]
    assert FORM in detail
    assert QUERY in detail


def test_post_query_that_is_not_utf_8_is_400(client: FlaskClient) -> None:
    detail = problem(client.post("/sparql", data=b"ASK {} # \xff", content_type=QUERY), 400)["detail"]
    assert "Byte 9" in detail


@pytest.mark.parametrize("content_type", [FORM, QUERY])
def test_post_over_one_mebibyte_is_413(client: FlaskClient, content_type: str) -> None:
    response = client.post("/sparql", data="query=" + "x" * (1 << 20), content_type=content_type)
    assert problem(response, 413)["detail"] == "A request holds 1024 KiB at most; send a shorter query."


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405_that_names_the_allowed_ones(client: FlaskClient, method: str) -> None:
    response = client.open("/sparql", method=method)
    detail = problem(response, 405)["detail"]
    allowed = "GET, HEAD, OPTIONS, POST, QUERY"
    assert detail == f"{method} is not allowed here; allowed are {allowed}. This server is read-only."
    assert set(response.allow) == set(allowed.split(", "))


def test_head_has_the_fields_of_get_and_no_body(client: FlaskClient) -> None:
    head = client.head("/sparql?" + urlencode({"query": ROWS}))
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == get(client, ROWS).content_length


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/sparql-results+json", "application/sparql-results+json"),
        ("application/json", "application/sparql-results+json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        ("text/csv;q=0.5, text/tab-separated-values;q=0.6", "text/tab-separated-values; charset=utf-8"),
        ("*/*, application/sparql-results+json;q=0", "application/sparql-results+xml"),
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        # rdflib's SPARQLStore and SPARQLWrapper, as seen
        ("application/rdf+xml, application/sparql-results+xml", "application/sparql-results+xml"),
        (
            "application/sparql-results+json,application/json,text/javascript",
            "application/sparql-results+json",
        ),
    ],
)
def test_rows_are_negotiated(client: FlaskClient, accept: str, expected: str) -> None:
    for query in (ROWS, "ASK {}"):
        response = get(client, query, accept)
        assert (response.status_code, response.content_type) == (200, expected)
        assert "Accept" in response.vary


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/turtle; charset=utf-8"),
        ("text/turtle", "text/turtle; charset=utf-8"),
        ("application/turtle,text/turtle", "text/turtle; charset=utf-8"),
        ("application/n-triples", "application/n-triples"),
        ("text/plain", "application/n-triples"),
        ("application/ld+json", "application/ld+json"),
        ("application/rdf+xml, application/sparql-results+xml", "application/rdf+xml"),
        ("application/ld+json, application/n-triples", "application/n-triples"),
    ],
)
def test_graphs_are_negotiated(client: FlaskClient, accept: str | None, expected: str) -> None:
    for query in (GRAPH, f"DESCRIBE <{SOURCE}>"):
        response = get(client, query, accept)
        assert (response.status_code, response.content_type) == (200, expected)
        assert SOURCE in response.text or "cosponsor:source" in response.text


def test_rows_as_a_graph_and_graphs_as_rows_are_406_that_names_the_offers(client: FlaskClient) -> None:
    rows, graph = get(client, ROWS, "text/turtle"), get(client, GRAPH, "text/csv")
    assert (rows.status_code, graph.status_code) == (406, 406)
    assert "application/sparql-results+json" in rows.text
    assert "application/n-triples" in graph.text
    assert "Accept" in rows.vary


def test_ask_is_true_or_false(client: FlaskClient) -> None:
    assert get(client, "ASK { ?s a cosp:Source }").get_json(force=True)["boolean"] is True
    assert get(client, "ASK { ?s a cosp:Nothing }", "text/csv").text == "false"


def test_csv_has_a_header_and_a_row_each(client: FlaskClient) -> None:
    rows = list(csv.reader(io.StringIO(get(client, ROWS, "text/csv").text)))
    assert rows == [["s"], [SOURCE]]


def test_an_unknown_function_is_400(client: FlaskClient) -> None:
    detail = problem(get(client, "SELECT (<http://x.example/f>(1) AS ?x) {}"), 400)["detail"]
    assert "http://x.example/f" in detail


@pytest.mark.parametrize("opening", ["{", "(", "["])
def test_deep_nesting_is_400_before_it_is_parsed(client: FlaskClient, opening: str) -> None:
    query = "SELECT * { " + opening * 400000
    response = client.post("/sparql", data=query, content_type=QUERY)
    assert "nests brackets" in problem(response, 400)["detail"]


@pytest.mark.parametrize(
    "update",
    [
        "INSERT DATA { <a:a> <a:b> 1 }",
        "# so\nPREFIX a: <a:>\nDELETE WHERE { ?s ?p ?o }",
        "CLEAR ALL",
        "LOAD <http://x.example/>",
        "WITH <a:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    ],
)
def test_update_is_403_however_it_is_sent(client: FlaskClient, update: str) -> None:
    responses = [
        get(client, update),
        client.post("/sparql", data={"query": update}),
        client.post("/sparql", data={"update": update}),
        client.get("/sparql?" + urlencode({"update": update})),
        client.post("/sparql", data=update, content_type="application/sparql-update"),
    ]
    for response in responses:
        assert "read-only" in problem(response, 403)["detail"]


def test_the_default_graph_is_the_union_of_the_named_graphs(client: FlaskClient) -> None:
    union = values(get(client, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"), "n")
    named = values(get(client, "SELECT (COUNT(*) AS ?n) { SELECT DISTINCT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } } }"), "n")
    assert union == named != ["0"]


def test_from_in_the_query_replaces_the_union(client: FlaskClient) -> None:
    query = "SELECT DISTINCT ?class FROM cosponsor:graph\\/rules { ?s a ?class }"
    assert values(get(client, query), "class") == [BASE + "ontology#Rule"]
    assert values(get(client, "SELECT ?s FROM NAMED cosponsor:graph\\/rules { ?s a cosp:Rule }"), "s") == []


def test_the_word_from_in_a_string_or_variable_names_no_dataset(client: FlaskClient) -> None:
    query = 'SELECT ?from { ?from a cosp:Source ; dcterms:identifier "002" FILTER("from <a:a>" != ?from) } # from'
    assert values(get(client, query), "from") == [SOURCE]


def test_default_graph_uri_overrides_from(client: FlaskClient) -> None:
    query = "SELECT DISTINCT ?class FROM cosponsor:graph\\/reference { ?s a ?class }"
    response = get(client, query, **{"default-graph-uri": BASE + "graph/rules"})
    assert values(response, "class") == [BASE + "ontology#Rule"]


def test_named_graph_uri_limits_graph_and_empties_the_default_graph(client: FlaskClient) -> None:
    dataset: dict[str, Any] = {"named-graph-uri": [BASE + "graph/rules", BASE + "graph/editorial"]}
    graphs = values(get(client, "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g", **dataset), "g")
    assert graphs == [BASE + "graph/editorial", BASE + "graph/rules"]
    assert values(get(client, "SELECT ?s { ?s ?p ?o }", **dataset), "s") == []


def test_default_graph_uri_alone_leaves_no_named_graph(client: FlaskClient) -> None:
    response = get(client, "SELECT ?g { GRAPH ?g {} }", **{"default-graph-uri": BASE + "graph/rules"})
    assert values(response, "g") == []


@pytest.mark.parametrize("iri", ["rules", "", "http://x.example/a b"])
def test_a_graph_that_is_no_absolute_iri_is_400(client: FlaskClient, iri: str) -> None:
    problem(get(client, ROWS, **{"default-graph-uri": iri}), 400)


@pytest.mark.parametrize(
    "query",
    [
        "PREFIX o: <https://w3id.org/cosponsor/ontology#> SELECT ?s { ?s a o:Source ; dcterms:identifier '002' }",
        "SELECT ?s { ?s a <https://w3id.org/cosponsor/ontology#Source> ; dcterms:identifier '002' }",
        "BASE <https://w3id.org/cosponsor/> SELECT ?s { ?s a <ontology#Source> ; dcterms:identifier '002' }",
        "SELECT ?s { ?s a <ontology#Source> ; dcterms:identifier '002' }",
        "SELECT ?s FROM <https://w3id.org/cosponsor/graph/source/koreaherald-2021-03-24> { ?s a cosp:Source }",
    ],
)
def test_canonical_and_relative_iris_are_understood_as_local_ones(client: FlaskClient, query: str) -> None:
    assert values(get(client, query), "s") == [SOURCE]


def test_canonical_graph_uri_is_understood_as_the_local_one(client: FlaskClient) -> None:
    graph = "https://w3id.org/cosponsor/graph/rules"
    assert values(get(client, "SELECT ?s { ?s a cosp:Source }", **{"default-graph-uri": graph}), "s") == []
    assert len(values(get(client, "SELECT ?s { ?s a cosp:Rule }", **{"default-graph-uri": graph}), "s")) > 1


def test_canonical_iris_in_strings_stay(client: FlaskClient) -> None:
    query = "SELECT ('''<https://w3id.org/cosponsor/>''' AS ?x) {} # <https://w3id.org/cosponsor/>"
    assert values(get(client, query), "x") == ["<https://w3id.org/cosponsor/>"]


def test_a_prefix_of_the_query_wins_over_the_one_of_the_house(client: FlaskClient) -> None:
    response = get(client, "PREFIX cosp: <http://x.example/> SELECT (STR(cosp:a) AS ?x) {}")
    assert values(response, "x") == ["http://x.example/a"]


@pytest.mark.parametrize("address", ["/sparql", "/sparql?ac=1"])
def test_head_and_parameters_that_are_not_known_give_browsers_the_form(client: FlaskClient, address: str) -> None:
    page, head = (client.open(address, method=method, headers={"Accept": "text/html"}) for method in ("GET", "HEAD"))
    assert (page.status_code, head.status_code, head.data) == (200, 200, b"")
    assert "<form" in page.text
    assert head.content_length == page.content_length
    problem(client.get("/sparql?ac=1"), 400)
    assert client.get("/sparql?update=CLEAR ALL", headers={"Accept": "text/html"}).status_code == 403


def test_parameters_that_are_not_utf_8_are_400(client: FlaskClient) -> None:
    responses = [
        client.get("/sparql?query=ASK{}%23%FF"),
        client.get("/sparql?query=ASK{}&x=%C3%28"),
        client.post("/sparql", data=b"query=ASK{}%23%FF", content_type=FORM),
    ]
    for response in responses:
        assert "not UTF-8" in problem(response, 400)["detail"]
    assert client.get("/sparql?query=ASK{}%23%C3%A9").status_code == 200


@pytest.mark.parametrize("triple", ["<http://x.example/123> 1", r"<a:b> '\u0001'", r"<a:b> '\uFFFE'"])
def test_a_graph_that_xml_cannot_say_is_406_as_rdf_xml(client: FlaskClient, triple: str) -> None:
    query = f"CONSTRUCT {{ <a:a> {triple} }} {{}}"
    refused = get(client, query, "application/rdf+xml")
    assert refused.status_code == 406
    assert "application/n-triples" in refused.text
    assert get(client, query, "text/turtle").status_code == 200


def test_rows_that_xml_cannot_say_are_406_as_xml(client: FlaskClient) -> None:
    query = r"SELECT ('\u0001' AS ?x) {}"
    refused = get(client, query, "application/sparql-results+xml")
    assert refused.status_code == 406
    assert "application/sparql-results+json" in refused.text
    assert values(get(client, query), "x") == ["\x01"]


def test_two_thousand_iris_in_values_are_let_through(client: FlaskClient) -> None:
    iris = " ".join(f"<http://x.example/{number}>" for number in range(2000))
    assert values(get_by_form(client, f"SELECT (COUNT(*) AS ?n) {{ VALUES ?x {{ {iris} }} }}"), "n") == ["2000"]
    pairs = "(<http://x.example/> 'a'@en)" * 2000
    assert values(get_by_form(client, f"SELECT (COUNT(*) AS ?n) {{ VALUES (?x ?y) {{ {pairs} }} }}"), "n") == ["2000"]


def test_brackets_nest_sixty_four_deep_and_no_deeper(client: FlaskClient) -> None:
    assert get(client, "ASK" + "{" * 64 + "}" * 64).status_code == 200
    assert "nests brackets" in problem(get(client, "ASK" + "{" * 65 + "}" * 65), 400)["detail"]


def test_every_answer_forbids_to_guess_its_type_and_pages_forbid_scripts(client: FlaskClient) -> None:
    for accept in ("text/html", "application/json", "image/png"):
        response = get(client, ROWS, accept)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        policy = response.headers.get("Content-Security-Policy", "")
        assert ("script-src 'none'" in policy) is (accept == "text/html")
        assert ("default-src 'self' https://data.example;" in policy) is (accept == "text/html")


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT ('{SCRIPT}' AS ?x) {{}}",
        f"SELECT ('{SCRIPT}\\n' AS ?x) {{}}",
        f"SELECT ('{SCRIPT}'@de AS ?x) {{}}",
        f"CONSTRUCT {{ <a:a> <a:b> '{SCRIPT}' }} {{}}",
        f"ASK {{}} # </textarea>{SCRIPT}",
        f"ASK {{ # {SCRIPT}",
    ],
)
def test_markup_in_a_query_and_in_its_answer_is_text(client: FlaskClient, query: str) -> None:
    text = get(client, query, "text/html").text
    assert "<script" not in text
    assert text.count("</textarea>") <= 1
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("iri", ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_an_iri_that_a_browser_would_run_is_no_link(client: FlaskClient, iri: str) -> None:
    text = get(client, f'SELECT (IRI("{iri}") AS ?x) {{}}', "text/html").text
    assert f"<td>{iri}</td>" in text
    assert f'href="{iri}' not in text


def test_an_iri_cannot_leave_its_attribute(client: FlaskClient) -> None:
    text = get(client, "SELECT (<http://x.example/'&onclick=1> AS ?x) {}", "text/html").text
    assert '<a href="http://x.example/&#39;&amp;onclick=1">' in text
