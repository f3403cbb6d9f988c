"""Errors (RFC 9457) and hints: where a query is wrong, what stands there, and what was probably meant."""

import json
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from rdflib import Graph

from cosponsor.server import create_app
from cosponsor.server.data import Data
from cosponsor.server.hints import all_matched, in_wide_use, mistakes
from cosponsor.server.query import tokens
from cosponsor.server.settings import Settings
from cosponsor.server.statements import in_memory

from .conftest import BASE
from .house import ROOT
from .test_server_sparql import FORM, get, problem

CLASS = "http://xmlns.com/foaf/0.1/Person"


def syntax(client: FlaskClient, query: str) -> dict[str, Any]:
    found = problem(get(client, query), 400)
    assert found["query"] == query
    assert found["type"] == f"{BASE}errors#query-syntax"
    assert found["detail"].startswith(f"Line {found['line']}, column {found['column']}: ")
    return found


def test_a_bad_query_is_400_with_line_column_and_token(client: FlaskClient) -> None:
    query = "SELECT *\nWHERE { ?s ?p }"
    found = syntax(client, query)
    assert (found["line"], found["column"], found["token"]) == (2, 15, "}")
    assert found["detail"] == "Line 2, column 15: '}' cannot stand here."
    assert "Line 2, column 15: " in get(client, query, "text/html").text
    assert get(client, query, "text/turtle").content_type == "text/plain; charset=utf-8"


def test_a_query_that_ends_too_early_has_no_token(client: FlaskClient) -> None:
    found = syntax(client, "ASK {\n ?s ?p")
    assert (found["line"], found["column"], found["token"]) == (2, 7, "")
    assert found["detail"].endswith(": the query ends too early.")


@pytest.mark.parametrize(
    ("before", "line", "column"),
    [
        ("ASK { <https://w3id.org/cosponsor/country/KOR> ?p ", 1, 51),
        ("# <https://w3id.org/cosponsor/>\nASK { <a> ?p ", 2, 14),
        ("ASK { <a> ?p '\u2028\x0c\x85\U0001f600' ; ?p ", 1, 26),
        ("ASK {\r\n <a> ?p ", 2, 9),
        ("ASK {\r <a> ?p ", 1, 15),
        ("ASK { ?s ?p ?o . ?s ?p ) . OPTIONAL {", 1, 24),
        ("SELECT * { ?s ?p ?o FILTER(?o = ", 1, 33),
        ("ASK { ?s ?p ?o } ", 1, 18),
        ("SELECT ?x ", 1, 11),
    ],
)
def test_the_position_counts_in_the_query_as_it_was_sent(
    client: FlaskClient, before: str, line: int, column: int
) -> None:
    found = syntax(client, before + "}")
    assert (found["line"], found["column"], found["token"]) == (line, column, found["detail"].split("'")[1])


@pytest.mark.parametrize(
    ("query", "column", "token", "hint"),
    [
        ("SELCT * {}", 1, "SELCT", "Did you mean SELECT for SELCT?"),
        ("SELECT * WHER {}", 10, "WHER", "Did you mean WHERE for WHER?"),
        (
            "SELECT * {?s ?p ?o} ORDR BY ?s LIMT 3",
            21,
            "ORDR",
            "Did you mean ORDER for ORDR? Did you mean LIMIT for LIMT?",
        ),
        ("ASK { FILTER(STRSTART('a', 'b')) }", 14, "STRSTART", "Did you mean STRSTARTS for STRSTART?"),
        ("SELECT (COUN(?x) AS ?n) {}", 9, "COUN", "Did you mean COUNT for COUN?"),
        ("ASK { ?s a csop:Source }", 12, "csop:Source", "Did you mean cosp: for csop:? It needs no declaration."),
        ("ASK { ?s a dct:Agent }", 12, "dct:Agent", "Add PREFIX dct: <http://purl.org/dc/terms/>"),
        ("ASK { ?s a doap:Project }", 12, "doap:Project", "Add PREFIX doap: <http://usefulinc.com/ns/doap#>"),
        ("ASK { ?s a q:Q }", 12, "q:Q", "Add PREFIX q: <…> with the namespace that you mean."),
        ("ASK { ?s : ?o }", 10, ":", "Add PREFIX : <…> with the namespace that you mean."),
        ("PREFIX q: <http://q.example/> ASK { ?s q:a q2:b }", 44, "q2:b", "Add PREFIX q2: <…>"),
    ],
)
def test_a_misspelt_keyword_and_an_undeclared_prefix_are_found_and_explained(
    client: FlaskClient, query: str, column: int, token: str, hint: str
) -> None:
    found = syntax(client, query)
    assert (found["column"], found["token"]) == (column, token)
    assert found["hint"].startswith(hint)
    assert found["detail"].endswith(("is no keyword.", "is not declared."))


