"""The SPARQL protocol at its edges: methods, bodies, parameters, formats, RDF 1.2, and what scripts may read."""

import gzip
import json
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyld import jsonld
from werkzeug.test import TestResponse

from cosponsor.server import description
from cosponsor.server.negotiation import JSON_LD

from .conftest import BASE
from .test_server_sparql import FORM, GRAPH, QUERY, ROWS, SOURCE, get, problem, values

JSON = "application/sparql-results+json"
RULES = BASE + "graph/rules"
# SPARQLWrapper, as seen.
WRAPPER = f"{JSON},application/json,text/javascript,application/javascript"


def query(client: FlaskClient, data: object, content_type: str | None, address: str = "/sparql") -> TestResponse:
    return client.open(address, method="QUERY", data=data, content_type=content_type)


def test_query_method_takes_the_bodies_of_post(client: FlaskClient) -> None:
    assert values(query(client, ROWS, QUERY), "s") == [SOURCE]
    assert values(query(client, urlencode({"query": ROWS}), FORM), "s") == [SOURCE]
    dataset = "/sparql?" + urlencode({"default-graph-uri": RULES})
    assert values(query(client, ROWS, QUERY, dataset), "s") == []


def test_query_method_is_announced_with_its_bodies(client: FlaskClient) -> None:
    for response in (client.options("/sparql"), get(client, ROWS), get(client, "SELCT")):
        assert response.headers["Accept-Query"] == f'"{QUERY}", "{FORM}"'
    assert "Accept-Query" not in client.get("/").headers


def test_query_method_without_content_type_is_400_and_with_another_415(client: FlaskClient) -> None:
    assert "Content-Type" in problem(query(client, ROWS, None), 400)["detail"]
    assert problem(query(client, ROWS, "application/json"), 415)
    assert problem(query(client, "CLEAR ALL", "application/sparql-update"), 403)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/sparql-query+x", ""]
)
def test_post_of_another_type_is_415_with_the_types_that_are_read(client: FlaskClient, content_type: str) -> None:
    response = client.post("/sparql", data=ROWS, content_type=content_type)
    problem(response, 415)
    assert response.headers["Accept"] == f"{QUERY}, {FORM}"


@pytest.mark.parametrize("content_type", [QUERY, FORM])
@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8", "us-ascii"])
def test_post_in_utf_8_is_read_however_it_is_spelt(client: FlaskClient, content_type: str, charset: str) -> None:
    body = ROWS if content_type == QUERY else urlencode({"query": ROWS})
    response = client.post("/sparql", data=body, content_type=f"{content_type}; charset={charset}")
    assert values(response, "s") == [SOURCE]


@pytest.mark.parametrize("content_type", [QUERY, FORM])
@pytest.mark.parametrize("charset", ["iso-8859-1", "UTF-16", "no-such"])
def test_post_in_another_charset_is_415(client: FlaskClient, content_type: str, charset: str) -> None:
    response = client.post("/sparql", data=ROWS, content_type=f"{content_type}; charset={charset}")
    assert f"charset={charset};" in problem(response, 415)["detail"]


