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
STOPPED = "stopped after 0.5 seconds"
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
    "half a million values": (f"SELECT * {{ VALUES ?x {{ {'1 ' * 400000} }} }}", STOPPED),
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
    """Give a server of two thousand triples whose queries have half a second, 256 MiB, and 1 MiB of answer."""
    data = tmp_path_factory.mktemp("hostile") / "data.nt"
    triples = (f"<a:{number}> <a:p{number % 7}> <a:{number * 31 % 2000}> ." for number in range(2000))
    data.write_text("\n".join(triples), "utf-8")
    app = create_app(Settings("http://x.example/", (data,), timeout=0.5, memory=256, answer=1))
    yield app.test_client()
    app.extensions["cosponsor.engine"].close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_query_gets_a_proper_answer_and_the_next_is_answered(client: FlaskClient, name: str) -> None:
    query, said = HOSTILE[name]
    response = client.post("/sparql", data=query, content_type=QUERY, buffered=True)
    found = json.loads(response.data)
    if response.status_code == 200:
        assert ANSWERED in said, found
    else:
        assert response.status_code in {400, 403, 500, 503, 507}
        assert response.content_type == "application/problem+json"
        assert re.search(said, found["detail"])
    assert (response.status_code == 503) == ("Retry-After" in response.headers)
    assert client.get("/sparql?query=ASK{}").get_json(force=True) == {"head": {}, "boolean": True}


def test_good_queries_beside_hostile_ones_are_right_and_nothing_is_left(client: FlaskClient) -> None:
    """A hundred of each, from as many clients as there are threads."""
    engine = client.application.extensions["cosponsor.engine"]
    hostile = [query for query, _ in HOSTILE.values()]

    def ask(number: int) -> str:
        own = client.application.test_client()
        sent = {"environ_overrides": {"REMOTE_ADDR": f"10.0.0.{number % 8}"}, "buffered": True}
        if number % 2:
            query = hostile[number // 2 % len(hostile)]
            own.post("/sparql", data=query, content_type=QUERY, **sent)
            return "hostile"
        query = f"SELECT (COUNT(*) AS ?n) {{ ?s <a:p{number % 7}> ?o }}"
        answer = own.get("/sparql?" + urlencode({"query": query}), **sent)
        if answer.status_code == 503:  # shed, or waited too long: said, and never wrong
            return "shed"
        assert answer.get_json(force=True)["results"]["bindings"][0]["n"]["value"] in {"285", "286"}
        return "right"

    with ThreadPoolExecutor(8) as threads:
        outcomes = Counter(threads.map(ask, range(200)))
    assert outcomes["hostile"] == 100
    assert outcomes["right"] > 0
    assert (engine.places.queue, engine.places.quick, engine.places.slow) == ([], [], [])
