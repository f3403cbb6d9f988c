"""Header fields of every answer, errors included."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import RequestHeaderFieldsTooLarge

from .data import Data, current
from .negotiation import HTML
from .operation import BODIES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST = 8192  # characters of a field of a request
HINT = "Query-Hint"
VERSION = "Dataset-Version"
_EXPOSED = (
    "Accept, Accept-Encoding, Accept-Query, Allow, Content-Encoding, Content-Location, Dataset-Version, Date, ETag, "
    f"Link, Location, {HINT}, RateLimit, RateLimit-Policy, Retry-After, "
    "Vary, X-Request-ID"
)
# Answers are open to scripts of any origin (Fetch, section 3.2), and are what their type says.
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": _EXPOSED,
    "X-Content-Type-Options": "nosniff",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, QUERY, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Accept-Language, Cache-Control, Content-Type, If-Modified-Since, "
    "If-None-Match, Range, X-Request-ID",
    "Access-Control-Max-Age": "86400",
}
_FRESH = "public, max-age=60"  # so long may a new version of the data go unseen (RFC 9111, section 5.2.2)
_ACCEPT_QUERY = ", ".join(f'"{body}"' for body in BODIES)  # RFC 10008, section 3: a list of strings
# Pages need a style sheet and a form and no more (Content Security Policy Level 3, section 6). They name both by the
# base, which is another origin than 'self' if the request came by another name, as localhost for 127.0.0.1.
_POLICY = (
    "default-src 'self' {origin}; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self' {origin}"
)


def register(app: Flask) -> None:
    """Let ``app`` add the fields, and refuse requests with fields that are too long."""
    app.before_request(_refuse_long)
    app.after_request(_add)
    data: Data = app.extensions["cosponsor"]
    always = [*OPEN.items(), *([(VERSION, data.version)] if data.version else [])]
    app.wsgi_app = _with(app.wsgi_app, always)  # type: ignore[assignment, method-assign]


def _with(application: "WSGIApplication", always: list[tuple[str, str]]) -> "WSGIApplication":
    """Return an application that adds fields to every answer, at less cost than Flask."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        return application(environ, lambda status, fields, *error: start(status, fields + always, *error))

    return answer


def _refuse_long() -> None:
    """Raise 431 for a field that would take long to read (RFC 6585, section 5)."""
    for name, value in request.environ.items():
        if name.startswith("HTTP_") and len(value) > LONGEST:
            field = name[5:].replace("_", "-").title()
            raise RequestHeaderFieldsTooLarge(f"The field {field} has {len(value)} characters; {LONGEST} are read.")


def _add(response: Response) -> Response:
    """Say how long an answer may be kept, and which fields chose it."""
    if request.method == "OPTIONS":
        response.headers.update(_PREFLIGHT)
        if not response.data:
            response.status_code = 204
            response.headers.pop("Content-Type", None)
    response.headers.setdefault("Cache-Control", _FRESH if response.status_code < 400 else "no-store")
    if response.mimetype == HTML.media_type:
        base = urlsplit(current().base)
        origin = f"{base.scheme}://{base.netloc}".encode("ascii", "ignore").decode()  # a header field is ASCII
        response.headers["Content-Security-Policy"] = _POLICY.format(origin=origin)
    if request.endpoint == "sparql.sparql":
        response.headers["Accept-Query"] = _ACCEPT_QUERY
    if request.endpoint != "static" or response.status_code >= 400:
        # The same on 200, 303, 404 and 406, so that a cache keeps them apart (RFC 9110, section 12.5.5).
        response.headers["Vary"] = "Accept, Accept-Encoding"
    return response


def add_hints(response: Response, hints: Sequence[str]) -> Response:
    """Add hints as a list of strings (RFC 9651, sections 3.1 and 3.3.3), which are ASCII without control characters."""
    ascii_ = (re.sub(r"[^ -~]", "?", hint).replace("\\", "\\\\").replace('"', '\\"') for hint in hints)
    if hints:
        response.headers[HINT] = ", ".join(f'"{hint}"' for hint in ascii_)
    return response
