"""Reload by SIGHUP, workers that end, and the end of the server: real servers under load."""

import asyncio
import http.client
import inspect
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from granian import _futures
from granian.server.mp import MPServer, WorkerProcess

from cosponsor.server.delivery import STALL
from cosponsor.server.workers import SETTLE, Worker, Workers, _scheduled

from .serving import Served, served, wait_until

OBJECTS = "SELECT ?o { <a:a> <a:b> ?o }"
GREAT = "SELECT ?x { <a:a> <a:great> ?x }"
LASTING = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c. ?d ?e ?f. ?g ?h ?i. ?j ?k ?l }"
SOME = "".join(f"<a:a> <a:p> <a:{number}> .\n" for number in range(200))
RELOAD = 60  # seconds that a slow machine may take to load the data and to let a worker go
CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Versions:
    """A file of data that is replaced as a whole; its version is the one object of a triple."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.write("0")

    def write(self, version: str, more: str = "") -> None:
        part = self.file.with_suffix(".part")
        part.write_text(f'<a:a> <a:b> "{version}" .\n{SOME}{more}', "utf-8")
        part.replace(self.file)

    def reload(self, server: Served, version: str) -> None:
        """Let the server read another version, and wait until all that it serves is of that one."""
        before = server.workers()
        self.write(version)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not {*before} & {*server.workers()}, RELOAD)
        assert current(server) == version


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path / "data.nt")


def connection(server: Served) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)


def address(query: str) -> str:
    return f"/sparql?{urlencode({'query': query})}"


def answer(client: http.client.HTTPConnection, query: str, tags: dict[str, str] | None = None) -> str:
    """Return the one object of an answer; note it under the tag that the answer has."""
    client.request("GET", address(query))
    response = client.getresponse()
    body = response.read()
    assert response.status == 200, body
    value = str(json.loads(body)["results"]["bindings"][0]["o"]["value"])
    if tags is not None:
        assert tags.setdefault(response.headers["ETag"], value) == value
    return value


def current(server: Served) -> str:
    """Return the version that the server serves; nothing if it does not answer."""
    client = connection(server)
    try:
        return answer(client, OBJECTS)
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        client.close()


class Client(threading.Thread):
    """Asks again and again, on a connection each or on one that is kept for as long as the server keeps it."""

    def __init__(self, server: Served, keeps: bool, tags: dict[str, str]) -> None:
        super().__init__()
        self.server, self.keeps, self.tags = server, keeps, tags
        self.answered, self.failed = 0, ""
        self.ends = threading.Event()

    def run(self) -> None:
        client = connection(self.server)
        try:
            while not self.ends.is_set():
                self._ask(client)
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"
        finally:
            client.close()

    def _ask(self, client: http.client.HTTPConnection) -> None:
        is_new = client.sock is None
        try:
            answer(client, OBJECTS, self.tags)
        except CLOSED:  # before any byte of an answer, as a connection that is kept may (RFC 9112, section 9.3.1)
            if is_new:
                raise
            client.close()
        else:
            self.answered += 1
            if not self.keeps:
                client.close()


@contextmanager
def asked(server: Served, tags: dict[str, str]) -> Iterator[list[Client]]:
    clients = [Client(server, keeps, tags) for keeps in (True, False, True, False)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.ends.set()
            client.join()


@pytest.mark.parametrize(("workers", "reloads"), [("1", ["1", "2", "1"]), ("2", ["1"])])
def test_a_reload_loses_no_request_and_each_answer_has_the_tag_of_its_version(
    versions: Versions, workers: str, reloads: list[str]
) -> None:
    tags: dict[str, str] = {}
    with served("--data", str(versions.file), "--workers", workers, "--no-log") as server:
        wait_until(lambda: len(server.workers()) == int(workers))
        with asked(server, tags) as clients:
            for version in reloads:
                versions.reload(server, version)
            counts = [client.answered for client in clients]
            wait_until(lambda: all(client.answered > count for client, count in zip(clients, counts, strict=True)))
        assert [client.failed for client in clients] == [""] * 4
        assert {*tags.values()} == {"0", *reloads}


def received(client: socket.socket) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Return status, fields and body of the answer that comes on a connection."""
    with http.client.HTTPResponse(client) as answered:
        answered.begin()
        return answered.status, answered.headers, answered.read()


