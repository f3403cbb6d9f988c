"""A store on disk: it answers as memory does, in processes that open it for themselves and can be killed."""

import gzip
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.parse import quote
from urllib.request import urlopen

import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient

from cosponsor import stores
from cosponsor.dataset import published
from cosponsor.questions import questions
from cosponsor.server import create_app
from cosponsor.server.cli import main
from cosponsor.server.data import Data
from cosponsor.server.engine import Engine
from cosponsor.server.settings import Settings
from cosponsor.server.storing import store_dataset, store_files
from cosponsor.stores import ABOUT, CURRENT

from .conftest import BASE
from .serving import served, wait_until
from .test_server_hostile import HOSTILE, QUERY, assert_proper_answer

COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
ROWS = [
    "SELECT ?s { ?s cosp:country/rdfs:label ?o FILTER(CONTAINS(?o, 'Korea')) } ORDER BY ?s",
    "SELECT ?c (COUNT(*) AS ?n) { ?s cosp:country ?c } GROUP BY ?c ORDER BY DESC(?n) ?c LIMIT 9",
    "SELECT ?s ?t { ?s a cosp:Claim OPTIONAL { ?s cosp:term ?t } } ORDER BY ?s ?t",
    "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g",
    "SELECT (COUNT(*) AS ?n) FROM <graph/reference> { ?s ?p ?o }",
    "SELECT ?x { <country/KOR> (<a:none>|!<a:none>)* ?x FILTER(isLiteral(?x)) } ORDER BY STR(?x) LANG(?x)",
    "ASK { ?s a <a:none> }",
    "SELECT ?d { ?s cosp:decidingDate ?d FILTER(?d > '2015-01-01'^^xsd:date) } ORDER BY ?d",
]
PAGES = ["", "sources", "disagreements", "questions", "dataset", "country/KOR", "graph/reference", "errors"]
DOCUMENTS = ["country/KOR", "ontology", "void", "shapes", "source/koreaherald-2021-03-24", "graph/editorial"]


