"""Query evaluation and syntax of the W3C suites, asked over HTTP.

One server holds every data file of the suites as a named graph under the file's own IRI; a test's dataset is chosen
by the parameters of the protocol (SPARQL 1.1 Protocol, section 2.1.4), unless its query names one with FROM.

Left out are updates, since this server only reads (see test_protocol.py), and entailment regimes, which it does not
have. Federation is refused.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cosponsor.server import create_app
from cosponsor.server.settings import Settings

from .answers import Solutions, answer, read
from .suite import BASE, CASES, EXCEPTIONS, MF, MISSING, Case, parameters, path_of, text

pytestmark = MISSING

EVALUATION = {"QueryEvaluationTest", "CSVResultFormatTest"}
POSITIVE = {"PositiveSyntaxTest", "PositiveSyntaxTest11"}
NEGATIVE = {"NegativeSyntaxTest", "NegativeSyntaxTest11"}
# Some tests of bad syntax are updates.
ASKED = [case for case in CASES if case.kind in EVALUATION | POSITIVE | NEGATIVE and case.query.endswith(".rq")]
FEDERATED = [case for case in ASKED if case.folder in {"sparql11/service", "sparql11/syntax-fed"}]
QUERIES = [case for case in ASKED if case not in FEDERATED]
NOTHING = BASE + "nothing"  # a graph that does not exist: its dataset is empty
# The format to ask for, by the file with the expected answer. A graph may be one that describes solutions.
ACCEPT = {
    ".srx": "application/sparql-results+xml",
    ".srj": "application/sparql-results+json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".rdf": "application/rdf+xml, application/sparql-results+xml",
    ".ttl": "text/turtle, application/sparql-results+json",
    ".nt": "application/n-triples, application/sparql-results+json",
}
MEDIA_TYPES = {**ACCEPT, ".rdf": "application/rdf+xml", ".ttl": "text/turtle", ".nt": "application/n-triples"}
_FROM = re.compile(r"\bFROM\s+(?:NAMED\s+)?<([^>]*)>", re.IGNORECASE)


def of(kinds: set[str]) -> list[Case]:
    return [case for case in QUERIES if case.kind in kinds]


def query_text(case: Case) -> str:
    return path_of(case.query).read_text("utf-8")


def from_clauses(case: Case) -> list[str]:
    """Return the IRIs of the graphs that the query names."""
    return [urljoin(case.query, iri) for iri in _FROM.findall(query_text(case))]


def quads(iri: str) -> Iterator[ox.Quad]:
    """Yield a file as the graph of its IRI, and the named graphs in it as they are; blank nodes stay its own."""
    for quad in ox.parse(path=path_of(iri), base_iri=iri, rename_blank_nodes=True):
        name = quad.graph_name if isinstance(quad.graph_name, ox.NamedNode) else ox.NamedNode(iri)
        yield ox.Quad(quad.subject, quad.predicate, quad.object, name)


def named_graphs(case: Case) -> list[str]:
    """Return the IRIs of the named graphs of the test's dataset: files, and graphs in files of quads."""
    inside = {quad.graph_name for iri in case.data for quad in quads(iri)}
    return [*case.graph_data, *sorted({name.value for name in inside if isinstance(name, ox.NamedNode)} - {*case.data})]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    files = {iri for case in of(EVALUATION) for iri in (*case.data, *case.graph_data, *from_clauses(case))}
    path: Path = tmp_path_factory.mktemp("suites") / "data.nq"
    ox.serialize((quad for iri in sorted(files) for quad in quads(iri)), path, format=ox.RdfFormat.N_QUADS)
    return create_app(Settings(data=(path,), prefixes=False)).test_client()


def ask(client: FlaskClient, query: str, accept: str, **dataset: list[str]) -> TestResponse:
    return client.post(
        "/sparql",
        query_string={name.replace("_", "-"): iris for name, iris in dataset.items()},
        data=query,
        content_type="application/sparql-query",
        headers={"Accept": accept},
        buffered=True,
    )


@pytest.mark.parametrize("case", parameters(of(EVALUATION)))
def test_query_is_answered_as_expected(client: FlaskClient, case: Case) -> None:
    result = text(case.manifest.value(case.node, MF + "result"))
    file = path_of(result)
    dataset = {"default_graph_uri": [*case.data] or [NOTHING], "named_graph_uri": named_graphs(case)}
    response = ask(
        client,
        f"BASE <{case.query}>\n{query_text(case)}",  # relative IRIs are those of the file
        ACCEPT[file.suffix],
        **({} if from_clauses(case) else dataset),
    )
    expected, found = read(file.read_bytes(), MEDIA_TYPES[file.suffix], result), answer(response, result)
    if not isinstance(expected, Solutions) or not isinstance(found, Solutions):
        assert found == expected
        return
    found.ordered = expected.ordered = expected.ordered or "order by" in query_text(case).rpartition("}")[2].lower()
    if case.manifest.values(case.node, MF + "resultCardinality"):  # lax: REDUCED may leave out duplicates
        assert len(found.rows) <= len(expected.rows)
        found, expected = found.reduced(), expected.reduced()
    assert found.lines() == expected.lines()


@pytest.mark.parametrize("case", parameters(of(POSITIVE)))
def test_query_is_read(client: FlaskClient, case: Case) -> None:
    response = ask(client, query_text(case), "*/*", default_graph_uri=[NOTHING])
    # Some call functions that nobody has: they are read, and fail later.
    assert response.status_code == 200 or "custom function" in response.text, response.text


@pytest.mark.parametrize("case", parameters(of(NEGATIVE)))
def test_query_is_a_syntax_error(client: FlaskClient, case: Case) -> None:
    response = ask(client, query_text(case), "*/*", default_graph_uri=[NOTHING])
    assert response.status_code == 400, response.text
    assert "line" in response.get_json(force=True), "a refusal, but of something else than the syntax"


@pytest.mark.parametrize("case", parameters(FEDERATED))
def test_query_that_needs_another_server_is_refused(client: FlaskClient, case: Case) -> None:
    assert ask(client, query_text(case), "*/*").status_code == 403


def test_no_query_is_left_out() -> None:
    assert Counter(case.kind for case in QUERIES) == {
        "QueryEvaluationTest": 578,
        "CSVResultFormatTest": 3,
        "PositiveSyntaxTest": 251,
        "PositiveSyntaxTest11": 63,
        "NegativeSyntaxTest": 131,
        "NegativeSyntaxTest11": 40,
    }
    assert len(FEDERATED) == 10


def test_every_exception_is_a_test() -> None:
    assert EXCEPTIONS.keys() <= {case.name for case in CASES}
