"""`cosponsor serve --endpoint` in front of Virtuoso 7, whose answers are unlike others' in many ways."""

import json
import shutil
from collections.abc import Iterator
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest

from cosponsor.iris import BASE

from .engines import MOST, in_front_of, virtuoso
from .serving import Served
from .test_server_endpoint import get, words

pytestmark = [
    pytest.mark.virtuoso,
    pytest.mark.skipif(
        not (shutil.which("virtuoso-t") and shutil.which("isql-vt")),
        reason="virtuoso-t, of the Debian package virtuoso-opensource-7-bin, is not installed",
    ),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """Serve the same data from memory and from Virtuoso, as data of others."""
    with virtuoso(tmp_path_factory.mktemp("virtuoso")) as endpoint, in_front_of(endpoint) as servers:
        yield servers


@pytest.fixture
def front(both: tuple[Served, Served]) -> Served:
    return both[1]


def ask(served: Served, query: str, **parameters: str) -> tuple[int, bytes]:
    status, _, body = get(served, f"sparql?{urlencode({'query': query, **parameters})}")
    return status, body


def error(served: Served, query: str, **parameters: str) -> tuple[int, str]:
    status, body = ask(served, query, **parameters)
    return status, json.loads(body)["detail"]


SAME = {
    "rows": "SELECT ?s ?l { ?s a cosp:Country ; rdfs:label ?l } ORDER BY ?s ?l",
    "texts": "SELECT ?s ?g { ?s cosp:gist ?g } ORDER BY ?s",
    "none": "SELECT ?s { ?s a <a:nothing> }",
    "yes": "ASK { ?s a cosp:Country }",
    "no": "ASK { ?s a <a:nothing> }",
    "graph": "CONSTRUCT { ?s rdfs:label ?l } WHERE { ?s a cosp:Body ; rdfs:label ?l }",
    "count": f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{BASE}graph/reference> {{ ?s ?p ?o }} }}",
    "dataset": f"SELECT (COUNT(*) AS ?n) FROM <{BASE}graph/reference> {{ ?s ?p ?o }}",
    "relative": "SELECT ?p { <country/KOR> ?p ?o } ORDER BY ?p",
    "strings": "SELECT ?s { ?s a cosp:Body . FILTER (?s != 'a # service') } ORDER BY ?s",
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("extension", ["json", "xml", "csv", "tsv", "ttl", "jsonld", "rdf"])
def test_virtuoso_gives_the_same_answers_in_every_format(
    both: tuple[Served, Served], name: str, extension: str
) -> None:
    of_memory, of_virtuoso = (ask(server, SAME[name], format=extension) for server in both)
    assert of_virtuoso[0] == 200
    assert of_virtuoso == of_memory


@pytest.mark.parametrize("question", ["years-declined", "administration-by-year", "years-according-to-002-alone"])
def test_virtuoso_answers_questions_alike(both: tuple[Served, Served], question: str) -> None:
    of_memory, of_virtuoso = (get(server, f"questions/{question}.csv") for server in both)
    assert of_virtuoso[0] == 200
    assert of_virtuoso[2] == of_memory[2]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "sources",
        "ontology.ttl",
        "country/KOR.ttl",
        "country/KOR.html",
        "claim/koreaherald-2021-03-24/08.html",
        "body/HRC.jsonld",
        "graph/editorial.nt",
        "nothing/here",
    ],
)
def test_virtuoso_gives_the_same_pages_and_documents(both: tuple[Served, Served], path: str) -> None:
    of_memory, of_virtuoso = (get(server, path) for server in both)
    assert of_virtuoso[0] == of_memory[0]
    assert words(of_virtuoso[2]) == words(of_memory[2])


def test_blank_nodes_of_virtuoso_can_be_read(front: Served) -> None:
    status, body = ask(front, "CONSTRUCT { ?s <a:b> _:x } WHERE { ?s a cosp:Body }", format="nt")
    assert status == 200
    assert {type(quad.object) for quad in ox.parse(body, format=ox.RdfFormat.N_TRIPLES)} == {ox.BlankNode}


@pytest.mark.parametrize("query", ["SELECT * { ?s ?p ?o }", "CONSTRUCT { <a:a> <a:b> ?p } WHERE { ?s ?p ?o }"])
def test_an_answer_that_virtuoso_cuts_is_507(front: Served, query: str) -> None:
    assert error(front, query) == (
        507,
        f"The engine behind this endpoint gives {MOST} rows at most, and this answer has as many: a part would look "
        f"like the whole, and was not sent. Ask for parts with ORDER BY, LIMIT {MOST} and OFFSET.",
    )


def test_as_many_rows_as_virtuoso_gives_are_given(front: Served) -> None:
    status, body = ask(front, f"SELECT ?s {{ ?s ?p ?o }} LIMIT {MOST}", format="csv")
    assert (status, body.count(b"\n")) == (200, MOST + 1)


def test_a_mistake_is_told_with_its_place_and_what_virtuoso_cannot_do_in_its_words(front: Served) -> None:
    assert error(front, "SELECT ?x\nWHER { ?s ?p ?x }") == (400, "Line 2, column 1: WHER is no keyword.")
    status, said = error(front, "SELECT * { ?s <a:b>+ ?o }")
    assert status == 502
    assert said.endswith("cannot evaluate this query: Virtuoso 37000 Error TR...: transitive start not given")


def test_a_query_that_takes_virtuoso_too_long_is_504(front: Served) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . FILTER (STRLEN(CONCAT(STR(?a), STR(?f))) > 80) }"
    status, said = error(front, query, timeout="0.5")
    assert status == 504
    assert said.startswith("The engine behind this endpoint did not answer whole within 0.5 seconds.")