@pytest.fixture(scope="module")
def folder(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "stores"
    data: Data = app.extensions["cosponsor"]
    store_dataset(folder, published().read_text("utf-8"), data.version, BASE)
    return folder


@contextmanager
def serving(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    try:
        yield app.test_client()
    finally:
        app.extensions["cosponsor.engine"].close()


@pytest.fixture(scope="module")
def disk(folder: Path) -> Iterator[FlaskClient]:
    with serving(Settings(BASE, store=folder, timeout=60)) as client:
        yield client


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store of the two thousand triples of the hostile queries."""
    data = tmp_path_factory.mktemp("few") / "data.nt"
    triples = (f"<a:{number}> <a:p{number % 7}> <a:{number * 31 % 2000}> ." for number in range(2000))
    data.write_text("\n".join(triples), "utf-8")
    folder = data.parent / "stores"
    store_files(folder, (data,), "http://x.example/", None)
    return folder


@pytest.fixture(scope="module")
def hostile(few: Path) -> Iterator[FlaskClient]:
    with serving(Settings("http://x.example/", store=few, timeout=1, memory=256, answer=1)) as client:
        yield client


def ask(client: FlaskClient, query: str, accept: str = "text/csv") -> str:
    response = client.post(
        "/sparql", data=query, content_type=QUERY, headers={"Accept": f"{accept}, text/turtle"}, buffered=True
    )
    assert response.status_code == 200, response.text
    return response.text


def both(disk: FlaskClient, client: FlaskClient, path: str, accept: str = "*/*") -> tuple[str, str]:
    def get(each: FlaskClient) -> str:
        response = each.get(f"/{path}", headers={"Accept": accept}, buffered=True)
        assert response.status_code == 200, response.text
        return response.text if accept != "application/n-triples" else "\n".join(sorted(response.text.splitlines()))

    return get(disk), get(client)


@pytest.mark.parametrize("query", ROWS)
def test_a_query_is_answered_as_in_memory(disk: FlaskClient, client: FlaskClient, query: str) -> None:
    assert ask(disk, query, "application/sparql-results+json") == ask(client, query, "application/sparql-results+json")


def test_every_question_is_answered_as_in_memory(disk: FlaskClient, client: FlaskClient) -> None:
    for question in questions():
        found, expected = (sorted(ask(each, question.query).splitlines()) for each in (disk, client))
        assert found == expected, question.name


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_as_in_memory(disk: FlaskClient, client: FlaskClient, path: str) -> None:
    found, expected = both(disk, client, f"{path}.html" if "/" in path else path, "text/html")
    assert found == expected


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_as_in_memory(disk: FlaskClient, client: FlaskClient, path: str) -> None:
    found, expected = both(disk, client, f"{path}.nt", "application/n-triples")
    assert found == expected


@pytest.mark.parametrize("path", ["sparql", f"graph-store?graph={BASE}graph/reference"])
def test_descriptions_and_graphs_are_as_in_memory(app: Flask, folder: Path, client: FlaskClient, path: str) -> None:
    with serving(Settings(BASE, store=folder)) as disk:
        found, expected = both(disk, client, path, "application/n-triples")
    assert found == expected


def test_the_dump_is_the_one_of_memory_and_is_known_by_its_tag(disk: FlaskClient, client: FlaskClient) -> None:
    found, expected = (each.get("/dump.nq.gz", buffered=True) for each in (disk, client))
    assert gzip.decompress(found.data) == gzip.decompress(expected.data)
    assert found.content_length == len(found.data)
    again = disk.get("/dump.nq.gz", headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_version_day_and_check_are_as_in_memory(disk: FlaskClient, client: FlaskClient) -> None:
    found, expected = (each.application.extensions["cosponsor"] for each in (disk, client))
    for name in ("base", "origin", "version", "digest", "modified", "checked"):
        assert getattr(found, name) == getattr(expected, name)


def engine_of(client: FlaskClient) -> Engine:
    engine: Engine = client.application.extensions["cosponsor.engine"]
    return engine


def kill_evaluators(client: FlaskClient) -> None:
    idle = list(engine_of(client)._idle)
    for evaluator in idle:
        os.kill(evaluator.pid, signal.SIGKILL)
    wait_until(lambda: not any(evaluator.lives() for evaluator in idle))


def tables(pid: int) -> int:
    """Return how many files of a store a process has open."""
    links = [path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()]
    return sum(link.suffix == ".sst" for link in links)


def test_evaluators_open_the_store_for_themselves_and_the_fork_server_does_not(disk: FlaskClient) -> None:
    ask(disk, COUNT)
    engine = engine_of(disk)
    assert tables(engine._pid) == 0
    assert tables(engine._idle[0].pid) > 0


def test_an_evaluator_that_is_killed_is_replaced_by_one_that_opens_the_store(disk: FlaskClient) -> None:
    expected = ask(disk, COUNT)
    for _ in range(3):
        kill_evaluators(disk)
        assert ask(disk, COUNT) == expected


def test_a_fork_server_that_is_killed_is_replaced_where_the_store_is_open_already(disk: FlaskClient) -> None:
    expected, engine = ask(disk, COUNT), engine_of(disk)
    assert disk.get("/country/KOR.ttl").status_code == 200  # opens it in this process
    for _ in range(3):
        os.kill(engine._pid, signal.SIGKILL)
        kill_evaluators(disk)
        assert ask(disk, COUNT) == expected
        assert tables(engine._pid) == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_query_gets_a_proper_answer_and_the_next_is_answered(hostile: FlaskClient, name: str) -> None:
    assert_proper_answer(hostile, name)
    wait_until(lambda: hostile.get("/sparql?query=ASK{}").status_code == 200)  # it has a second, on a busy machine too


def test_an_evaluator_calls_nobody_unless_its_query_may(few: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        query = f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}"
        request = {"query": query, "default": [], "named": [], "rows": "srj", "graphs": "ttl", "timeout": 0.5}
        with serving(Settings("http://x.example/", store=few, services=(address,))) as client:
            found = engine_of(client).run(request, "a", Event(), networked=False).message
            assert found["problem"]["code"] == 502
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()
            listening.settimeout(10)
            with ThreadPoolExecutor(1) as threads:
                asked = threads.submit(engine_of(client).run, request, "a", Event(), networked=True)
                listening.accept()[0].close()
                assert asked.exception() or asked.result().message["problem"]["code"] == 502


def test_several_servers_of_several_processes_answer_from_one_store(few: Path) -> None:
    with served("--store", str(few), "--workers", "2") as first, served("--store", str(few)) as second:

        def count(number: int) -> object:
            url = f"{(first, second)[number % 2].url}sparql?query={quote(COUNT)}"
            with urlopen(url) as answer:
                return json.load(answer)["results"]["bindings"][0]["n"]["value"]

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(count, range(80))) == {"2000"}


def test_a_new_version_is_served_by_who_starts_then_and_the_old_one_by_who_did_before(tmp_path: Path) -> None:
    folder, data = tmp_path / "stores", tmp_path / "data.nt"

    def make(number: int) -> None:
        data.write_text(f'<a:a> <a:b> "{number}" .\n', "utf-8")
        store_files(folder, (data,), BASE, None)

    def value(client: FlaskClient) -> str:
        return ask(client, "SELECT ?o { ?s ?p ?o }").split()[1]

    make(1)
    with serving(Settings(BASE, store=folder)) as old:
        assert value(old) == "1"
        make(2)
        with serving(Settings(BASE, store=folder)) as new:
            kill_evaluators(old)  # another opens what is no longer current
            assert (value(old), value(new)) == ("1", "2")
            assert old.application.extensions["cosponsor"].version != new.application.extensions["cosponsor"].version


def test_data_that_cannot_be_opened_any_more_are_500_and_the_next_evaluator_tries_again(tmp_path: Path) -> None:
    data = tmp_path / "data.nt"
    data.write_text("<a:a> <a:b> <a:c> .\n", "utf-8")
    store_files(tmp_path / "stores", (data,), BASE, None)
    path = stores.find(tmp_path / "stores").path
    with serving(Settings(BASE, store=tmp_path / "stores")) as client:
        path.rename(tmp_path / "away")
        response = client.post("/sparql", data=COUNT, content_type=QUERY)
        assert (response.status_code, "cannot be read now" in response.text) == (500, True)
        (tmp_path / "away").rename(path)
        client.post("/sparql", data=COUNT, content_type=QUERY)  # by the one that was made ready before
        assert ask(client, COUNT).split() == ["n", "1"]


def test_a_store_of_others_is_served_unchecked(tmp_path: Path) -> None:
    ox.Store(str(tmp_path)).add(ox.Quad(*[ox.NamedNode(f"{BASE}a")] * 3))
    with serving(Settings(BASE, store=tmp_path)) as client:
        assert ask(client, COUNT).split() == ["n", "1"]
        assert "These data were not checked." in client.get("/a.html").text
        assert client.get("/sparql", headers={"Accept": "text/turtle"}).status_code == 200
        refused = client.get("/dump.nq.gz")
        assert (refused.status_code, "no dump" in refused.text) == (404, True)


def test_a_store_of_files_is_served_unchecked_at_the_base_to_which_they_were_moved(tmp_path: Path) -> None:
    data = tmp_path / "data.ttl"
    data.write_text("<http://old.example/a> <http://old.example/b> 1 .", "utf-8")
    made = store_files(tmp_path / "stores", (data,), "http://new.example/", "http://old.example/")
    assert made.about
    assert made.about.shapes is None
    with serving(Settings(store=tmp_path / "stores")) as client:
        document = client.get("/a.html")
        assert "These data were not checked." in document.text
        assert '<http://old.example/a>; rel="canonical"' in document.headers["Link"]
        described = client.get("/sparql", headers={"Accept": "application/n-triples"}).text
        assert "<http://rdfs.org/ns/void#property> <http://new.example/b>" in described


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    (tmp_path / CURRENT).symlink_to((folder / CURRENT).resolve())
    return tmp_path


def test_the_own_dataset_is_refused_if_it_was_not_checked_with_todays_shapes(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosponsor.server.data.shapes_hash", lambda: "others")
    with pytest.raises(ValueError, match="was not checked with today's shapes; run cosponsor build --store"):
        create_app(Settings(BASE, store=copied))


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(words), env=environment)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--base-iri", "http://b.example/"], f"is for {BASE}; leave out --base-iri"),
        (["--data", __file__], "--store and --data exclude each other"),
        (["--rebase", "http://b.example/"], "--store and --rebase exclude each other"),
    ],
)
def test_serve_refuses_what_does_not_go_with_a_store(folder: Path, words: list[str], said: str) -> None:
    found = run("serve", "--port", "0", "--store", str(folder), *words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr


def test_a_base_in_the_environment_that_is_not_the_stores_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"is for .*, not for http://b\.example/"):
        create_app(Settings("http://b.example/", store=folder))


def test_serve_refuses_a_folder_without_a_whole_store(tmp_path: Path) -> None:
    missing, empty = run("serve", "--store", str(tmp_path / "none")), run("serve", "--store", str(tmp_path))
    (tmp_path / "CURRENT").write_text("MANIFEST-1", "utf-8")
    broken = run("serve", "--port", "0", "--store", str(tmp_path))
    for found, said in (
        (missing, "does not exist"),
        (empty, "there is no current store"),
        (broken, "cannot be opened"),
    ):
        assert (found.exit_code, found.stdout) == (2, "")
        assert said in found.stderr
        assert len(found.stderr.splitlines()) < 5
        assert "Traceback" not in found.stderr


def test_build_makes_a_store_of_files_and_no_dataset(tmp_path: Path) -> None:
    data = tmp_path / "data.nt"
    data.write_text("<a:a> <a:b> <a:c> .\n", "utf-8")
    found = run("build", "--store", str(tmp_path / "stores"), "--data", str(data), COSPONSOR_DATA=str(tmp_path / "d"))
    assert (found.exit_code, found.stdout) == (0, ""), found.stderr
    assert "1 quads in" in found.stderr
    assert "these data were not checked, and no dataset was built" in found.stderr
    assert not (tmp_path / "d").exists()
    assert json.loads((tmp_path / "stores" / CURRENT / ABOUT).read_text("utf-8"))["quads"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", __file__], "--data needs --store"),
        (["--rebase", "http://b.example/"], "--rebase is of --data"),
        (["--store", "s", "--data", __file__, "--out", "x.nq"], "with --data none is built"),
        (["--store", "s", "--base-iri", "b.example"], "'b.example' cannot be a base IRI"),
        (["--store", "s", "--data", __file__], "the extension '.py' is not of an RDF format"),
    ],
)
def test_build_refuses_what_does_not_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run("build", *words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr
    assert not (tmp_path / "s" / CURRENT).exists()