@pytest.mark.parametrize("query", ["ASK { ?s ?p 'abc def }", "ASK { <a bc> ?p ?o }", "ASK { ?s ?p ?o } # SELCT\n}", ""])
def test_what_is_not_certainly_misspelt_is_not_called_so(client: FlaskClient, query: str) -> None:
    found = syntax(client, query)
    assert "hint" not in found
    assert "keyword" not in found["detail"]


@pytest.mark.parametrize("folder", [ROOT / "graph", ROOT.parent / "shared" / "suites" / "sparql"], ids=["house", "w3c"])
def test_in_queries_that_are_sparql_nothing_is_called_misspelt(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip("the W3C suites are not beside the project")
    data = Data(BASE, BASE, in_memory(), checked=False, predefined=False)
    queries = [path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*.rq"))]
    assert len(queries) > 50
    for query in filter(_is_sparql, (query for query in queries if "SERVICE" not in query.upper())):
        assert mistakes(tokens(query), data) == []


def _is_sparql(query: str) -> bool:
    try:
        ox.Store().query(query, base_iri=BASE)
    except RuntimeError:  # it knows not all functions
        return True
    except SyntaxError:
        return False
    return True


def test_a_page_and_a_text_show_the_hint(client: FlaskClient) -> None:
    for accept in ("text/html", "text/plain"):
        assert "Did you mean SELECT for SELCT?" in get(client, "SELCT * {}", accept).text


def test_without_predefined_prefixes_the_hint_gives_the_line_that_declares_one(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text("<a> <b> <c> .")
    client = create_app(Settings(BASE, (tmp_path / "a.ttl",), prefixes=False)).test_client()
    line = "PREFIX cosp: <https://w3id.org/cosponsor/ontology#>"
    assert syntax(client, "ASK { ?s a cosp:Source }")["hint"] == f"Add {line}"
    assert syntax(client, "ASK { ?s a csop:Source }")["hint"] == f"Did you mean cosp: for csop:? Then add {line}"
    assert get(client, f"{line} ASK {{ ?s a cosp:Source }}").status_code == 200


@pytest.mark.parametrize(
    "term", ["cosp:Sorce", f"<{BASE}ontology#Sorce>", "<https://w3id.org/cosponsor/ontology#Sorce>", "o:Sorce"]
)
def test_a_misspelt_term_of_the_vocabulary_is_answered_with_a_hint(client: FlaskClient, term: str) -> None:
    query = f"PREFIX o: <https://w3id.org/cosponsor/ontology#> SELECT * {{ ?s a {term}. }}"
    hint = "Nothing here is named cosp:Sorce; did you mean cosp:Source?"
    response = get(client, query)
    assert (response.status_code, response.headers["Query-Hint"]) == (200, f'"{hint}"')
    assert "Query-Hint" in response.headers["Access-Control-Expose-Headers"]
    assert hint in get(client, query, "text/html").text
    assert hint in syntax(client, query + "}")["hint"]


@pytest.mark.parametrize(
    "pattern",
    [
        "?s a cosp:Source OPTIONAL { ?s cosp:Sorce ?o }",
        "?s a cosp:Source ; cosp:Sorce? ?o",
        "?s a cosp:Source ; (cosp:Sorce*) ?o",
        "?s a cosp:Source ; cosp:Sorce* ?o",
        "?s a|cosp:Sorce ?o",
        "?s a ?o FILTER(?o != cosp:Sorce)",
        "?s !cosp:Sorce ?o",
    ],
)
def test_a_hint_comes_with_an_answer_too(client: FlaskClient, pattern: str) -> None:
    response = get(client, f"SELECT * {{ {pattern} }} LIMIT 5")
    assert (len(response.json["results"]["bindings"]), "cosp:Source?" in response.headers["Query-Hint"]) == (5, True)  # type: ignore[index]


@pytest.mark.parametrize(
    ("query", "all_of_it"),
    [
        ("SELECT * { ?s a cosp:Source }", True),
        ("PREFIX x: <x:>\nselect * { ?s a x:select }", True),
        ("SELECT * {\n?s a cosp:Source ;\n* ?o }", False),
        ("Select ?s { ?s a ? }", False),
        ("DESCRIBE ?s { ?s a cosp:Source }", False),
        ("SELECT ?s { ?s a cosp:Source ; cosp:select * ?o }", False),
    ],
)
def test_of_what_must_have_matched_there_are_no_hints(query: str, all_of_it: bool) -> None:
    assert all_matched(query) == all_of_it


def test_several_hints_are_a_list_of_strings(client: FlaskClient) -> None:
    field = get(client, "ASK { ?s cosp:zzzzzzzz cosp:Sorce }").headers["Query-Hint"]
    assert (
        field == '"Nothing here is named cosp:zzzzzzzz.", "Nothing here is named cosp:Sorce; did you mean cosp:Source?"'
    )
    assert (
        get(client, "ASK { ?s a <" + BASE + "ontology#é> }").headers["Query-Hint"] == '"Nothing here is named cosp:?."'
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s a cosp:Source . }",
        "ASK { ?s a <http://x.example/voc#Sorce>, skos:Concpt }",
        "ASK { <ontology> ?p 'cosp:Sorce' } # cosp:Sorce",
        "PREFIX cosp: <http://x.example/> ASK { ?s a cosp:Sorce }",
        f"ASK {{ ?s a <{BASE}country/KORR> }}",
    ],
)
def test_terms_that_are_there_or_not_ours_give_no_hint(client: FlaskClient, query: str) -> None:
    response = get(client, query)
    assert (response.status_code, response.headers.get("Query-Hint")) == (200, None)


def test_hints_are_few_however_long_the_query(client: FlaskClient) -> None:
    names = " ".join(f"cosp:Sorce{number}" for number in range(30000))
    answered = client.post("/sparql", data={"query": f"ASK {{ VALUES ?x {{ {names} }} }}"})
    assert answered.headers["Query-Hint"].count("Nothing here") == 5
    words = " ".join(f"a{number}:b wrongg{'g' * (number % 50)}" for number in range(20000))
    found = problem(client.post("/sparql", data={"query": f"ASK {{ VALUES ?x {{ {words} }} }}"}), 400)
    assert len(found["hint"]) < 1000
    long = problem(get(client, f"ASK {{ {'x' * 5000} }}"), 400)
    assert len(long["detail"]) < 500
    assert len(long["token"]) < 100


def test_every_type_of_problem_is_on_the_page_of_errors(client: FlaskClient) -> None:
    kind = syntax(client, "ASK")["type"]
    page, _, fragment = kind.removeprefix(BASE).partition("#")
    assert f'id="{fragment}"' in client.get(f"/{page}").text


def test_other_errors_have_no_type_of_their_own(client: FlaskClient) -> None:
    for address in ("/sparql?query=ASK{}&timeout=x", "/nowhere"):
        assert json.loads(client.get(address).data)["type"] == "about:blank"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/sparql-results+json", "application/problem+json"),
        ("application/ld+json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("application/sparql-results+xml", "text/plain; charset=utf-8"),
        ("text/html,*/*;q=0.5", "text/html; charset=utf-8"),
        ("image/png", "text/plain; charset=utf-8"),
    ],
)
def test_an_error_is_negotiated_and_never_406(client: FlaskClient, accept: str, expected: str) -> None:
    response = get(client, "ASK", accept)
    assert (response.status_code, response.content_type) == (400, expected)
    assert "Accept" in response.vary


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT ?x (COUNT(*) AS ?n) { ?x ?y ?z }", "The SELECT contains a variable that is unbound"),
        ("SELECT * { ?s ?p ?o } GROUP BY ?s", "SELECT * is not authorized with GROUP BY"),
    ],
)
def test_a_sentence_of_the_parser_is_passed_on(client: FlaskClient, query: str, problem: str) -> None:
    assert syntax(client, query)["detail"] == f"Line 1, column {len(query) + 1}: {problem}."


