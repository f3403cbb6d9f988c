"""Errors: one shape, rendered in one place (RFC 9457)."""

import json

from flask import Blueprint, Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from .headers import OPEN
from .negotiation import HTML, Format, best

# Who reads an answer in JSON reads an error in JSON.
_JSON = ("application/json", "application/sparql-results+json", "application/ld+json")
PROBLEM = Format("json", "Problem details", "application/problem+json", _JSON)
TEXT = Format("txt", "text", "text/plain")

# The kinds of error that a program can tell apart by more than the status: their type is an address on a page that
# says what they mean. All others are 'about:blank' (RFC 9457, section 4.2.1).
KINDS = {
    "query-syntax": "The query is not SPARQL. 'line' and 'column' say where, counted from 1 in the query as it was "
    "sent, 'token' what stands there, empty at its end; 'hint' says what was probably meant, where that can be told.",
}
_WRITES = {"DELETE", "PATCH", "POST", "PUT"}

blueprint = Blueprint("errors", __name__)


@blueprint.get("/errors")
def kinds() -> Response:
    """Show what each type of problem means (RFC 9457, section 3.1.1)."""
    return Response(render_template("errors.html", kinds=KINDS), content_type=HTML.content_type)


def register(app: Flask) -> None:
    """Let ``app`` answer every error, unforeseen ones as 500, in the shape of this module."""
    app.register_error_handler(HTTPException, render)


def render(error: HTTPException) -> Response:
    """Return an error as problem details, as a page, or for those who accept neither as plain text."""
    g.error = error
    problem = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": _detail(error),
        "request_id": g.id,
        **getattr(error, "members", {}),
    }
    chosen = best((PROBLEM, TEXT, HTML)) or TEXT
    if chosen is PROBLEM:
        body = json.dumps(problem, ensure_ascii=False, indent=1) + "\n"
    elif chosen is HTML:
        body = render_template("error.html", problem=problem)
    else:
        sentences = [problem["detail"], problem.get("hint")]
        body = f"{error.code} {error.name}\n\n" + "".join(f"{sentence}\n" for sentence in sentences if sentence)
    # Fields that belong to the error, as Allow to 405 (RFC 9110, section 15.5.6).
    fields = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return Response(body, error.code, fields, content_type=chosen.content_type)


def bare(error: HTTPException) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, fields and body of an error of which the application does not know, as problem details."""
    fields = [(name.lower(), value) for name, value in error.get_headers() if name != "Content-Type"]
    problem = {"type": "about:blank", "title": error.name, "status": error.code, "detail": error.description}
    fields += [("content-type", PROBLEM.media_type), ("cache-control", "no-store")]
    fields += [(name.lower(), value) for name, value in OPEN.items()]
    return error.code or 500, fields, json.dumps(problem).encode()


def _detail(error: HTTPException) -> str | None:
    """Return the sentence of an error; those of 405 and 413 are Werkzeug's and name nothing."""
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        why = " This server is read-only." if request.method in _WRITES else ""
        return f"{request.method} is not allowed here; allowed are {', '.join(sorted(error.valid_methods))}.{why}"
    if isinstance(error, RequestEntityTooLarge):
        return f"A request holds {(request.max_content_length or 0) >> 10} KiB at most; send a shorter query."
    return error.description
