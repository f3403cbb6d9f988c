"""`cosponsor serve --endpoint`: the same addresses, pages and checks in front of another engine."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest

from cosponsor.dataset import published
from cosponsor.iris import BASE
from cosponsor.questions import questions
from cosponsor.server.behind import AUTHORIZATION

from .engines import free_port, in_front_of, oxigraph
from .scripted import ONE, ROWS, Asked, Scripted, says, scripted
from .serving import Served, served, wait_until

QUERY = "SELECT ?x { ?s ?p ?x }"
Answer = tuple[int, dict[str, str], bytes]


def get(served: Served, path: str, **fields: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    # Errors are compared, in which the identifier stands.
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    connection.request("GET", f"/{path}", headers={"X-Request-ID": "a1"} | named)
    answer = connection.getresponse()
    try:
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def ask(served: Served, query: str = QUERY, **fields: str) -> Answer:
    return get(served, f"sparql?{urlencode({'query': query})}", **fields)


@pytest.fixture(scope="module")
def bad() -> Iterator[tuple[Scripted, Served]]:
    with (
        scripted() as engine,
        served("--endpoint", engine.url, "--timeout", "3", **{AUTHORIZATION: "Bearer t0k3n"}) as server,
    ):
        yield engine, server


@pytest.fixture
def engine(bad: tuple[Scripted, Served]) -> Iterator[Scripted]:
    engine, _ = bad
    engine.script, engine.hang_up = Scripted.script, False
    engine.asked.clear()
    yield engine
    engine.script, engine.hang_up = Scripted.script, False


@pytest.fixture
def server(bad: tuple[Scripted, Served]) -> Served:
    return bad[1]


def test_an_answer_of_the_engine_is_answered(engine: Scripted, server: Served) -> None:
    status, fields, body = ask(server, Accept="text/csv")
    assert (status, fields["content-type"], body) == (200, "text/csv; charset=utf-8", b"x\r\n1\r\n")
    assert engine.asked[0].fields["authorization"] == "Bearer t0k3n"


def test_credentials_of_a_client_stay_here(engine: Scripted, server: Served) -> None:
    ask(server, Authorization="Basic bWU6bWU=", Cookie="a=b")
    assert engine.asked[0].fields["authorization"] == "Bearer t0k3n"
    assert "cookie" not in engine.asked[0].fields


def test_evaluators_and_their_connections_are_kept(engine: Scripted, server: Served) -> None:
    ask(server)
    before = engine.connections
    for _ in range(5):
        assert ask(server)[0] == 200
    assert engine.connections == before


def test_answers_of_data_without_a_version_are_kept_by_nobody(engine: Scripted, server: Served) -> None:
    for path in (f"sparql?{urlencode({'query': QUERY})}", "questions"):
        _, fields, _ = get(server, path)
        assert fields["cache-control"] == "no-store"
        assert "etag" not in fields
    before = len(engine.asked)
    ask(server)
    assert len(engine.asked) == before + 1


@pytest.mark.parametrize(
    "path", ["", "country/KOR", "country/KOR.ttl", "dataset", "disagreements", "sparql?query=ASK{}"]
)
@pytest.mark.parametrize(("status", "expected"), [("500 No", 502), ("404 Not Found", 502), ("504 No", 504)])
def test_an_outage_is_502_or_504_on_every_page_and_never_404(
    engine: Scripted, server: Served, path: str, status: str, expected: int
) -> None:
    engine.script = lambda _: says(b"", status)
    found, fields, body = get(server, path, Accept="text/html")
    assert found == expected
    assert fields["cache-control"] == "no-store"
    assert b"The engine behind this endpoint" in body


def test_a_busy_engine_is_503_with_its_retry_after(engine: Scripted, server: Served) -> None:
    engine.script = lambda _: says(b"", "429 Too Many Requests", ROWS, "Retry-After: 17")
    status, fields, _ = ask(server)
    assert (status, fields["retry-after"]) == (503, "17")


def test_an_engine_that_is_silent_is_504_at_the_deadline_and_let_go(engine: Scripted, server: Served) -> None:
    ended = threading.Event()

    def wait(_: Asked) -> bytes:
        ended.wait(30)
        return says()

    engine.script = wait
    status, _, body = get(server, f"sparql?{urlencode({'query': QUERY, 'timeout': '0.2'})}")
    ended.set()
    assert status == 504
    detail = json.loads(body)["detail"]
    assert detail.startswith("The engine behind this endpoint did not answer whole within 0.2 seconds.")


def test_a_client_that_goes_away_ends_the_request_to_the_engine(engine: Scripted, server: Served) -> None:
    engine.script = lambda _: says(ONE, length=1000)
    ended = engine.ended
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /sparql?query=SELECT*%7B%7D HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: engine.asked)
    wait_until(lambda: engine.ended > ended)


def test_the_server_starts_before_its_engine_and_says_that_it_is_not_there() -> None:
    words = [sys.executable, "-m", "cosponsor.server.cli", "serve", "--port", "0", "--endpoint"]
    with subprocess.Popen(
        [*words, f"http://127.0.0.1:{free_port()}/"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        said = [process.stderr.readline() for _ in range(2)]
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        process.communicate(timeout=20)
    assert said[0] == "the engine cannot be reached: [Errno 111] Connection refused\n"
    assert said[1].startswith("The engine behind this endpoint cannot be reached, or broke the connection;")


def test_a_version_that_the_operator_gives_makes_answers_last() -> None:
    with scripted() as engine, served("--endpoint", engine.url, "--data-version", "2026-11") as server:
        status, fields, _ = ask(server)
        assert (status, fields["cache-control"]) == (200, "public, max-age=60")
        before = len(engine.asked)
        status, again, _ = ask(server, If_None_Match=fields["etag"])
        assert (status, again["etag"]) == (304, fields["etag"])
        assert len(engine.asked) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", str(published())), "--endpoint and --data exclude each other: the engine behind has the data."),
        (("--rebase", "http://a.example/"), "--rebase does not go with --endpoint"),
    ],
)
def test_what_does_not_go_with_an_endpoint_is_refused(words: tuple[str, ...], said: str) -> None:
    assert said in refused("--endpoint", "http://127.0.0.1:1/", *words)


@pytest.mark.parametrize("url", ["ftp://a.example/", "sparql", "http://", "http://a.example:x/", "http://a.example/#q"])
def test_what_is_no_address_of_an_engine_is_refused(url: str) -> None:
    assert f"{url!r} is no address of an engine" in refused("--endpoint", url)


def test_credentials_stand_in_the_environment_only_and_are_not_repeated() -> None:
    said = refused("--endpoint", "http://me:s3cret@a.example/")
    assert AUTHORIZATION in said and "s3cret" not in said
    said = refused("--endpoint", "http://a.example/", **{AUTHORIZATION: "s3cret"})
    assert AUTHORIZATION in said and "s3cret" not in said


def test_a_version_is_of_data_behind_an_endpoint() -> None:
    assert "--data-version is of the data behind --endpoint" in refused("--data-version", "1")
    for version in ("2026\n11", "2026 11", "é"):  # which no header field could say
        assert "in ASCII" in refused("--endpoint", "http://127.0.0.1:9/", "--data-version", version)


def refused(*words: str, **environment: str) -> str:
    command = [sys.executable, "-m", "cosponsor.server.cli", "serve", "--port", "0", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    return " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """Serve the same data from memory and from Oxigraph's own server, as data of others."""
    with oxigraph(tmp_path_factory.mktemp("oxigraph")) as endpoint, in_front_of(endpoint) as servers:
        yield servers


