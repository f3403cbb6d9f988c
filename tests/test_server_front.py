"""The front between granian and the application, by itself and in a real server."""

import asyncio
import gc
import http.client
import json
import os
import signal
import socket
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from cosponsor.server import delivery
from cosponsor.server import front as module
from cosponsor.server.cache import Cache
from cosponsor.server.engine import SLOW
from cosponsor.server.evaluator import INLINE
from cosponsor.server.front import Front
from cosponsor.server.sparql import MAX_BODY

from .serving import Served, served, wait_until

Application = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]
QUERY = "application/sparql-query"
CROSS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c. ?d ?e ?f. ?g ?h ?i }"


@dataclass
class Protocol:
    """Granian's side of a request, in its place."""

    chunks: list[bytes] = field(default_factory=list)
    pause: float = 0
    read: int = 0
    sent: tuple[Any, ...] = ()
    disconnect: asyncio.Event = field(default_factory=asyncio.Event)
    takes: int = 1 << 16
    leaves: int = 1 << 30
    reader: threading.Thread = field(default_factory=threading.Thread)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            await asyncio.sleep(self.pause)
            self.read += 1
            yield chunk

    async def client_disconnect(self) -> None:
        await self.disconnect.wait()

    def response_bytes(self, *sent: Any) -> None:
        self.sent = sent

    def response_file(self, status: int, fields: list[tuple[str, str]], path: str) -> None:
        self.sent = (status, fields, b"")
        self.reader = threading.Thread(target=self._read, args=(path,))
        self.reader.start()

    def _read(self, path: str) -> None:
        with Path(path).open("rb", buffering=0) as file:
            while chunk := file.read(self.takes):
                self.sent = (*self.sent[:2], self.sent[2] + chunk)
                if len(self.sent[2]) >= self.leaves:
                    break


def scope(method: str = "GET", path: str = "/", query: str = "", **headers: str) -> SimpleNamespace:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(
        method=method,
        path=path,
        query_string=query,
        headers=found,
        server="127.0.0.1:8000",
        client="10.0.0.1:4321",
        scheme="http",
        http_version="1.1",
    )


async def answer(front: Front, asked: SimpleNamespace, protocol: Protocol) -> None:
    """Let the front answer a request on this event loop."""
    loop, tasks = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    if front.quick and getattr(front.quick.pipelines, "loop", None) is not loop:
        front.__rsgi_init__(loop)
    front.begin(asked, protocol, lambda answering: tasks.append(loop.create_task(answering)))  # type: ignore[arg-type]
    while not (tasks or protocol.sent):
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)


def answered(application: Application, asked: SimpleNamespace, protocol: Protocol) -> tuple[int, dict[str, str], bytes]:
    """Return status, fields and body that the front sends."""
    asyncio.run(answer(Front(application), asked, protocol))
    status, fields, body = protocol.sent
    return status, dict(fields), body


def echo(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    return [json.dumps(told | {"body": environ["wsgi.input"].read().decode()}).encode()]


def test_a_request_becomes_an_environ() -> None:
    asked = scope("POST", "/a é", "x=%20", content_type="text/plain", accept="a/b", cookie="z")
    status, fields, body = answered(echo, asked, Protocol([b"ab", b"c"]))
    assert (status, fields) == (200, {"content-type": "application/json"})
    assert (
        json.loads(body).items()
        >= {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/a é".encode().decode("latin-1"),
            "QUERY_STRING": "x=%20",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "3",
            "HTTP_ACCEPT": "a/b",
            "REMOTE_ADDR": "10.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "body": "abc",
        }.items()
    )


def test_a_field_with_an_underscore_is_not_taken_for_one_with_a_hyphen() -> None:
    asked = scope()
    asked.headers = {"x_forwarded_for": "10.9.9.9", "x-forwarded-for": "10.0.0.2"}
    assert json.loads(answered(echo, asked, Protocol())[2])["HTTP_X_FORWARDED_FOR"] == "10.0.0.2"


def test_a_body_that_does_not_arrive_in_time_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.05)
    status, fields, body = answered(echo, scope("POST"), Protocol([b"a"] * 100, pause=0.02))
    assert (status, fields["content-type"], json.loads(body)["status"]) == (408, "application/problem+json", 408)


def test_of_a_body_that_is_too_long_nothing_is_read() -> None:
    protocol = Protocol([b"x"])
    answered(echo, scope("POST", content_length=str(MAX_BODY + 1)), protocol)
    assert protocol.read == 0


def test_a_body_in_chunks_is_411_as_one_that_broke_off_could_not_be_told() -> None:
    status, _, body = answered(echo, scope("POST", transfer_encoding="chunked"), Protocol([b"x"]))
    assert (status, "Content-Length" in json.loads(body)["detail"]) == (411, True)


