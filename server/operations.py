"""What operators ask: whether the server lives, whether it is ready, what it has done; and what it did with a query.

Each of the three addresses is found at the root and below the base, is never kept by caches, and is not limited.
"""

import hashlib
import logging
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from . import metrics
from .data import current
from .engine import Crashed, Engine, Late
from .evaluator import Message
from .gate import Gate
from .journal import QUERIES, timestamp
from .places import PAUSE, Gone

PATIENCE = 2  # seconds for the question of readiness
WARMING = 300  # the same, when a worker starts
REQUEST_ID = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
# What may stand before the form (SPARQL 1.2 Query, section 19.8, Prologue), each declaration as a whole.
_GAP = r"(?:\s|\#[^\n\r]*)*+"
_DECLARATION = rf"""(?:prefix\b{_GAP}[^\s<#]*|base\b){_GAP}<[^>]*>|version\b{_GAP}(?:"[^"]*"|'[^']*')"""
_FORM = re.compile(
    rf"(?:{_GAP}(?:{_DECLARATION}))*+{_GAP}(select|ask|construct|describe)\b", re.VERBOSE | re.IGNORECASE
)
_OUTCOMES = {
    200: "ok",
    304: "not_modified",
    403: "refused",
    413: "too_large",
    429: "refused",
    499: "gone",
    503: "refused",
    504: "timeout",
    507: "too_large",
}

blueprint = Blueprint("operations", __name__)


class NotReady(ServiceUnavailable):
    """The engine does not answer."""


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return _told("ok\n")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Say whether the engine answers."""
    found = problem(current_app)
    if found:
        raise NotReady(f"The engine does not answer: {found}", retry_after=PAUSE)
    return _told("ready\n")


@blueprint.get("/metrics")
def numbers() -> Response:
    """Return what was counted."""
    metrics.publish(current_app, current().version)
    return _told(metrics.text(), metrics.CONTENT_TYPE)


def _told(text: str | bytes, content_type: str = "text/plain; charset=utf-8") -> Response:
    return Response(text, content_type=content_type, headers={"Cache-Control": "no-store"})


def problem(app: Flask, patience: float = PATIENCE) -> str:
    """Return why the engine of ``app`` does not answer within some seconds; nothing if it does."""
    engine: Engine = app.extensions["cosponsor.engine"]
    asked: Message = {"query": "ASK {}", "default": [], "named": [], "rows": "srj", "graphs": None, "timeout": patience}
    try:
        reply = engine.run(asked, "operator", Event())
    except HTTPException as error:
        return error.description or error.name
    reply.content.close()
    return str(reply.message.get("problem", {}).get("description", ""))


def register(app: Flask, gate: Gate) -> None:
    """Let ``app`` limit its clients, give each request an identifier, and keep account of queries."""
    app.extensions["cosponsor.gate"] = gate
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    """Note when a request came, and who sent it; raise 429 where the front has not looked at that."""
    g.began = request.environ.get("cosponsor.began") or time.perf_counter()
    found = request.headers.get(REQUEST_ID, "")
    g.id = found if _ID.fullmatch(found) else new_id()
    if "cosponsor.admitted" not in request.environ:
        gate: Gate = current_app.extensions["cosponsor.gate"]
        gate.admit(request.remote_addr or "", request.path)


def note(query: str, message: dict[str, Any] | None = None) -> None:
    """Remember the query of this request, and what an evaluator says of its answer."""
    g.query, g.reply = query, message or {}


def _end(response: Response) -> Response:
    if REQUEST_ID in request.headers or response.status_code >= 400:  # others may be kept, for any request
        response.headers[REQUEST_ID] = g.id
    if "query" in g:
        account = Account(
            g.id,
            request.remote_addr or "",
            request.method,
            request.path,
            g.query,
            g.reply,
            response.status_code,
            _outcome(response.status_code),
            time.perf_counter() - g.began,
            response.content_length,
        )
        keep([account])
    return response


def new_id() -> str:
    """Return an identifier for a request."""
    return f"{random.getrandbits(128):032x}"  # it tells requests apart, and nothing depends on it


@dataclass
class Account:
    """What became of a query: the request, what its evaluator said, and the answer after so many seconds."""

    id: str
    client: str
    method: str
    path: str
    query: str
    reply: Message
    status: int
    outcome: str
    seconds: float
    size: int | None
    ended: float = field(default_factory=time.time)

    def line(self, form: str) -> dict[str, Any]:
        """Return what is logged of a query of that form; of its text only what tells it from others."""
        return {
            "time": timestamp(self.ended),
            "id": self.id,
            "client": self.client,
            "method": self.method,
            "path": self.path,
            "query": hashlib.sha256(self.query.encode("utf-8", "surrogatepass")).hexdigest()[:16],
            "form": form,
            "format": self.reply.get("format"),
            "status": self.status,
            "outcome": self.outcome,
            "duration_ms": round(self.seconds * 1000, 3),
            "rows": self.reply.get("rows"),
            "bytes": self.size,
        }


def keep(accounts: Sequence[Account]) -> None:
    """Count queries, and log them."""
    forms = [form_of(account.query) for account in accounts]
    for (form, outcome), number in Counter(zip(forms, (each.outcome for each in accounts), strict=True)).items():
        metrics.QUERIES.labels(form, outcome).inc(number)
    durations = {form: metrics.DURATION.labels(form) for form in {*forms}}
    for form, account in zip(forms, accounts, strict=True):
        durations[form].observe(account.seconds)
    if QUERIES.isEnabledFor(logging.INFO):
        lines = [account.line(form) for form, account in zip(forms, accounts, strict=True)]
        QUERIES.info("query", extra={"said": lines})


def form_of(query: str) -> str:
    """Return the form of a query in lower case, the word that follows the prologue; 'other' if it is none."""
    found = _FORM.match(query)
    return found[1].lower() if found else "other"


def _outcome(status: int) -> str:
    if isinstance(error := g.get("error"), Late | Crashed | Gone):
        return {Late: "timeout", Crashed: "crashed", Gone: "gone"}[type(error)]
    return _OUTCOMES.get(status) or ("bad_request" if 400 <= status < 500 else "error")
