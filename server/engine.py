"""The engine: lets evaluators answer queries, each with a deadline, and starts others for those that end.

An answer is whole before its first byte is seen, in memory or in a file; ``places.py`` says which query is next.
"""

import io
import logging
import os
import socket
import struct
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from werkzeug.exceptions import GatewayTimeout, HTTPException, InternalServerError, ServiceUnavailable

from .behind import IT, LESS
from .evaluator import Answer, Ceilings, Inbox, Life, Message, readable, send, start_fork_server
from .gate import network
from .places import PAUSE, Flag, Place, Places

STUCK = 5  # seconds after which an evaluator that takes no request, or the fork server, is given up
WARM = 300  # seconds after which a fork server that is not yet warm is given up
SLOW = 10  # priority of queries in slow places: an eighth of what quick ones get; the lowest would get next to nothing
log = logging.getLogger(__name__)


class Ended(Exception):
    """An evaluator ended without an answer."""


class Late(ServiceUnavailable):
    """A query took all its time."""


class Crashed(InternalServerError):
    """The process of a query ended."""


@dataclass(frozen=True)
class Spooled:
    """What an evaluator replied: its message, and the answer as a file at its start, which may be in memory."""

    message: Message
    content: IO[bytes]


@dataclass
class Evaluator:
    """The server's side of an evaluator; both have the file in which its next great answer will be."""

    pid: int
    channel: socket.socket
    spool: IO[bytes] | None = None

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.channel)

    def lives(self) -> bool:
        """Return whether the process is there: an idle one sends nothing, one that ended can be read to its end."""
        return not readable(self.channel, 0)

    def ran(self) -> float:
        """Return the seconds of processor time that it has used; where the system does not tell, those that passed."""
        with suppress(OSError):
            return time.clock_gettime((~self.pid << 3) | 2)  # clock_getcpuclockid(3), on Linux
        return time.monotonic()

    def tell(self, request: Message) -> None:
        """Send a request, with a file if the last answer has taken it; raise ``Ended`` if the process ended.

        An empty one brings the file alone, to those that were sent before that answer came.
        """
        try:
            new = [] if self.spool else [_spool()]
            self.spool = new[0] if new else self.spool
            send(self.channel, request, files=[file.fileno() for file in new])
        except OSError:
            raise self._ended() from None

    def hear(self) -> Spooled:
        """Return the reply to a request, for which it does not wait long; raise ``Ended`` if the process ended."""
        try:
            message, body = self.inbox.next()
            spooled, _, _ = message["spooled"], message["spent"], message["size"]
        except (EOFError, OSError, KeyError, TypeError, ValueError):  # which is no reply of ours
            raise self._ended() from None
        if not (self.spool and spooled):
            return Spooled(message, io.BytesIO(body))
        file, self.spool = self.spool, None  # it stays open for the reader
        file.seek(0)
        return Spooled(message, file)

    def _ended(self) -> Ended:
        """End the process if it has not ended: part of a message may be left, or a file be wanting, for ever."""
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_RDWR)
        return Ended()

    def close(self) -> None:
        """Close what the server has of it."""
        self.channel.close()
        if self.spool:
            self.spool.close()


def _spool() -> IO[bytes]:
    """Return a file without a name; where none can be made, one that is full, which small answers do not need."""
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError:
        return Path("/dev/full").open("r+b", buffering=0)


@dataclass
class Asked:
    """A query that an evaluator is to answer, or answers, in ``seconds``: its place, and if ``apart``, for it alone."""

    place: Place
    evaluator: Evaluator
    seconds: float
    apart: bool = False


