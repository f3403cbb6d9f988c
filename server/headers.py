"""Header fields of every answer, errors included."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import RequestHeaderFieldsTooLarge

from .data import current
from .negotiation import HTML
from .operation import BODIES

LONGEST = 8192  # characters of a field of a request
HINT = "Query-Hint"
VERSION = "Dataset-Version"
_EXPOSED = (
    "Accept, Accept-Encoding, Accept-Query, Allow, Content-Encoding, Content-Location, Dataset-Version, Date, ETag, "
    f"Link, Location, {HINT}, Retry-After, Vary"
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
    "If-None-Match, Range",
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


def _refuse_long() -> None:
    """Raise 431 for a field that would take long to read (RFC 6585, section 5)."""
    for name, value in request.headers.items():
        if len(value) > LONGEST:
            raise RequestHeaderFieldsTooLarge(f"The field {name} has {len(value)} characters; {LONGEST} are read.")


def _add(response: Response) -> Response:
    """Open the answer to scripts of any origin, and say of which data it is and which fields chose it."""
    response.headers.update(OPEN)
    if current().version:
        response.headers[VERSION] = current().version
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
        response.vary.update(("Accept", "Accept-Encoding"))
    return response


def add_hints(response: Response, hints: Sequence[str]) -> Response:
    """Add hints as a list of strings (RFC 9651, sections 3.1 and 3.3.3), which are ASCII without control characters."""
    ascii_ = (re.sub(r"[^ -~]", "?", hint).replace("\\", "\\\\").replace('"', '\\"') for hint in hints)
    if hints:
        response.headers[HINT] = ", ".join(f'"{hint}"' for hint in ascii_)
    return response
