"""How ten million triples do on disk: made once by `cosponsor build --store`, kept in .venv/bench, and served.

Beside it `oxigraph serve-read-only` with the same files.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .machine import proportional
from .queries import read
from .servers import LOOPBACK, Client, Server, free_port, ours, oxigraph, started, write_data
from .start import measured
from .workloads import BASE, Run, compare

ROWS = 10_000_000
ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".venv" / "bench" / f"store-{ROWS}"


def main(run: Run) -> None:
    """Print how long it opens, what its processes hold, and quick requests."""
    if not (KEPT / "current").exists():
        _build()
    size = sum(path.stat().st_size for path in KEPT.rglob("*") if path.is_file()) >> 20
    print(f"\n{ROWS // 6 * 6} quads on disk, {size} MiB in {KEPT}; limits: opens in 1 s, 1024 MiB a worker")
    starts = [measured(partial(ours, None, "--store", str(KEPT))) for _ in range(run.rounds)]
    seconds, work, _ = (statistics.median(column) for column in zip(*starts, strict=True))
    print(f"from exec to the first answer {seconds:.2f} s (up to {max(starts)[0]:.2f} s), {work:.2f} s of processor")
    with ours(None, "--store", str(KEPT)) as server, _peer() as peer:
        _print_memory("at first", _memory(server))
        compare(run, [server, peer], ROWS, heavy=False)
        _print_memory("afterwards", _memory(server))
        _print_memory(*_most(server))


def _most(server: Server) -> tuple[str, list[float]]:
    """Return the greatest memory seen while all is counted, after a note on how that ended."""
    most: list[float] = []
    with ThreadPoolExecutor(1) as thread:
        counting = thread.submit(Client(server).query, read("aggregate-predicates"))
        while not counting.done():
            most = max(most, _memory(server), key=sum)
            time.sleep(0.1)
    return f"at most while all is counted ({counting.result()[0]})", most


def _build() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.nq"
        write_data(data, ROWS)
        KEPT.mkdir(parents=True, exist_ok=True)
        words = ["build", "--store", str(KEPT), "--base-iri", BASE, "--data", str(data)]
        print(f"cosponsor {' '.join(words)} …", flush=True)
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "cosponsor.server.cli", *words], check=True, stdout=subprocess.DEVNULL)
        print(f"took {time.perf_counter() - begin:.0f} s")


@contextmanager
def _peer() -> Iterator[Server]:
    """Serve the same files by the peer."""
    port = free_port()
    words = [
        oxigraph(),
        "serve-read-only",
        "--union-default-graph",
        "--location",
        str((KEPT / "current" / "store").resolve()),
    ]
    command = [*words, "--bind", f"{LOOPBACK}:{port}"]
    said = "oxigraph serve-read-only --union-default-graph"
    with started(command, Server("oxigraph", said, port, "/query")) as server:
        yield server


def _memory(server: Server) -> list[float]:
    """Return the MiB of each process, the greatest first."""
    return sorted((proportional(pid) for pid in server.processes()), reverse=True)


def _print_memory(when: str, each: list[float]) -> None:
    print(
        f"memory {when}, all processes of one worker: {sum(each):.0f} MiB = {' + '.join(f'{mib:.0f}' for mib in each)}"
    )