def test_a_body_that_broke_off_is_400() -> None:
    status, _, body = answered(echo, scope("POST", content_length="5"), Protocol([b"abc"]))
    assert (status, json.loads(body)["detail"]) == (400, "The body ended after 3 of 5 bytes.")


def test_more_requests_than_threads_are_503_at_once() -> None:
    front, protocol = Front(echo), Protocol()
    front.busy = module.THREADS
    asyncio.run(answer(front, scope(), protocol))
    assert (protocol.sent[0], dict(protocol.sent[1])["retry-after"]) == (503, "2")


def test_what_is_kept_is_answered_without_the_loop() -> None:
    front, asked, left = Front(echo, Cache(1 << 20)), scope(query="x"), list[Any]()
    first, again, leaving = Protocol(), Protocol(), Protocol()
    front.begin(asked, first, left.append)  # type: ignore[arg-type]
    assert (first.sent, len(left)) == ((), 1)
    asyncio.run(left.pop())
    front.begin(asked, again, left.append)  # type: ignore[arg-type]
    assert (again.sent, left) == (first.sent, [])
    front.leaving = True
    asyncio.run(answer(front, asked, leaving))
    assert leaving.sent == (200, [*first.sent[1], ("connection", "close")], first.sent[2])


def test_a_request_that_is_refused_is_not_kept() -> None:
    front, protocol = Front(echo), Protocol([b"body"])
    front.busy = module.THREADS
    asyncio.run(answer(front, scope("POST"), protocol))
    kept = weakref.ref(protocol)
    del protocol
    gc.collect()
    assert kept() is None


def test_a_client_that_goes_away_is_seen_by_the_application() -> None:
    def wait(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [])
        return [str(environ["cosponsor.gone"].wait(5)).encode()]

    protocol = Protocol()
    protocol.disconnect.set()
    assert answered(wait, scope(), protocol)[2] == b"True"


def a_file(folder: Path, size: int) -> Application:
    (folder / "file").write_bytes(bytes(range(256)) * (size // 256))

    def send(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(size))])
        wrap: Callable[..., Iterable[bytes]] = environ["wsgi.file_wrapper"]
        return wrap((folder / "file").open("rb"), 8192)

    return send


@pytest.mark.parametrize("size", [256, 1 << 16, 1 << 20, 5 << 20])
@pytest.mark.parametrize("takes", [1000, 1 << 20])
def test_a_file_arrives_whole_whoever_reads_it(tmp_path: Path, size: int, takes: int) -> None:
    protocol = Protocol(takes=takes)
    status, fields, _ = answered(a_file(tmp_path, size), scope(), protocol)
    protocol.reader.join()
    assert (status, fields) == (200, {"content-length": str(size)})
    assert protocol.sent[2] == (tmp_path / "file").read_bytes()


def test_a_reader_that_leaves_ends_the_delivery(tmp_path: Path) -> None:
    before = set(Path("/dev/fd").iterdir())
    protocol = Protocol(leaves=1 << 20)
    answered(a_file(tmp_path, 5 << 20), scope(), protocol)
    protocol.reader.join()
    assert len(protocol.sent[2]) < 5 << 20
    assert set(Path("/dev/fd").iterdir()) == before


def test_a_file_that_becomes_shorter_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "STALL", 0.05)

    async def send() -> None:
        with (tmp_path / "file").open("w+b", 0) as file:
            file.write(bytes(100))
            await asyncio.wait_for(delivery.deliver(read.append, file, 200), 5)

    read: list[str] = []
    before = set(Path("/dev/fd").iterdir())
    asyncio.run(send())
    assert len(read) == 1
    assert set(Path("/dev/fd").iterdir()) == before


def test_a_reader_that_takes_nothing_for_too_long_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "STALL", 0.05)
    monkeypatch.setattr(Protocol, "_read", lambda *_: None)
    before = set(Path("/dev/fd").iterdir())
    answered(a_file(tmp_path, 5 << 20), scope(), Protocol())
    answered(a_file(tmp_path, 256), scope(), Protocol())
    assert set(Path("/dev/fd").iterdir()) == before


def test_answers_that_nobody_reads_are_bounded_for_a_client_and_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNREAD", 1000)
    front = Front(a_file(tmp_path, 512))

    def status() -> int:
        protocol = Protocol()
        asyncio.run(answer(front, scope(), protocol))
        return int(protocol.sent[0])

    assert status() == 503
    monkeypatch.setattr(module, "UNREAD", 1024)
    assert status() == 200
    front.unread["others"] = 600
    assert status() == 503
    assert front.unread == {"others": 600}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data, letters = tmp_path_factory.mktemp("front") / "data.nt", "x" * 100
    triples = (f'<a:{number}> <a:p{number % 7}> "{letters}{number}" .' for number in range(20000))
    data.write_text("\n".join(triples), "utf-8")
    with served("--data", str(data), "--timeout", "60") as server:
        yield server


