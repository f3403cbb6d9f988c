"""Validators of answers (RFC 9110, section 8.8).

The data do not change while they are served, so what is asked tells what is answered, and who has the answer is told
so without evaluating anything. Data without a version may change: nothing of them is kept.
"""

import hashlib
import re
from functools import lru_cache

from flask import Flask, Response, request
from werkzeug.http import http_date

from .codings import IDENTITY, preference
from .data import Data, current
from .negotiation import Choice
from .operation import Operation

# With these words a query may have another answer when it is asked again; elsewhere than as functions they do no harm.
# Oxigraph wants no space before a function, as in FILTERRAND() and COUNT(DISTINCTRAND()).
_WORDS = ("now", "rand", "uuid", "bnode", "service")
_SUSPECT = re.compile(rf"(?:{'|'.join(_WORDS)})\b")  # what takes little time to find
_VOLATILE = re.compile(rf"(?:\b|filter|having|by|distinct)(?:str)?(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
# Of other engines' functions nobody knows what they do: those called by an IRI or a name, but for casts.
_CALL = re.compile(r"(?:>|(?<!\bxsd):[\w.%-]*)\s*\(")
_SAFE = {"GET", "HEAD", "QUERY"}  # of others an answer is no representation (section 9.3.3)

_CONDITIONS = {"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH"}
_date = lru_cache(maxsize=1)(http_date)


def register(app: Flask) -> None:
    """Let ``app`` give its answers validators."""
    app.after_request(_validate)


def is_volatile(query: str, data: Data) -> bool:
    """Return whether another answer may be as right."""
    suspect = _SUSPECT.search(query.lower()) and _VOLATILE.search(query)
    return not data.version or bool(suspect or (not data.is_ours and _CALL.search(query)))


def tag(asked: Operation, chosen: Choice, data: Data) -> str:
    """Return the entity tag of the answer to come, nothing if it has none."""
    volatile = request.method not in _SAFE or is_volatile(asked.query, data)
    return "" if volatile else tag_of(asked, chosen, data, preference()[0])


def tag_of(asked: Operation, chosen: Choice, data: Data, coding: str) -> str:
    """Return the entity tag of the answer to a query that is not volatile, if ``coding`` is preferred."""
    formats = [offer.extension if offer else "" for offer in (chosen.rows, chosen.graphs)]
    graphs = [*(graph.value for graph in asked.default), "", *(graph.value for graph in asked.named), ""]
    # Only what comes last may be of several lines.
    return _tag("\n".join((data.served, *formats, *graphs, asked.query)).encode("utf-8", "surrogatepass"), coding)


def _tag(content: bytes, coding: str) -> str:
    """Return a tag of what stands for an answer, and of its coding (section 8.8.3.3)."""
    return hashlib.sha256(content).hexdigest()[:32] + ("" if coding == IDENTITY else f"-{coding}")


def has(found: str) -> bool:
    """Return whether the client has the answer with this tag (section 13.1.2)."""
    sent = request.environ.get("HTTP_IF_NONE_MATCH")
    return bool(found) and sent is not None and found in request.if_none_match.as_set(include_weak=True)


def not_modified(found: str) -> Response:
    """Return 304, of no type (section 15.4.5)."""
    response = Response(status=304)
    response.set_etag(found, weak=True)
    del response.headers["Content-Type"]
    return response


def tagged(response: Response, found: str, volatile: bool) -> Response:
    """Add the tag, a weak one: the order of rows may differ (section 8.8.1). Forbid to keep what is volatile."""
    if found:
        response.set_etag(found, weak=True)
    elif volatile:
        response.headers["Cache-Control"] = "no-store"
    return response


def _validate(response: Response) -> Response:
    """Tell the day of the data and, of content that has no tag, one of its bytes; 304 if the client has it."""
    data = current()
    if response.status_code != 200 or "no-store" in response.headers.get("Cache-Control", ""):
        return response
    if not data.version and request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    elif request.method in {"GET", "HEAD"}:
        if "ETag" not in response.headers and not response.direct_passthrough:
            response.set_etag(_tag(response.get_data(), preference()[0]))
        if data.modified and "Last-Modified" not in response.headers:
            response.headers["Last-Modified"] = _date(data.modified)
        if not _CONDITIONS.isdisjoint(request.environ):
            response.make_conditional(request)
    return response
