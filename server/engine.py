"""The engine: lets evaluators answer queries, each with a deadline, and sheds what there is no room for.

A few evaluators (``evaluator.py``) answer; more queries wait in a bounded queue. No client has all evaluators or more
than half of the queue, so one that floods keeps nobody else out. An answer is whole before its first byte is seen.
"""

import io
import logging
import select
import socket
import tempfile
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable, TooManyRequests

from .evaluator import Answer, Ceilings, Message, receive, send, start_nursery

WAITING = 32  # queries in the queue
PAUSE = 2  # seconds after which a client that was shed may try again (RFC 9110, section 10.2.3)
GLANCE = 0.1  # seconds between looks at whether the client is still there
log = logging.getLogger(__name__)


class Flag(Protocol):
    """Says whether a client has gone; a ``threading.Event`` will do."""

    def is_set(self) -> bool:
        """Return whether it has."""


class Gone(HTTPException):
    """The client has gone; nobody reads this."""

    code = 499  # as nginx logs it; RFC 9110 has no status for nobody
    description = "The client has closed the connection."


class Ended(Exception):
    """An evaluator ended without an answer."""


@dataclass(frozen=True)
class Spooled:
    """What an evaluator replied: its message, and the answer as a file at its start, which may be in memory."""

    message: Message
    content: IO[bytes]


@dataclass(frozen=True)
class Evaluator:
    """The server's side of an evaluator."""

    pid: int
    channel: socket.socket

    def lives(self) -> bool:
        """Return whether the process is there: an idle one sends nothing, one that ended can be read to its end."""
        return not select.select([self.channel], [], [], 0)[0]

    def ask(self, request: Message, deadline: float, gone: Flag) -> Spooled:
        """Return the reply to a request.

        Raises TimeoutError at the deadline (of ``time.monotonic``), ``Gone`` if the client goes away, and ``Ended``
        if the process ended.
        """
        with ExitStack() as spools:
            file = spools.enter_context(_spool())
            try:
                send(self.channel, request, files=[file.fileno()])
                self._wait(deadline, gone)
                message, body, _ = receive(self.channel)
            except TimeoutError:
                raise
            except (EOFError, OSError):
                raise Ended from None
            if body or not message["size"]:
                return Spooled(message, io.BytesIO(body))
            file.seek(0)
            spools.pop_all()  # it stays open for the reader
            return Spooled(message, file)

    def _wait(self, deadline: float, gone: Flag) -> None:
        while not select.select([self.channel], [], [], max(0, min(GLANCE, deadline - time.monotonic())))[0]:
            if gone.is_set():
                raise Gone
            if time.monotonic() >= deadline:
                raise TimeoutError


def _spool() -> IO[bytes]:
    """Return a file without a name; where none can be made, one that is full, which small answers do not need."""
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError:
        return Path("/dev/full").open("r+b", buffering=0)


