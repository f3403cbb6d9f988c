"""What an evaluator makes of another engine's answers: whole ones, broken ones, and none."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from cosponsor.server.data import Data
from cosponsor.server.evaluator import INLINE, Spool
from cosponsor.server.places import PAUSE
from cosponsor.server.portable import dataset, limit, portable, solutions
from cosponsor.server.remote import respond_remotely
from cosponsor.server.statements import in_memory
from cosponsor.server.upstream import Upstream

from .engines import free_port
from .scripted import ONE, ROWS, Asked, Scripted, says, scripted

DATA = Data("https://data.example/", "https://data.example/", in_memory(), checked=False)
SELECT, ASK, CONSTRUCT = "SELECT ?x { ?s ?p ?x }", "ASK {}", "CONSTRUCT WHERE { ?s ?p ?o }"
TRIPLE = b"<a:a> <a:b> <a:c> .\n"


@dataclass
class Reply:
    """What an evaluator replies, and the answer."""

    message: dict[str, Any]
    body: bytes

    @property
    def problem(self) -> tuple[int, str]:
        problem = self.message["problem"]
        return problem["code"], problem["description"]


@pytest.fixture
def engine() -> Iterator[Scripted]:
    with scripted() as engine:
        yield engine


@pytest.fixture
def ask(engine: Scripted, tmp_path: Path) -> Iterator[Callable[..., Reply]]:
    upstream = Upstream(engine.url)
    with (tmp_path / "spool").open("w+b", buffering=0) as file:

        def asked(query: str = SELECT, most: int = 1 << 20, **others: Any) -> Reply:
            request = {"query": query, "default": [], "named": [], "rows": "srj", "graphs": "nt", "timeout": 5}
            file.truncate(0)
            spool = Spool(file.fileno(), most)
            reply = respond_remotely({**request, **others}, spool, upstream, DATA)
            return Reply(reply, b"".join(spool.chunks()))

        yield asked
        upstream._connection.close()


def always(answer: bytes) -> Callable[[Asked], bytes]:
    return lambda _: answer


def rows(count: int) -> bytes:
    bindings = b",".join(b'{"x":{"type":"literal","value":"%d"}}' % number for number in range(count))
    return b'{"head":{"vars":["x"]},"results":{"bindings":[%s]}}' % bindings


def test_a_query_is_sent_as_a_form_with_its_dataset_and_no_format_but_those_that_can_be_read(
    engine: Scripted, ask: Callable[..., Reply]
) -> None:
    ask(default=["a:g", "a:h"], named=["a:i"])
    (asked,) = engine.asked
    assert asked.line == "POST /query HTTP/1.1"
    assert asked.parameters == [
        ("query", SELECT),
        ("default-graph-uri", "a:g"),
        ("default-graph-uri", "a:h"),
        ("named-graph-uri", "a:i"),
    ]
    assert asked.fields["accept"] == "application/sparql-results+json;q=1.0, application/sparql-results+xml;q=0.9"
    assert "authorization" not in asked.fields


def test_credentials_go_to_the_engine_and_stand_in_no_representation(engine: Scripted) -> None:
    upstream = Upstream(engine.url, "Basic c2VjcmV0")
    with upstream.ask([("query", ASK)], ROWS, 5):
        pass
    upstream._connection.close()
    assert engine.asked[0].fields["authorization"] == "Basic c2VjcmV0"
    assert "c2VjcmV0" not in repr(upstream)


def test_one_connection_serves_many_queries(engine: Scripted, ask: Callable[..., Reply]) -> None:
    for _ in range(3):
        assert ask().message["kind"] == "rows"
    assert engine.connections == 1


def test_a_connection_that_the_engine_has_closed_is_made_again(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.hang_up = True
    for _ in range(3):
        assert ask().message["kind"] == "rows"
    assert engine.connections == 3


@pytest.mark.parametrize("extension", ["srj", "srx", "csv", "tsv"])
def test_rows_come_in_every_format_whatever_the_engine_sends(
    engine: Scripted, ask: Callable[..., Reply], extension: str
) -> None:
    xml = b"""<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="x"/></head><results><result>
        <binding name="x"><literal>1</literal></binding></result></results></sparql>"""
    answers = []
    for answer in (says(), says(xml, media_type="application/sparql-results+xml"), says(xml, media_type="")):
        engine.script = always(answer)
        reply = ask(rows=extension)
        assert reply.message == {"kind": "rows", "format": extension, "hints": [], "rows": 1}
        answers.append(reply.body)
    assert answers[0] and answers == [answers[0]] * 3


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/n-triples", TRIPLE),
        ("text/plain; charset=utf-8", TRIPLE),
        ("text/turtle", b"@prefix a: <a:> . a:a a:b a:c ."),
        (
            "application/rdf+xml",
            b"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="a:">
            <rdf:Description rdf:about="a:a"><a:b rdf:resource="a:c"/></rdf:Description></rdf:RDF>""",
        ),
    ],
)
def test_graphs_come_in_every_format_whatever_the_engine_sends(
    engine: Scripted, ask: Callable[..., Reply], media_type: str, body: bytes
) -> None:
    engine.script = always(says(body, media_type=media_type))
    for extension, file_format in (("nt", ox.RdfFormat.N_TRIPLES), ("ttl", ox.RdfFormat.TURTLE)):
        reply = ask(CONSTRUCT, graphs=extension)
        assert reply.message == {"kind": "graphs", "format": extension, "hints": [], "rows": 1}
        assert [str(quad.triple) for quad in ox.parse(reply.body, format=file_format)] == ["<a:a> <a:b> <a:c>"]


