"""Validators of answers (RFC 9110, section 8.8).

The data do not change while they are served, so what is asked tells what is answered, and who has the answer is told
so without evaluating anything.
"""

import hashlib
import json
import re

from flask import Response, request

from .. import __version__
from .data import Data
from .negotiation import Choice
from .operation import Operation

# With these words a query may have another answer when it is asked again; elsewhere than as functions they do no harm.
_VOLATILE = re.compile(r"\b(?:now|rand|uuid|struuid|bnode|service)\b", re.IGNORECASE)
_SAFE = {"GET", "HEAD", "QUERY"}  # of others an answer is no representation (section 9.3.3)


def tag(asked: Operation, chosen: Choice, data: Data) -> str:
    """Return the entity tag of the answer to come, nothing if another answer may be as right."""
    if request.method not in _SAFE or _VOLATILE.search(asked.query):
        return ""
    formats = [offer and offer.extension for offer in (chosen.rows, chosen.graphs)]
    graphs = [[graph.value for graph in graphs] for graphs in (asked.default, asked.named)]
    key = [__version__, data.digest, data.base, data.predefined, asked.query, graphs, formats]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def has(found: str) -> bool:
    """Return whether the client has the answer with this tag (section 13.1.2)."""
    return bool(found) and found in request.if_none_match.as_set(include_weak=True)


def not_modified(found: str) -> Response:
    """Return 304, of no type (section 15.4.5)."""
    response = tagged(Response(status=304), found)
    del response.headers["Content-Type"]
    return response


def tagged(response: Response, found: str) -> Response:
    """Add the tag, a weak one: the order of rows may differ (section 8.8.1); without one forbid to keep the answer."""
    if found:
        response.set_etag(found, weak=True)
    elif request.method in _SAFE:
        response.headers["Cache-Control"] = "no-store"
    return response
