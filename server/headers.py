"""Header fields of every answer, errors included."""

from urllib.parse import urlsplit

from flask import Flask, Response, request

from .data import current
from .negotiation import HTML

_EXPOSED = "Allow, Content-Location, ETag, Link, Location, Retry-After"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


# Pages need a style sheet and a form and no more (Content Security Policy Level 3, section 6). They name both by the
# base, which is another origin than 'self' if the request came by another name, as localhost for 127.0.0.1.
_POLICY = (
    "default-src 'self' {origin}; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self' {origin}"
)


def register(app: Flask) -> None:
    """Let ``app`` add the fields."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    """Open the answer to scripts of any origin (Fetch, section 3.2), and say that Accept chose it."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == HTML.media_type:
        base = urlsplit(current().base)
        origin = f"{base.scheme}://{base.netloc}".encode("ascii", "ignore").decode()  # a header field is ASCII
        response.headers["Content-Security-Policy"] = _POLICY.format(origin=origin)
    if request.method == "OPTIONS":
        response.headers.update(_PREFLIGHT)
    if request.endpoint != "static":
        # The same on 200, 303, 404 and 406, so that a cache keeps them apart (RFC 9110, section 12.5.5).
        response.vary.add("Accept")
    return response
