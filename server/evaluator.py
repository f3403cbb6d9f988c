"""Where queries run: processes that can be killed, with a ceiling of memory and no way to open a socket.

The server starts a fork server (as in Python's multiprocessing) while it is still small and has one thread. That one
holds the loaded data, whose memory is shared, and forks an evaluator whenever it is asked, in milliseconds. An
evaluator answers one query after the other on its channel. Both end when the other end of their channel is closed.
Data on a disk are opened by each evaluator: what reads them in the background would not be forked.
"""

import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from .sockets import forbid_sockets

Message = dict[str, Any]
Answer = Callable[[Message, "Spool"], Message]

INLINE = 1 << 16  # bytes of an answer that travel through the channel; more go into a file
STACK = 256 << 20  # bytes; the parser recurses some 3 kB deep for each nesting
NO_FILE = -1
GROWN = 64 << 20  # bytes; an evaluator that grew by more is not used again, so that memory comes back
MOMENT = 0.001  # seconds in which no query takes that much
CHANNEL = 3  # file descriptor, after the standard ones
_LENGTHS = struct.Struct("!II")
ARRIVAL = 5  # seconds for a message, from when something of it is there
LARGEST = 8 << 20  # bytes of a message; the longest query takes 6 MiB, all escaped
_READ = INLINE + (1 << 12)  # bytes


def send(channel: socket.socket, message: Message, body: bytes = b"", files: Sequence[int] = ()) -> None:
    """Send a message, bytes and open files."""
    head = orjson.dumps(message)
    content = memoryview(_LENGTHS.pack(len(head), len(body)) + head + body)
    sent = socket.send_fds(channel, [content], files) if files else 0
    channel.sendall(content[sent:])


def readable(channel: socket.socket, seconds: float) -> bool:
    """Return whether there is something to receive, or an end, after waiting for it; ``poll`` knows any descriptor."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


class Inbox:
    """The messages that come on a channel. Several may come at a time, which the channel then tells of no more."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.content = b""

    def holds_one(self) -> bool:
        """Return whether there is a whole message that the channel has told of."""
        return len(self.content) >= _LENGTHS.size and len(self.content) >= self._end()

    def waits(self, seconds: float) -> bool:
        """Return whether there is a message, or an end, after waiting for it."""
        return self.holds_one() or readable(self.channel, seconds)

    def next(self) -> tuple[Message, bytes]:
        """Return the next message and bytes; raise EOFError if the other end is gone, even amid a message."""
        began = 0.0
        while not self.holds_one():
            content = self._read()
            began = began or time.monotonic()
            if not content or time.monotonic() > began + ARRIVAL:
                raise EOFError
            self.content += content
            if len(self.content) >= _LENGTHS.size and self._end() > LARGEST:
                raise EOFError
        head, end = _LENGTHS.size + _LENGTHS.unpack_from(self.content)[0], self._end()
        content, self.content = self.content, self.content[end:]
        return orjson.loads(content[_LENGTHS.size : head]), content[head:end]

    def _end(self) -> int:
        head, body = _LENGTHS.unpack_from(self.content)
        return _LENGTHS.size + int(head) + int(body)

    def _read(self) -> bytes:
        return self.channel.recv(_READ)


class InboxWithFiles(Inbox):
    """The same, with the open ``files`` that come with messages; the system reads no more than one at a time."""

    def __init__(self, channel: socket.socket) -> None:
        super().__init__(channel)
        self.files: list[int] = []

    def _read(self) -> bytes:
        content, files, _, _ = socket.recv_fds(self.channel, _READ, 1)
        self.files += files
        return content


class Full(Exception):
    """An answer is greater than it may be."""


