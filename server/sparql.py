"""The SPARQL endpoint (SPARQL 1.1 Protocol, section 2), read-only."""

from collections.abc import Sequence

import pyoxigraph as ox
from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import BadRequest

from .data import Data, current
from .description import expand, serialize
from .negotiation import GRAPHS, HTML, JSON_LD, RESULTS, ROWS, TURTLE, Format, best, negotiate, sound
from .operation import operation
from .query import evaluate
from .terms import table

MAX_BODY = 1 << 20
MAX_ROWS = 1000  # on a page

blueprint = Blueprint("sparql", __name__)
Results = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples


@blueprint.route("/sparql", methods=["GET", "POST"])
def sparql() -> Response:
    """Answer a query sent by GET, as a form, or as the body (SPARQL 1.1 Protocol, sections 2.1.1 to 2.1.3)."""
    asks_nothing = request.method in {"GET", "HEAD"} and not {"query", "update"} & request.args.keys()
    if asks_nothing and best((*GRAPHS, HTML)) is HTML:
        return Response(render_template("sparql.html", query="", result=None), content_type=HTML.content_type)
    data = current()
    asked = operation(data)
    return answer(asked.query, evaluate(asked.query, data, asked.default, asked.named), data)


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
