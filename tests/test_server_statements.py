"""How statements are read: in few questions, without looking through all, the same whatever holds them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.iris import BASE as CANONICAL
from cosponsor.iris import room
from cosponsor.server import create_app, data, description
from cosponsor.server.answers import bound
from cosponsor.server.data import Data, Labels
from cosponsor.server.settings import Settings
from cosponsor.server.statements import Stored, in_memory

from .conftest import BASE

RDFS = "http://www.w3.org/2000/01/rdf-schema#"


class Elsewhere:
    """The statements of a store as another engine has them: each method is a request, and is counted."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self.requests: Counter[str] = Counter()

    def about(self, nodes: Iterable[ox.NamedNode], predicates: Iterable[ox.NamedNode] = ()) -> list[ox.Quad]:
        self.requests["about"] += 1
        return self._stored.about(nodes, predicates)

    def pointing_to(self, nodes: Iterable[ox.NamedNode], limit: int) -> list[ox.Quad]:
        self.requests["pointing_to"] += 1
        return self._stored.pointing_to(nodes, limit)

    def within(self, graph: ox.NamedNode, limit: int) -> list[ox.Quad]:
        self.requests["within"] += 1
        return self._stored.within(graph, limit)

    def mentions(self, node: ox.NamedNode) -> bool:
        self.requests["mentions"] += 1
        return self._stored.mentions(node)

    def has_graph(self, graph: ox.NamedNode) -> bool:
        self.requests["has_graph"] += 1
        return self._stored.has_graph(graph)

    def graphs(self) -> list[str]:
        self.requests["graphs"] += 1
        return self._stored.graphs()

    def select(self, query: str) -> ox.QuerySolutions:
        self.requests["select"] += 1
        return self._stored.select(query)


@pytest.fixture
def elsewhere(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    """Put the statements of the application into another engine, with nothing remembered of them."""
    served: Data = app.extensions["cosponsor"]
    assert isinstance(served.statements, Stored)
    _ = served.version, served.modified  # read once, whatever is asked
    moved = Elsewhere(served.statements)
    monkeypatch.setattr(served, "statements", moved)
    monkeypatch.setattr(served, "labels", Labels(moved))
    yield moved


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("country/KOR.ttl", 5),
        ("country/KOR.html", 16),
        ("claim/keia-2020-12-09/07.ttl", 7),
        ("claim/keia-2020-12-09/07.html", 17),
        ("issue/sponsorship.html", 17),
        ("disagreements", 10),
        ("ontology.html", 7),
        ("dataset.html", 10),
        ("graph/reference.ttl", 3),
    ],
)
def test_a_page_asks_few_questions(client: FlaskClient, elsewhere: Elsewhere, path: str, most: int) -> None:
    held = client.get(f"/{path}", headers={"Accept": "text/html"})
    assert held.status_code == 200
    assert 1 <= elsewhere.requests.total() <= most


def test_every_document_is_found_with_all_that_is_described_in_it(app: Flask) -> None:
    """Fragments are found by links; what is in no link is in a named graph, whose document gives all of it."""
    served: Data = app.extensions["cosponsor"]
    documents: dict[str, set[str]] = defaultdict(set)
    for quad in served.store:
        if isinstance(quad.subject, ox.NamedNode):
            documents[quad.subject.value.partition("#")[0]].add(quad.subject.value)
    for iri, nodes in documents.items():
        found = description.find(served, iri.removeprefix(BASE))
        assert found is not None, iri
        if found.graph is None:
            assert {node.value for node in found.described.nodes} == nodes
            assert found.described.nodes[0].value == min(nodes)


