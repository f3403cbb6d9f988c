"""The worker processes of the server, and how they take turns: a new one is ready before the old one stops.

They share one socket, so that a connection that waits there is accepted by whoever comes next, and each has a channel
to the process that started it. It says on it when it answers, and is told on it when it is to accept no more.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from granian import _futures
from granian.server.mp import MPServer

from .delivery import STALL

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    from .front import Front

ENDS = (signal.SIGINT, signal.SIGTERM)
SETTLE = 2  # seconds in which a worker that accepts no more reads the requests on what it has accepted
LINGER = 600  # seconds that it has to answer them; who takes none of his answer is let go much sooner
TELL = 1  # seconds between the times at which a worker publishes what it counts
GLANCE = 0.2  # seconds between looks at whether the server is to end
log = logging.getLogger(__name__)


class Worker(Protocol):
    """What is used of granian's ``WorkerProcess``, which has no types."""

    inner: "BaseProcess"
    interrupt_by_parent: bool

    def start(self) -> None: ...  # noqa: D102
    def is_alive(self) -> bool: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102
    def join(self, timeout: float | None = None) -> None: ...  # noqa: D102


class Watcher(Protocol):
    """What is used of granian's ``CallbackWatcherHTTP``, which sees to it that a request has an answer."""

    scope: "Scope"
    proto: "HTTPProtocol"

    def taskref(self, task: asyncio.Task[None]) -> None: ...  # noqa: D102
    def err(self, error: Exception) -> None: ...  # noqa: D102


class Workers(MPServer):
    """Granian's server, which reloads so that no request is lost; ``ended`` is told the number of each worker.

    ``prepare`` is called before a reload, and raises ValueError if there is nothing that can be served.

    Of granian's own it replaces what is not meant for it: ``tests/test_server_reload.py`` fails where that changes.
    """

    _shd: Any
    _ssp: Any
    _sfd: Any
    _sso: socket.socket | None
    interrupt_children: list[int]
    interrupt_signal: bool
    wrks: list[Worker]  # type: ignore[assignment]

    def __init__(
        self, *arguments: Any, prepare: Callable[[], object], ended: Callable[[int], object], **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self.prepare = prepare
        self.ended = ended
        self.channels: dict[Worker, Connection] = {}
        self.leaving: list[Worker] = []

    def _init_shared_socket(self) -> None:
        """Open one socket for all workers; granian opens one for each on Linux, and what waits there ends with it."""
        super()._init_shared_socket()
        if self._shd is None:
            self._shd, self._ssp = self._ssp.build(), None
            self._sfd = self._shd.get_fd()
            self._sso = socket.socket(fileno=self._sfd)
            with suppress(AttributeError, OSError):  # not on every system
                # Connections end whose clients take nothing; those that are accepted inherit it (tcp(7)).
                self._sso.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL * 1000)

    def _spawn_worker(  # type: ignore[override]
        self, idx: int, target: object, callback_loader: Callable[[], "Front"]
    ) -> Worker:
        ours, theirs = Pipe()
        worker = cast(Worker, super()._spawn_worker(idx, target, partial(_load, callback_loader, theirs)))
        self.channels[worker] = ours
        return worker

    def _spawn_workers(self, spawn_target: object, target_loader: Callable[[], "Front"]) -> None:
        with _held_back():
            super()._spawn_workers(spawn_target, target_loader)

    def _reload(self, spawn_target: object, target_loader: Callable[[], "Front"]) -> None:
        """Replace all workers, unless there is nothing else to serve."""
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        try:
            self.prepare()
        except Exception as error:  # whatever it is, the workers that there are can go on
            log.error("%s What was served before is served on.", error, exc_info=not isinstance(error, ValueError))
        else:
            self._respawn_workers([*range(self.workers)], spawn_target, target_loader)
        if self.interrupt_signal or self.interrupt_children or self.reload_signal:
            self.main_loop_interrupt.set()

    def _respawn_workers(
        self, workers: list[int], target: object, loader: Callable[[], "Front"], delay: float = 0
    ) -> None:
        """Replace workers one after the other, those that have ended, too; stop if a new one cannot answer."""
        for index in workers:
            worker = self._spawn_worker(index, target, loader)
            worker.interrupt_by_parent = True  # that it ends is no reason to start another
            with _held_back():
                worker.start()
            if not self._is_ready(worker):
                self._give_up(worker)
                break
            old, self.wrks[index] = self.wrks[index], worker
            self._part_with(old)
            worker.interrupt_by_parent = False
        self._look_after()

    def _is_ready(self, worker: Worker) -> bool:
        """Return whether a worker answers, when it does or has ended; and at once if the server is to end."""
        channel = self.channels[worker]
        while not (found := wait([channel, worker.inner.sentinel], GLANCE)):
            if self.interrupt_signal:
                return False
        return channel in found and channel.poll() and bool(_received(channel))

    def _give_up(self, worker: Worker) -> None:
        """Go on with the workers that there are; if there is none, granian is to end."""
        worker.kill()
        worker.join()
        self._forget(worker)
        if not self.interrupt_signal:
            log.error("the new worker cannot answer; those that can go on as they are")
        if not any(other.is_alive() for other in self.wrks):
            self.respawned_wrks = dict.fromkeys(range(self.workers), time.monotonic())
        time.sleep(GLANCE)  # before the next is tried in the place of one that has ended

    def _look_after(self) -> None:
        """Have workers replaced that have ended while nobody looked."""
        ended = {index for index, worker in enumerate(self.wrks) if not worker.is_alive()}
        if ended - {*self.interrupt_children}:
            self.interrupt_children = [*ended]
            self.main_loop_interrupt.set()

    def _part_with(self, worker: Worker) -> None:
        """Let a worker accept no more, answer what it has been asked, and end."""
        worker.interrupt_by_parent = True
        self.leaving.append(worker)
        with suppress(OSError):  # it has ended
            self.channels[worker].send_bytes(b"accept no more")
        threading.Thread(target=self._see_off, args=(worker,), daemon=True).start()

    def _see_off(self, worker: Worker) -> None:
        worker.join(SETTLE)
        worker.terminate()
        worker.join(LINGER)
        worker.kill()
        worker.join()
        with suppress(ValueError):  # the server ends, and has taken it over
            self.leaving.remove(worker)
            self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        if channel := self.channels.pop(worker, None):
            channel.close()
            self.ended(worker.inner.pid or 0)

    def _stop_workers(self) -> None:
        """End all workers within granian's ``workers_kill_timeout``, those that were to end anyway, too."""
        leaving, self.leaving = self.leaving, []
        self.wrks += leaving
        workers = list(self.wrks)
        super()._stop_workers()
        for worker in workers:
            self._forget(worker)

    def signal_handler_interrupt(self, *arguments: Any, **named: Any) -> None:
        """End the server: gracefully, and at once when told so again."""
        again = self.interrupt_signal
        super().signal_handler_interrupt(*arguments, **named)
        for worker in [*self.wrks, *self.leaving]:
            worker.interrupt_by_parent = True  # a terminal sends its signal to the workers, too
            if again:
                worker.kill()


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold the signals of the end back, for a process that is forked until ``_load`` takes them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _received(channel: Connection) -> bytes:
    """Return what the other end has sent, nothing if it has closed."""
    try:
        return channel.recv_bytes()
    except (EOFError, OSError):
        return b""


