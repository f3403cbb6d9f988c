"""Requests that nobody wrote: over the OpenAPI description that the server publishes, and mutated queries.

Derandomized: the same requests in every run. Whatever comes, the answer is a described one, and never a trace.
"""

import json
import string
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.wrappers import Response

from cosponsor import iris
from cosponsor.questions import questions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
SETTINGS = {
    "derandomize": True,
    "database": None,
    "deadline": None,  # that of a request is the server's
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


DESCRIPTION = json.loads((iris.room("server") / "openapi.json").read_text("utf-8"))
VALID, INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
OPERATIONS = [
    (path, method) for path, item in DESCRIPTION["paths"].items() for method in item if method != "parameters"
]

ACCEPTED = ["*/*", "text/html", "text/turtle", "text/csv", "application/ld+json", "image/png"]
# Requests that break the description can be made where it demands more than a text.
FAULTY = [("/sparql", "get", INVALID), ("/sparql", "post", INVALID), ("/graph-store", "get", INVALID)]


@pytest.fixture(scope="module")
def api(app: Flask) -> schemathesis.BaseSchema:
    def closed(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        """Answer as the application does, and close what it opened (PEP 3333), which schemathesis leaves open."""
        body = app(environ, start_response)
        try:
            return list(body)
        finally:
            getattr(body, "close", list)()

    return schemathesis.openapi.from_wsgi("/openapi.json", closed)


@pytest.mark.parametrize(("path", "method", "mode"), [*((*operation, VALID) for operation in OPERATIONS), *FAULTY])
def test_requests_made_from_the_description_are_answered_as_described(
    api: schemathesis.BaseSchema, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    @settings(max_examples=15, **SETTINGS)  # type: ignore[arg-type]
    @given(case=api[path][method].as_strategy(generation_mode=mode), accept=st.sampled_from(ACCEPTED))
    def answered_as_described(case: schemathesis.Case[Any], accept: str) -> None:
        response = case.call(headers={"Accept": accept, "Accept-Encoding": "identity"})
        server = [] if response.status_code == 503 else [not_a_server_error]
        case.validate_response(response, checks=[*CHECKS, *server])

    answered_as_described()


QUERIES = [question.query for question in questions()]
SIGNS = r"""{ } ( ) [ ] < > <<( )>> " ' ''' \ # . ; , | ^ ! ?x $ * + / - 1e999 % _:b cosp: : @en--ltr ^^xsd:date a
    \u0000 \uD800 <http://x.example/>"""
WORDS = """SELECT,ASK,CONSTRUCT,DESCRIBE,FROM,FROM NAMED,GRAPH,OPTIONAL,MINUS,UNION,VALUES,BIND,FILTER,EXISTS,GROUP BY,
    HAVING,ORDER BY,LIMIT 0,OFFSET 99999999999,PREFIX,BASE,VERSION,LATERAL,INSERT DATA,LOAD,SERVICE,SERVICE SILENT"""
PIECES = [*SIGNS.split(), *WORDS.split(","), "\n", "\0", "\ufeff", "\U0010ffff"]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Make a query of the gallery with some of its words repeated, taken out, exchanged or put among others."""
    words = draw(st.sampled_from(QUERIES)).split(" ")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(words)))
        taken = draw(st.integers(0, 3))
        words[at : at + taken] = draw(st.lists(st.sampled_from([*PIECES, *words]), max_size=3))
    return " ".join(words)


def well_formed(response: Response) -> None:
    """Refuse an answer that is not of these statuses, whose body is not what it says, or that shows our insides."""
    assert response.status_code in {200, 400, 403, 406, 413, 415}, response.get_data(as_text=True)
    if (response.mimetype or "").endswith("json"):
        found = json.loads(response.data)
        assert response.status_code == 200 or found["status"] == response.status_code
    else:
        response.data.decode("utf-8")
    assert "Traceback" not in response.get_data(as_text=True)
    assert "site-packages" not in response.get_data(as_text=True)
    assert response.content_length == len(response.data)


@pytest.fixture(scope="module")
def asked(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


@settings(max_examples=300, **SETTINGS)  # type: ignore[arg-type]
@given(query=mutated(), accept=st.sampled_from(ACCEPTED))
def test_mutated_queries_are_answered_or_refused(asked: FlaskClient, query: str, accept: str) -> None:
    with asked.post(
        "/sparql", data=query.encode(), content_type="application/sparql-query", headers={"Accept": accept}
    ) as response:
        well_formed(response)


@settings(max_examples=200, **SETTINGS)  # type: ignore[arg-type]
@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["sparql-query", "x-www-form-urlencoded", "sparql-update", "json"]),
)
@example(body=b"query=\xff", kind="x-www-form-urlencoded")
@example(body=b"\xef\xbb\xbfASK {}", kind="sparql-query")
def test_any_bytes_are_answered_or_refused(asked: FlaskClient, body: bytes, kind: str) -> None:
    with asked.post("/sparql", data=body, content_type=f"application/{kind}") as response:
        well_formed(response)


NAMES = [
    "query",
    "default-graph-uri",
    "named-graph-uri",
    "timeout",
    "format",
    "output",
    "version",
    "question",
    "update",
    "x",
]
VALUES = st.one_of(
    st.sampled_from(
        ["ASK {}", "SELECT * { ?s a ?o } LIMIT 1", "CONSTRUCT WHERE { ?s a ?o } LIMIT 1", "csv", "http://x.example/"]
    ),
    st.sampled_from(["", "0", "-1", "1e9", "nan", "1.2", "\0", "\r\nSet-Cookie: x", "a b", "../../x", "<", "\ud7ff"]),
    st.text(string.printable, max_size=20),
)


@settings(max_examples=300, **SETTINGS)  # type: ignore[arg-type]
@given(
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    accept=st.text(string.printable[:95], max_size=20),
)
def test_any_parameters_are_answered_or_refused(asked: FlaskClient, pairs: list[tuple[str, str]], accept: str) -> None:
    with asked.get("/sparql", query_string=pairs, headers={"Accept": accept}) as response:
        well_formed(response)
        assert "Set-Cookie" not in response.headers