SAME = {
    "rows": "SELECT ?s ?l { ?s a cosp:Country ; rdfs:label ?l } ORDER BY ?s ?l",
    "terms": "SELECT * { VALUES ?x { <a:b> 'a' 'b'@en 1.0 'x'^^<a:t> UNDEF 'ü\\n\\t\"' } }",
    "none": "SELECT ?s { ?s a <a:nothing> }",
    "yes": "ASK { ?s a cosp:Country }",
    "no": "ASK { ?s a <a:nothing> }",
    "graph": "CONSTRUCT { ?s rdfs:label ?l } WHERE { ?s a cosp:Body ; rdfs:label ?l }",
    "description": f"DESCRIBE <{BASE}body/HRC>",
    "dataset": f"SELECT (COUNT(*) AS ?n) FROM <{BASE}graph/reference> {{ ?s ?p ?o }}",
    "relative": "SELECT ?p { <country/KOR> ?p ?o } ORDER BY ?p",
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("extension", ["json", "xml", "csv", "tsv", "ttl", "nt", "jsonld", "rdf", "trig", "nq"])
def test_another_engine_gives_the_same_answers_in_every_format(
    both: tuple[Served, Served], name: str, extension: str
) -> None:
    path = f"sparql?{urlencode({'query': SAME[name], 'format': extension})}"
    (status, fields, body), (_, theirs, expected) = (get(server, path) for server in reversed(both))
    assert status == 200
    assert (fields["content-type"], body) == (theirs["content-type"], expected)


@pytest.mark.parametrize("question", [question.name for question in questions()])
def test_another_engine_answers_each_question_alike(both: tuple[Served, Served], question: str) -> None:
    of_memory, of_endpoint = (get(server, f"questions/{question}.csv") for server in both)
    assert of_endpoint[0] == 200
    assert sorted(of_endpoint[2].splitlines()) == sorted(of_memory[2].splitlines())


PAGES = [
    "",
    "sources",
    "ontology.html",
    "dataset.html",
    "country/KOR.ttl",
    "country/KOR.html",
    "resolution/dprk-hrc-46.html",
    "sponsorship/KOR-dprk-hrc-46.html",
    "source/koreaherald-2021-03-24.html",
    "body/HRC.jsonld",
    "body/HRC.rdf",
    "graph/editorial.nt",
    "graph/editorial.html",
    f"graph-store?{urlencode({'graph': BASE + 'graph/editorial'})}",
    "graph-store?graph=a:nothing",
    "nothing/here",
]


@pytest.mark.parametrize("path", PAGES)
def test_another_engine_gives_the_same_pages_and_documents(both: tuple[Served, Served], path: str) -> None:
    of_memory, of_endpoint = (get(server, path) for server in both)
    assert of_endpoint[0] == of_memory[0]
    assert words(of_endpoint[2]) == words(of_memory[2])


def words(page: bytes) -> list[str]:
    """Return the words of a page in an order that does not hang on that of rows that are alike."""
    return sorted(re.split(r"\s+", page.decode()))


def test_a_thing_leads_to_its_document_in_front_of_another_engine(both: tuple[Served, Served]) -> None:
    _, front = both
    status, fields, _ = get(front, "country/KOR", Accept="text/turtle")
    assert (status, fields["location"]) == (303, f"{BASE}country/KOR.ttl")


def test_a_mistake_is_told_as_by_our_own_engine(both: tuple[Served, Served]) -> None:
    memory, front = (json.loads(ask(server, "SELECT ?x\nWHER { ?s ?p ?x }")[2]) for server in both)
    assert front == memory
    assert (front["line"], front["column"]) == (2, 1)


def test_the_endpoint_describes_itself_without_what_it_does_not_know(both: tuple[Served, Served]) -> None:
    _, front = both
    status, _, body = get(front, "sparql", Accept="application/n-triples")
    assert status == 200
    said = {quad.predicate.value for quad in ox.parse(body, format=ox.RdfFormat.N_TRIPLES)}
    assert "http://www.w3.org/ns/sparql-service-description#resultFormat" in said
    assert "http://rdfs.org/ns/void#triples" not in said
    assert b"answered by another engine behind this endpoint" in body
    assert b"UnionDefaultGraph" not in body
