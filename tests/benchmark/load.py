"""Puts a server under load: with wrk, if it is on the path, or else with a small client in Python.

`python -m tests.benchmark.load` is that client, and with `serve` a server that answers at once with a constant.
"""

import json
import os
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from .servers import LOOPBACK, Server, at

CONNECTIONS = 8
CONSTANT = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nok\n"
LUA = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Request:
    """A GET request.

    If ``people`` is given, its path holds PERSON and then NUMBER, and no two requests are the same.
    """

    path: str
    fields: Mapping[str, str]
    people: int = 0

    def numbered(self, number: int) -> str:
        """Return the path of the request with this number."""
        return self.path.replace("PERSON", f"{number % max(self.people, 1):05}").replace("NUMBER", str(number))


@dataclass(frozen=True)
class Load:
    """What became of the requests that were sent to a server in one turn.

    ``wrong`` is how many failed; ``size`` the bytes of all answers, headers included; ``served`` and ``asked`` are the
    seconds of processor time that the server and the client took.
    """

    seconds: float
    answers: int
    wrong: int
    size: int
    served: float
    asked: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def work(self) -> float:
        """Milliseconds of processor time that the server took for an answer."""
        return 1000 * self.served / max(self.answers, 1)

    @property
    def busy(self) -> float:
        """The part of one processor that the client took. Where it is near 1, it is the client that was measured."""
        return self.asked / self.seconds


def tool() -> str:
    """Return the name of the client."""
    return "wrk -t1" if shutil.which("wrk") else "a client in Python, slower than wrk, which is not on the path"


def load(server: Server, request: Request, seconds: int, first: int = 0) -> Load:
    """Send a request again and again on several connections, numbered from ``first`` on."""
    environment = {**os.environ, "FIRST": str(first)} | ({"PEOPLE": str(request.people)} if request.people else {})
    served, asked = server.worked(), used_by_clients()
    done = subprocess.run(_command(server, request, seconds, first), env=environment, capture_output=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    served, asked = server.worked() - served, used_by_clients() - asked
    return Load(**found, served=served, asked=asked)


def _command(server: Server, request: Request, seconds: int, first: int) -> list[str]:
    fields = {"Host": server.authority, **request.fields}
    if not shutil.which("wrk"):
        asked = [server.origin, request.path, fields, request.people, first, seconds]
        return [sys.executable, "-m", "tests.benchmark.load", json.dumps(asked)]
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", str(LUA)]
    words += [word for name, value in fields.items() for word in ("-H", f"{name}: {value}")]
    return [*words, server.origin + request.path]


def used_by_clients() -> float:
    """Return the seconds of processor time that clients took, processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def whole(answer: bytes) -> bool:
    """Return whether an answer has come whole; it has a Content-Length or is chunked (RFC 9112, section 6)."""
    head, ended, body = answer.partition(b"\r\n\r\n")
    if not ended:
        return False
    fields = head.lower()
    if fields[9:12] in (b"204", b"304"):
        return True
    if b"transfer-encoding: chunked" in fields:
        return body.endswith(b"0\r\n\r\n")
    _, known, length = fields.partition(b"content-length:")
    return bool(known) and len(body) >= int(length.split(b"\r\n")[0])


class Connection:
    """A connection on which one request follows the answer to another."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.socket = server.connect()
        self.buffer = b""

    def send(self, request: Request, number: int) -> None:
        """Send a request."""
        fields = {"Host": self.server.authority, **request.fields}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.socket.sendall(f"GET {request.numbered(number)} HTTP/1.1\r\n{head}\r\n".encode())

    def receive(self) -> bytes:
        """Return the answer, with its header, if it is whole now; else nothing."""
        taken = self.socket.recv(1 << 18)
        if not taken:
            raise ConnectionError(f"{self.server.name} closed the connection.")
        self.buffer += taken
        if not whole(self.buffer):
            return b""
        answer, self.buffer = self.buffer, b""
        return answer

    def answer(self, request: Request, number: int) -> bytes:
        """Return the answer to a request, with its header."""
        self.send(request, number)
        while not (answer := self.receive()):
            pass
        return answer


def _hammer(origin: str, path: str, fields: dict[str, str], people: int, first: int, seconds: int) -> None:
    """Do what wrk does, and print what load.lua prints."""
    server, request, numbers = at("", origin), Request(path, fields, people), count(first)
    answers, size, wrong, chosen = 0, 0, 0, selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        connection = Connection(server)
        chosen.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(request, next(numbers))
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for key, _ in chosen.select(1):
            if answer := key.data.receive():
                answers, size, wrong = answers + 1, size + len(answer), wrong + (answer[9:10] not in b"23")
                key.data.send(request, next(numbers))
    took = time.perf_counter() - begin
    print(json.dumps({"seconds": took, "answers": answers, "wrong": wrong, "size": size}))


def _serve() -> None:
    """Answer whatever comes with a constant; print the port."""
    chosen = selectors.DefaultSelector()
    with socket.create_server((LOOPBACK, 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        chosen.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in chosen.select():
                _answer_with_constant(chosen, key.fileobj, listening)


def _answer_with_constant(chosen: selectors.BaseSelector, ready: object, listening: socket.socket) -> None:
    assert isinstance(ready, socket.socket)
    if ready is listening:
        chosen.register(listening.accept()[0], selectors.EVENT_READ)
        return
    with suppress(ConnectionError):
        if ready.recv(1 << 16):
            ready.sendall(CONSTANT)
            return
    chosen.unregister(ready)


def ceiling(seconds: int) -> Load:
    """Return what the client reaches against a server that answers with a constant, itself in Python."""
    command = [sys.executable, "-m", "tests.benchmark.load", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = Server("constant", "", int(process.stdout.readline()), "/", process.pid)
        try:
            return load(server, Request("/", {}), seconds)
        finally:
            process.kill()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve()
    else:
        _hammer(*json.loads(sys.argv[1]))