def test_post_with_content_encoding_is_415_with_accept_encoding(client: FlaskClient) -> None:
    for coding, body in (("gzip", gzip.compress(ROWS.encode())), ("br", b"x")):
        response = client.post("/sparql", data=body, content_type=QUERY, headers={"Content-Encoding": coding})
        assert coding in problem(response, 415)["detail"]
        assert response.headers["Accept-Encoding"] == "identity"
    plain = client.post("/sparql", data=ROWS, content_type=QUERY, headers={"Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_post_direct_may_start_with_a_byte_order_mark(client: FlaskClient) -> None:
    assert values(client.post("/sparql", data=b"\xef\xbb\xbf" + ROWS.encode(), content_type=QUERY), "s") == [SOURCE]


def test_parameters_are_decoded_once(client: FlaskClient) -> None:
    text = "SELECT ('%41%2B+1' AS ?x) {}"
    assert values(get(client, text), "x") == ["%41%2B+1"]
    assert values(client.post("/sparql", data={"query": text}), "x") == ["%41%2B+1"]
    assert values(client.post("/sparql", data=text, content_type=QUERY), "x") == ["%41%2B+1"]


def test_dataset_in_the_address_of_a_form_counts(client: FlaskClient) -> None:
    address = "/sparql?" + urlencode({"default-graph-uri": RULES})
    assert values(client.post(address, data={"query": ROWS}), "s") == []


@pytest.mark.parametrize("name", ["default-graph-uri", "named-graph-uri"])
@pytest.mark.parametrize("iri", ["graph/rules", "//x.example/g", "", "http://[", "http://x.example/a b", "1a:b"])
def test_a_dataset_that_is_no_absolute_iri_is_400(client: FlaskClient, name: str, iri: str) -> None:
    problem(get(client, ROWS, **{name: iri}), 400)


def test_default_and_named_graphs_replace_both_clauses(client: FlaskClient) -> None:
    text = (
        f"SELECT ?where FROM <{BASE}graph/reference> FROM NAMED <{BASE}graph/reference> "
        "{ { ?s a cosp:Rule BIND('default' AS ?where) } UNION { GRAPH ?where { ?s a cosp:Rule } } }"
    )
    found = values(
        get(client, text, **{"default-graph-uri": RULES, "named-graph-uri": BASE + "graph/editorial"}), "where"
    )
    assert set(found) == {"default"}
    found = values(get(client, text, **{"named-graph-uri": RULES}), "where")
    assert set(found) == {RULES}


def test_several_default_graphs_are_merged(client: FlaskClient) -> None:
    graphs = [RULES, BASE + "graph/reference"]
    text = "SELECT DISTINCT ?class { VALUES ?class { cosp:Rule cosp:Resolution } ?s a ?class } ORDER BY ?class"
    found = values(client.get("/sparql", query_string={"query": text, "default-graph-uri": graphs}), "class")
    assert found == [BASE + "ontology#Resolution", BASE + "ontology#Rule"]


@pytest.mark.parametrize("timeout", ["1", "0.5", "30000", "2.0"])
def test_timeout_is_a_positive_number_of_seconds(client: FlaskClient, timeout: str) -> None:
    assert get(client, ROWS, timeout=timeout).status_code == 200


@pytest.mark.parametrize("timeout", ["0", "0.0", "-1", "", "x", "1e3", "inf", "nan", "5s", "٣", " 1", "9" * 400])
def test_another_timeout_is_400(client: FlaskClient, timeout: str) -> None:
    assert "seconds above 0" in problem(get(client, ROWS, timeout=timeout), 400)["detail"]


def test_timeout_and_version_twice_are_400(client: FlaskClient) -> None:
    for name in ("timeout", "version"):
        assert name in problem(client.get(f"/sparql?query=ASK{{}}&{name}=1.1&{name}=1.2"), 400)["detail"]


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.2-basic"])
def test_known_versions_of_sparql_are_read(client: FlaskClient, version: str) -> None:
    assert get(client, ROWS, version=version).status_code == 200
    assert client.post("/sparql", data={"query": ROWS, "version": version}).status_code == 200
    assert client.post("/sparql", data=ROWS, content_type=f"{QUERY}; version={version}").status_code == 200
    assert get(client, f'VERSION "{version}" ASK {{}}').status_code == 200


def test_another_version_of_sparql_is_400(client: FlaskClient) -> None:
    assert "1.2-basic" in problem(get(client, ROWS, version="2"), 400)["detail"]
    problem(client.post("/sparql", data=ROWS, content_type=f"{QUERY}; version=9"), 400)


def test_unknown_parameters_are_ignored(client: FlaskClient) -> None:
    response = get(client, ROWS, ac="1", debug="on", reasoning="true", **{"using-graph-uri": "x", "should-sponge": ""})
    assert values(response, "s") == [SOURCE]


@pytest.mark.parametrize(
    ("value", "rows", "graph"),
    [
        ("json", JSON, "application/ld+json"),
        ("xml", "application/sparql-results+xml", "application/rdf+xml"),
        ("csv", "text/csv", None),
        ("tsv", "text/tab-separated-values", None),
        ("ttl", None, "text/turtle"),
        ("turtle", None, "text/turtle"),
        ("n3", None, "text/turtle"),
        ("nt", None, "application/n-triples"),
        ("ntriples", None, "application/n-triples"),
        ("text", None, "application/n-triples"),
        ("nq", None, "application/n-quads"),
        ("nquads", None, "application/n-quads"),
        ("trig", None, "application/trig"),
        ("rdf", None, "application/rdf+xml"),
        ("rdf+xml", None, "application/rdf+xml"),
        ("rdfxml", None, "application/rdf+xml"),
        ("jsonld", None, "application/ld+json"),
        ("json-ld", None, "application/ld+json"),
        ("html", "text/html", "text/html"),
        ("text/html", "text/html", "text/html"),
        ("TEXT/CSV; header=present", "text/csv", None),
        (JSON, JSON, None),
        ("application/json", JSON, "application/ld+json"),
        ("application/rdf+xml", None, "application/rdf+xml"),
        ("text/plain", None, "application/n-triples"),
        ("auto", None, None),
        ("", None, None),
    ],
)
@pytest.mark.parametrize("name", ["format", "output", "results"])
def test_an_override_that_fits_wins_and_another_is_ignored(
    client: FlaskClient, name: str, value: str, rows: str | None, graph: str | None
) -> None:
    accept = "application/sparql-results+xml, application/n-quads"
    for text, expected, negotiated in (
        (ROWS, rows, "application/sparql-results+xml"),
        ("ASK {}", rows, "application/sparql-results+xml"),
        (GRAPH, graph, "application/n-quads"),
    ):
        response = get(client, text, accept, **{name: value})
        assert (response.status_code, response.mimetype) == (200, expected or negotiated)


def test_a_plus_sign_in_an_override_need_not_be_encoded(client: FlaskClient) -> None:
    response = client.get("/sparql?query=ASK{}&format=application/sparql-results+xml")
    assert response.mimetype == "application/sparql-results+xml"


def test_an_override_in_a_form_counts_and_the_first_that_fits_wins(client: FlaskClient) -> None:
    response = client.post("/sparql", data={"query": ROWS, "output": "csv", "format": "turtle", "results": "xml"})
    assert response.mimetype == "text/csv"


def test_sparqlwrapper_is_answered_as_it_asks(client: FlaskClient) -> None:
    for value, accept, text, expected in (
        ("json", WRAPPER, ROWS, JSON),
        ("xml", "application/sparql-results+xml", ROWS, "application/sparql-results+xml"),
        ("xml", "application/rdf+xml", GRAPH, "application/rdf+xml"),
        ("json", "*/*", GRAPH, "application/ld+json"),
        ("turtle", "application/turtle,text/turtle", GRAPH, "text/turtle"),
        ("n3", "application/turtle,text/turtle,text/rdf+n3,application/n-triples,text/n3", GRAPH, "text/turtle"),
        ("json-ld", "application/ld+json,application/x-json+ld", GRAPH, "application/ld+json"),
    ):
        response = get(client, text, accept, format=value, output=value, results=value)
        assert (response.status_code, response.mimetype) == (200, expected)


@pytest.mark.parametrize(
    ("accept", "rows", "graph"),
    [
        ("application/json", JSON, "application/ld+json"),
        ("text/xml", "application/sparql-results+xml", "application/rdf+xml"),
        ("application/xml", "application/sparql-results+xml", "application/rdf+xml"),
        ("text/n3", None, "text/turtle"),
        ("application/x-turtle", None, "text/turtle"),
        ("text/plain", None, "application/n-triples"),
        ("application/trig", None, "application/trig"),
        ("application/n-quads", None, "application/n-quads"),
        ("application/n-quads,application/trig;q=0.95,application/ld+json;q=0.9", None, "application/n-quads"),
        ("text/*", "text/csv", "text/turtle"),
        ("application/*", JSON, "application/n-triples"),
        ("*/*;q=0.1, text/*;q=0.2, text/csv;q=0.05", "text/tab-separated-values", "text/turtle"),
        ("text/turtle;q=0, */*", JSON, "application/n-triples"),
        ("*/*;q=0", None, None),
        ("text/turtle;version=1.2;q=0.9, text/csv;charset=utf-8;q=0.8", "text/csv", "text/turtle"),
        ("text/html;q=0.1, */*;q=0.2", JSON, "text/turtle"),
        ("TEXT/TURTLE, Text/Csv", "text/csv", "text/turtle"),
        ("", JSON, "text/turtle"),
    ],
)
def test_rows_and_graphs_are_negotiated_apart(
    client: FlaskClient, accept: str, rows: str | None, graph: str | None
) -> None:
    for text, expected in ((ROWS, rows), (GRAPH, graph)):
        response = client.get("/sparql", query_string={"query": text}, headers={"Accept": accept})
        assert response.status_code == (200 if expected else 406)
        assert "Accept" in response.vary
        assert expected in {None, response.mimetype}


def test_406_names_the_offers_of_the_kind_of_result(client: FlaskClient) -> None:
    rows, graph = get(client, ROWS, "image/png").text, get(client, GRAPH, "image/png").text
    for name in (JSON, "application/sparql-results+xml", "text/csv", "text/tab-separated-values", "text/html"):
        assert name in rows
    for name in ("text/turtle", "application/trig", "application/n-triples", "application/n-quads", "text/html"):
        assert name in graph
        assert name == "text/html" or name not in rows


def test_json_ld_of_an_answer_is_compact_with_the_context_of_the_project(client: FlaskClient) -> None:
    found = get(client, GRAPH, "application/ld+json").get_json(force=True)
    assert found["@context"]
    assert {"id": "source/koreaherald-2021-03-24", "type": "Source"} in [
        {"id": node["id"].removeprefix(BASE).removeprefix("cosponsor:"), "type": node["type"]}
        for node in found["@graph"]
    ]


def test_json_ld_of_a_great_answer_is_expanded_and_the_same_graph(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    data = app.extensions["cosponsor"]
    content = [quad.triple for quad in data.store.quads_for_pattern(None, None, None, ox.NamedNode(RULES))]
    compact = json.loads(description.serialize(data, content, JSON_LD))
    monkeypatch.setattr(description, "COMPACTED", len(content) - 1)
    expanded = json.loads(description.serialize(data, content, JSON_LD))
    assert isinstance(expanded, list)
    assert _n_quads(compact) == _n_quads(expanded)


def _n_quads(document: object) -> list[str]:
    return sorted(str(jsonld.to_rdf(document, {"format": "application/n-quads"})).splitlines())


TRIPLE = "<<( <http://x.example/s> <http://x.example/p> 'o' )>>"
DIRECTED = "STRLANGDIR('x', 'ar', 'rtl')"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/sparql-results+xml", "<triple><subject><uri>http://x.example/s</uri></subject>"),
        ("text/tab-separated-values", '<<( <http://x.example/s> <http://x.example/p> "o" )>>'),
        ("text/csv", "http://x.example/s http://x.example/p o"),
        ("text/html", "x.example/s"),
    ],
)
def test_a_triple_term_is_written_in_every_format_of_rows(client: FlaskClient, accept: str, expected: str) -> None:
    assert expected in get(client, f"SELECT ?t {{ BIND({TRIPLE} AS ?t) }}", accept).text


def test_a_triple_term_in_sparql_json_has_its_three_parts(client: FlaskClient) -> None:
    response = get(client, f"SELECT ?t {{ BIND({TRIPLE} AS ?t) }}")
    term = response.get_json(force=True)["results"]["bindings"][0]["t"]
    assert term["type"] == "triple"
    assert term["value"]["predicate"] == {"type": "uri", "value": "http://x.example/p"}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (JSON, '"its:dir":"rtl"'),
        ("application/sparql-results+xml", 'its:dir="rtl"'),
        ("text/tab-separated-values", "@ar--rtl"),
    ],
)
def test_a_base_direction_is_written_in_rows(client: FlaskClient, accept: str, expected: str) -> None:
    assert expected in get(client, f"SELECT ({DIRECTED} AS ?x) {{}}", accept).text


