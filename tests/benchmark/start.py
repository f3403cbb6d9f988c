"""How soon a server gives its first answer, from starting its process, and how much memory it then holds."""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from cosponsor.dataset import published

from .servers import Server, ours, peer, write_data
from .workloads import Run

LIMITS = {"the built dataset": "< 1 s", "999996 quads": "< 10 s"}


def main(run: Run) -> None:
    """Print a row for the dataset of this project and one for each size."""
    print("seconds from exec to the first answer, processor seconds and MiB until then, medians of starts in turns")
    print(f"{'':36}{'cosponsor':>13}{'oxigraph':>30}{'limit':>22}")
    _compare(run, "the built dataset", None, published())
    for size in run.sizes:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data.nq"
            write_data(data, size)
            _compare(run, f"{size // 6 * 6} quads", data, data)


def _compare(run: Run, label: str, ours_: Path | None, data: Path) -> None:
    """Start both in turns; the peer is given the data over HTTP."""
    found = [measured(partial(ours, ours_)) + measured(partial(peer, data)) for _ in range(run.rounds)]
    seconds, work, memory, *peers = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"{label:30}{seconds:8.2f} s {work:6.2f} s {memory:6.0f} MiB{peers[0]:10.2f} s {peers[1]:6.2f} s", end="")
    print(f"{peers[2]:6.0f} MiB{LIMITS.get(label, ''):>10}  up to {max(found)[0]:.2f} s", flush=True)


def measured(start: Callable[[], AbstractContextManager[Server]]) -> tuple[float, float, float]:
    """Return the seconds until a server answers, the processor seconds that this takes, and the MiB it then holds."""
    begin = time.perf_counter()
    with start() as server:
        return time.perf_counter() - begin, server.worked(), server.memory()
