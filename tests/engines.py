"""Other engines, each started on loopback with the dataset of the project in it."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from cosponsor.dataset import published
from cosponsor.iris import BASE

from .serving import Served, served, wait_until

PATIENCE = 60  # seconds for an engine to start on a busy machine
MOST = 10_000  # rows that Virtuoso gives, as its sample configuration has it
# Small, and on loopback alone.
VIRTUOSO = """[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
FileExtend = 200
[TempDatabase]
DatabaseFile = temporary.db
TransactionFile = temporary.trx
[Parameters]
ServerPort = 127.0.0.1:{port}
DisableUnixSocket = 1
ServerThreads = 10
NumberOfBuffers = 10000
MaxDirtyBuffers = 6000
DirsAllowed = .
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = .
ServerThreads = 10
[SPARQL]
ResultSetMaxRows = {most}
"""
_LOAD = "DB.DBA.TTLP_MT (file_to_string_output ('dataset.nq'), '', 'urn:default', 512); checkpoint;"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _running(folder: Path, url: str, *command: str) -> Iterator[None]:
    """Run an engine in a folder of its own, and wait until it answers at ``url``."""
    with (
        (folder / "said").open("w") as said,
        subprocess.Popen(command, cwd=folder, stdout=said, stderr=said) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or _answers(url), PATIENCE)
            assert process.poll() is None, (folder / "said").read_text()
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _answers(url: str) -> bool:
    with suppress(OSError):
        urlopen(url, timeout=5).close()
        return True
    return False


@contextmanager
def oxigraph(folder: Path) -> Iterator[str]:
    """Start Oxigraph's own server; give the address at which it answers queries."""
    program = shutil.which("oxigraph", path=Path(sys.executable).parent) or shutil.which("oxigraph")
    if program is None:
        pytest.skip("oxigraph, the program of the Python package of that name, is not installed")
    address = f"127.0.0.1:{free_port()}"
    with _running(folder, f"http://{address}/", program, "serve", "--union-default-graph", "--bind", address):
        content = {"Content-Type": "application/n-quads"}
        urlopen(Request(f"http://{address}/store", published().read_bytes(), content), timeout=60).close()
        yield f"http://{address}/query"


@contextmanager
def virtuoso(folder: Path) -> Iterator[str]:
    """Start Virtuoso; give the address at which it answers queries."""
    port, http = free_port(), free_port()
    (folder / "virtuoso.ini").write_text(VIRTUOSO.format(port=port, http=http, most=MOST))
    shutil.copy(published(), folder / "dataset.nq")
    url = f"http://127.0.0.1:{http}/sparql"
    with _running(folder, url, "virtuoso-t", "+foreground", "+configfile", "virtuoso.ini"):
        load = ["isql-vt", f"127.0.0.1:{port}", "dba", "dba", f"exec={_LOAD}"]
        said = subprocess.run(load, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert "Error" not in said.stderr, said.stderr
        yield url


@contextmanager
def in_front_of(endpoint: str) -> Iterator[tuple[Served, Served]]:
    """Serve the same data from memory and from an engine, as data of others."""
    with (
        served("--data", str(published()), "--base-iri", BASE) as memory,
        served("--endpoint", endpoint, "--base-iri", BASE) as front,
    ):
        yield memory, front