class Spool:
    """Takes an answer: a small one stays in ``head``, a greater one goes into an open file."""

    def __init__(self, file: int, limit: int) -> None:
        self.file = file
        self.limit = limit
        self.head = bytearray()
        self.size = 0
        self.spooled = False  # whether there is something in the file
        self.problem: Exception | None = None

    def write(self, content: bytes) -> int:
        """Take more of the answer; raise ``Full`` over the limit, OSError where the disk is full.

        What was raised is kept in ``problem``, because Oxigraph may pass it on as another error.
        """
        try:
            self._write(content)
        except (Full, OSError) as error:
            self.problem = error
            raise
        return len(content)

    def _write(self, content: bytes) -> None:
        self.size += len(content)
        if self.size > self.limit:
            raise Full
        self.head += content
        if len(self.head) > INLINE:
            self._to_file()

    def _to_file(self) -> None:
        self.spooled = True
        left = memoryview(bytes(self.head))
        self.head.clear()
        while left:
            left = left[os.write(self.file, left) :]

    def flush(self) -> None:
        """Do nothing; Oxigraph asks for it."""

    def close(self) -> None:
        """End an answer: whole in ``head`` if it is small, else whole in the file."""
        if self.size > len(self.head):
            self._to_file()

    def chunks(self) -> Iterator[bytes]:
        """Yield the answer that was closed, again."""
        if self.head:
            yield bytes(self.head)
            return
        for offset in range(0, self.size, INLINE):
            yield os.pread(self.file, INLINE, offset)


@dataclass(frozen=True)
class Ceilings:
    """What an evaluator may use: bytes of memory on top of what it starts with, and of an answer."""

    memory: int
    answer: int


@dataclass(frozen=True)
class Life:
    """What evaluators do: they ``answer``, within ceilings.

    ``warm_up`` is called in the fork server once: what evaluators need from files must be read before they cannot open
    any. ``prepare`` is called in each evaluator, before its memory is limited; if there is one, files can be opened
    later, too. It raises ValueError with a sentence if the evaluator cannot answer.
    """

    answer: Answer
    ceilings: Ceilings
    warm_up: Callable[[], object]
    prepare: Callable[[], object] | None = None


