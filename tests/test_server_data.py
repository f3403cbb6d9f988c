"""Settings, rebasing, and data of others."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.dataset import published, write
from cosponsor.server import create_app, serving
from cosponsor.server.data import Data, load
from cosponsor.server.settings import Settings

from .conftest import BASE

OTHER = """@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
<http://old.example/thing/1> a <http://old.example/vocabulary#Thing> ; rdfs:label "eins"@de , "one"@en ;
    rdfs:seeAlso <http://old.example/thing/2> , [ rdfs:label "blank" ] .
<http://old.example/thing/%C3%A9> rdfs:label "encoded" .
<http://old.example/thing/ü> rdfs:label "unencoded" .
<http://old.example/page.html> rdfs:label "a thing with a dot" .
"""
EMPTY = ["/", "/questions", "/sources", "/disagreements", "/sparql?query=SELECT * { ?s ?p ?o }"]


@pytest.fixture(scope="module")
def turtle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "other.ttl"
    path.write_text(OTHER, "utf-8")
    return path


@pytest.fixture
def foreign(turtle: Path) -> FlaskClient:
    app = create_app(Settings("http://new.example/", (turtle,), rebase_from="http://old.example/"))
    app.testing = True
    return app.test_client()


def test_settings_survive_the_environment(tmp_path: Path) -> None:
    files = (tmp_path / "a.ttl", tmp_path / "b.nq")
    for file in files:
        file.touch()
    services = ("http://d.example/sparql", "http://e.example/sparql")
    other = Settings(
        "http://a.example/b/",
        files,
        rebase_from="http://c.example/",
        prefixes=False,
        timeout=1.5,
        services=services,
        proxies=1,
    )
    for settings in (Settings(), other):
        assert Settings.from_environment(settings.to_environment()) == settings
    assert Settings.from_environment({}) == Settings()


def test_a_variable_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="COSPONSOR_TIMEOUT: 'soon' is not a valid float"):
        Settings.from_environment({"COSPONSOR_TIMEOUT": "soon"})


@pytest.mark.parametrize("base", ["http://a.example", "a.example/", "http://a.example/#", "ftp://a.example/"])
def test_a_base_that_cannot_be_one_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="cannot be a base IRI"):
        Settings(base)


def test_the_store_holds_what_was_built(app: Flask) -> None:
    data: Data = app.extensions["cosponsor"]
    text = ox.serialize(data.store, format=ox.RdfFormat.N_QUADS)
    assert text is not None
    assert sorted(text.decode().splitlines()) == sorted(data.local(published().read_text("utf-8")).splitlines())


def test_rebasing_leaves_no_canonical_iri_literals_included(app: Flask) -> None:
    data: Data = app.extensions["cosponsor"]
    dump = "\n".join(str(quad) for quad in data.store)
    assert "https://w3id.org/cosponsor" not in dump
    assert f'<http://rdfs.org/ns/void#uriSpace> "{data.base}"' in dump


def test_data_of_others_are_served_as_they_are(turtle: Path) -> None:
    data = load(Settings("http://new.example/", (turtle,)))
    assert [node.value for node in data.described("http://old.example/thing/1").nodes] == ["http://old.example/thing/1"]
    assert data.prefixes["cosp"] == "https://w3id.org/cosponsor/ontology#"


def test_the_own_dataset_says_its_version_and_day(app: Flask) -> None:
    data: Data = app.extensions["cosponsor"]
    assert f'dcat#version> "{data.version}"' in published().read_text("utf-8")
    assert data.modified == datetime(2026, 11, 22, tzinfo=UTC)


def test_the_version_of_data_of_others_is_of_what_was_read(turtle: Path, tmp_path: Path) -> None:
    data = load(Settings("http://new.example/", (turtle,)))
    other = tmp_path / "other.ttl"
    other.write_text(OTHER.replace("one", "two"), "utf-8")
    assert data.version not in {"", load(Settings("http://new.example/", (other,))).version}
    assert data.modified is None


def test_data_that_are_moved_from_another_base_have_other_tags(turtle: Path) -> None:
    tags = set()
    for origin in (None, "http://old.example/", "http://old.example/thing/"):
        app = create_app(Settings("http://new.example/", (turtle,), rebase_from=origin))
        tags.add(app.test_client().get("/sparql?query=ASK {}").headers["ETag"])
    assert len(tags) == 3


def test_data_of_others_are_moved_if_asked(foreign: FlaskClient) -> None:
    assert foreign.get("/thing/1").headers["Location"] == "http://new.example/thing/1.ttl"
    document = foreign.get("/thing/1.nt")
    assert '<http://new.example/thing/1> <http://www.w3.org/2000/01/rdf-schema#label> "one"@en' in document.text
    assert 'rel="license"' not in document.headers["Link"]
    assert '<http://old.example/thing/1>; rel="canonical"' in document.headers["Link"]
    assert "<h1>one</h1>" in foreign.get("/thing/1.html").text


@pytest.mark.parametrize("path", ["thing/%C3%A9", "thing/%C3%BC"])
def test_iris_with_letters_beyond_ascii_are_found(foreign: FlaskClient, path: str) -> None:
    response = foreign.get(f"/{path}")
    assert (response.status_code, response.headers["Location"]) == (303, f"http://new.example/{path}.ttl")
    document = foreign.get(f"/{path}.ttl")
    assert document.status_code == 200
    assert document.headers["Content-Location"] == f"http://new.example/{path}.ttl"


def test_a_thing_whose_iri_ends_like_a_format_is_a_thing(foreign: FlaskClient) -> None:
    assert foreign.get("/page.html").headers["Location"] == "http://new.example/page.html.ttl"
    assert "a thing with a dot" in foreign.get("/page.html.ttl").text


@pytest.mark.parametrize("path", EMPTY)
def test_pages_say_that_data_of_others_were_not_checked(foreign: FlaskClient, path: str) -> None:
    response = foreign.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert "These data were not checked." in response.text


def test_files_of_several_formats_are_one_dataset(turtle: Path, tmp_path: Path) -> None:
    quads = tmp_path / "more.nq"
    quads.write_text("<http://x.example/a> <http://x.example/b> _:c <http://x.example/g> .\n")
    data = load(Settings("http://new.example/", (turtle, quads)))
    assert data.graphs == ["http://x.example/g"]
    assert data.described("http://x.example/a").about
    assert data.described("http://old.example/page.html").about


def test_a_file_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not of an RDF format"):
        load(Settings("http://new.example/", (tmp_path / "a.docx",)))


def test_an_unforeseen_error_is_500_without_a_trace(turtle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings("http://new.example/", (turtle,)))
    monkeypatch.delitem(app.extensions, "cosponsor")
    response = app.test_client().get("/thing/1")
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert "Traceback" not in response.text


@pytest.fixture
def unchecked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "dataset.nq"
    path.write_text("<urn:a> <urn:b> <urn:c> <urn:d> .\n", "utf-8")
    monkeypatch.setenv("COSPONSOR_DATA", str(path))
    return path


def test_no_server_publishes_the_own_dataset_without_its_receipt(unchecked: Path) -> None:
    with pytest.raises(ValueError, match="has no receipt of a check with today's shapes; run cosponsor build"):
        create_app(Settings())
    write(unchecked.read_text("utf-8"), unchecked, warnings=0)
    assert create_app(Settings()).extensions["cosponsor"].checked


def test_a_dataset_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cosponsor.server.data.published", lambda: tmp_path / "none.nq")
    with pytest.raises(ValueError, match=r"there is no dataset at .*none.nq; run cosponsor build"):
        load(Settings())


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Put a server in Granian's place that serves nothing; return the list of the options that it was given."""
    given: list[dict[str, object]] = []

    class Server:
        def __init__(self, target: str, **options: object) -> None:
            given.append(options)

        def serve(self) -> None:
            pass

    monkeypatch.setattr("cosponsor.server.workers.Workers", Server)
    for name in Settings().to_environment():
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    return given