@dataclass
class Engine:
    """Evaluators for one dataset, for ``size`` quick queries and as many slow ones, each made when needed.

    ``warm_up`` is called before the first is made, ``prepare`` in each; see ``Life``. Where each is prepared, which
    takes longer than to fork it, one is kept ready. Where they ask another engine all are ``networked``: they can open
    sockets, and are kept like others.
    """

    answer: Answer
    warm_up: Callable[[], object]
    ceilings: Ceilings
    size: int
    prepare: Callable[[], object] | None = None
    networked: bool = False
    _fork_server: socket.socket | None = None
    _idle: list[Evaluator] = field(default_factory=list)
    _channels: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.places = Places(self.size)
        self._life = Life(self.answer, self.ceilings, self.warm_up, self.prepare)
        self._forking = threading.Lock()
        self._start()
        self.close = weakref.finalize(self, _close, self._channels, self._idle)

    def _start(self) -> socket.socket:
        self._owner, self._is_warm = os.getpid(), False
        self._pid, self._fork_server = start_fork_server(self._life)
        self._channels.add(self._fork_server)
        return self._fork_server

    def _part_with(self, end: socket.socket | Evaluator) -> None:
        self._channels.discard(end.channel if isinstance(end, Evaluator) else end)
        end.close()

    def run(self, request: Message, client: str, gone: Flag, networked: bool = False) -> Spooled:
        """Return the reply to ``request`` within ``request["timeout"]`` seconds, those in the queue included.

        Raises 429 or 503 if there is no room, 503 or 504 at the deadline, 500 if the evaluator ended, ``Gone`` if the
        client went away. The evaluator that did not answer is killed; the next query gets another. One that is
        ``networked`` among others that are not is for this query alone.
        """
        apart = networked and not self.networked
        deadline = time.monotonic() + request["timeout"]
        with self.places.hold(network(client), deadline, gone) as place:
            return self._answered(Asked(place, self._take(apart), request["timeout"], apart), request)

    def begin(self, request: Message, client: str, gone: Flag) -> Asked | None:
        """Give a request to an evaluator if that can be done at once, else return None; does not wait for the answer.

        What is returned must be given to ``finish`` or ``end``.
        """
        deadline = time.monotonic() + request["timeout"]
        place = self.places.take(network(client), deadline, gone) if self._idle else None
        if place is None:
            return None
        try:
            asked = Asked(place, self._idle.pop(), request["timeout"])
        except IndexError:  # another thread was faster
            self.places.release(place)
            return None
        with suppress(Ended):
            asked.evaluator.tell(request)
            return asked
        self.end(asked, kept=False)
        return None

    def finish(self, asked: Asked) -> Spooled:
        """Return the reply to what was begun; raise as ``run`` does. If the reply is there, this takes no time."""
        try:
            return self._answered(asked, aside=True)
        finally:
            self.places.release(asked.place)

    def end(self, asked: Asked, *, kept: bool) -> None:
        """Give back an evaluator that has replied to all that it was asked, if it is ``kept``, or stop it."""
        try:
            self._give_back(asked.evaluator, kept, aside=True)
        finally:
            self.places.release(asked.place)

    def _answered(self, asked: Asked, request: Message | None = None, aside: bool = False) -> Spooled:
        """Return the reply to what an evaluator was asked, or is to be, with ``request``; then give it back."""
        kept = False
        try:
            if request:
                asked.evaluator.tell(request)
            self._wait(asked.place, asked.evaluator)
            reply = asked.evaluator.hear()
            kept = asked.place in self.places.quick and not (asked.apart or reply.message["spent"])
        except TimeoutError:
            raise _late(asked.seconds, self.networked) from None
        except Ended:
            raise _crashed(self.ceilings) from None
        finally:
            self._give_back(asked.evaluator, kept, aside)
        return reply

    def _wait(self, place: Place, evaluator: Evaluator) -> None:
        """Wait until the evaluator replies; let quicker ones pass it if it does not soon."""
        before = evaluator.ran()
        while not evaluator.inbox.waits(place.left()):
            place.check()
            if self.places.slow_down(place, evaluator.ran() - before):
                with suppress(OSError):
                    os.setpriority(os.PRIO_PGRP, evaluator.pid, SLOW)  # of all its threads
                self._replace()

    def _replace(self) -> None:
        """Have an evaluator ready for the next query, in the place of one that will not be used again."""
        if not self._idle:  # else that one was for a query that may call out, for which none is kept
            with suppress(HTTPException):
                self._idle.append(self._made(self.networked))

    def _take(self, apart: bool) -> Evaluator:
        self._own()
        while self._idle and not apart:
            with suppress(IndexError):  # another thread was faster
                evaluator = self._idle.pop()
                if evaluator.lives():
                    return evaluator
                self._part_with(evaluator)
        return self._made(apart or self.networked)

    def _made(self, networked: bool) -> Evaluator:
        """Return a new evaluator; raise 503 if there can be none."""
        with self._forking, ExitStack() as channels:
            try:
                ours, theirs = map(channels.enter_context, socket.socketpair())
                pid = self._forked(theirs, networked)
            except OSError as error:
                log.error("no evaluator can be started: %s", error)
                raise ServiceUnavailable("No query can be evaluated now; try again.", retry_after=PAUSE) from None
            channels.pop_all()
            theirs.close()
            self._channels.add(_patient(ours, STUCK))
            return Evaluator(pid, ours)

    def _own(self) -> None:
        """Start anew if the server has been forked since: two processes on one channel would mix up their answers."""
        with self._forking:
            if self._owner == os.getpid():
                return
            for evaluator in self._idle:
                evaluator.close()
            self._idle.clear()
            for channel in list(self._channels):
                self._part_with(channel)
            self._start()

    def _forked(self, channel: socket.socket, networked: bool) -> int:
        """Return the number of the evaluator that this fork server or another starts; raise OSError if none can."""
        for _ in range(2):
            try:
                fork_server = self._warm_fork_server()
                send(fork_server, {"networked": networked}, files=[channel.fileno()])
                message, _ = Inbox(fork_server).next()
            except (EOFError, OSError) as error:
                log.error("the fork server of evaluators has ended; another is started: %s", error)
                self._end_fork_server()  # what it may still answer is no answer to the next request
            else:
                if not message["pid"]:
                    raise OSError(message["problem"])
                return int(message["pid"])
        raise OSError("the fork server ends again and again")

    def _warm_fork_server(self) -> socket.socket:
        """Return the fork server as soon as it is warm, which takes the longer the more data there are."""
        # If this process has threads by now: a new fork server uses nothing that they could have left locked.
        fork_server = self._fork_server or self._start()
        if not self._is_warm:
            Inbox(_patient(fork_server, WARM)).next()
            _patient(fork_server, STUCK)
            self._is_warm = True
        return fork_server

    def _end_fork_server(self) -> None:
        if self._fork_server is not None:
            self._part_with(self._fork_server)
            self._fork_server = None
            with suppress(ChildProcessError):
                os.waitpid(self._pid, os.WNOHANG)

    def _give_back(self, evaluator: Evaluator, kept: bool, aside: bool = False) -> None:
        """Keep an evaluator for the next query, or end it: ``aside``, as that may have to wait for the fork server."""
        if kept and not evaluator.inbox.content:
            self._idle.append(evaluator)
        elif aside:
            threading.Thread(target=self._end, args=(evaluator,), daemon=True).start()
        else:
            self._end(evaluator)

    def _end(self, evaluator: Evaluator) -> None:
        self._part_with(evaluator)
        with self._forking, suppress(OSError):
            if self._fork_server is not None:
                send(self._fork_server, {"kill": evaluator.pid})
        if self.prepare:
            self._replace()


def _patient(channel: socket.socket, seconds: int) -> socket.socket:
    """Return a channel on which sending and receiving fail at last, rather than wait for ever."""
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        channel.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))
    return channel


def _close(channels: set[socket.socket], idle: list[Evaluator]) -> None:
    """End the fork server, and with it all evaluators."""
    for channel in channels:
        channel.close()
    for evaluator in idle:
        evaluator.close()


def _late(seconds: float, elsewhere: bool) -> HTTPException:
    if elsewhere:
        return GatewayTimeout(f"{IT} did not answer whole within {seconds:g} seconds. {LESS}")
    return Late(
        f"The query was stopped after {seconds:g} seconds, before its answer was complete. {LESS}", retry_after=PAUSE
    )


def _crashed(ceilings: Ceilings) -> Crashed:
    return Crashed(
        "The process that evaluated the query ended without an answer: it ran out of its memory of "
        f"{ceilings.memory >> 20} MiB, or the query is nested too deeply. Ask in parts."
    )