FRAGMENTS = """<http://x.example/a> <urn:p> <http://x.example/a#one> .
<http://x.example/a#one> <urn:p> <http://x.example/a#two>, <http://x.example/ab#three>, <http://x.example/a#nothing> .
<http://x.example/a#two> <urn:p> 2 .
<http://x.example/a#four> <urn:p> <http://x.example/a> .
<http://x.example/b#five> <urn:p> <http://x.example/b> .
<http://x.example/c> <urn:p> <http://x.example/a#two> .
"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    file = tmp_path / "other.ttl"
    file.write_text(FRAGMENTS, "utf-8")
    return file


@pytest.mark.parametrize(("name", "fragments"), [("a", ["", "#four", "#one", "#two"]), ("b", ["#five"]), ("d", [])])
def test_fragments_are_found_by_links(other: Path, name: str, fragments: list[str]) -> None:
    found = data.load(Settings("http://x.example/", (other,))).described(f"http://x.example/{name}")
    assert [node.value for node in found.nodes] == [f"http://x.example/{name}{fragment}" for fragment in fragments]


def test_what_points_to_a_fragment_is_in_the_document(other: Path) -> None:
    client = create_app(Settings("http://x.example/", (other,))).test_client()
    assert "<http://x.example/c> <urn:p> <http://x.example/a#two> ." in client.get("/a.nt").text
    assert client.get("/b").status_code == 303
    assert client.get("/d").status_code == 404


def test_a_document_that_does_not_give_all_says_so(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert description.SOME not in client.get("/country/KOR.nt").text
    monkeypatch.setattr(data, "POINTING", 3)
    document = client.get("/country/KOR.nt").text
    assert (
        len(re.findall(rf"<{BASE}country/KOR> \.$", document, re.MULTILINE)) == 3 + 1
    )  # and the topic of the document
    assert f"<{BASE}country/KOR.nt> <{RDFS}comment> " in document
    assert description.SOME in client.get("/country/KOR.html").text


def test_a_graph_that_is_too_great_for_a_document_is_in_the_graph_store(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = client.get("/graph/reference.nt").text
    monkeypatch.setattr(description, "WHOLE", 10)
    response = client.get("/graph/reference.nt")
    assert response.status_code == 302
    address = response.headers["Location"].removeprefix(BASE)
    with client.get(f"/{address}", headers={"Accept": "application/n-triples"}) as answer:
        given = set(answer.get_data(as_text=True).splitlines())
    assert len(given) > 1000
    assert given <= set(whole.splitlines())


LABELLED = f"""<urn:a> <{RDFS}label> "deutsch"@de .
<urn:a> <http://xmlns.com/foaf/0.1/name> "english"@en .
<urn:a> <http://schema.org/name> "untagged" .
<urn:b> <http://schema.org/name> "name" .
<urn:b> <http://www.w3.org/2004/02/skos/core#prefLabel> "preferred" .
<urn:c> <{RDFS}label> <urn:a> .
"""


def test_labels_are_english_before_untagged_before_others_and_then_by_property() -> None:
    labels = Labels(in_memory(LABELLED.encode()))
    assert [labels.get(f"urn:{name}") for name in "abcd"] == ["english", "preferred", "", ""]


def test_labels_are_asked_for_once_together_with_those_that_there_are_none_of() -> None:
    statements = Elsewhere(in_memory(LABELLED.encode()))
    labels = Labels(statements)
    labels.look_up(["urn:a", "urn:b", "urn:c"])
    labels.look_up(["urn:c", "urn:a"])
    assert [labels.get(f"urn:{name}") for name in "abc"] == ["english", "preferred", ""]
    assert statements.requests == {"about": 1}


def test_a_label_is_told_though_another_thread_has_looked_it_up_since() -> None:
    class Known(dict[str, str]):
        def get(self, key: str, default: object = None) -> None:  # type: ignore[override]
            self.setdefault(key, "english")  # what another thread does after this one has looked

    labels = Labels(in_memory(LABELLED.encode()))
    labels._known = Known()
    assert labels.get("urn:a") == "english"


def test_labels_are_forgotten_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "REMEMBERED", 2)
    statements = Elsewhere(in_memory(LABELLED.encode()))
    labels = Labels(statements)
    for name in "abcab":
        assert labels.get(f"urn:{name}") == {"a": "english", "b": "preferred", "c": ""}[name]
        assert len(labels._known) <= 2
    assert statements.requests["about"] == 5


QUERIES = sorted(file.name for file in (room("server") / "queries").iterdir() if not file.name.startswith("service-"))


@pytest.mark.parametrize("name", QUERIES)
def test_a_variable_is_bound_where_the_engine_sees_it_first(name: str) -> None:
    query = (room("server") / "queries" / name).read_text("utf-8")
    head, _, rest = bound(query, topic=ox.NamedNode("urn:a")).partition(" VALUES ?topic { <urn:a> }")
    assert head + rest == query
    assert head.endswith("WHERE {")
    assert "{" not in head.removesuffix("{")


def test_several_variables_and_nodes_are_bound_at_once(app: Flask) -> None:
    served: Data = app.extensions["cosponsor"]
    query = bound("SELECT ?a ?b\nWHERE { }", a=ox.NamedNode("urn:a"), b=[ox.NamedNode("urn:b"), ox.NamedNode("urn:c")])
    found = {(a.value, b.value) for a, b in served.statements.select(query)}
    assert found == {("urn:a", "urn:b"), ("urn:a", "urn:c")}


def test_what_was_loaded_is_shared_until_it_is_loaded_anew_whatever_becomes_of_the_file(other: Path) -> None:
    settings = Settings("http://x.example/", (other,))
    data.preload(settings)
    try:
        assert data.load(settings) is data.load(Settings.from_environment(settings.to_environment()))
        assert data.load(Settings("http://y.example/", (other,))) is not data.load(settings)
        before = data.load(settings)
        other.write_text(FRAGMENTS.replace("2", "twenty").replace("twenty", "20"), "utf-8")
        assert data.load(settings) is before
        data.preload(settings)
        assert data.load(settings) is not before
    finally:
        data._preloaded.clear()


def test_the_data_of_an_endpoint_are_in_no_store() -> None:
    with pytest.raises(TypeError, match="in no store of ours"):
        _ = Data(CANONICAL, CANONICAL, Elsewhere(in_memory()), checked=False).store