Options = list[dict[str, object]]
Capture = pytest.CaptureFixture[str]


def test_the_command_serves_no_dataset_without_a_receipt(unchecked: Path, served: Options, capsys: Capture) -> None:
    with pytest.raises(ValueError, match="has no receipt"):
        serving.run("127.0.0.1", 1, Settings(), 1)
    assert (served, capsys.readouterr().out) == ([], "")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("bad.ttl", '<urn:a> <urn:b> <urn:c> .\n<urn:a> <urn:b> "x .\n', "bad.ttl: line 2: .*cannot be read as Turtle"),
        ("bad.nt", "nonsense\n", "bad.nt: line 1: .*cannot be read as N-Triples"),
        ("bad.docx", "", "bad.docx: the extension '.docx' is not of an RDF format"),
    ],
)
def test_data_that_cannot_be_read_are_named_before_the_address(
    tmp_path: Path, served: Options, capsys: Capture, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ValueError, match=problem):
        serving.run("127.0.0.1", 1, Settings(data=(tmp_path / name,)), 1)
    assert (served, capsys.readouterr().out) == ([], "")


def test_the_server_respawns_workers(turtle: Path, served: Options, capsys: Capture) -> None:
    serving.run("127.0.0.1", 1, Settings(data=(turtle,)), 1)
    assert capsys.readouterr().out == "http://127.0.0.1:1/\n"
    assert served[0]["respawn_failed_workers"] is True