def test_a_query_that_runs_during_a_reload_has_all_its_time(versions: Versions) -> None:
    with served("--data", str(versions.file), "--timeout", str(SETTLE + 4)) as server, _sent(server, LASTING) as client:
        versions.reload(server, "1")
        status, fields, body = received(client)
        assert (status, fields["Connection"]) == (503, "close")
        assert f"stopped after {SETTLE + 4} seconds" in json.loads(body)["detail"]


@contextmanager
def _sent(server: Served, query: str, method: str = "GET", rest: str = "") -> Iterator[socket.socket]:
    """Give the connection on which a request was sent, as soon as the server has begun with it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(f"{method} {address(query)} HTTP/1.1\r\nHost: x\r\n{rest}\r\n".encode())
        if query == LASTING:
            wait_until(lambda: b"cosponsor_evaluators_busy 1.0" in urlopen(f"{server.url}metrics").read())
        yield client


def test_an_answer_that_is_read_slowly_during_a_reload_arrives_whole(versions: Versions) -> None:
    versions.write("0", "".join(f'<a:a> <a:great> "{number}{"x" * 1000}" .\n' for number in range(20000)))
    with served("--data", str(versions.file)) as server, _sent(server, GREAT) as client:
        assert client.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        _begun_reload(versions, server)
        assert len(json.loads(received(client)[2])["results"]["bindings"]) == 20000


def _begun_reload(versions: Versions, server: Served) -> None:
    """Let the server reload while a request is not done: both workers are there, and the new one answers."""
    versions.write("1")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: current(server) == "1", RELOAD)
    assert len(server.workers()) == 2


def test_a_request_whose_body_arrives_during_a_reload_is_answered(versions: Versions) -> None:
    head = f"Content-Type: application/sparql-query\r\nContent-Length: {len(OBJECTS)}\r\n"
    with (
        served("--data", str(versions.file)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as client,
    ):
        client.sendall(f"POST /sparql HTTP/1.1\r\nHost: x\r\n{head}\r\n{OBJECTS[:5]}".encode())
        _begun_reload(versions, server)
        client.sendall(OBJECTS[5:].encode())
        assert json.loads(received(client)[2])["results"]["bindings"][0]["o"]["value"] == "0"


def test_data_that_cannot_be_read_are_refused_with_a_sentence_and_the_old_served_on(versions: Versions) -> None:
    with served("--data", str(versions.file)) as server:
        before = server.workers()
        versions.write("1", "this is no triple")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "served on" in server.said(), RELOAD)
        assert "it cannot be read as N-Triples. What was served before is served on." in server.said()
        assert current(server) == "0"
        assert server.workers() == before
        versions.reload(server, "2")


def test_a_new_worker_that_ends_before_it_answers_ends_the_reload_and_no_more(versions: Versions) -> None:
    with served("--data", str(versions.file)) as server:
        (before,) = server.workers()
        versions.write("1")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.workers()) == 2, RELOAD)
        os.kill(next(pid for pid in server.workers() if pid != before), signal.SIGKILL)
        wait_until(lambda: "the new worker cannot answer" in server.said(), RELOAD)
        assert current(server) == "0"
        assert server.workers() == [before]
        versions.reload(server, "2")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_is_killed_is_replaced_even_twice(versions: Versions, workers: str) -> None:
    with served("--data", str(versions.file), "--workers", workers) as server:
        for _ in range(2):
            wait_until(lambda: len(server.workers()) == int(workers))
            before = server.workers()
            os.kill(before[0], signal.SIGKILL)
            wait_until(lambda killed=before[0]: killed not in server.workers(), RELOAD)  # type: ignore[misc]
            wait_until(lambda: current(server) == "0", RELOAD)
        assert server.process.poll() is None


def test_workers_share_one_socket(versions: Versions) -> None:
    with served("--data", str(versions.file), "--workers", "2") as server:
        wait_until(lambda: len(server.workers()) == 2)
        listening = _listening(server.port)
        assert len(listening) == 1
        for pid in server.workers():
            assert listening & {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}


def _listening(port: int) -> set[str]:
    """Return the sockets that listen on a port of loopback, as /proc names them."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]]
    return {f"socket:[{line[9]}]" for line in lines if line[3] == "0A" and line[1].endswith(f":{port:04X}")}


