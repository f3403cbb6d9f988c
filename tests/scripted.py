"""A bad engine: a server on loopback that answers with the bytes that a test gives it, right or wrong."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

ROWS = "application/sparql-results+json"
ONE = b'{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"literal","value":"1"}}]}}'


def says(body: bytes = ONE, status: str = "200 OK", media_type: str = ROWS, *fields: str, length: int = -1) -> bytes:
    """Return an HTTP answer; ``length`` is what its Content-Length says if that is not true."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length < 0 else length}", *fields]
    head += [f"Content-Type: {media_type}"] if media_type else []
    return "\r\n".join([*head, "", ""]).encode() + body


@dataclass(frozen=True)
class Asked:
    """A request as the engine got it: its first line, fields by lower-case names, and parameters."""

    line: str
    fields: dict[str, str]
    parameters: list[tuple[str, str]]

    def __getitem__(self, name: str) -> str:
        return dict(self.parameters)[name]


@dataclass
class Scripted:
    """A running engine: it answers each request with ``script``, and hangs up where ``hang_up``."""

    url: str = ""
    script: Callable[[Asked], bytes] = lambda _: says()
    hang_up: bool = False
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    ended: int = 0


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        engine: Scripted = self.server.engine  # type: ignore[attr-defined]
        engine.connections += 1
        while line := self.rfile.readline().decode().strip():
            fields = dict(_field(text) for text in iter(lambda: self.rfile.readline().decode().strip(), ""))
            body = self.rfile.read(int(fields.get("content-length", "0"))).decode()
            engine.asked.append(Asked(line, fields, parse_qsl(body)))
            self.wfile.write(engine.script(engine.asked[-1]))
            if engine.hang_up:
                self.connection.shutdown(socket.SHUT_RDWR)
                break
        engine.ended += 1


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: evaluators are killed amid an answer."""


@contextmanager
def scripted(path: str = "/query") -> Iterator[Scripted]:
    """Start an engine on a free port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        engine = server.engine = Scripted(f"http://127.0.0.1:{server.server_address[1]}{path}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()