def test_a_server_that_is_told_to_reload_while_it_loads_goes_on(
    turtle: Path, served: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which would end it
    monkeypatch.setattr(serving, "preload", lambda _: os.kill(os.getpid(), signal.SIGHUP))
    try:
        serving.run("127.0.0.1", 1, Settings(data=(turtle,)), 1)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert served


def test_a_base_to_move_from_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ValueError, match="'h' cannot be a base IRI"):
        Settings("http://new.example/", (), rebase_from="h")


@pytest.mark.parametrize("prefix", ["/un", ""])
def test_everything_dereferences_below_the_base_and_behind_a_proxy_that_takes_its_path(
    client: FlaskClient, prefix: str
) -> None:
    assert client.get(f"{prefix}/country/KOR").headers["Location"] == f"{BASE}country/KOR.ttl"
    document = client.get(f"{prefix}/country/KOR.ttl")
    assert (document.status_code, document.headers["Content-Location"]) == (200, f"{BASE}country/KOR.ttl")
    for path in ("/", "/sparql?query=ASK{}", "/questions", "/static/style.css", "/ontology", "/dump.nq.gz"):
        with client.get(prefix + path) as response:
            assert response.status_code == 200
    assert f'href="{BASE}static/style.css"' in client.get(f"{prefix}/").text


@pytest.mark.parametrize("base", ["http://new.example/%C3%A9/x/", "http://new.example/é/x/"])
def test_a_base_with_letters_beyond_ascii_in_its_path_dereferences(turtle: Path, base: str) -> None:
    client = create_app(Settings(base, (turtle,), rebase_from="http://old.example/")).test_client()
    assert client.get("/%C3%A9/x/thing/1.ttl").status_code == 200
    assert client.get("/y/thing/1.ttl").status_code == 404


EVIL = """@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
<http://new.example/evil> rdfs:label "<script>alert(1)</script>" ; rdfs:comment "<script>alert(2)</script>" ;
    rdfs:seeAlso <javascript:alert(3)>, <data:text/html,x>, <urn:x:y>, <mailto:a@b.example> ; <javascript:alert(4)> 1 .
<javascript:alert(5)> rdfs:seeAlso <http://new.example/evil> .
"""


def test_data_of_others_run_nothing_in_the_browser(tmp_path: Path) -> None:
    (tmp_path / "evil.ttl").write_text(EVIL, "utf-8")
    client = create_app(Settings("http://new.example/", (tmp_path / "evil.ttl",))).test_client()
    text = client.get("/evil.html").text
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 2
    assert "&lt;script&gt;alert(2)" in text
    assert "javascript:alert(3)" in text
    assert 'href="javascript:' not in text
    assert 'href="data:' not in text
    assert '<a href="urn:x:y">' in text
    assert '<a href="mailto:a@b.example">' in text


XML = r"""<http://new.example/digits> <http://x.example/123> "1" .
<http://new.example/control> <http://x.example/p> "\u0001" .
<http://new.example/fine> <http://x.example/p> "x" .
"""


@pytest.mark.parametrize("name", ["digits", "control"])
def test_a_document_that_xml_cannot_say_is_406_as_rdf_xml(tmp_path: Path, name: str) -> None:
    (tmp_path / "xml.nt").write_text(XML, "utf-8")
    client = create_app(Settings("http://new.example/", (tmp_path / "xml.nt",))).test_client()
    refused = client.get(f"/{name}.rdf", headers={"Accept": "application/rdf+xml"})
    assert refused.status_code == 406
    assert "Ask for one of text/turtle, application/n-triples, application/ld+json, text/html." in refused.text
    assert client.get(f"/{name}.ttl").status_code == 200
    assert client.get("/fine.rdf").status_code == 200
