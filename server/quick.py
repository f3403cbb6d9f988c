"""Queries that are answered soon: without a task, a thread and Flask, which take longer than they.

Only the plainest requests come here, a GET of one query by a program. What is not answered in a moment, or not with a
200 that is sent as it is, goes to the application, with the reply of the evaluator if there is or will be one.
The application also shows which fields the answers in a format have in common: there is one place where they are made.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import HTTPException

from .cache import Answered, Headers
from .codings import IDENTITY, LEAST, MOST, preference
from .data import Data
from .engine import Engine
from .gate import network
from .negotiation import GRAPHS, HTML, ROWS, Choice, preferred
from .operation import Operation
from .operations import Account, keep, new_id
from .pipeline import Pipelines, Sent
from .settings import Settings
from .sparql import message
from .validators import is_volatile, tag_of

if TYPE_CHECKING:
    from .front import Request

PLAIN = {"accept", "accept-encoding", "x-forwarded-for"}  # the fields that a plain request may have
GATHER = 0.2  # seconds in which accounts are gathered, as threads that take turns are slow
_OWN = {"content-encoding", "content-length", "etag"}  # the fields that each answer has for itself


@dataclass
class Begun:
    """A query that was begun: what was sent, what it is, by whom, in which formats, and since when."""

    sent: Sent
    operation: Operation
    chosen: Choice
    coding: str
    client: str
    began: float


@lru_cache(maxsize=1024)
def _choice(accept: str) -> Choice | None:
    """Return the formats that a field Accept chooses for rows and graphs; None if it is a page or there is none."""
    rows, graphs = preferred(accept, (*ROWS, HTML)), preferred(accept, (*GRAPHS, HTML))
    return None if HTML in (rows, graphs) or rows is graphs else Choice(rows, graphs)


class Quick:
    """Answers plain requests to the endpoint of ``app``, at the root and below the ``path`` of the base."""

    def __init__(self, app: Flask, path: str, threads: Executor) -> None:
        self.paths = {"/sparql", f"{path}/sparql"}
        self.engine: Engine = app.extensions["cosponsor.engine"]
        self.data: Data = app.extensions["cosponsor"]
        self.settings: Settings = app.extensions["cosponsor.settings"]
        self.threads = threads
        self.learned: dict[str, Headers] = {}
        self.accounts: deque[Account] = deque()
        self.gathering = False
        self.pipelines = Pipelines(self.engine)

    def begin(self, asked: "Request", client: str, told: Callable[["Begun"], object]) -> bool:
        """Ask an evaluator what a plain request asks; return False if it is another.

        What was begun is ``told`` on the event loop, when the reply has come or takes long, and must then be ended.
        Raises 429 or 503 if too many wait.
        """
        fields = asked.fields
        if not asked.key or not fields.keys() <= PLAIN:
            return False
        method, path, parameters = asked.key[:3]
        if path not in self.paths or method != "GET":
            return False
        query, chosen = _query(parameters), _choice(fields.get("accept", ""))
        coding, as_it_is = preference(fields.get("accept-encoding", ""))
        if not query or not chosen or not as_it_is or is_volatile(query, self.data):
            return False
        operation, began = Operation(query, [], []), time.perf_counter()
        request = message(operation, chosen.rows, chosen.graphs, self.settings)
        sent = Sent(request, network(client), lambda: told(begun))
        begun = Begun(sent, operation, chosen, coding, client, began)
        try:
            self.pipelines.send(sent)
        except HTTPException as error:
            seconds, status = time.perf_counter() - began, error.code or 0
            self._account(Account(new_id(), client, "GET", "/sparql", query, {}, status, "refused", seconds, None))
            raise
        return True

    def end(self, begun: Begun) -> None:
        """See to it that nothing is left of a query that nobody has finished."""
        self.pipelines.end(begun.sent)

    def answer(self, begun: Begun) -> Answered | None:
        """Return the answer to a query whose reply is a 200 of known fields, to be sent as it is; None if it is not."""
        reply = begun.sent.reply
        if reply is None:
            return None
        said, common = reply.message, self.learned.get(reply.message.get("format") or "")
        to_be_coded = begun.coding != IDENTITY and said["size"] >= LEAST
        if common is None or to_be_coded or "problem" in said or said["hints"]:
            return None
        tag = tag_of(begun.operation, begun.chosen, self.data, begun.coding)
        query, seconds = begun.operation.query, time.perf_counter() - begun.began
        self._account(Account(new_id(), begun.client, "GET", "/sparql", query, said, 200, "ok", seconds, said["size"]))
        fields = [*common, ("content-length", str(said["size"])), ("etag", f'W/"{tag}"')]
        if said["size"] > MOST:
            return 200, fields, reply.content
        with reply.content:
            return 200, fields, reply.content.read()

    def learn(self, begun: Begun, status: int, fields: Headers) -> None:
        """Learn from the application's answer to a plain request what all in its format have in common."""
        said = begun.sent.reply.message if begun.sent.reply else {}
        form = said.get("format")
        if status == 200 and form and not said["hints"]:
            self.learned.setdefault(form, [field for field in fields if field[0] not in _OWN])

    def _account(self, account: Account) -> None:
        """Let account be kept of a query."""
        self.accounts.append(account)
        if not self.gathering:
            self.gathering = True
            try:
                self.threads.submit(self._keep)
            except BaseException:
                self.gathering = False
                raise

    def _keep(self) -> None:
        """Keep account of what was answered in a moment, in a thread: writing may take long."""
        time.sleep(GATHER)
        self.gathering = False  # what comes from now on may be kept here, and is kept at last by the next
        found: list[Account] = []
        with suppress(IndexError):
            while True:
                found.append(self.accounts.popleft())
        keep(found)


def _query(parameters: str) -> str | None:
    """Return the query of a request that has this parameter alone, in UTF-8; the application knows all others."""
    name, _, value = parameters.partition("=")
    if name != "query" or "&" in value:
        return None
    # Python's own way from %41 to A takes longer than the evaluation of a query; this one is written in C.
    escaped = value.replace("+", " ").replace("\\", "%5C").replace("%", "\\x")
    try:
        return escaped.encode("ascii").decode("unicode_escape").encode("latin-1").decode()
    except UnicodeError:
        return None
