"""The SPARQL endpoint (SPARQL 1.1 Protocol, section 2), read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

import pyoxigraph as ox
from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, Forbidden, UnsupportedMediaType

from .data import Data, current
from .description import expand, serialize
from .negotiation import GRAPHS, HTML, JSON_LD, RESULTS, ROWS, TURTLE, Format, best, negotiate, sound
from .query import READ_ONLY, evaluate
from .terms import table

MAX_BODY = 1 << 20
MAX_ROWS = 1000  # on a page

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"

blueprint = Blueprint("sparql", __name__)
Results = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples


@dataclass(frozen=True)
class Operation:
    """A query operation: the query and the dataset that the request names, if any."""

    query: str
    default: list[ox.NamedNode]
    named: list[ox.NamedNode]


@blueprint.route("/sparql", methods=["GET", "POST"])
def sparql() -> Response:
    """Answer a query sent by GET, as a form, or as the body (SPARQL 1.1 Protocol, sections 2.1.1 to 2.1.3)."""
    asks_nothing = request.method in {"GET", "HEAD"} and not {"query", "update"} & request.args.keys()
    if asks_nothing and best((*GRAPHS, HTML)) is HTML:
        return Response(render_template("sparql.html", query="", result=None), content_type=HTML.content_type)
    data = current()
    operation = _operation(data)
    return answer(operation.query, evaluate(operation.query, data, operation.default, operation.named), data)


def _operation(data: Data) -> Operation:
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


def answer(query: str, results: Results, data: Data) -> Response:
    """Return results in the format that the request prefers: rows and graphs have separate offers (2.1.6)."""
    offers: Sequence[Format] = GRAPHS if isinstance(results, ox.QueryTriples) else ROWS
    chosen = negotiate((*offers, HTML))
    if chosen is HTML:
        page = render_template("sparql.html", query=query, result=_page(results, data))
        return Response(page, content_type=HTML.content_type)
    return Response(written(results, chosen, data), content_type=chosen.content_type)


def written(results: Results, chosen: Format, data: Data) -> bytes:
    """Return results in a format of their kind."""
    try:
        if not isinstance(results, ox.QueryTriples):
            return sound(results.serialize(format=RESULTS[chosen]) or b"", chosen, ROWS)
        if chosen is JSON_LD:
            return expand(results)
        return serialize(data, sorted(set(results), key=str), chosen)
    except (RuntimeError, ValueError) as error:
        raise BadRequest(f"The query cannot be answered as {chosen.name}: {error}.") from None


def _page(results: Results, data: Data) -> dict[str, object]:
    """Return what a page shows of results: a table, yes or no, or Turtle."""
    if isinstance(results, ox.QueryBoolean):
        return {"boolean": bool(results)}
    if isinstance(results, ox.QueryTriples):
        return {"turtle": written(results, TURTLE, data).decode()}
    return {"table": table(results, data, MAX_ROWS)}