@pytest.mark.parametrize(
    ("accept", "triple", "direction"),
    [
        ("text/turtle", "<<(", "@ar--rtl"),
        ("application/trig", "<<(", "@ar--rtl"),
        ("application/n-triples", "<<(", "@ar--rtl"),
        ("application/n-quads", "<<(", "@ar--rtl"),
        ("application/rdf+xml", 'rdf:parseType="Triple"', 'its:dir="rtl"'),
        ("application/ld+json", None, '"@direction": "rtl"'),
    ],
)
def test_rdf_1_2_is_written_in_graphs_or_refused_where_there_are_no_words(
    client: FlaskClient, accept: str, triple: str | None, direction: str
) -> None:
    head = "CONSTRUCT { <http://x.example/s> <http://x.example/p> ?o }"
    terms = get(client, f"{head} {{ BIND({TRIPLE} AS ?o) }}", accept)
    if triple:
        assert triple in terms.text
    else:
        assert terms.status_code == 406
        assert "RDF 1.2" in terms.text
        assert "text/turtle" in terms.text
    assert direction in get(client, f"{head} {{ BIND({DIRECTED} AS ?o) }}", accept).text


EXPOSED = {"Link", "Content-Location", "ETag", "Location", "Retry-After", "Query-Hint", "Accept-Query", "Allow"}


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/sparql?query=ASK{}", 200),
        ("GET", "/sparql?query=ASK", 400),
        ("GET", "/sparql?update=CLEAR+ALL", 403),
        ("GET", "/nowhere", 404),
        ("PUT", "/sparql", 405),
        ("PUT", "/graph-store", 405),
        ("POST", "/sparql", 415),
        ("GET", "/country/KOR", 303),
        ("GET", "/country/KOR.ttl", 200),
        ("GET", "/static/style.css", 200),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/errors", 200),
    ],
)
def test_scripts_of_any_origin_may_read_every_answer(
    client: FlaskClient, method: str, address: str, status: int
) -> None:
    response = client.open(address, method=method, headers={"Origin": "https://x.example"})
    response.close()
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert set(response.headers["Access-Control-Expose-Headers"].split(", ")) >= EXPOSED
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "address", ["/sparql", "/graph-store?default", "/country/KOR", "/static/style.css", "/nowhere"]
)
def test_preflight_is_204_and_allows_what_is_served(client: FlaskClient, address: str) -> None:
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "QUERY"}
    response = client.options(address, headers=asked)
    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Type" not in response.headers
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, QUERY, OPTIONS"
    assert {"Accept", "Content-Type", "If-None-Match"} <= set(
        response.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert {"GET", "HEAD", "OPTIONS"} <= set(response.allow)


@pytest.mark.parametrize(
    ("address", "accept", "status"),
    [
        ("/country/KOR", "text/turtle", 303),
        ("/country/KOR", "image/png", 406),
        ("/country/KORR", "text/turtle", 404),
        ("/ontology", "text/turtle", 200),
        ("/sparql?query=ASK{}", "image/png", 406),
        ("/static/nothing.css", "text/html", 404),
    ],
)
def test_vary_names_accept_on_every_status(client: FlaskClient, address: str, accept: str, status: int) -> None:
    response = client.get(address, headers={"Accept": accept})
    assert response.status_code == status
    assert "Accept" in response.vary


def test_304_has_vary_and_cors(client: FlaskClient) -> None:
    tag = client.get("/ontology", headers={"Accept": "text/turtle"}).headers["ETag"]
    response = client.get("/ontology", headers={"Accept": "text/turtle", "If-None-Match": tag})
    assert response.status_code == 304
    assert "Accept" in response.vary
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_head_of_an_error_has_its_fields_and_no_body(client: FlaskClient) -> None:
    for address in ("/sparql?query=ASK", "/nowhere", "/sparql?query=ASK{}"):
        same = {"X-Request-ID": "a1"}
        head, whole = client.head(address, headers=same), client.get(address, headers=same)
        assert head.data == b""
        assert (head.status_code, head.headers) == (whole.status_code, whole.headers)


def test_a_long_query_in_the_address_is_read(client: FlaskClient) -> None:
    text = ROWS + " # " + "x" * 20000
    assert values(get(client, text), "s") == [SOURCE]
    assert json.loads(get(client, text).data)["head"] == {"vars": ["s"]}
