"""Queries that are sent to an evaluator without waiting for the answers to those before them (pipelining).

An evaluator has the queries of one client at a time, and answers them in their order. One that lasts ends its pipeline:
the evaluator goes on with it alone, and those behind it are sent to another. So what lasts delays nobody but who has
sent it: for ``GLANCE``, or for ``QUICK`` while that client has all its places and nobody else waits.

Queries may be sent in any thread; what becomes of them is told on the event loop.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from threading import Event, RLock

from werkzeug.exceptions import ServiceUnavailable

from .engine import Asked, Ended, Engine, Spooled
from .evaluator import Message
from .places import GLANCE, LASTING, QUICK, Flag, admit

MOST = 32  # queries in a pipeline
ROOM = 1 << 13  # characters of them: what a channel takes at once, however they are written
_STAYS = Event()  # whether the client has gone is looked at from when its query lasts
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Sent:
    """A query of a ``client``. ``told`` is called once, when its ``reply`` has come or takes long.

    If it takes long and an evaluator goes on with it, that is what it was ``asked``.
    """

    request: Message
    client: str
    told: Callable[[], object]
    reply: Spooled | None = None
    asked: Asked | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """The characters of the query."""
        return len(self.request["query"])

    def finish(self, engine: Engine, gone: Flag) -> Spooled:
        """Return the reply, after waiting for it if need be; raise as ``Engine.run`` does."""
        asked, self.asked = self.asked, None
        if asked:
            asked.place.gone, asked.place.deadline = gone, self.began + asked.seconds
            self.reply = engine.finish(asked)
        if self.reply is None:
            raise ServiceUnavailable("The query was stopped; try again.")
        return self.reply


class Pipeline:
    """The queries that one evaluator was ``asked`` by one client, oldest first, the first ``since`` a moment.

    To an evaluator that is ``spent`` nothing more is sent.
    """

    def __init__(self, pipelines: "Pipelines", asked: Asked, sent: Sent) -> None:
        self.pipelines = pipelines
        self.asked = asked
        self.sent = deque([sent])
        self.size = sent.size
        self.since = time.monotonic()
        self.spent = False
        pipelines.selector.register(asked.evaluator.channel, EVENT_READ, self)
        pipelines.open.append(self)

    def takes(self, sent: Sent) -> bool:
        """Return whether there is room for another query."""
        fits = len(self.sent) < MOST and self.size + sent.size <= ROOM
        return fits and not self.spent and self.sent[0].client == sent.client

    def send(self, sent: Sent) -> bool:
        """Send another query; return whether the evaluator is there to take it."""
        try:
            self.asked.evaluator.tell(sent.request)
        except Ended:
            return False
        self.sent.append(sent)
        self.size += sent.size
        return True

    def hear(self) -> None:
        """Take the replies that have come."""
        try:
            self._take(self.asked.evaluator.hear())
            while self.sent and self.asked.evaluator.inbox.holds_one():
                self._take(self.asked.evaluator.hear())
        except Ended:
            self.stop()

    def _take(self, reply: Spooled) -> None:
        """Take the reply to the first query, and end if there are no more."""
        self.since = time.monotonic()
        sent = self.sent.popleft()
        self.size -= sent.size
        sent.reply, self.spent = reply, reply.message["spent"]
        self.pipelines.settled.append(sent)
        if not self.sent:
            self._close()
            self.pipelines.engine.end(self.asked, kept=not self.spent)
        elif reply.message["spooled"]:
            with suppress(Ended):  # which the next reply tells
                self.asked.evaluator.tell({})  # nothing but another file

    def stop(self) -> None:
        """Leave the evaluator to the first query alone; have the others sent to another."""
        self._close()
        first = self.sent.popleft()
        self.asked.apart = bool(self.sent)  # what it was asked besides, nobody will hear
        first.asked = self.asked
        self.pipelines.settled.append(first)
        self.pipelines.wait(self.sent)

    def _close(self) -> None:
        self.pipelines.selector.unregister(self.asked.evaluator.channel)
        self.pipelines.open.remove(self)


class Pipelines:
    """The pipelines to the evaluators of an engine, and the queries that wait for a place in one.

    Those that are ``settled`` are told so when the lock is free.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.open: list[Pipeline] = []
        self.waiting: list[Sent] = []
        self.settled: deque[Sent] = deque()
        self.selector = DefaultSelector()
        self.lock = RLock()
        self.looking = False
        self.wanted = 0.0  # when the application was last given a query so that it has an evaluator made
        engine.places.released, engine.places.elsewhere = self._released, self.waiting

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear evaluators on this event loop; to be called before anything is sent."""
        self.loop, self.looking = loop, False
        loop.add_reader(self.selector.fileno(), self._hear)

    def send(self, sent: Sent) -> None:
        """Send a query to an evaluator, or let it wait. Once it is told, it must be ended.

        Raises 429 or 503 if too many wait.
        """
        with self.lock:
            if self.waiting or not self._place(sent, alone=True):
                admit(sent.client, [other.client for other in self.waiting])
                self.wait([sent])
            if not self.looking:
                self.looking = True
                self.loop.call_soon_threadsafe(self.loop.call_later, GLANCE / 2, self._look)
        if self.settled:
            self.loop.call_soon_threadsafe(self._tell)

    def end(self, sent: Sent) -> None:
        """See to it that nothing is left of a query."""
        asked, sent.asked = sent.asked, None  # a thread may be about to finish it
        if asked:
            self.engine.end(asked, kept=False)

    def _hear(self) -> None:
        try:
            with self.lock:
                for ready, _ in self.selector.select(0):
                    ready.data.hear()
        finally:
            self._tell()

    def _tell(self) -> None:
        """Tell those that are settled, whatever becomes of each."""
        while self.settled:
            sent = self.settled.popleft()
            told, sent.told = sent.told, bool  # so that nothing holds itself
            try:
                told()
            except Exception:
                log.exception("a query could not be concluded")

    def _place(self, sent: Sent, *, alone: bool) -> bool:
        """Send a query at once: to an idle evaluator or, if its client is alone, behind others."""
        if asked := self.engine.begin(sent.request, sent.client, _STAYS):
            Pipeline(self, asked, sent)
            return True
        joins = alone and not self.engine.places.queue and not self._wants_evaluator(sent)
        fitting = [pipeline for pipeline in self.open if joins and pipeline.takes(sent)]
        return bool(fitting) and min(fitting, key=lambda pipeline: len(pipeline.sent)).send(sent)

    def _wants_evaluator(self, sent: Sent) -> bool:
        """Return whether there is a place for a query and no evaluator, and none is being made."""
        return self.engine.places.has_room(sent.client) and time.monotonic() > self.wanted + GLANCE

    def wait(self, sent: Iterable[Sent]) -> None:
        """Let queries wait for a place."""
        self.waiting += sent
        self._flow()

    def _released(self) -> None:
        if self.waiting:
            with suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        with self.lock:
            self._flow()
        self._tell()

    def _flow(self) -> None:
        """Send those that wait, as far as there are places; where an evaluator is wanting, one to the application."""
        alone, stuck = len({sent.client for sent in self.waiting}) == 1, set()
        for sent in list(self.waiting):
            if sent.client not in stuck and self._place(sent, alone=alone):
                self.waiting.remove(sent)
            else:
                stuck.add(sent.client)
        wanting = next(filter(self._wants_evaluator, self.waiting), None)
        if wanting:
            self.wanted = time.monotonic()
            self._give_up([wanting])

    def _is_alone(self, pipeline: Pipeline, waiting: set[str]) -> bool:
        """Return whether those that wait for the first of a pipeline, and all others, are of a client without room."""
        first, others, places = pipeline.sent[0], len(pipeline.sent) - 1, self.engine.places
        elsewhere = places.queue or waiting - {first.client} or places.has_room(first.client)
        return others > 0 and not elsewhere

    def _give_up(self, given_up: list[Sent]) -> None:
        for sent in given_up:
            self.waiting.remove(sent)
        self.settled += given_up

    def _look(self) -> None:
        """Stop what takes long, give up what waits long, and look again.

        What others wait behind goes on for longer while all are of one client: those would not be evaluated sooner.
        """
        with self.lock:
            self.looking = bool(self.open or self.waiting)
            if self.looking:
                self.loop.call_later(GLANCE / 2, self._look)
            now = time.monotonic()
            clients = {sent.client for sent in self.waiting}
            for pipeline in list(self.open):
                if now > pipeline.since + (QUICK if self._is_alone(pipeline, clients) else GLANCE):
                    pipeline.stop()
            self._give_up([sent for sent in self.waiting if now > sent.began + LASTING])
            self._flow()
        self._tell()
