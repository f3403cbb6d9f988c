"""Settings, rebasing, and data of others."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.dataset import published
from cosponsor.server import create_app
from cosponsor.server.data import Data, load
from cosponsor.server.settings import Settings

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
    app = create_app(Settings("http://new.example/", (turtle,), "http://old.example/"))
    app.testing = True
    return app.test_client()


def test_settings_survive_the_environment(tmp_path: Path) -> None:
    for settings in (
        Settings(),
        Settings("http://a.example/b/", (tmp_path / "a.ttl", tmp_path / "b.nq"), "http://c.example/"),
    ):
        assert Settings.from_environment(settings.to_environment()) == settings
    assert Settings.from_environment({}) == Settings()


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
    assert "http://old.example/thing/1" in data.described
    assert data.prefixes["cosp"] == "https://w3id.org/cosponsor/ontology#"


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
    assert len(data.described) == 5


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