def ask(server: Served, query: str, seconds: float = 20) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
    try:
        connection.request("GET", "/sparql?" + urlencode({"query": query}))
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def assert_it_answers(server: Served) -> None:
    assert ask(server, "ASK {}")[::2] == (200, b'{"head":{},"boolean":true}')


def connect(server: Served, sent: str) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    opened.sendall(sent.encode())
    return opened


def get(query: str) -> str:
    return f"GET /sparql?{urlencode({'query': query})} HTTP/1.1\r\nHost: x\r\n\r\n"


def busy(server: Served) -> list[int]:
    """Return the processes at work on queries that last: those of a low priority that are no zombies."""
    return [pid for pid in server.processes() if _state_and_nice(pid) in {("R", str(SLOW)), ("S", str(SLOW))}]


def _state_and_nice(pid: int) -> tuple[str, str]:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[16]
    return "", ""


def test_a_great_answer_is_whole_and_says_its_length(server: Served) -> None:
    status, headers, body = ask(server, "SELECT ?o { ?s ?p ?o }")
    assert (status, int(headers["Content-Length"])) == (200, len(body))
    assert len(body) > 2 * INLINE
    assert len(json.loads(body)["results"]["bindings"]) == 20000


def test_who_asks_for_a_websocket_is_answered_as_if_he_had_not(server: Served) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    asked = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "SGVsbG8sIHdvcmxkIQ=="}
    client.request("GET", "/healthz", headers={"Connection": "Upgrade", **asked})
    assert (client.getresponse().status, "Traceback" in server.said()) == (200, False)
    client.close()


def test_clients_that_go_away_stop_their_queries(server: Served) -> None:
    clients = [connect(server, get(CROSS)) for _ in range(2)]
    wait_until(lambda: len(busy(server)) == 2)
    for client in clients:
        client.close()
    wait_until(lambda: not busy(server))
    assert_it_answers(server)


def test_clients_that_send_slowly_hold_nobody_up(server: Served) -> None:
    starts = ["GET /sparql?query=ASK", "POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nquery"]
    clients = [connect(server, starts[number % 2]) for number in range(300)]
    assert_it_answers(server)
    for client in clients:
        client.close()


def test_clients_that_read_slowly_hold_nobody_up(server: Served) -> None:
    clients = [connect(server, get("SELECT ?o { ?s ?p ?o }")) for _ in range(20)]
    for client in clients:
        assert client.recv(12) == b"HTTP/1.1 200"
    assert_it_answers(server)
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("field", "status"), [("Content-Length: 104857600", b"413"), ("Transfer-Encoding: chunked", b"411")]
)
def test_a_body_of_a_hundred_megabytes_is_refused_and_not_kept(server: Served, field: str, status: bytes) -> None:
    before = memory(server)
    chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    with connect(server, f"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: {QUERY}\r\n{field}\r\n\r\n") as client:
        with suppress(OSError):  # the server closes the connection, as it may (RFC 9110, section 15.5.14)
            for _ in range(100):
                client.sendall(chunk)
        with suppress(ConnectionError):
            assert client.recv(12) in {b"HTTP/1.1 " + status, b""}
    assert memory(server) - before < 32 << 20
    assert_it_answers(server)


def memory(server: Served) -> int:
    """Return the bytes that are resident in all processes of the server."""
    return sum(map(_private, server.processes()))


def _private(pid: int) -> int:
    with suppress(OSError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGESIZE")
    return 0


def test_many_great_answers_leave_memory_files_and_processes_as_they_were(server: Served) -> None:
    ask(server, "SELECT * { ?s ?p ?o }")
    before = memory(server)
    for _ in range(20):
        assert ask(server, "SELECT * { ?s ?p ?o }")[0] == 200
    assert memory(server) - before < 32 << 20
    assert len(server.processes()) <= 8
    assert sum(server.processes().values()) < 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_evaluator_costs_its_query_500_and_no_other(server: Served, number: int) -> None:
    client = connect(server, get(CROSS))
    wait_until(lambda: busy(server))
    killed = busy(server)
    for pid in killed:
        os.kill(pid, number)
    assert killed
    with client:
        assert client.recv(12) == b"HTTP/1.1 500"
    assert_it_answers(server)


def test_a_server_that_ends_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "data.nt").write_text("<a:a> <a:b> <a:c> .\n", "utf-8")
    with served("--data", str(tmp_path / "data.nt"), "--timeout", "60") as server:
        client = connect(server, get(CROSS))
        assert_it_answers(server)
        processes = set(server.processes())
    client.close()
    wait_until(lambda: not [pid for pid in processes if Path(f"/proc/{pid}").exists()])
