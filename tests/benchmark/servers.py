"""The servers that are compared, on the same data, and how they are asked and looked at."""

import http.client
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlencode

from tests.serving import served

ROWS = 120_000
GRAPHS = 6
XSD = "http://www.w3.org/2001/XMLSchema#"
JSON = "application/sparql-results+json"
LOOPBACK = "127.0.0.1"
NONE: Mapping[str, str] = {}
Answer = tuple[int, Message, bytes]  # status, fields, content


def write_data(path: Path) -> None:
    """Write the dataset, always the same: 20,000 people of whom six things are said, in six graphs."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS // 6):
            graph = f"<http://data.example/graph/{number % GRAPHS}>"
            file.writelines(f"{person(number)} {said} {graph} .\n" for said in _said(number))


def person(number: int) -> str:
    """Return the IRI of a person."""
    return f"<http://data.example/person/{number:05}>"


def _said(number: int) -> list[str]:
    of, terms = "<http://data.example/terms#", "<http://www.w3.org/"
    return [
        f"{terms}1999/02/22-rdf-syntax-ns#type> {of}Person>",
        f'{terms}2000/01/rdf-schema#label> "Person {number}, née Müller “{number % 97}”"@en',
        f'{of}born> "19{number % 90 + 10}-0{number % 9 + 1}-1{number % 10}"^^<{XSD}date>',
        f'{of}votes> "{number * 7919 % 100_003}"^^<{XSD}integer>',
        f"{of}knows> {person(number * 31 % (ROWS // 6))}",
        f"{of}country> <http://data.example/country/{number % 193:03}>",
    ]


@dataclass(frozen=True)
class Server:
    """A server that runs: where it listens, and its first process."""

    name: str
    command: str
    port: int
    path: str
    pid: int

    def processes(self) -> set[int]:
        """Return the processes of the server."""
        parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
        found = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def memory(self) -> float:
        """Return the MiB that its processes hold; pages that some of them share count once."""
        return sum(_held(pid) for pid in self.processes()) / 1024

    def files(self) -> int:
        """Return how many files and sockets its processes have open."""
        return sum(_files(pid) for pid in self.processes())

    def url(self, query: str) -> str:
        """Return the path of a query sent by GET."""
        return f"{self.path}?{urlencode({'query': query})}"


def _parent(process: Path) -> int:
    with suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _held(pid: int) -> int:
    with suppress(OSError):  # it has just ended
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    return 0


def _files(pid: int) -> int:
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


@contextmanager
def ours(data: Path | None, *options: str) -> Iterator[Server]:
    """Serve a file, or the dataset of this project, by `cosponsor serve`."""
    words = ["--data", str(data)] if data else []
    with served(*words, *options) as server:
        command = " ".join(["cosponsor serve", *(["--data data.nq"] if data else []), *options])
        yield Server("cosponsor", command, server.port, "/sparql", server.process.pid)


def oxigraph() -> str:
    """Return the command of the peer, of this environment or of the path."""
    found = shutil.which("oxigraph", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not found:
        raise SystemExit("the peer is missing; pip install 'cosponsor[bench]', as make bench does.")
    return found


@contextmanager
def peer(data: Path, *options: str) -> Iterator[Server]:
    """Serve a file by `oxigraph serve`, from its memory."""
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    words = ["serve", "--union-default-graph", *options, "--bind", f"{LOOPBACK}:{port}"]
    with subprocess.Popen([oxigraph(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            server = Server("oxigraph", " ".join(["oxigraph", *words[:-2]]), port, "/query", process.pid)
            _load(server, data.read_bytes())
            yield server
        finally:
            process.kill()  # it may be busy with what it does not stop


def _load(server: Server, content: bytes) -> None:
    for _ in range(200):
        with suppress(ConnectionError):
            client = Client(server)
            status, _, said = client.ask("POST", "/store", content, {"Content-Type": "application/n-quads"})
            assert status == 204, said
            return
        time.sleep(0.05)
    raise SystemExit("the peer does not answer.")


class Client:
    """One connection to a server, from an address of loopback."""

    def __init__(self, server: Server, address: str = LOOPBACK, patience: float = 60) -> None:
        self.server = server
        self.connection = http.client.HTTPConnection(LOOPBACK, server.port, patience, (address, 0))

    def ask(self, method: str, path: str, body: bytes | None = None, fields: Mapping[str, str] = NONE) -> Answer:
        """Return the status, the fields and the content of an answer."""
        self.connection.request(method, path, body, fields)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def query(self, query: str, accept: str = JSON) -> Answer:
        """Return the answer to a query."""
        return self.ask("GET", self.server.url(query), fields={"Accept": accept})


class _Received:
    """What was received, for ``http.client`` to read as from a socket."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self.content)


def fetch(server: Server, query: str, accept: str) -> tuple[float, http.client.HTTPResponse]:
    """Return the seconds from connecting to the last byte of an answer, and the answer.

    It is taken off the wire by the same few calls whichever server sends it, and decoded afterwards.
    """
    request = f"GET {server.url(query)} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    buffer = bytearray(1 << 26)
    view, size = memoryview(buffer), 0
    begin = time.perf_counter()
    with socket.create_connection((LOOPBACK, server.port), 60) as connection:
        connection.sendall(request.encode())
        while taken := connection.recv_into(view[size:], 1 << 18):
            size += taken
    seconds = time.perf_counter() - begin
    answer = http.client.HTTPResponse(_Received(bytes(view[:size])))  # type: ignore[arg-type]
    answer.begin()
    return seconds, answer
