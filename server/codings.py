"""Content codings of answers (RFC 9110, sections 8.4.1 and 12.5.3): which one a request prefers, and coding in it."""

import gzip
import re
from collections.abc import Callable
from functools import lru_cache, partial

import brotli
import zstandard
from flask import Flask, Response, request
from werkzeug.datastructures import Accept
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header

from .errors import render

LEAST = 1024  # bytes; less fits into a packet as it is
MOST = 1 << 20  # bytes of an answer that is held in memory, to be coded and kept; a greater one goes out from its file
# The first on a tie. These levels take 2, 8 and 11 ms for 1 MiB of SPARQL JSON, less than it takes to write.
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": partial(zstandard.compress, level=3),
    "br": partial(brotli.compress, quality=4),
    "gzip": partial(gzip.compress, compresslevel=5, mtime=0),
}
IDENTITY = "identity"
_COMPRESSIBLE = re.compile(r"text/.*|.*[/+-](json|xml|triples|quads|trig|javascript)")
_UNSAID = 0.0001  # the weight of identity where the field does not say it: less than what it can say, and not nothing


def preference(field: str | None = None) -> tuple[str, bool]:
    """Return the coding preferred by the request, or by a field Accept-Encoding, and whether identity is acceptable."""
    said = request.headers.get("Accept-Encoding", "") if field is None else field
    return _preferred(" ".join(said.split()))  # Werkzeug takes long for many spaces


@lru_cache(maxsize=1024)
def _preferred(field: str) -> tuple[str, bool]:
    accept = parse_accept_header(field, Accept)
    identity = accept.quality(IDENTITY) if accept.find(IDENTITY) >= 0 else _UNSAID
    best = max(CODINGS, key=accept.quality)
    return best if accept.quality(best) >= max(identity, _UNSAID) else IDENTITY, identity > 0


def register(app: Flask) -> None:
    """Let ``app`` code its answers."""
    app.after_request(_code)


def _code(response: Response) -> Response:
    """Code an answer if it pays, or if the request refuses it as it is; 406 if it refuses all that is offered."""
    if response.status_code != 200 or "Content-Encoding" in response.headers:
        return response
    coding, as_it_is = preference()
    if coding != IDENTITY and not response.direct_passthrough and (_pays(response) or not as_it_is):
        response.set_data(CODINGS[coding](response.get_data()))
        response.headers["Content-Encoding"] = coding
    return response if as_it_is or "Content-Encoding" in response.headers else _refused(response)


def _pays(response: Response) -> bool:
    compressible = _COMPRESSIBLE.fullmatch(response.mimetype or "") is not None
    return compressible and LEAST <= len(response.get_data()) <= MOST


def _refused(response: Response) -> Response:
    response.close()
    offered = IDENTITY if response.direct_passthrough else ", ".join([*CODINGS, IDENTITY])
    sent = request.headers["Accept-Encoding"]
    return render(NotAcceptable(f"This answer is offered as {offered}; found 'Accept-Encoding: {sent}'."))