@dataclass
class Engine:
    """Evaluators for one dataset: ``size`` of them at most, each made when it is needed.

    ``warm_up`` is called before the first is made; see ``start_nursery``.
    """

    answer: Answer
    warm_up: Callable[[], object]
    ceilings: Ceilings
    size: int
    _idle: list[Evaluator] = field(default_factory=list)
    _running: Counter[str] = field(default_factory=Counter)
    _queue: deque[tuple[str, object]] = field(default_factory=deque)
    _channels: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._turn = threading.Condition()
        self._births = threading.Lock()
        self._nursery = self._start()
        self.close = weakref.finalize(self, _close, self._channels)

    def _start(self) -> socket.socket:
        nursery = start_nursery(self.answer, self.ceilings, self.warm_up)
        self._channels.add(nursery)
        return nursery

    def _part_with(self, channel: socket.socket) -> None:
        self._channels.discard(channel)
        channel.close()

    def run(self, request: Message, client: str, gone: Flag, networked: bool = False) -> Spooled:
        """Return the reply to ``request`` within ``request["timeout"]`` seconds, those in the queue included.

        Raises 429 or 503 if there is no room, 503 at the deadline, 500 if the evaluator ended, ``Gone`` if the client
        went away. The evaluator that did not answer is killed; the next query gets another.
        """
        deadline = time.monotonic() + request["timeout"]
        with self._place(client, deadline, gone):
            evaluator = self._take(networked)
            kept = False
            try:
                reply = evaluator.ask(request, deadline, gone)
                kept = not (networked or reply.message["spent"])
            except TimeoutError:
                raise _late(request["timeout"]) from None
            except Ended:
                raise _crashed(self.ceilings) from None
            finally:
                self._give_back(evaluator, kept)
        return reply

    @contextmanager
    def _place(self, client: str, deadline: float, gone: Flag) -> Iterator[None]:
        """Wait for the client's turn and hold a place at an evaluator."""
        place = (client, object())
        with self._turn:
            self._admit(client)
            self._queue.append(place)
            try:
                while self._next() is not place:
                    self._wait(deadline, gone)
                self._running[client] += 1
            finally:
                self._queue.remove(place)
                self._turn.notify_all()
        try:
            yield
        finally:
            with self._turn:
                self._running[client] -= 1
                self._running += Counter()  # forgets clients that have none
                self._turn.notify_all()

    def _admit(self, client: str) -> None:
        """Raise 503 if the queue is full, 429 if this client alone fills half of it."""
        if len(self._queue) >= WAITING:
            raise ServiceUnavailable(
                f"{WAITING} queries are waiting already; try again in {PAUSE} seconds.", retry_after=PAUSE
            )
        if sum(other == client for other, _ in self._queue) >= WAITING // 2:
            raise TooManyRequests(
                f"{WAITING // 2} queries from your address are waiting already; let them end before you send more.",
                retry_after=PAUSE,
            )

    def _next(self) -> tuple[str, object] | None:
        """Return whose turn it is: the first that waits whose client leaves an evaluator to others."""
        if self._running.total() >= self.size:
            return None
        share = max(1, self.size - 1)
        return next((place for place in self._queue if self._running[place[0]] < share), None)

    def _wait(self, deadline: float, gone: Flag) -> None:
        self._turn.wait(max(0, min(GLANCE, deadline - time.monotonic())))
        if gone.is_set():
            raise Gone
        if time.monotonic() >= deadline:
            raise ServiceUnavailable(
                "Others' queries took all the time that this one had; try again.", retry_after=PAUSE
            )

    def _take(self, networked: bool) -> Evaluator:
        with self._births:
            while self._idle and not networked:
                evaluator = self._idle.pop()
                if evaluator.lives():
                    return evaluator
                self._part_with(evaluator.channel)
            try:
                return self._born(networked)
            except (EOFError, OSError):
                log.error("the nursery of evaluators has ended; another is started")
                self._part_with(self._nursery)
                # This process has threads by now. The new nursery uses nothing that they could have left locked.
                self._nursery = self._start()
                return self._born(networked)

    def _born(self, networked: bool) -> Evaluator:
        ours, theirs = socket.socketpair()
        with theirs:
            send(self._nursery, {"networked": networked}, files=[theirs.fileno()])
        message, _, _ = receive(self._nursery)
        self._channels.add(ours)
        return Evaluator(message["pid"], ours)

    def _give_back(self, evaluator: Evaluator, kept: bool) -> None:
        with self._births:
            if kept:
                self._idle.append(evaluator)
                return
            self._part_with(evaluator.channel)
            with suppress(OSError):
                send(self._nursery, {"kill": evaluator.pid})


def _close(channels: set[socket.socket]) -> None:
    """End the nursery, and with it all evaluators."""
    for channel in channels:
        channel.close()


def _late(seconds: float) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"The query was stopped after {seconds:g} seconds, before its answer was complete. Ask for less: fewer "
        "patterns, a narrower one first, or LIMIT.",
        retry_after=PAUSE,
    )


def _crashed(ceilings: Ceilings) -> InternalServerError:
    return InternalServerError(
        "The process that evaluated the query ended without an answer: it ran out of its memory of "
        f"{ceilings.memory >> 20} MiB, or the query is nested too deeply. Ask in parts."
    )