def test_the_place_is_found_in_a_long_query_too(client: FlaskClient) -> None:
    iris = " ".join(f"<http://x.example/{number}>" for number in range(3000))
    query = f"ASK {{ VALUES ?x {{ {iris} }} # {'x' * 20000}\n ?s ?p ) }}"
    found = problem(client.post("/sparql", data={"query": query}), 400)
    assert (found["line"], found["column"], found["token"]) == (2, 8, ")")


@pytest.mark.parametrize(
    "text", ["\x00", "ASK\x00{}", "ASK{} \ufeff\ufffe", "\U0010ffff", "ASK { 'a\\uD800' ?p ?o }", "\\u0041SK{}"]
)
def test_odd_characters_are_never_a_fault_of_the_server(client: FlaskClient, text: str) -> None:
    for response in (
        get(client, text),
        client.post("/sparql", data=text.encode(), content_type="application/sparql-query"),
    ):
        assert response.status_code in {200, 400}


@pytest.mark.parametrize("encoded", ["%ED%A0%80", "%C0%80", "%FF", "%F4%90%80%80"])
def test_surrogates_and_other_bytes_that_are_not_utf_8_are_400(client: FlaskClient, encoded: str) -> None:
    for response in (
        client.get(f"/sparql?query=ASK{{}}%23{encoded}"),
        client.post("/sparql", data=f"query=ASK{{}}%23{encoded}", content_type=FORM),
        client.get(f"/graph-store?graph=http://x.example/{encoded}"),
    ):
        assert "not UTF-8" in problem(response, 400)["detail"]


def test_prefixes_in_wide_use_are_those_that_rdflib_knows_and_more() -> None:
    known = dict(Graph(bind_namespaces="rdflib").namespaces())
    assert {prefix: str(iri) for prefix, iri in known.items()}.items() < in_wide_use().items()
