"""Queries that mean harm, and good ones beside them: every one gets a proper answer, and nothing is left behind."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from cosponsor.server import create_app
from cosponsor.server.settings import Settings

QUERY = "application/sparql-query"
ANSWERED = "^$"
STOPPED = "stopped after 1 seconds"
ENDED = "ended without an answer"
DEEP = "nests brackets"
MANY = f"VALUES ?%s {{ {'1 ' * 2000} }}"
CROSS = "?a ?b ?c. ?d ?e ?f. ?g ?h ?i"

# Each with what the answer may say, with ANSWERED if it may as well be answered.
HOSTILE = {
    "a Cartesian product": (f"SELECT (COUNT(*) AS ?n) {{ {CROSS} }}", STOPPED),
    "a Cartesian product that is sorted": (f"SELECT * {{ {CROSS} }} ORDER BY ?c", f"{STOPPED}|{ENDED}"),
    "distinct strings of a Cartesian product": (
        f"SELECT (COUNT(DISTINCT ?x) AS ?n) {{ {CROSS} BIND(CONCAT(STR(?a), STR(?d), STR(?i)) AS ?x) }}",
        f"{STOPPED}|{ENDED}",
    ),
    "a grouped Cartesian product": (
        f"SELECT ?a (GROUP_CONCAT(?f) AS ?x) {{ {CROSS} }} GROUP BY ?a",
        f"{STOPPED}|{ENDED}",
    ),
    "a graph from a Cartesian product": (f"CONSTRUCT {{ ?a ?e ?i }} {{ {CROSS} }}", f"{STOPPED}|{ENDED}"),
    "an answer that is too great": ("SELECT * { ?a ?b ?c. ?d ?e ?f }", "greater than 1 MiB .*LIMIT.*dump"),
    "paths of any length": (
        "SELECT (COUNT(*) AS ?n) { ?a (!<a:x>)* ?b. ?b (!<a:y>)* ?c. ?c (!<a:z>)* ?d. ?e (!<a:y>)* ?f }",
        STOPPED,
    ),
    "half a million values": (f"SELECT * {{ VALUES ?x {{ {'1 ' * 400000} }} }}", "greater than 1 MiB"),
    "lists of values multiplied": (
        f"SELECT (COUNT(*) AS ?n) {{ {MANY % 'x'} {MANY % 'y'} {MANY % 'z'} }}",
        STOPPED,
    ),
    "a giant string": (f"SELECT ('{'x' * 900000}' AS ?x) {{}}", f"{STOPPED}|{ANSWERED}"),
    "a string that doubles": (
        "SELECT (STRLEN(?a40) AS ?n) { BIND('xxxxxxxxxx' AS ?a0) "
        + " ".join(f"BIND(CONCAT(?a{i}, ?a{i}) AS ?a{i + 1})" for i in range(40))
        + "}",
        f"{STOPPED}|{ENDED}",
    ),
    "a replacement that explodes": (
        f"SELECT (STRLEN(REPLACE('{'a' * 100000}', '', '{'b' * 20000}')) AS ?n) {{}}",
        f"{STOPPED}|{ENDED}",
    ),
    "a regex that backtracks": (
        f"SELECT (REGEX('{'a' * 50000}', '^(a|aa|aaa)*(a|b)*(.*)*$') AS ?x) {{}}",
        f"{STOPPED}|{ANSWERED}",
    ),
    "a regex that unfolds": ("SELECT (REGEX('a', '((a{1000}){1000}){1000}') AS ?x) {}", f"{STOPPED}|{ANSWERED}"),
    "braces, 4 kB": ("SELECT * " + "{" * 4000, DEEP),
    "nested EXISTS, 21 kB": ("ASK {" + "FILTER EXISTS {" * 1500, DEEP),
    "brackets in what looks like an IRI": (f"ASK {{ FILTER(1<{'(' * 200000}1>2) }}", DEEP),
    "signs in a row": (f"ASK {{ FILTER({'!' * 100000}true) }}", f"{STOPPED}|{ENDED}|{ANSWERED}"),
    "many terms of a sum": (f"ASK {{ FILTER(1{' + 1' * 60000}) }}", f"{STOPPED}|{ENDED}|{ANSWERED}"),
    "many equal patterns": (f"ASK {{ {'?s ?p ?o. ' * 20000} }}", STOPPED),
    "a long path": (f"ASK {{ ?s <a:a>{'/<a:a>' * 30000} ?o }}", f"{STOPPED}|{ENDED}"),
    "a long union": (f"ASK {{ {{}}{' UNION {}' * 60000} }}", f"{STOPPED}|{ENDED}|{ANSWERED}"),
    "a service": (
        "SELECT * { { SELECT * { SERVICE SILENT <http://127.0.0.1:9/> { ?s ?p ?o } } } }",
        "SERVICE is refused",
    ),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Give a server of two thousand triples whose queries have a second, 256 MiB, and 1 MiB of answer."""
    data = tmp_path_factory.mktemp("hostile") / "data.nt"
    triples = (f"<a:{number}> <a:p{number % 7}> <a:{number * 31 % 2000}> ." for number in range(2000))
    data.write_text("\n".join(triples), "utf-8")
    app = create_app(Settings("http://x.example/", (data,), timeout=1, memory=256, answer=1))
    yield app.test_client()
    app.extensions["cosponsor.engine"].close()


