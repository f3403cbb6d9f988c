"""The servers that are compared, on the same data, and how they are asked and looked at."""

import http.client
import io
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlencode, urlsplit

from .machine import worked

ROWS = 120_000
GRAPHS = 6
XSD = "http://www.w3.org/2001/XMLSchema#"
JSON = "application/sparql-results+json"
LOOPBACK = "127.0.0.1"
NONE: Mapping[str, str] = {}
Answer = tuple[int, Message, bytes]  # status, fields, content


def write_data(path: Path, rows: int = ROWS) -> None:
    """Write a dataset, always the same: people of each of whom six things are said, in six graphs."""
    people = rows // 6
    with path.open("w", encoding="utf-8") as file:
        for number in range(people):
            graph = f"<http://data.example/graph/{number % GRAPHS}>"
            file.writelines(f"{person(number)} {said} {graph} .\n" for said in _said(number, people))


def person(number: int) -> str:
    """Return the IRI of a person."""
    return f"<http://data.example/person/{number:05}>"


def _said(number: int, people: int) -> list[str]:
    of, terms = "<http://data.example/terms#", "<http://www.w3.org/"
    return [
        f"{terms}1999/02/22-rdf-syntax-ns#type> {of}Person>",
        f'{terms}2000/01/rdf-schema#label> "Person {number}, née Müller “{number % 97}”"@en',
        f'{of}born> "19{number % 90 + 10}-0{number % 9 + 1}-1{number % 10}"^^<{XSD}date>',
        f'{of}votes> "{number * 7919 % 100_003}"^^<{XSD}integer>',
        f"{of}knows> {person(number * 31 % people)}",
        f"{of}country> <http://data.example/country/{number % 193:03}>",
    ]


@dataclass(frozen=True)
class Server:
    """A server that runs: where it listens, and its first process, if this machine has it."""

    name: str
    command: str
    port: int
    path: str
    pid: int = 0
    host: str = LOOPBACK
    secure: bool = False

    @property
    def authority(self) -> str:
        """What the field Host says."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The address before the path."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    def connect(self) -> socket.socket:
        """Return a connection to the server."""
        plain = socket.create_connection((self.host, self.port), 60)
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host) if self.secure else plain

    def processes(self) -> set[int]:
        """Return the processes of the server, if it runs on this machine."""
        parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
        found = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def memory(self) -> float:
        """Return the MiB that its processes hold; pages that some of them share count once."""
        return sum(_held(pid) for pid in self.processes()) / 1024

    def worked(self) -> float:
        """Return the seconds for which its processes have been at work."""
        return sum(map(worked, self.processes())) if self.pid else 0.0

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
    """Serve a file, or the dataset of this project, by `cosponsor serve`; wait until it answers a query."""
    port = free_port()
    words = [*(["--data", str(data)] if data else []), *options]
    command = [sys.executable, "-m", "cosponsor.server.cli", "serve", *words, "--port", str(port)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COSPONSOR_")}
    said = " ".join(["cosponsor serve", *words]).replace(str(data), "data.nq")
    with (
        TemporaryFile() as log,
        subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL, stderr=log) as process,
    ):
        try:
            server = Server("cosponsor", said, port, "/sparql", process.pid)
            wait_for(server, process)
            yield server
        except SystemExit as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read().decode()[-2000:]}") from None
        finally:
            process.terminate()


def oxigraph() -> str:
    """Return the command of the peer, of this environment or of the path."""
    found = shutil.which("oxigraph", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not found:
        raise SystemExit("the peer is missing; pip install 'cosponsor[bench]', as make bench does.")
    return found


@contextmanager
def peer(data: Path, *options: str) -> Iterator[Server]:
    """Serve a file by `oxigraph serve`, from its memory."""
    port = free_port()
    words = ["serve", "--union-default-graph", *options, "--bind", f"{LOOPBACK}:{port}"]
    with subprocess.Popen([oxigraph(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            server = Server("oxigraph", " ".join(["oxigraph", *words[:-2]]), port, "/query", process.pid)
            _load(server, data.read_bytes())
            wait_for(server, process)
            yield server
        finally:
            process.kill()  # it may be busy with what it does not stop


def _load(server: Server, content: bytes) -> None:
    for _ in range(1000):
        with suppress(ConnectionError):
            client = Client(server)
            status, _, said = client.ask("POST", "/store", content, {"Content-Type": "application/n-quads"})
            assert status == 204, said
            return
        time.sleep(0.01)
    raise SystemExit("the peer does not answer.")


class Client:
    """One connection to a server, from an address of loopback."""

    def __init__(self, server: Server, address: str = LOOPBACK, patience: float = 60) -> None:
        self.server = server
        kind = http.client.HTTPSConnection if server.secure else http.client.HTTPConnection
        source = (address, 0) if server.host == LOOPBACK else None
        self.connection = kind(server.host, server.port, timeout=patience, source_address=source)

    def ask(self, method: str, path: str, body: bytes | None = None, fields: Mapping[str, str] = NONE) -> Answer:
        """Return the status, the fields and the content of an answer."""
        self.connection.request(method, path, body, fields)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def query(self, query: str, accept: str = JSON) -> Answer:
        """Return the answer to a query."""
        return self.ask("GET", self.server.url(query), fields={"Accept": accept})


def read(answer: bytes) -> http.client.HTTPResponse:
    """Return an answer as it came off the wire, to be read."""
    response = http.client.HTTPResponse(_Received(answer))  # type: ignore[arg-type]
    response.begin()
    return response


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
    return seconds, read(bytes(view[:size]))


def at(name: str, url: str) -> Server:
    """Return the endpoint at a URL, which somebody else runs."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SystemExit(f"{url!r} is no address of an endpoint; name one as in oxigraph=http://127.0.0.1:7878/query.")
    secure = parts.scheme == "https"
    return Server(name, url, parts.port or (443 if secure else 80), parts.path or "/", 0, parts.hostname, secure)


@contextmanager
def rdflib_endpoint(data: Path) -> Iterator[Server]:
    """Serve a file by `rdflib-endpoint serve`, from its memory; reading takes it half a minute for 100,000 quads."""
    port = free_port()
    words = [sys.executable, "-m", "rdflib_endpoint", "serve", "--host", LOOPBACK, "--port", str(port), str(data)]
    with started(words, Server("rdflib-endpoint", "rdflib-endpoint serve data.nq", port, "/")) as server:
        yield server


@contextmanager
def started(words: list[str], server: Server) -> Iterator[Server]:
    """Start a server by a command; give it with its number when it answers a query."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            server = replace(server, pid=process.pid)
            wait_for(server, process)
            yield server
        finally:
            process.kill()


def wait_for(server: Server, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a server answers a query, ten minutes at most."""
    end = time.monotonic() + 600
    while time.monotonic() < end and process.poll() is None:
        with suppress(ConnectionError):
            status, _, body = Client(server).query("ASK { ?s ?p ?o }")
            assert status == 200, body
            return
        time.sleep(0.01)
    raise SystemExit(f"{server.command} does not answer.")


def free_port() -> int:
    """Return a port on which nobody listens.

    The system gives none of these to clients: one that polls such a port before it is listened on may get itself.
    """
    for port in random.sample(range(20_000, 30_000), 100):
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
    raise SystemExit("no port is free.")
