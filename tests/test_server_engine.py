"""The engine and its evaluators: what becomes of queries that take too much, and of those beside them."""

import errno
import os
import platform
import queue
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import InternalServerError, ServiceUnavailable

from cosponsor.server import engine as module
from cosponsor.server.engine import SLOW, Ended, Engine, Evaluator, Spooled
from cosponsor.server.evaluator import GROWN, INLINE, Ceilings, Inbox, Message, Spool, send
from cosponsor.server.places import PAUSE, Gone
from cosponsor.server.sockets import forbid_sockets

from .serving import wait_until

CEILINGS = Ceilings(256 << 20, 1 << 20)


def act(request: Message, spool: Spool) -> Message:
    """Do in an evaluator what a request says, in the place of a query."""
    if "kill" in request:
        os.kill(os.getpid(), request["kill"])
        time.sleep(60)  # until the signal arrives
    while not Path(request.get("until", "/")).exists():
        pass
    time.sleep(request.get("sleep", 0))
    spool.write(b"x" * request.get("size", 0))
    spool.close()
    kept = bytearray(request.get("memory", 0))
    return {"pid": os.getpid(), "sockets": _can_open(socket.socket), "files": _can_open(_many_files), "kept": len(kept)}


def _can_open(make: Callable[[], Any]) -> bool:
    try:
        make().close()
    except OSError:
        return False
    return True


def _many_files() -> ExitStack:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Path(os.devnull).open())
        return stack.pop_all()


@contextmanager
def starting() -> Iterator[Callable[[int], Engine]]:
    """Give what makes engines, which end with this."""
    with ExitStack() as stack:

        def make(size: int) -> Engine:
            engine = Engine(act, int, CEILINGS, size)
            stack.callback(engine.close)
            return engine

        yield make


@pytest.fixture
def start() -> Iterator[Callable[[int], Engine]]:
    with starting() as make:
        yield make


@pytest.fixture
def engine(start: Callable[[int], Engine]) -> Engine:
    return start(2)


def run(engine: Engine, client: str = "a", gone: threading.Event | None = None, **request: Any) -> Spooled:
    return engine.run({"timeout": 5, **request}, client, gone or threading.Event())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_of(engine: Engine, client: str = "a", **request: Any) -> int:
    reply = run(engine, client, **request)
    reply.content.close()
    pid: int = reply.message["pid"]
    return pid


@pytest.mark.parametrize("size", [0, 1, INLINE, INLINE + 1, 1 << 20])
def test_an_answer_is_whole_whether_it_is_small_or_spooled(engine: Engine, size: int) -> None:
    reply = run(engine, size=size)
    with reply.content as content:
        assert content.read() == b"x" * size
    assert reply.message["size"] == size


def test_an_evaluator_answers_again(engine: Engine) -> None:
    assert pid_of(engine) == pid_of(engine) != os.getpid()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_an_evaluator_that_ends_costs_its_query_500_and_no_other(engine: Engine, number: int) -> None:
    first = pid_of(engine)
    with pytest.raises(InternalServerError, match="ended without an answer: it ran out of its memory of 256 MiB"):
        run(engine, kill=number)
    assert pid_of(engine) != first


def test_an_evaluator_for_which_no_file_can_be_made_is_given_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = pid_of(engine, size=INLINE + 1)  # which takes the file

    def fail() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(module, "_spool", fail)
    assert engine.begin({"timeout": 5}, "a", threading.Event()) is None
    assert (engine.places.quick, engine._idle) == ([], [])
    wait_until(lambda: not is_running(pid))


def test_an_evaluator_that_stays_silent_amid_a_reply_is_not_heard_again() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack("!II", 40, 0) + b"{")
        with pytest.raises(Ended):
            Evaluator(os.getpid(), module._patient(ours, 1)).hear()
        with pytest.raises(BrokenPipeError):
            theirs.sendall(b"}")


def test_messages_that_come_together_and_in_parts_are_told_apart() -> None:
    ours, theirs = socket.socketpair()
    messages: list[tuple[Message, bytes]] = [({"n": 0}, b""), ({"n": 1}, b"x" * 5), ({"n": 2}, bytes(200_000))]
    sent = b"".join(_written(*message) for message in messages)
    with ours, theirs, ThreadPoolExecutor() as threads:
        for size in (1, 7, 100_000, len(sent)):
            cuts = [*range(0, 42, size), max(42, size), len(sent)]
            parts = [sent[start:end] for start, end in pairwise(cuts)]
            sending, inbox = threads.submit(list, map(theirs.sendall, parts)), Inbox(ours)
            assert [inbox.next() for _ in messages] == messages
            assert not inbox.holds_one()
            sending.result()
        theirs.sendall(sent[:-1])
        theirs.close()
        assert [inbox.next() for _ in messages[:2]] == messages[:2]
        with pytest.raises(EOFError):
            inbox.next()


