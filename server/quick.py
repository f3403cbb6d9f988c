"""Queries that are answered soon: on the event loop, without a thread and without Flask, which take longer than they.

Only the plainest requests come here, a GET of one query by a program. What does not find an idle evaluator in a
moment goes to the application; what is not answered in another, or not with a small 200, goes there with what the
evaluator has been asked.
The application also shows which fields the answers in a format have in common: there is one place where they are made.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from flask import Flask
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from .cache import Answered, Headers
from .codings import IDENTITY, LEAST, preference
from .data import Data
from .engine import Asked, Engine, Spooled
from .evaluator import Message
from .headers import LONGEST
from .negotiation import GRAPHS, HTML, ROWS, Choice, preferred
from .operation import Operation
from .operations import Account, new_id
from .places import GLANCE, WAITING, Flag
from .settings import Settings
from .sparql import message
from .validators import is_volatile, tag_of

if TYPE_CHECKING:
    from granian.rsgi import Scope

PLAIN = {"accept", "accept-encoding", "x-forwarded-for"}  # the fields that a plain request may have
_OWN = {"content-encoding", "content-length", "etag"}  # the fields that each answer has for itself


@dataclass
class Begun:
    """A query that was begun: what is asked, by whom, in which formats, and since when."""

    engine: Engine
    asked: Asked
    operation: Operation
    chosen: Choice
    coding: str
    client: str
    began: float
    reply: Spooled | None = None
    problem: HTTPException | None = None
    finished: bool = False

    async def is_soon(self) -> bool:
        """Wait for the answer, but only a moment; return whether it is there."""
        loop, channel = asyncio.get_running_loop(), self.asked.evaluator.channel.fileno()
        there: asyncio.Future[bool] = loop.create_future()
        loop.add_reader(channel, _set, there, True)
        try:
            return await _in_a_moment(there)
        finally:
            loop.remove_reader(channel)

    def finish(self) -> Spooled:
        """Return the evaluator's reply, after waiting for it if it is not there; raise as ``Engine.run`` does."""
        if not self.finished:
            self.finished = True
            try:
                self.reply = self.engine.finish(self.asked)
            except HTTPException as error:
                self.problem = error
        if self.reply is None:
            raise self.problem or ServiceUnavailable("The query was stopped; try again.")
        return self.reply

    def end(self) -> None:
        """See to it that nothing is left of a query that nobody has finished."""
        if not self.finished:
            self.finished = True
            self.engine.abandon(self.asked)


async def _in_a_moment(there: "asyncio.Future[bool]") -> bool:
    """Return what a future says, False if it says nothing in a moment."""
    timer = asyncio.get_running_loop().call_later(GLANCE, _set, there, False)
    try:
        return await there
    finally:
        timer.cancel()


def _set(future: "asyncio.Future[bool]", value: bool) -> None:
    if not future.done():
        future.set_result(value)


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
        self.accounts: list[Account] = []
        self.waiting: dict[asyncio.Future[bool], str] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        self.engine.places.released = self._released

    async def begin(self, scope: "Scope", fields: Mapping[str, str], client: str, gone: Flag) -> Begun | None:
        """Let an evaluator begin with a plain request; return None if it is another, or if none is idle soon.

        What is returned must be ended.
        """
        if scope.path not in self.paths or scope.method != "GET" or not fields.keys() <= PLAIN:
            return None
        if any(len(value) > LONGEST for value in fields.values()):  # the application refuses it
            return None
        query, chosen = _query(scope.query_string), _choice(fields.get("accept", ""))
        coding, as_it_is = preference(fields.get("accept-encoding", ""))
        if not query or not chosen or not as_it_is or is_volatile(query, self.data):
            return None
        operation, began = Operation(query, [], []), time.perf_counter()
        request = message(operation, chosen.rows, chosen.graphs, self.settings)
        asked = None if self.waiting else self.engine.begin(request, client, gone)
        # Where there is room but no idle evaluator, the application has one made.
        in_line = self.waiting or not (asked or self.engine.places.has_room(client))
        if in_line and await self._has_turn(client):
            asked = self.engine.begin(request, client, gone)
        return Begun(self.engine, asked, operation, chosen, coding, client, began) if asked else None

    async def _has_turn(self, client: str) -> bool:
        """Wait a moment for the turn of a client behind those that wait already; return whether it has come."""
        if len(self.waiting) >= WAITING:
            return False
        self.loop = asyncio.get_running_loop()
        turn = self.loop.create_future()
        self.waiting[turn] = client
        self._call()
        try:
            return await _in_a_moment(turn)
        finally:
            del self.waiting[turn]

    def _released(self) -> None:
        if self.waiting and self.loop:
            self.loop.call_soon_threadsafe(self._call)

    def _call(self) -> None:
        """Tell the first that waits and for whom there is room that it is his turn."""
        for turn, client in self.waiting.items():
            if not turn.done() and self.engine.places.has_room(client):
                turn.set_result(True)
                break

    def answer(self, begun: Begun) -> Answered | None:
        """Return the answer to a query whose reply is there, None if it is not a small 200 with known fields."""
        try:
            reply = begun.finish()
        except HTTPException:  # the application finds it there, too
            return None
        said, common = reply.message, self.learned.get(reply.message.get("format") or "")
        to_be_coded = begun.coding != IDENTITY and said["size"] >= LEAST
        if common is None or to_be_coded or said["spooled"] or "problem" in said or said["hints"]:
            return None
        tag = tag_of(begun.operation, begun.chosen, self.data, begun.coding)
        self._account(begun, said)
        own = [("content-length", str(said["size"])), ("etag", f'W/"{tag}"')]
        return 200, common + own, reply.content.read()

    def learn(self, begun: Begun, status: int, fields: Headers) -> None:
        """Learn from the application's answer to a plain request what all in its format have in common."""
        said = begun.reply.message if begun.reply else {}
        form = said.get("format")
        if status == 200 and form and not said["hints"]:
            self.learned.setdefault(form, [field for field in fields if field[0] not in _OWN])

    def _account(self, begun: Begun, said: Message) -> None:
        """Keep account of a query in a thread, together with those that end meanwhile: writing may take long."""
        query, seconds = begun.operation.query, time.perf_counter() - begun.began
        self.accounts.append(
            Account(new_id(), begun.client, "GET", "/sparql", query, said, 200, "ok", seconds, said["size"])
        )
        if len(self.accounts) == 1:
            self.threads.submit(self._write)

    def _write(self) -> None:
        accounts, self.accounts = self.accounts, []
        for account in accounts:
            account.keep()


def _query(parameters: str) -> str | None:
    """Return the query of a request that has this parameter alone, in UTF-8; the application knows all others."""
    name, _, value = parameters.partition("=")
    if name != "query" or "&" in value:
        return None
    try:
        return unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        return None