def test_granian_is_what_the_workers_were_written_for() -> None:
    """What is replaced is still there, is called as before, and has what is used of it."""
    for name in ("_reload", "_respawn_workers", "_spawn_worker", "_init_shared_socket", "_stop_workers"):
        theirs, ours = (list(inspect.signature(getattr(each, name)).parameters) for each in (MPServer, Workers))
        assert len(theirs) == len(ours), name
    used = {name for name in vars(Worker) if not name.startswith("_")}
    assert used <= {*dir(WorkerProcess)}
    server = Workers("x:y", prepare=print, ended=print)
    for name in ("wrks", "interrupt_children", "interrupt_signal", "main_loop_interrupt", "respawned_wrks", "workers"):
        assert hasattr(server, name), name


def test_granian_asks_for_what_is_called_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def scheduled(*given: Any) -> Callable[[object], None]:
        made.append(given)
        return print

    made: list[tuple[object, ...]] = []
    monkeypatch.setattr(_futures, "_cbsched_aioschedule", scheduled)
    loop = asyncio.new_event_loop()
    _futures._new_cbscheduler(loop, repr, impl_asyncio=True)  # type: ignore[no-untyped-call]
    loop.close()
    assert [(loop, Context, repr)] == [(given[0], type(given[1]), given[2]) for given in made]


class Watcher:
    """Granian's side of a request: it keeps the task, and is told of errors."""

    scope = proto = SimpleNamespace()

    def __init__(self) -> None:
        self.told: list[object] = []

    def taskref(self, task: object) -> None:
        self.told.append(type(task))

    def err(self, error: BaseException) -> None:
        self.told.append(error)

    def done(self) -> None:
        self.told.append("done")


def test_a_request_comes_to_the_loop_if_the_front_wants_it() -> None:
    async def nothing() -> None:
        threads.append(threading.current_thread())

    def begin(front: SimpleNamespace, _: object, __: object, run: Callable[[Any], object]) -> None:
        threads.append(threading.current_thread())
        if front.error:
            raise front.error
        if front.runs:
            run(nothing())

    async def told(runs: bool, error: Exception | None = None) -> list[object]:
        front: Any = SimpleNamespace(runs=runs, error=error)
        front.begin = partial(begin, front)
        schedule, watcher = _scheduled(front, asyncio.get_running_loop(), Context(), None), Watcher()
        await asyncio.to_thread(schedule, watcher)  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        return watcher.told

    threads: list[threading.Thread] = []
    error = ValueError("x")
    assert asyncio.run(told(False)) == []
    assert asyncio.run(told(True)) == [asyncio.Task, "done"]
    assert asyncio.run(told(False, error)) == [error]
    assert [thread is threading.main_thread() for thread in threads] == [False, False, True, False]


def test_connections_end_whose_clients_take_nothing() -> None:
    """The option is set on the socket that listens, and those that are accepted inherit it (tcp(7))."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    server = Workers("x:y", address=address[0], port=address[1], prepare=print, ended=print)
    server._init_shared_socket()
    assert server._sso
    with server._sso as listening:
        listening.listen()
        with socket.create_connection(address), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == STALL * 1000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_answers_what_it_was_asked_and_leaves_nothing(
    versions: Versions, tmp_path: Path, number: int
) -> None:
    with (
        served("--data", str(versions.file), "--timeout", "3", "--workers", "2", TMPDIR=str(tmp_path)) as server,
        _sent(server, LASTING) as client,
    ):
        processes = server.processes()
        server.process.send_signal(number)
        assert "stopped after 3 seconds" in json.loads(received(client)[2])["detail"]
        assert server.process.wait(20) == 0
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))
        assert not list(tmp_path.glob("cosponsor-*"))
        with pytest.raises(ConnectionRefusedError):
            connection(server).connect()


def test_a_server_ends_soon_when_it_is_told_so_while_its_worker_loads(versions: Versions) -> None:
    with served("--data", str(versions.file)) as server:
        versions.write("1")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.workers()) == 2, RELOAD)
        processes = server.processes()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(8) == 0  # sooner than a worker that does not listen would be killed
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))


def test_a_second_signal_ends_the_server_at_once(versions: Versions) -> None:
    with served("--data", str(versions.file), "--timeout", "60") as server, _sent(server, LASTING) as client:
        processes = server.processes()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _listening(server.port))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
        assert client.recv(1) == b""
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))