def test_a_format_that_nobody_accepts_costs_the_engine_nothing(engine: Scripted, ask: Callable[..., Reply]) -> None:
    assert ask(rows=None).message == {"kind": "rows", "format": None, "hints": [], "rows": None}
    assert not engine.asked


def test_a_great_answer_is_whole(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.script = always(says(rows(20_000)))
    assert ask(rows="csv").body == b"x\r\n" + b"".join(b"%d\r\n" % number for number in range(20_000))


def test_an_answer_over_the_ceiling_is_507(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.script = always(says(rows(20_000)))
    assert ask(most=INLINE).problem[0] == 507


BROKEN = {
    "it_fails": (says(b"", "500 Internal Server Error"), 502, "answered with status 500"),
    "it_has_nothing_there": (says(b"", "404 Not Found"), 502, "answered with status 404"),
    "it_wants_other_credentials": (says(b"", "401 Unauthorized"), 502, "does not let this server ask"),
    "it_forbids": (says(b"", "403 Forbidden"), 502, "does not let this server ask"),
    "it_has_moved": (says(b"", "307 Temporary Redirect", ROWS, "Location: http://x/"), 502, "elsewhere, where it does"),
    "it_lacks_the_formats": (says(b"", "406 Not Acceptable"), 502, "answered with status 406"),
    "it_sends_a_range": (says(ONE, "206 Partial Content"), 502, "answered with status 206"),
    "it_is_a_gateway_that_waited_in_vain": (says(b"", "504 Gateway Timeout"), 504, "stopped the query for its time"),
    "it_is_busy": (says(b"", "503 Service Unavailable"), 503, "has too much to do"),
    "it_is_asked_too_often": (says(b"", "429 Too Many Requests"), 503, "has too much to do"),
    "it_sends_a_page": (says(b"<html>", media_type="text/html"), 502, "answered with text/html; application/sparql-r"),
    "it_does_not_say_what_it_sends": (says(b"x", media_type=""), 502, "answered with something of no type"),
    "it_sends_csv": (says(b"x\n1\n", media_type="text/csv"), 502, "answered with text/csv"),
    "it_compresses": (says(ONE, "200 OK", ROWS, "Content-Encoding: gzip"), 502, "in the coding gzip"),
    "it_sends_half_of_a_document": (says(ONE[:-20]), 502, "no well-formed application/sparql-results+json"),
    "it_sends_what_is_no_iri": (says(ONE.replace(b"literal", b"uri")), 502, "no well-formed"),
    "it_breaks_off": (says(ONE, length=1000), 502, "broke off its answer"),
    "it_breaks_off_at_a_chunk": (
        b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
        % (ROWS.encode(), len(ONE), ONE),
        502,
        "broke off its answer",
    ),
    "it_speaks_something_else": (b"220 ready\r\n", 502, "does not answer as HTTP wants it"),
    "it_hangs_up": (b"", 502, "cannot be reached, or broke the connection"),
    "it_answers_yes_to_a_select": (says(b'{"head":{},"boolean":true}'), 502, "another kind of query"),
    "it_cuts_rows": (says(ONE, "200 OK", ROWS, "X-SPARQL-MaxRows: 1"), 507, "gives 1 rows at most"),
    "it_stops_amid_an_answer": (says(ONE, "200 OK", ROWS, "X-SQL-State: S1TAT"), 504, "sent a part of the answer"),
    "virtuoso_cannot_evaluate": (
        says(b"Virtuoso 37000 Error TR...: transitive start not given\n\nSPARQL query:\n", "500 x", "text/plain"),
        502,
        "cannot evaluate this query: Virtuoso 37000 Error TR...: transitive start not given",
    ),
    "virtuoso_ran_out_of_time": (says(b"Virtuoso S1T00 Error SR171", "500 x", "text/plain"), 504, "for its time"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_bad_answer_is_an_error_with_a_reason_and_the_next_one_is_good(
    engine: Scripted, ask: Callable[..., Reply], fault: str
) -> None:
    answer, code, sentence = BROKEN[fault]
    engine.script, engine.hang_up = always(answer), True
    found, description = ask().problem
    assert (found, description[: len("The engine behind this endpoint")]) == (code, "The engine behind this endpoint")
    assert sentence in description
    engine.script, engine.hang_up = always(says()), False
    assert json.loads(ask().body) == json.loads(ONE)


def test_a_graph_that_may_have_broken_off_is_502(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.script = always(b"HTTP/1.1 200 OK\r\nContent-Type: application/n-triples\r\n\r\n" + TRIPLE)
    engine.hang_up = True
    assert ask(CONSTRUCT).problem == (
        502,
        "The engine behind this endpoint does not say where its answer ends; it may be a part.",
    )


def test_no_address_of_the_engine_is_told(engine: Scripted, ask: Callable[..., Reply]) -> None:
    for fault in BROKEN:
        engine.script, engine.hang_up = always(BROKEN[fault][0]), True
        assert "127.0.0.1" not in ask().problem[1]


def test_an_engine_that_is_down_is_502() -> None:
    port = free_port()
    request = {"query": ASK, "default": [], "named": [], "rows": "srj", "graphs": "nt", "timeout": 5}
    for url in (f"http://127.0.0.1:{port}/", "http://no.invalid/", f"https://127.0.0.1:{port}/"):
        reply = respond_remotely(request, Spool(-1, INLINE), Upstream(url), DATA)
        assert Reply(reply, b"").problem[0] == 502


def test_an_engine_without_tls_at_an_address_with_tls_is_502(engine: Scripted) -> None:
    upstream = Upstream(engine.url.replace("http:", "https:"))
    request = {"query": ASK, "default": [], "named": [], "rows": "srj", "graphs": "nt", "timeout": 5}
    engine.script, engine.hang_up = always(b"no TLS\n"), True
    code, description = Reply(respond_remotely(request, Spool(-1, INLINE), upstream, DATA), b"").problem
    assert (code, "safely" in description) == (502, True)


def test_an_engine_that_is_silent_is_504() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        request = {"query": ASK, "default": [], "named": [], "rows": "srj", "graphs": "nt", "timeout": 0.05}
        upstream = Upstream(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert Reply(respond_remotely(request, Spool(-1, INLINE), upstream, DATA), b"").problem[0] == 504


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("Fri, 01 Jan 1999 00:00:00 GMT", 0), ("soon", PAUSE), ("9" * 5000, PAUSE), ("", PAUSE)],
)
def test_the_retry_after_of_a_busy_engine_is_passed_on(
    engine: Scripted, ask: Callable[..., Reply], said: str, seconds: int
) -> None:
    engine.script = always(says(b"", "503 Service Unavailable", ROWS, f"Retry-After: {said}"))
    assert ask().message["problem"]["retry_after"] == seconds


def test_a_query_that_no_parser_understands_is_400_with_its_place(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.script = always(says(b"you what", "400 Bad Request", "text/plain"))
    reply = ask("SELECT ?x\nWHER { ?s ?p ?x }")
    assert reply.problem == (400, "Line 2, column 1: WHER is no keyword.")
    assert reply.message["problem"]["members"]["hint"] == "Did you mean WHERE for WHER?"


@pytest.mark.parametrize(
    ("media_type", "body", "said"),
    [
        ("text/plain", b"no such function:\n  f\n\nSPARQL query:\nSELECT", ": no such function: f"),
        ("application/json", b'{"exception": "no such\\nfunction"}', ": no such function"),
        ("text/plain", b"x" * 1000, f": {'x' * 300}…"),
        ("text/plain", b"\x1b[31mred", ": ?[31mred"),
        ("application/json", b"[" * 100_000, "."),
        ("text/html", b"<h1>no</h1>", "."),
    ],
)
def test_what_the_engine_alone_does_not_understand_is_400_in_its_words(
    engine: Scripted, ask: Callable[..., Reply], media_type: str, body: bytes, said: str
) -> None:
    engine.script = always(says(body, "400 Bad Request", media_type))
    assert ask().problem == (400, f"The engine behind this endpoint does not understand the query{said}")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("INSERT DATA { <a:a> <a:b> <a:c> }", 403),
        ("PREFIX a: <a:> DELETE WHERE { ?s ?p ?o }", 403),
        ("SELECT * { SERVICE <http://other.example/> {} }", 403),
        ("SELECT * { " + "{" * 100 + "}" * 100 + " }", 400),
        ("define get:soft 'replace' SELECT * { ?s ?p ?o }", 400),
        ("", 400),
        ("SELECT * { \\u0053ERVICE <http://other.example/> {} }", 400),
        ("SELECT * { <a:a\\u003E> ?p ?o }", 400),
        ("SELECT ('\\uD800' AS ?x) {}", 400),
    ],
)
def test_what_is_not_let_through_does_not_reach_the_engine(
    engine: Scripted, ask: Callable[..., Reply], query: str, code: int
) -> None:
    assert ask(query).problem[0] == code
    assert not engine.asked


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("SELECT ?x { ?x a sh:NodeShape }", "PREFIX sh: <http://www.w3.org/ns/shacl#> SELECT ?x { ?x a sh:NodeShape }"),
        ("PREFIX sh: <a:> ASK { ?x a sh:a }", "PREFIX sh: <a:> ASK { ?x a sh:a }"),
        ("ASK { ?x a nobody:knows }", "ASK { ?x a nobody:knows }"),
        ("ASK { <rel> ?p <a:b#c> }", "BASE <https://data.example/> ASK { <rel> ?p <a:b#c> }"),
        ("ASK { # SERVICE\n}", "ASK {  \n}"),
        ("ASK { <a:caf\\u00E9> ?p ?o }", "ASK { <a:café> ?p ?o }"),
        (r"ASK { ?s ?p 'a\u0027b\\u0027', '\u00E9\U00000022\u000A' }", r"ASK { ?s ?p 'a\'b\\u0027', '\u00E9\"\n' }"),
        ("ASK { ?s ?p 'a service' }", "ASK { ?s ?p 'a \\u0073ervice' }"),
        ("ASK { ?s ?p 'SERVICE' }", "ASK { ?s ?p '\\u0053ERVICE' }"),
    ],
)
def test_a_query_is_sent_so_that_every_engine_reads_it_alike(query: str, sent: str) -> None:
    assert portable(query, DATA) == sent


@pytest.mark.parametrize(
    ("query", "graphs"),
    [
        (
            "SELECT * FROM <a:g> FROM sh:h from named <a:\\u0069> {}",
            "default a:g default http://www.w3.org/ns/shacl#h named a:i",
        ),
        ("PREFIX a: <b:> SELECT * FROM a:\\-g WHERE {}", "default b:-g"),
        ("SELECT * FROM <a:g> FROM <relative> {}", ""),
        ("SELECT * FROM <a:g> FROM nobody:knows {}", ""),
        ("SELECT * { ?from ?named 'from' }", ""),
    ],
)
def test_a_dataset_that_a_query_names_is_named_in_the_request_too(query: str, graphs: str) -> None:
    found = [f"{name.removesuffix('-graph-uri')} {iri}" for name, iri in dataset(query, DATA)]
    assert " ".join(found) == graphs


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("SELECT * {} LIMIT 5", 5),
        ("SELECT * {} OFFSET 1 limit 5", 5),
        ("SELECT * { SELECT * {} LIMIT 5 }", None),
        ("SELECT * {} LIMIT 5 VALUES ?x { 1 }", 5),
        ("SELECT * {}", None),
    ],
)
def test_how_many_rows_are_asked_for_is_what_the_outermost_limit_says(query: str, most: int | None) -> None:
    assert limit(query) == most


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        ("CONSTRUCT { ?s a [ a ?o ] } WHERE { ?s a ?o } LIMIT 3", "_WHERE { ?s a ?o } LIMIT 3"),
        ("CONSTRUCT WHERE { ?s a ?o }", "_WHERE { ?s a ?o }"),
        ("PREFIX a: <a:> CONSTRUCT FROM <a:g> WHERE { ?s a ?o }", "PREFIX a: <a:> _FROM <a:g> WHERE { ?s a ?o }"),
        ("DESCRIBE ?s <a:a> { ?s a ?o }", "_{ ?s a ?o }"),
        ("DESCRIBE <a:a>", ""),
    ],
)
def test_the_rows_behind_a_graph_can_be_asked_for(query: str, counted: str) -> None:
    assert solutions(query).replace("SELECT (1 AS ?cosponsor_row) ", "_") == counted