def assert_proper_answer(client: FlaskClient, name: str) -> None:
    """Send a hostile query to a server whose queries have a second."""
    query, said = HOSTILE[name]
    response = client.post("/sparql", data=query, content_type=QUERY, buffered=True)
    found = json.loads(response.data)
    if response.status_code == 200:
        assert ANSWERED in said, found
    else:
        assert response.status_code in {400, 403, 500, 503, 507}
        assert response.content_type == "application/problem+json"
        assert re.search(f"{said}|{STOPPED}", found["detail"])  # on a machine that is busy each may be stopped
    assert (response.status_code == 503) == ("Retry-After" in response.headers)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_query_gets_a_proper_answer_and_the_next_is_answered(client: FlaskClient, name: str) -> None:
    assert_proper_answer(client, name)
    assert client.get("/sparql?query=ASK{}").get_json(force=True) == {"head": {}, "boolean": True}


def test_good_queries_beside_hostile_ones_are_right_and_nothing_is_left(client: FlaskClient) -> None:
    """Eighty of each, eight at a time, from one address; the hostile ones ask for a tenth of a second."""
    engine = client.application.extensions["cosponsor.engine"]
    hostile = [query for query, _ in HOSTILE.values()]

    def ask(number: int) -> str:
        own = client.application.test_client()
        if number % 2:
            query = {"query": hostile[number // 2 % len(hostile)], "timeout": "0.1"}
            own.post("/sparql", data=query, buffered=True)
            return "hostile"
        query = {"query": f"SELECT (COUNT(*) AS ?n) {{ ?s <a:p{number % 7}> ?o }}", "timeout": "60"}
        answer = own.get("/sparql?" + urlencode(query), buffered=True)
        if answer.status_code != 200:
            return answer.text
        return (
            "right"
            if answer.get_json(force=True)["results"]["bindings"][0]["n"]["value"] in {"285", "286"}
            else "wrong"
        )

    with ThreadPoolExecutor(8) as threads:
        outcomes = Counter(threads.map(ask, range(160)))
    assert outcomes == {"hostile": 80, "right": 80}
    assert (engine.places.queue, engine.places.quick, engine.places.slow) == ([], [], [])


def test_a_client_cannot_ask_for_more_time_than_there_is(client: FlaskClient) -> None:
    query = f"SELECT (COUNT(*) AS ?n) {{ {CROSS} }}"
    response = client.post("/sparql", data={"query": query, "timeout": "99"})
    assert (response.status_code, STOPPED in response.text) == (503, True)


def test_a_page_of_many_columns_or_of_a_long_text_says_what_it_leaves_out(client: FlaskClient) -> None:
    columns = " ".join(f"?v{number}" for number in range(3000))
    wide = f"SELECT {columns} {{ VALUES ?x {{ {'1 ' * 100} }} }}"
    long = f"SELECT ('{'x' * 20000}' AS ?x) {{}}"
    page, text = (
        client.post("/sparql", data={"query": query, "timeout": "60"}, headers={"Accept": "text/html"}, buffered=True)
        for query in (wide, long)
    )
    assert page.status_code == 200
    assert 6 * 3000 <= page.text.count("<td") < 7 * 3000
    assert "These are the first 6 rows" in page.text
    assert "x" * 10_000 + "…" in text.text


@pytest.mark.parametrize("field", [f"a{' ' * 300_000}b", "a/b," * 50_000, "a" * 8193])
def test_a_field_that_is_too_long_is_431(client: FlaskClient, field: str) -> None:
    response = client.get("/sparql?query=ASK{}", headers={"Accept": field})
    assert (response.status_code, "Accept has" in response.text) == (431, True)


def test_a_thousand_parameters_are_read_and_no_more(client: FlaskClient) -> None:
    assert (
        client.post("/sparql", data={"query": "ASK {}"} | {f"a{number}": "" for number in range(999)}).status_code
        == 200
    )
    for body in ("a&" * 1000, "a&" * 500_000):
        response = client.post("/sparql", data=body, content_type="application/x-www-form-urlencoded")
        assert (response.status_code, "1000 are read" in response.text) == (400, True)
