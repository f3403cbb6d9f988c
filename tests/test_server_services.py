"""SERVICE to addresses that the operator allows (SPARQL 1.1 Federated Query, section 2)."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from cosponsor.server import create_app
from cosponsor.server.settings import Settings

from .serving import Served, served

NOBODY = "http://127.0.0.1:1023/"  # a port that is reserved
CALL = "SELECT ?o { SERVICE <%ssparql> { <a:a> <a:b> ?o } }"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("other") / "data.nt"
    data.write_text('<a:a> <a:b> "from the other" .\n', "utf-8")
    with served("--data", str(data)) as server:
        yield server


@pytest.fixture(scope="module")
def client(other: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    data = tmp_path_factory.mktemp("calling") / "data.nt"
    data.write_text("", "utf-8")
    app = create_app(Settings("http://x.example/", (data,), services=(f"{other.url}sparql", f"{NOBODY}sparql")))
    yield app.test_client()
    app.extensions["cosponsor.engine"].close()


def ask(client: FlaskClient, query: str) -> tuple[int, str]:
    response = client.post("/sparql", data={"query": query}, headers={"Accept": "text/csv, application/problem+json"})
    return response.status_code, response.text


@pytest.mark.parametrize(
    "query",
    [
        CALL,
        "SELECT ?o { SERVICE SILENT <%ssparql> { <a:a> <a:b> ?o } }",
        "SELECT ?o { { SELECT ?o { service # a comment\n <%ssparql> { <a:a> <a:b> ?o } } } }",
    ],
)
def test_a_service_that_is_allowed_is_called(client: FlaskClient, other: Served, query: str) -> None:
    assert ask(client, query % other.url) == (200, "o\r\nfrom the other\r\n")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?o { SERVICE <%ssparql/> { <a:a> <a:b> ?o } }",
        "SELECT ?o { SERVICE <%ssparql?default-graph-uri=a:g> { <a:a> <a:b> ?o } }",
        "SELECT ?o { VALUES ?s { <%ssparql> } SERVICE ?s { <a:a> <a:b> ?o } }",
        "PREFIX o: <%s> SELECT ?o { SERVICE o:sparql { <a:a> <a:b> ?o } }",
        "BASE <%s> SELECT ?o { SERVICE <sparql> { <a:a> <a:b> ?o } }",
        "SELECT ?o { SERVICE <%ssparql> { <a:a> <a:b> ?o } SERVICE <http://127.0.0.1:9/> {} }",
        "SELECT ?o { SERVICE <http://127.0.0.1:9/> { SERVICE <%ssparql> { <a:a> <a:b> ?o } } }",
    ],
)
def test_any_other_is_403_that_names_the_allowed_one(client: FlaskClient, other: Served, query: str) -> None:
    status, said = ask(client, query % other.url)
    assert status == 403
    assert f"no requests to others than <{other.url}sparql>, <{NOBODY}sparql>" in said


def test_a_service_that_cannot_be_reached_is_502_and_silent_no_error(client: FlaskClient) -> None:
    call = CALL % NOBODY
    status, said = ask(client, call)
    assert status == 502
    assert "another endpoint did not answer as it should" in said
    assert ask(client, call.replace("SERVICE", "SERVICE SILENT"))[0] == 200
