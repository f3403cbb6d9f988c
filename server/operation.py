"""The query operation that a request asks for (SPARQL 1.1 Protocol, section 2.1): read, not yet evaluated."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

import pyoxigraph as ox
from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, Forbidden, UnsupportedMediaType

from .data import Data
from .query import READ_ONLY

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"


@dataclass(frozen=True)
class Operation:
    """A query operation: the query, the dataset that the request names, if any, and the seconds that it may take."""

    query: str
    default: list[ox.NamedNode]
    named: list[ox.NamedNode]
    timeout: float | None = None


def operation(data: Data) -> Operation:
    """Return what the request asks for; raise 400, 403 or 415 where it is no query operation."""
    _refuse_encoding(request.query_string)
    parameters = MultiDict(request.args)
    if request.method == "POST":
        _add_body(parameters)
    if "update" in parameters:
        raise Forbidden(READ_ONLY)
    queries = parameters.getlist("query")
    if len(queries) != 1:
        found = "none was" if not queries else f"{len(queries)} were"
        raise BadRequest(f"Exactly one parameter 'query' is expected, {found} sent.")
    default, named = (
        [_graph(iri, data) for iri in parameters.getlist(name)] for name in ("default-graph-uri", "named-graph-uri")
    )
    return Operation(queries[0], default, named)


def _add_body(parameters: "MultiDict[str, str]") -> None:
    """Add what the body of a POST says, by its media type (RFC 9110, section 15.5.16)."""
    if request.mimetype == FORM:
        _refuse_encoding(request.get_data())
        parameters.update(request.form)
    elif request.mimetype == QUERY:
        parameters.add("query", _text(request.get_data()))
    elif request.mimetype == UPDATE:
        raise Forbidden(READ_ONLY)
    else:
        found = request.mimetype or "no Content-Type"
        raise UnsupportedMediaType(f"A query is sent as {FORM} or {QUERY}; found {found}.")


def _refuse_encoding(parameters: bytes) -> None:
    """Refuse parameters that are not UTF-8 (SPARQL 1.1 Protocol, section 2.1.1); Werkzeug would let them through."""
    try:
        unquote_to_bytes(parameters).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(
            "The parameters hold percent-encoded bytes that are not UTF-8; encode them in UTF-8."
        ) from None


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"Byte {error.start} of the query is not UTF-8; send it in UTF-8.") from None


def _graph(iri: str, data: Data) -> ox.NamedNode:
    if not urlsplit(iri).scheme:
        raise BadRequest(f"A graph is named by an absolute IRI; found {iri!r}.")
    try:
        return ox.NamedNode(data.local(iri))
    except ValueError as error:
        raise BadRequest(f"{iri!r} is not an IRI: {error}.") from None
