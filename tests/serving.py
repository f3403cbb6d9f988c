"""A real server: `cosponsor serve` on a free port of loopback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import urlsplit
from urllib.request import urlopen


@dataclass(frozen=True)
class Served:
    """A running server: its address, which ends in a slash, its process, and what that writes to stderr."""

    url: str
    process: "subprocess.Popen[str]"
    errors: IO[str]

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port
        return port

    def said(self) -> str:
        """Return what the server has written to stderr; its place in the file is that of the server, too."""
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def workers(self) -> list[int]:
        """Return the processes that talk to clients, or soon will."""
        return [pid for pid in self.processes() if _parent(Path(f"/proc/{pid}")) == self.process.pid]

    def processes(self) -> dict[int, int]:
        """Return the processes of the server, each with the number of its open files."""
        parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return {pid: _files(pid) for pid in found}


def _parent(process: Path) -> int:
    with suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _files(pid: int) -> int:
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def wait_until(condition: Callable[[], object], seconds: int = 10) -> None:
    """Wait until something has come to pass, ten seconds at most if nothing else is said."""
    for _ in range(seconds * 100):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to pass")


def _wait_for(url: str) -> None:
    """Wait until the server listens; it prints its address a little before."""
    for _ in range(600):
        with suppress(OSError):
            urlopen(url, timeout=5).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


@contextmanager
def served(*words: str, **environment: str) -> Iterator[Served]:
    """Start a server with these options and wait until it answers; end it as Ctrl-C does."""
    command = [sys.executable, "-m", "cosponsor.server.cli", "serve", "--port", "0", *words]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COSPONSOR_")}
    with (
        TemporaryFile("w+") as said,
        subprocess.Popen(command, env=clean | environment, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, said.seek(0) or said.read()
            _wait_for(f"{url}healthz")
            yield Served(url, process, said)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        said.seek(0)
        log = said.read()
        assert "Traceback" not in log, log[log.index("Traceback") :]