def start_fork_server(life: Life) -> tuple[int, socket.socket]:
    """Start a fork server for evaluators; return its number and the channel on which it takes requests."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, from Python 3.12 on
            pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid:
        theirs.close()
        return pid, ours
    with _last():
        _isolate(theirs)
        life.warm_up()
        _serve_forks(life)
    raise AssertionError


@contextmanager
def _last() -> Iterator[None]:
    """End this process after the block, whatever happens in it: the code of the server is not ours to go back to."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _isolate(channel: socket.socket) -> None:
    """Keep nothing of the server but the channel and standard error: no listening socket, no signal handler."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # these are for the server; it closes the channel
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    copy = os.dup2(channel.fileno(), max(CHANNEL + 1, channel.fileno() + 1))
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    os.dup2(copy, CHANNEL)
    for path in list(Path("/dev/fd").iterdir()):  # not up to the limit, which may be a thousand million
        if int(path.name) > CHANNEL:
            with suppress(OSError):  # the one by which they were listed
                os.close(int(path.name))
    gc.freeze()  # so that no collection copies pages that are shared with the server


def _serve_forks(life: Life) -> None:
    """Say that this is warm. Fork an evaluator for each file received, kill whom the server names, until it is gone."""
    children: set[int] = set()
    channel = socket.socket(fileno=CHANNEL)
    inbox = InboxWithFiles(channel)
    with suppress(EOFError, OSError):
        send(channel, {})
        while True:
            waiting = inbox.waits(1)
            children -= _ended(children)
            if not waiting:
                continue
            message, _ = inbox.next()
            if "kill" in message:
                _kill(children & {message["kill"]})
                continue
            file = inbox.files.pop()
            reply = _fork(partial(_evaluate, file, life, message["networked"]))
            children |= {reply["pid"]} - {0}
            os.close(file)
            send(channel, reply)
    _kill(children)


def _fork(live: Callable[[], None]) -> Message:
    """Fork a process that lives so; return its number, 0 with the reason if the system has no room for another."""
    try:
        pid = os.fork()
    except OSError as error:
        return {"pid": 0, "problem": str(error)}
    if not pid:
        live()
    return {"pid": pid}


def _ended(children: set[int]) -> set[int]:
    """Return those that have ended; only here they are waited for, so that no other process gets their number."""
    return {pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]}


def _kill(children: set[int]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _evaluate(channel: int, life: Life, networked: bool) -> None:
    """Answer queries on a stack that bears nested ones, then end this process."""
    with _last():
        os.setpgid(0, 0)  # Linux gives a priority to a process's first thread only, but to all of a group
        os.dup2(channel, CHANNEL)
        os.close(channel)
        answer = _prepared(life, networked)
        threading.stack_size(STACK)
        _limit(life.ceilings.memory, sockets=networked or life.prepare is not None)
        thread = threading.Thread(target=_serve, args=(socket.socket(fileno=CHANNEL), answer, life.ceilings))
        thread.start()
        thread.join()


def _prepared(life: Life, networked: bool) -> Answer:
    """Return what answers once this evaluator is prepared; if it cannot be, what says so."""
    if life.prepare is None:
        return life.answer
    try:
        if not networked:
            forbid_sockets()
        life.prepare()
    except (OSError, ValueError) as error:
        os.write(2, f"an evaluator cannot be prepared: {error}\n".encode())
        return _unprepared
    return life.answer


def _unprepared(_: Message, __: "Spool") -> Message:
    said = "The data cannot be read now; whoever runs this server finds the reason in its log."
    return {"problem": {"code": 500, "description": said, "members": {}}, "spent": True}


def _limit(memory: int, sockets: bool) -> None:
    """Set the ceilings: of address space, and of files, where the spool takes the last place and leaves no socket.

    It does so whenever a query is evaluated: one that was written to is closed before the next request, which comes
    with another.

    With ``sockets`` they may be opened, as far as this ceiling goes, and so may files.
    """
    if sys.platform == "linux":  # elsewhere the system does not keep to this ceiling
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + STACK + memory,) * 2)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # where memory ends, queries go before the server
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sockets:
        resource.setrlimit(resource.RLIMIT_NOFILE, (CHANNEL + 2,) * 2)
    os.nice(1)  # the server itself goes first


def _serve(channel: socket.socket, answer: Answer, ceilings: Ceilings) -> None:
    start, requests = _peak(), Requests(channel)
    allowed, looked, grown = 0.0, 0.0, False
    with _last(), suppress(EOFError, OSError):  # the server is gone
        while True:
            request, began = requests.next(), time.monotonic()
            # To look at what is used takes as long as to parse a query: it is done now and then.
            if request["timeout"] > allowed or began > looked + 1:
                allowed, looked = request["timeout"], began
                _allow(allowed + 1)
            spool = Spool(requests.file, ceilings.answer)
            reply = answer(request, spool)
            if spool.spooled:
                requests.close_file()
            looks = looked == began or time.monotonic() > began + MOMENT
            grown = grown or (looks and _peak() - start > GROWN)
            spent = reply.get("spent") or grown
            reply |= {"size": spool.size, "spooled": spool.spooled, "spent": spent}
            send(channel, reply, b"" if spool.spooled else bytes(spool.head))


class Requests:
    """The requests that come on a channel, and the file for the next great answer.

    Those that come while there is no file wait for the message that brings it.
    """

    def __init__(self, channel: socket.socket) -> None:
        self.inbox = InboxWithFiles(channel)
        self.file = NO_FILE
        self.waiting: deque[Message] = deque()

    def next(self) -> Message:
        """Return the next request when there is a file, too; raise EOFError if the other end is gone."""
        while self.file == NO_FILE or not self.waiting:
            message, _ = self.inbox.next()
            self.file = self.inbox.files.pop() if self.inbox.files else self.file
            self.waiting += [message] if message else []
        return self.waiting.popleft()

    def close_file(self) -> None:
        """Close the file that has an answer, so that no other file has its place while a query is evaluated."""
        os.close(self.file)
        self.file = NO_FILE


def _allow(seconds: float) -> None:
    """Have the system end this process after more seconds of processor time: a backstop if nobody is left to kill."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 2, resource.RLIM_INFINITY))


def _peak() -> int:
    """Return the most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
