"""Plain queries that are answered on the event loop: as the application answers them, or by it."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from cosponsor.server.cache import Cache
from cosponsor.server.engine import Engine, Evaluator
from cosponsor.server.evaluator import INLINE
from cosponsor.server.front import Front
from cosponsor.server.operations import Account
from cosponsor.server.quick import Quick

from .serving import wait_until
from .test_server_front import Protocol, scope

ROWS = "SELECT ?s ?label { ?s a cosp:Source ; rdfs:label ?label } ORDER BY ?s"
GRAPH = "CONSTRUCT { ?s ?p ?o } { ?s a cosp:Source ; ?p ?o }"
LASTING = "SELECT (COUNT(*) AS ?n) { { SELECT ?a { ?a ?b ?c } LIMIT 3000 } { SELECT ?d { ?d ?e ?f } LIMIT 3000 } }"
SRJ = "application/sparql-results+json"
NUMBERS = count()
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Asked:
    """The front of an application that counts what reaches it."""

    app: Callable[..., Iterable[bytes]]
    front: Front
    calls: int = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        self.calls += 1
        return self.app(environ, start)

    def send(self, query: str, method: str = "GET", **fields: str) -> Answer:
        """Send parameters, and a comment after them that makes each query another one."""
        protocol, asked = Protocol(), scope(method, "/un/sparql", f"{query}%0A%23{next(NUMBERS)}", **fields)
        asyncio.run(self.front.__rsgi__(asked, protocol))  # type: ignore[arg-type]
        protocol.reader.join() if protocol.reader.ident else None
        status, sent, body = protocol.sent
        return status, dict(sent), body

    def ask(self, query: str, accept: str = SRJ, **fields: str) -> Answer:
        return self.send(f"query={quote(query)}", accept=accept, **fields)


@pytest.fixture
def asked(app: Flask) -> Iterator[Asked]:
    with ThreadPoolExecutor() as threads:
        asked = Asked(app, Front(app, Cache(0)))
        asked.front.application = asked
        asked.front.quick = Quick(app, "/un", threads)
        engine: Engine = app.extensions["cosponsor.engine"]
        app.test_client().get("/sparql?query=ASK{}").close()  # so that there is an evaluator
        yield asked
        assert (engine.places.quick, engine.places.queue) == ([], [])
        engine.places.released = bool


@pytest.mark.parametrize("coding", ["", "identity", "zstd, gzip;q=0.5"])
@pytest.mark.parametrize(
    ("query", "accept"),
    [
        (ROWS, SRJ),
        (ROWS, "text/csv"),
        (ROWS, "application/sparql-results+xml"),
        ("ASK {}", "text/plain, */*;q=0.1"),
        (GRAPH, "text/turtle"),
        (GRAPH, "application/n-triples"),
        ("SELECT ?s { ?s a cosp:Body }", ""),
    ],
)
def test_a_plain_query_is_answered_as_by_the_application(asked: Asked, query: str, accept: str, coding: str) -> None:
    fields = {"accept_encoding": coding} if coding else {}
    text = f"query={quote(query)}"
    _, learned, _ = asked.send(text, accept=accept, **fields)
    assert asked.calls == 1
    same = f"{text}%0A%23same"
    (status, ours, body), (_, theirs, expected) = (
        asked.send(same, accept=accept, **fields),
        asked.send(same, accept=accept, x_request_id="a1", **fields),
    )
    assert (status, body) == (200, expected)
    etags = [fields.pop("etag") for fields in (ours, theirs)]  # of two queries, as a comment tells them apart
    assert [etag.partition("-")[2] for etag in etags] == [learned["etag"].partition("-")[2]] * 2
    assert ours == {name: value for name, value in theirs.items() if name != "x-request-id"}


def test_what_is_small_and_of_a_known_format_does_not_reach_the_application(asked: Asked) -> None:
    for _ in range(5):
        assert asked.ask(ROWS)[0] == 200
    assert asked.calls == 1


def test_the_tag_is_that_of_the_application(asked: Asked, app: Flask) -> None:
    asked.ask(ROWS)
    text = f"query={quote(ROWS)}%0A%23"
    status, fields, _ = asked.send(text, accept=SRJ)
    asked_last = f"{text}%0A%23{next(NUMBERS) - 1}"
    again = app.test_client().get(f"/sparql?{asked_last}", headers={"Accept": SRJ, "If-None-Match": fields["etag"]})
    assert (status, again.status_code) == (200, 304)


@pytest.mark.parametrize(
    ("query", "fields", "status"),
    [
        (f"query={quote(ROWS)}", {"accept": "text/html"}, 200),
        (f"query={quote(ROWS)}", {"accept": "image/png"}, 406),
        (f"query={quote(GRAPH)}", {"accept": SRJ}, 406),
        (f"query={quote(ROWS)}", {"accept": SRJ, "accept_encoding": "identity;q=0"}, 406),
        (f"query={quote(ROWS)}", {"accept": SRJ, "if_none_match": '"x"'}, 200),
        (f"query={quote('SELECT (NOW() AS ?now) {}')}", {"accept": SRJ}, 200),
        (f"query={quote('SELECT ?s { ?s cosp:unheardOf ?o }')}", {"accept": SRJ}, 200),
        (f"format=csv&query={quote(ROWS)}", {"accept": SRJ}, 200),
        (f"query=x&query={quote(ROWS)}", {"accept": SRJ}, 400),
        ("query=%FF", {"accept": SRJ}, 400),
        ("query=SELECT", {"accept": SRJ}, 400),
        (f"query={quote('SELECT * { SERVICE <http://x.example/> {} }')}", {"accept": SRJ}, 403),
        (f"query={quote('CLEAR ALL')}", {"accept": SRJ}, 403),
    ],
)
def test_what_is_not_plain_is_the_applications(asked: Asked, query: str, fields: dict[str, str], status: int) -> None:
    asked.ask(ROWS)
    assert asked.send(query, **fields)[0] == status
    assert asked.calls == 2


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE"])
def test_other_methods_are_the_applications(asked: Asked, method: str) -> None:
    asked.send(f"query={quote(ROWS)}", method)
    assert asked.calls == 1


def test_a_query_that_lasts_goes_on_in_the_application_and_is_asked_once(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.ask(ROWS)
    told: list[object] = []
    tell = Evaluator.tell

    def count_and_tell(self: Evaluator, request: dict[str, Any]) -> None:
        told.append(request)
        tell(self, request)

    monkeypatch.setattr(Evaluator, "tell", count_and_tell)
    status, _, body = asked.ask(LASTING)
    assert (status, b'"9000000"' in body, asked.calls, len(told)) == (200, True, 2, 1)


def test_a_great_answer_is_sent_by_the_application(asked: Asked) -> None:
    asked.ask(ROWS)
    status, _, body = asked.ask("SELECT * { ?s ?p ?o } LIMIT 2000")
    assert (status, len(body) > INLINE, asked.calls) == (200, True, 2)


def test_an_evaluator_that_ends_is_told_by_the_application(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.ask(ROWS)
    tell = Evaluator.tell

    def end(self: Evaluator, request: dict[str, Any]) -> None:
        tell(self, request)
        os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(Evaluator, "tell", end)
    status, fields, body = asked.ask(LASTING)
    assert (status, fields["content-type"]) == (500, "application/problem+json")
    assert b"ended without an answer" in body


def test_those_that_find_no_evaluator_wait_for_one_that_is_left(asked: Asked) -> None:
    asked.ask(ROWS)
    protocols = [Protocol() for _ in range(40)]

    async def ask_all() -> None:
        address = f"query={quote(ROWS)}%0A%23"
        waiting = (
            asked.front.__rsgi__(scope("GET", "/un/sparql", f"{address}{next(NUMBERS)}", accept=SRJ), protocol)  # type: ignore[arg-type]
            for protocol in protocols
        )
        await asyncio.gather(*waiting)

    asyncio.run(ask_all())
    assert {protocol.sent[0] for protocol in protocols} == {200}
    assert len({protocol.sent[2] for protocol in protocols}) == 1


def test_account_is_kept_of_quick_queries_too(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Account] = []
    monkeypatch.setattr(Account, "keep", lambda self: kept.append(self))
    asked.ask(ROWS)
    asked.ask(ROWS)
    wait_until(lambda: len(kept) == 2)
    by_application, quick = sorted(kept, key=lambda account: account.seconds, reverse=True)
    assert (quick.status, quick.outcome, quick.client) == (200, "ok", "10.0.0.1")
    assert quick.reply["rows"] == by_application.reply["rows"] == 5