def _written(message: Message, body: bytes) -> bytes:
    """Return what is sent of a message."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor() as threads:
        reading = threads.submit(lambda: b"".join(iter(lambda: ours.recv(1 << 16), b"")))
        send(theirs, message, body)
        theirs.close()
        return reading.result()


def test_an_idle_evaluator_that_was_killed_is_not_asked(engine: Engine) -> None:
    first = pid_of(engine)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not engine._idle[0].lives())
    assert pid_of(engine) != first


def test_a_query_over_its_deadline_is_503_with_retry_after_and_its_evaluator_killed(engine: Engine) -> None:
    first = pid_of(engine)
    with pytest.raises(ServiceUnavailable, match=r"stopped after 0\.1 seconds") as caught:
        run(engine, sleep=60, timeout=0.1)
    assert caught.value.retry_after == PAUSE
    wait_until(lambda: not is_running(first))
    assert is_running(pid_of(engine))


def test_a_client_that_goes_away_stops_its_query(engine: Engine) -> None:
    first, gone = pid_of(engine), threading.Event()
    threading.Timer(0.1, gone.set).start()
    with pytest.raises(Gone):
        run(engine, gone=gone, sleep=60, timeout=60)
    wait_until(lambda: not is_running(first))


def test_memory_over_the_ceiling_is_500(engine: Engine) -> None:
    with pytest.raises(InternalServerError, match="memory of 256 MiB"):
        run(engine, memory=1 << 30)
    pid_of(engine)


def test_an_evaluator_that_grew_is_not_used_again(engine: Engine) -> None:
    first = pid_of(engine, memory=2 * GROWN)
    assert pid_of(engine) != first
    wait_until(lambda: not is_running(first))


def test_an_evaluator_has_no_socket_unless_its_query_may_call(engine: Engine) -> None:
    def sockets(networked: bool) -> bool:
        reply = engine.run({"timeout": 5}, "a", threading.Event(), networked)
        reply.content.close()
        return bool(reply.message["sockets"])

    assert (sockets(False), sockets(True), sockets(False)) == (False, True, False)


def test_an_evaluator_that_is_prepared_may_open_files_and_has_no_socket_in_any_thread() -> None:
    asked, found = queue.SimpleQueue[None](), queue.SimpleQueue[bool]()

    def wait() -> None:
        asked.get()
        found.put(_can_open(socket.socket))

    def prepare() -> None:
        threading.Thread(target=wait, daemon=True).start()  # lives on, as those of a store do

    def ask(request: Message, spool: Spool) -> Message:
        asked.put(None)
        return act(request, spool) | {"thread": found.get()}

    with closing(Engine(ask, int, CEILINGS, 1, prepare)) as engine:
        message = run(engine).message
    assert (message["files"], message["sockets"], message["thread"]) == (True, False, False)


def test_a_query_that_may_call_has_sockets_where_evaluators_are_prepared() -> None:
    with closing(Engine(act, int, CEILINGS, 1, int)) as engine:
        reply = engine.run({"timeout": 5}, "a", threading.Event(), networked=True)
    assert reply.message["sockets"]


def test_one_that_is_prepared_is_ready_in_the_place_of_one_that_ended() -> None:
    with closing(Engine(act, int, CEILINGS, 2, int)) as engine:
        with pytest.raises(InternalServerError):
            run(engine, kill=signal.SIGKILL)
        (ready,) = engine._idle
        assert pid_of(engine) == ready.pid


def test_one_that_cannot_be_prepared_is_500_and_the_next_tries_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def prepare() -> None:
        if not (tmp_path / "there").exists():
            raise ValueError("nothing is there.")

    with closing(Engine(act, int, CEILINGS, 1, prepare)) as engine:
        reply = run(engine)
        assert reply.message["problem"]["code"] == 500
        (tmp_path / "there").touch()
        engine._idle.clear()  # the one that is ready tried before
        assert is_running(pid_of(engine))
    assert "an evaluator cannot be prepared: nothing is there." in capfd.readouterr().err


def test_a_system_without_a_filter_of_calls_prepares_no_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with pytest.raises(OSError, match=r"no filter of system calls is known for \w+ on pdp11"):
        forbid_sockets()


def test_a_fork_server_that_was_killed_is_replaced(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    first = pid_of(engine)
    fork_server = int(Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(fork_server, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not engine._idle[0].lives() and not is_running(fork_server))
    assert is_running(pid_of(engine))
    assert "another is started" in caplog.text


def test_an_engine_that_is_closed_leaves_no_process(start: Callable[[int], Engine]) -> None:
    engine = start(1)
    first = pid_of(engine)
    engine.close()
    wait_until(lambda: not is_running(first))


def test_where_no_file_can_be_made_small_answers_go_on_and_great_ones_are_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    pid_of(engine, size=INLINE)
    with pytest.raises(InternalServerError):  # this module's `act` does not catch what a query's evaluator does
        run(engine, size=INLINE + 1)


def test_a_query_that_lasts_gives_its_place_to_others_and_its_evaluator_is_not_used_again(
    start: Callable[[int], Engine], tmp_path: Path
) -> None:
    engine = start(1)
    with ThreadPoolExecutor(1) as threads:
        lasting = threads.submit(pid_of, engine, until=str(tmp_path / "released"))
        wait_until(lambda: engine.places.slow)
        first = pid_of(engine)
        (tmp_path / "released").touch()
        assert lasting.result() != first
    assert pid_of(engine) == first
    wait_until(lambda: not is_running(lasting.result()))


def test_a_server_that_was_forked_has_evaluators_of_its_own(engine: Engine) -> None:
    first = pid_of(engine)
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        os.write(sending, str(pid_of(engine)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    other = int(os.read(receiving, 20))
    os.close(receiving)
    os.close(sending)
    assert other != first
    assert pid_of(engine) == first


def test_descriptors_beyond_a_thousand_do_no_harm(engine: Engine) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        for _ in range(1500):
            stack.enter_context(Path(os.devnull).open("rb"))
        assert pid_of(engine)


def test_an_evaluator_that_takes_no_request_is_given_up(engine: Engine) -> None:
    first = pid_of(engine)
    channel = engine._idle[0].channel
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 100000))
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(InternalServerError):
        run(engine, size=0, padding="x" * (8 << 20))
    assert pid_of(engine) != first
    wait_until(lambda: not is_running(first))


def test_a_fork_server_that_warms_up_slowly_is_waited_for_and_starts_whom_it_says(
    start: Callable[[int], Engine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "STUCK", 1)
    monkeypatch.setattr("cosponsor.server.places.LASTING", 60)

    def warm_up() -> None:
        if not (tmp_path / "warm").exists():
            (tmp_path / "warm").touch()
            time.sleep(1.5)

    with closing(Engine(act, warm_up, CEILINGS, 2)) as engine:
        first = pid_of(engine)
        assert [evaluator.pid for evaluator in engine._idle] == [first]


def test_a_fork_that_fails_costs_one_query_503(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError("no room")

    assert engine._fork_server
    engine._fork_server.shutdown(socket.SHUT_RDWR)  # it ends
    with monkeypatch.context() as patch, pytest.raises(ServiceUnavailable):
        patch.setattr(os, "fork", fail)
        run(engine)
    assert is_running(pid_of(engine))


def test_a_fork_server_that_cannot_fork_says_so_and_goes_on(
    start: Callable[[int], Engine], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fork() -> int:
        if os.getpid() != server:
            raise BlockingIOError("no room")
        return born()

    server, born = os.getpid(), os.fork
    monkeypatch.setattr(os, "fork", fork)
    engine = start(1)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            run(engine)
    assert set(caplog.messages) == {"no evaluator can be started: no room"}


def test_a_query_that_lasts_has_a_low_priority_in_all_threads(engine: Engine, tmp_path: Path) -> None:
    first = pid_of(engine)
    with ThreadPoolExecutor(1) as threads:
        lasting = threads.submit(pid_of, engine, until=str(tmp_path / "released"))
        wait_until(lambda: engine.places.slow)
        threads_of = Path(f"/proc/{first}/task")
        wait_until(lambda: {_nice(path) for path in threads_of.iterdir()} == {SLOW})
        (tmp_path / "released").touch()
        assert lasting.result() == first


def _nice(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[16])


def test_queries_that_call_out_and_last_leave_one_evaluator(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosponsor.server.places.LASTING", 0)
    for _ in range(3):
        engine.run({"timeout": 5, "sleep": 0.3}, "a", threading.Event(), networked=True).content.close()
    assert len(engine._idle) == 1
