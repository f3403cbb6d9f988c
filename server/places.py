"""Who may be evaluated: places for queries, a bounded queue before them, and what is shed when there are too many.

A query starts in a quick place. If it is still running after a moment it goes on in a slow place, at a low
priority, and the quick one is free: so queries that take long never keep out those that do not. Where all slow places
are taken, too, and another client waits, the query that has run longest of the client that has most is stopped. No
client has all quick places or more than half of the queue.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

WAITING = 128  # queries in the queue
QUICK = 1  # seconds of processor time in a quick place, if no other client waits for it
AWAITED = 0.1  # the same, if one does
LASTING = 2  # seconds in a quick place, of one that waits for others
PAUSE = 2  # seconds after which a client that was shed may try again (RFC 9110, section 10.2.3)
GLANCE = 0.1  # seconds between looks at what has changed


class Flag(Protocol):
    """Says whether a client has gone; a ``threading.Event`` will do."""

    def is_set(self) -> bool:
        """Return whether it has."""


class Waiting(Protocol):
    """Waits for a place."""

    @property
    def client(self) -> str:
        """Whose it is."""


class Gone(HTTPException):
    """The client has gone; nobody reads this."""

    code = 499  # as nginx logs it; RFC 9110 has no status for nobody
    description = "The client has closed the connection."


@dataclass(eq=False)
class Place:
    """The place of a query: whose it is, and the moments (of ``time.monotonic``) when it must end and when it began.

    ``turn`` is told when it may be its turn.
    """

    client: str
    deadline: float
    gone: Flag
    turn: threading.Condition
    began: float = 0
    stopped: bool = False

    def left(self) -> float:
        """Return the seconds until something about it is to be looked at."""
        return max(0, min(GLANCE, self.deadline - time.monotonic()))

    def check(self) -> None:
        """Raise ``Gone`` if the client has gone, 503 if it was stopped for others, TimeoutError at the deadline."""
        if self.gone.is_set():
            raise Gone
        if self.stopped:
            raise ServiceUnavailable(
                f"The query was stopped after {time.monotonic() - self.began:.1f} seconds, before its answer was "
                "complete, because many queries are waiting. Ask for less, or try again later.",
                retry_after=PAUSE,
            )
        if time.monotonic() >= self.deadline:
            raise TimeoutError


class Places:
    """Places for ``size`` quick queries and as many slow ones; ``released`` is called whenever one is left."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.queue: list[Place] = []
        self.quick: list[Place] = []
        self.slow: list[Place] = []
        self.released: Callable[[], object] = bool
        self.elsewhere: Sequence[Waiting] = ()  # those that wait for places elsewhere than in the queue
        self._lock = threading.Lock()
        self._now = threading.Condition(self._lock)  # the turn of those that do not wait

    @contextmanager
    def hold(self, client: str, deadline: float, gone: Flag) -> Iterator[Place]:
        """Wait for the client's turn and hold a place; raise 429 or 503 where there is none in time."""
        place = Place(client, deadline, gone, threading.Condition(self._lock))
        self._wait(place)
        try:
            yield place
        finally:
            self.release(place)

    def take(self, client: str, deadline: float, gone: Flag) -> Place | None:
        """Return a place if there is one for the client at once, to be released; else None."""
        place = Place(client, deadline, gone, self._now, time.monotonic())
        with self._lock:
            if not self.has_room(client):
                return None
            self.quick.append(place)
        return place

    def has_room(self, client: str) -> bool:
        """Return whether there is a place at once for a client, before nobody in the queue who could have it."""
        return self._is_free(client) and self._next() is None

    def release(self, place: Place) -> None:
        """Leave a place to the next."""
        with self._lock:
            (self.slow if place in self.slow else self.quick).remove(place)
            self._call()
        self.released()

    def slow_down(self, place: Place, ran: float) -> bool:
        """Move a query that ran for a while, in seconds of processor time, to a slow place; return whether it did.

        Where all are taken, it stays where it is until another client waits.
        """
        others = any(each.client != place.client for each in (*self.queue, *self.elsewhere))
        lasts = ran >= (AWAITED if others else QUICK) or time.monotonic() >= place.began + LASTING
        if place not in self.quick or not lasts:
            return False
        with self._lock:
            running = [place for place in self.slow if not place.stopped]
            if len(running) >= self.size:
                if not others:
                    return False
                _stop_one([*running, place])
            self.quick.remove(place)
            self.slow.append(place)
            self._call()
        self.released()
        return True

    def _wait(self, place: Place) -> None:
        with self._lock:
            admit(place.client, [each.client for each in self.queue])
            self.queue.append(place)
            try:
                while self._next() is not place:
                    place.turn.wait(place.left())
                    place.check()
                place.began = time.monotonic()
                self.quick.append(place)
            except TimeoutError:
                raise ServiceUnavailable(
                    "Others' queries took all the time that this one had; try again.", retry_after=PAUSE
                ) from None
            finally:
                self.queue.remove(place)
                self._call()

    def _call(self) -> None:
        """Wake whose turn it is; not all, of whom each would look for the next."""
        following = self._next()
        if following:
            following.turn.notify()

    def _next(self) -> Place | None:
        """Return whose turn it is: the first that waits whose client leaves a quick place to others."""
        if len(self.quick) >= self.size:
            return None
        return next((place for place in self.queue if self._is_free(place.client)), None)

    def _is_free(self, client: str) -> bool:
        """Return whether there is a quick place for a client, who leaves one to others."""
        held = [place.client for place in self.quick].count(client)
        return len(self.quick) < self.size and held < max(1, self.size - 1)


def _stop_one(running: Sequence[Place]) -> None:
    """Stop the oldest query of the client that has most of them."""
    held = Counter(place.client for place in running)
    max(running, key=lambda place: held[place.client]).stopped = True


def admit(client: str, waiting: Sequence[str]) -> None:
    """Raise 503 if the queue of these clients is full, 429 if this client alone fills half of it."""
    if len(waiting) >= WAITING:
        raise ServiceUnavailable(
            f"{WAITING} queries are waiting already; try again in {PAUSE} seconds.", retry_after=PAUSE
        )
    if waiting.count(client) >= WAITING // 2:
        raise TooManyRequests(
            f"{WAITING // 2} queries from your address are waiting already; let them end before you send more.",
            retry_after=PAUSE,
        )