def _load(load: Callable[[], "Front"], channel: Connection) -> "Front":
    """Return in a worker what it is to serve; end it with a sentence if there is nothing that can be served."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what these did came from the process that forked this one
    for number in ENDS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    try:
        front = load()
    except ValueError as error:
        log.error("%s", error)
        sys.exit(1)
    front.started = partial(_attend, front, channel)
    _futures._cbsched_aioschedule = partial(_scheduled, front)
    return front


def _scheduled(
    front: "Front", loop: asyncio.AbstractEventLoop, context: Context, _: object
) -> Callable[[Watcher], None]:
    """Return what granian calls for each request, in a thread of its own: the front, and the loop for what is left.

    Granian's hands all to the loop, and to wake that takes longer than to answer from what is kept.
    """

    def start(answering: Coroutine[Any, Any, None], watcher: Watcher) -> None:
        watcher.taskref(loop.create_task(answering))

    def run(watcher: Watcher, answering: Coroutine[Any, Any, None]) -> None:
        watched = _futures._future_watcher_wrapper(lambda *_: answering)(watcher)
        loop.call_soon_threadsafe(start, watched, watcher, context=context)

    def schedule(watcher: Watcher) -> None:
        try:
            front.begin(watcher.scope, watcher.proto, partial(run, watcher))
        except Exception as error:  # granian logs it
            watcher.err(error)

    return schedule


def _attend(front: "Front", channel: Connection, loop: asyncio.AbstractEventLoop) -> None:
    """Say when this worker answers, and listen to when it is to accept no more."""
    loop.add_reader(channel.fileno(), _leave, front, channel, loop)
    _tell(front, loop)
    threading.Thread(target=_announce, args=(front, channel), daemon=True).start()


def _tell(front: "Front", loop: asyncio.AbstractEventLoop) -> None:
    """Publish what this worker counts, now and then."""
    front.publish()
    loop.call_later(TELL, _tell, front, loop)


def _announce(front: "Front", channel: Connection) -> None:
    problem = front.problem()
    if problem:
        log.error("this worker cannot answer: %s", problem)
    with suppress(OSError):  # nobody waits for it
        channel.send_bytes(b"" if problem else b"ready")


def _leave(front: "Front", channel: Connection, loop: asyncio.AbstractEventLoop) -> None:
    """Accept no more, and close each connection after its next answer.

    Granian cannot be told so: it would stop at once, and close what it has accepted and not yet read. Therefore what
    it takes for the listening socket becomes another one, to which nobody connects.
    """
    loop.remove_reader(channel.fileno())
    front.leaving = True
    with socket.create_server(("127.0.0.1", 0)) as deserted:
        deserted.setblocking(False)
        for number in listening():
            os.dup2(deserted.fileno(), number)


def listening() -> list[int]:
    """Return the descriptors of this process that are Internet sockets and listen."""
    return [number for number in (int(path.name) for path in list(Path("/dev/fd").iterdir())) if _listens(number)]


def _listens(number: int) -> bool:
    with suppress(OSError):  # not a socket
        found = socket.socket(fileno=number)
        try:
            return found.family != socket.AF_UNIX and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        finally:
            found.detach()  # it is granian's
    return False
