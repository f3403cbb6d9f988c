"""What is counted for the description of the endpoint: whole or not at all, and nobody waits for it."""

from pathlib import Path
from threading import Event, Thread

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from cosponsor.server import create_app, service
from cosponsor.server.counting import ELSEWHERE, NOT_YET, TOO_MANY, Counting, Counts, count
from cosponsor.server.data import Data
from cosponsor.server.engine import Late
from cosponsor.server.service import Service
from cosponsor.server.settings import Settings
from cosponsor.server.statements import in_memory

COUNTED = "http://rdfs.org/ns/void#triples"


@pytest.fixture
def data() -> Data:
    return Data("http://x.example/", "http://x.example/", in_memory(b"<urn:a> <urn:b> <urn:c> .\n"), checked=False)


def said(described: Service) -> str:
    return "\n".join(map(str, described.triples(described.counts)))


def test_until_the_counts_are_there_the_description_says_so(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PATIENCE", 0)
    counted, written = Event(), Event()

    def construct(query: str) -> bytes:
        assert counted.wait(60)
        return f"<{data.base}sparql#default-graph> <{COUNTED}> <urn:one> .\n".encode()

    described = Service(data, Settings(data.base))
    described.counting = Counting(data, construct, written.set)
    described.counting.start()
    before = said(described)
    assert NOT_YET.note in before
    assert COUNTED not in before
    counted.set()
    assert written.wait(60)
    assert NOT_YET.note not in said(described)
    assert COUNTED in said(described)


def test_a_description_that_is_not_yet_whole_is_not_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    described: Service = app.extensions["cosponsor.service"]
    client, accept = app.test_client(), {"Accept": "text/turtle"}
    monkeypatch.setattr(described, "counting", Waited())
    response = client.get("/sparql", headers=accept)
    assert (NOT_YET.note in response.text, response.headers["Cache-Control"]) == (True, "no-store")
    assert "ETag" not in response.headers
    monkeypatch.undo()
    assert client.get("/sparql", headers=accept).headers["Cache-Control"] == "public, max-age=60"


class Waited:
    """Counts that are never there."""

    def wait(self, seconds: float) -> Counts:
        return NOT_YET


def test_of_what_takes_too_long_nothing_is_counted(data: Data) -> None:
    asked: list[str] = []

    def construct(query: str) -> bytes:
        asked.append(query)
        if len(asked) > 1:
            raise Late
        return f"<{data.base}sparql#default-graph> <{COUNTED}> <urn:one> .\n".encode()

    described = Service(data, Settings(data.base))
    described.counting = Counting(data, construct, described.warm_up)
    described.counting.start()
    assert described.counting.wait(60) is TOO_MANY
    assert len(asked) == 2
    assert TOO_MANY.note in said(described)
    assert COUNTED not in said(described)


def test_counting_that_finds_no_place_is_tried_again(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosponsor.server.counting.BUSY", (0, 0, 0))
    refused = [ServiceUnavailable(), TooManyRequests()]

    def construct(query: str) -> bytes:
        if refused:
            raise refused.pop()
        return f"<{data.base}sparql#default-graph> <{COUNTED}> <urn:one> .\n".encode()

    counting = Counting(data, construct, int)
    counting.start()
    assert counting.wait(60).note == ""


def test_of_data_elsewhere_nothing_is_counted_and_there_is_no_dump(data: Data) -> None:
    text = said(Service(data, Settings(data.base)))
    assert ELSEWHERE.note in text
    assert "dump" not in text


def test_what_was_counted_when_a_store_was_built_is_told(data: Data) -> None:
    data.counts = [ox.Triple(ox.NamedNode("urn:a"), ox.NamedNode(COUNTED), ox.Literal("7"))]
    assert str(data.counts[0]) in said(Service(data, Settings(data.base)))


def test_a_process_that_was_forked_counts_anew(data: Data) -> None:
    counting = Counting(data, lambda _: b"", bool)
    counting._started, counting._thread = 0, Thread()  # as in the process before
    assert counting.wait(60).note == ""


def test_the_engine_counts_what_a_store_counts(app: Flask) -> None:
    served: Data = app.extensions["cosponsor"]

    def construct(query: str) -> bytes:
        found = served.store.query(query, base_iri=served.base, use_default_graph_as_union=True)
        assert isinstance(found, ox.QueryTriples)
        return found.serialize(format=ox.RdfFormat.N_TRIPLES) or b""

    counts = app.extensions["cosponsor.service"].counts
    assert set(counts.triples) == set(count(served, construct).triples)
    assert not counts.note


def test_an_application_without_a_query_of_its_time_is_described_without_counts(tmp_path: Path) -> None:
    file = tmp_path / "data.nt"
    file.write_text("<urn:a> <urn:b> <urn:c> .\n", "utf-8")
    app = create_app(Settings("http://x.example/", (file,), timeout=1e-9))
    client: FlaskClient = app.test_client()
    app.extensions["cosponsor.service"].counting.wait(60)
    assert TOO_MANY.note in client.get("/sparql", headers={"Accept": "text/turtle"}).text
