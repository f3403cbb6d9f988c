"""Plain queries that are answered on the event loop: as the application answers them, or by it."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Timer
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from cosponsor.server import operations, pipeline, quick
from cosponsor.server.cache import Cache
from cosponsor.server.codings import MOST
from cosponsor.server.engine import Engine, Evaluator, Spooled
from cosponsor.server.evaluator import INLINE
from cosponsor.server.front import Front
from cosponsor.server.operations import Account
from cosponsor.server.places import WAITING
from cosponsor.server.quick import Quick

from .serving import wait_until
from .test_server_front import Protocol, answer, scope

ROWS = "SELECT ?s ?label { ?s a cosp:Source ; rdfs:label ?label } ORDER BY ?s"
GRAPH = "CONSTRUCT { ?s ?p ?o } { ?s a cosp:Source ; ?p ?o }"
GREAT = "SELECT * { ?s ?p ?o } LIMIT 3000"
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
        asyncio.run(answer(self.front, asked, protocol))
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


@pytest.mark.parametrize(("limit", "least"), [(2000, INLINE), (10000, MOST)])
def test_a_great_answer_is_that_of_the_application(
    asked: Asked, limit: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "GLANCE", 60)
    asked.ask(ROWS)
    query = f"SELECT * {{ ?s ?p ?o }} LIMIT {limit}"
    status, ours, body = asked.ask(query)
    assert (status, len(body) > least, asked.calls) == (200, True, 1)
    _, theirs, expected = asked.ask(query, x_request_id="a1")
    for fields in (ours, theirs):
        del fields["etag"]  # of two queries, as a comment tells them apart
    assert asked.calls == 2
    assert sorted(body) == sorted(expected)  # in any order
    assert ours == {name: value for name, value in theirs.items() if name != "x-request-id"}


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


async def one(asked: Asked, query: str, client: str = "10.0.0.1") -> Answer:
    """Return the answer to a query, with a comment after it that makes it another one."""
    protocol, sent = Protocol(), scope("GET", "/un/sparql", f"query={quote(query)}%0A%23{next(NUMBERS)}", accept=SRJ)
    sent.client = f"{client}:1"
    await answer(asked.front, sent, protocol)
    protocol.reader.join() if protocol.reader.ident else None
    return protocol.sent[0], dict(protocol.sent[1]), protocol.sent[2]


def together(asked: Asked, queries: Iterable[str]) -> list[Answer]:
    """Return the answers to queries that are sent at once."""

    async def ask_all() -> list[Answer]:
        return await asyncio.gather(*(one(asked, query) for query in queries))

    return asyncio.run(ask_all())


def test_queries_of_one_client_are_sent_to_evaluators_before_they_have_answered(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.ask(ROWS)
    told: Counter[int] = Counter()
    tell, hear = Evaluator.tell, Evaluator.hear
    most = 0

    def count_and_tell(self: Evaluator, request: dict[str, Any]) -> None:
        nonlocal most
        told[self.pid] += 1
        most = max(most, told[self.pid])
        tell(self, request)

    def hear_and_count(self: Evaluator) -> Spooled:
        told[self.pid] -= 1
        return hear(self)

    monkeypatch.setattr(Evaluator, "tell", count_and_tell)
    monkeypatch.setattr(Evaluator, "hear", hear_and_count)
    answers = together(asked, [ROWS] * 40)
    assert {status for status, _, _ in answers} == {200}
    assert len({body for _, _, body in answers}) == 1
    assert 1 < most <= pipeline.MOST


def test_each_gets_its_own_answer(asked: Asked) -> None:
    asked.ask("SELECT (0 AS ?n) {}")
    answers = together(asked, [f"SELECT ({n} AS ?n) {{}}" for n in range(60)])
    found = [json.loads(body)["results"]["bindings"][0]["n"]["value"] for _, _, body in answers]
    assert found == [str(n) for n in range(60)]


def test_those_behind_one_that_lasts_are_sent_to_others(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "QUICK", 0.1)
    asked.ask(ROWS)
    answers = together(asked, [LASTING, *[ROWS] * 20, LASTING, *[ROWS] * 20])
    assert {status for status, _, _ in answers} == {200}
    assert [b'"9000000"' in body for _, _, body in answers] == [True, *[False] * 20, True, *[False] * 20]
    assert asked.calls < len(answers)


def test_those_behind_a_great_answer_get_theirs(asked: Asked) -> None:
    asked.ask(ROWS)
    answers = together(asked, [*[ROWS] * 5, "SELECT * { ?s ?p ?o } LIMIT 2000", *[ROWS] * 5, GREAT, *[ROWS] * 5])
    assert {status for status, _, _ in answers} == {200}
    lengths = [len(body) for _, _, body in answers]
    assert [length > INLINE for length in lengths] == [*[False] * 5, True, *[False] * 5, True, *[False] * 5]


def test_those_behind_one_whose_evaluator_ends_get_their_answers(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.ask(ROWS)
    tell = Evaluator.tell
    killers: list[Timer] = []

    def end(self: Evaluator, request: dict[str, Any]) -> None:
        tell(self, request)
        if "9999999" in request.get("query", "") and not killers:
            killers.append(Timer(0.1, os.kill, (self.pid, signal.SIGKILL)))
            killers[0].start()

    monkeypatch.setattr(Evaluator, "tell", end)
    answers = together(asked, [*[ROWS] * 3, f"{LASTING} # 9999999", *[ROWS] * 8])
    killers[0].join()
    found = Counter(status for status, _, _ in answers)
    assert found == {200: 11, 500: 1}


def test_of_one_client_no_more_wait_than_may(asked: Asked) -> None:
    asked.ask(ROWS)
    most = 2 * pipeline.MOST + WAITING // 2
    answers = together(asked, [ROWS] * (most + 50))
    found = Counter(status for status, _, _ in answers)
    assert found == {200: found[200], 429: found[429]}
    assert found[200] >= pipeline.MOST + WAITING // 2
    refused = next(fields for status, fields, _ in answers if status == 429)
    assert refused["retry-after"] == "2"


def test_a_client_that_sends_many_does_not_keep_out_another(asked: Asked) -> None:
    asked.ask(ROWS)
    answered: list[tuple[str, int]] = []

    async def ask(client: str, number: int) -> None:
        for _ in range(number):
            status, _, _ = await one(asked, ROWS, client)
            answered.append((client, status))

    async def all_of_them() -> None:
        await asyncio.gather(*(ask("10.0.0.1", 5) for _ in range(100)), ask("10.0.0.2", 1))

    asyncio.run(all_of_them())
    assert answered.index(("10.0.0.2", 200)) < 400
    assert answered[-1] == ("10.0.0.1", 200)


def test_what_was_not_foreseen_is_told_and_leaves_nothing(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.ask(ROWS)
    assert asked.front.quick
    with monkeypatch.context() as patch:
        patch.setattr(asked.front.quick, "answer", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # granian answers 500
            asked.ask(ROWS)
    assert asked.ask(ROWS)[0] == 200


def test_account_is_kept_of_quick_queries_too(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Account] = []
    for module in (operations, quick):
        monkeypatch.setattr(module, "keep", kept.extend)
    asked.ask(ROWS)
    asked.ask(ROWS)
    wait_until(lambda: len(kept) == 2)
    by_application, soon = sorted(kept, key=lambda account: account.seconds, reverse=True)
    assert (soon.status, soon.outcome, soon.client) == (200, "ok", "10.0.0.1")
    assert soon.reply["rows"] == by_application.reply["rows"] == 5