@pytest.mark.parametrize(
    "more",
    ["; DROP ALL", " ;DELETE WHERE { ?s ?p ?o }", " INSERT DATA { <a:a> <a:b> 1 }", " LIMIT 1LOAD <a:a>", " }", ";"],
)
def test_an_update_behind_a_query_is_403_and_not_sent(engine: Scripted, ask: Callable[..., Reply], more: str) -> None:
    engine.script = always(says(ONE))
    for query in (f"{SELECT}{more}", "SELECT * FROM <a:a> OPTION (get:soft 'soft') {}"):
        said = ask(query).message["problem"]
        assert (said["code"], "read-only" in said["description"]) == (403, True)
    assert engine.asked == []


def test_words_of_updates_may_stand_in_a_query(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.script = always(says(ONE))
    assert ask("PREFIX add: <a:> SELECT ?delete { ?delete add:with ?load ; add:clear 'drop;' }").message["rows"] == 1


def test_a_query_for_as_many_rows_as_the_engine_gives_is_answered(engine: Scripted, ask: Callable[..., Reply]) -> None:
    engine.script = always(says(ONE, "200 OK", ROWS, "X-SPARQL-MaxRows: 1"))
    assert ask(f"{SELECT} LIMIT 1").message["kind"] == "rows"
    assert ask(f"{SELECT} LIMIT 2").problem[0] == 507


@pytest.mark.parametrize(("fields", "code"), [(("X-SPARQL-MaxRows: 1",), 507), ((), None)])
def test_a_graph_of_virtuoso_is_whole_only_if_the_rows_behind_it_are(
    engine: Scripted, ask: Callable[..., Reply], fields: tuple[str, ...], code: int | None
) -> None:
    def script(asked: Asked) -> bytes:
        virtuoso = "Server: Virtuoso/07.20.3229"
        if asked["query"].startswith("SELECT"):
            return says(ONE, "200 OK", ROWS, virtuoso, *fields)
        return says(TRIPLE, "200 OK", "application/n-triples", virtuoso)

    engine.script = script
    reply = ask(CONSTRUCT)
    assert [asked["query"].split()[0] for asked in engine.asked] == ["CONSTRUCT", "SELECT"]
    assert reply.message.get("problem", {}).get("code") == code


@pytest.mark.parametrize(
    ("rows_", "answer"),
    [
        (
            b'[{"__ASK_RETVAL":{"type":"typed-literal","datatype":"http://www.w3.org/2001/XMLSchema#integer","value":"1"}}]',
            b"true",
        ),
        (b"[]", b"false"),
    ],
)
def test_what_virtuoso_answers_to_ask_is_yes_or_no(
    engine: Scripted, ask: Callable[..., Reply], rows_: bytes, answer: bytes
) -> None:
    engine.script = always(says(b'{"head":{"link":[],"vars":["__ASK_RETVAL"]},"results":{"bindings":%s}}' % rows_))
    reply = ask(ASK, rows="csv")
    assert (reply.message["kind"], reply.body) == ("boolean", answer)


def test_what_virtuoso_calls_blank_nodes_are_blank_nodes_wherever_the_network_cuts_its_answer(
    engine: Scripted, ask: Callable[..., Reply]
) -> None:
    node = b'{"x": { "type": "bnode", "value": "nodeID://b1" }}'
    body = b'{"head":{"vars":["x"]},"results":{"bindings":[%s]}}' % b",".join([node] * 2000)
    engine.script = always(says(body))
    assert ask(rows="csv").body == b"x\r\n" + b"_:b1\r\n" * 2000


def test_the_error_of_a_full_disk_is_not_taken_for_one_of_the_engine(engine: Scripted) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        engine.script = always(says(rows(20_000)))
        request = {"query": SELECT, "default": [], "named": [], "rows": "srj", "graphs": "nt", "timeout": 5}
        upstream = Upstream(engine.url)
        reply = respond_remotely(request, Spool(full.fileno(), 1 << 30), upstream, DATA)
        upstream._connection.close()
    assert Reply(reply, b"").problem == (
        507,
        f"The answer could not be stored ({os.strerror(28)}); ask for less, or later.",
    )
