"""Where the time of quick requests goes: by process of the server, and by function, as py-spy samples them."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .load import Request, load
from .machine import worked
from .servers import Server, ours, write_data
from .workloads import BASE, CHEAP, Run, first_number, request_of

SHOWN = 30  # functions


def main(run: Run) -> None:
    """Print both for each of the quick workloads, on our server alone."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.nq"
        write_data(data, run.sizes[0])
        with ours(data, "--base-iri", BASE) as server:
            for workload in (each for each in CHEAP if run.only in each.name):
                _print(workload.name, server, request_of(workload, server, run.sizes[0] // 6, ours_=True), run.seconds)


def _print(name: str, server: Server, request: Request, seconds: int) -> None:
    before = {pid: worked(pid) for pid in server.processes()}
    found = load(server, request, seconds, first_number())
    print(f"\n{name}: {found.rate:.0f}/s, {found.work:.3g} ms of processor an answer, of these")
    for pid in sorted(server.processes()):
        print(f"{1000 * (worked(pid) - before.get(pid, 0)) / found.answers:10.3f} ms process {pid}, {_threads(pid)}")
    for share, function in _sampled(server, request, seconds):
        print(f"{share:10.1%} {function}", flush=True)


def _threads(pid: int) -> str:
    """Return the names of the threads of a process."""
    names = Counter(path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm"))
    return ", ".join(f"{number} {name}" for name, number in names.items())


def _sampled(server: Server, request: Request, seconds: int) -> Iterable[tuple[float, str]]:
    """Return the functions that most samples met at work or above what was, each with its part of all samples."""
    command = shutil.which("py-spy", path=f"{Path(sys.executable).parent}") or shutil.which("py-spy")
    if not command:
        return [(0, "py-spy is missing; pip install 'cosponsor[bench]', as make bench does.")]
    with tempfile.NamedTemporaryFile() as file:
        words = [
            command,
            "record",
            "--pid",
            str(server.pid),
            "--subprocesses",
            "--format",
            "raw",
            "--output",
            file.name,
        ]
        with subprocess.Popen(
            [*words, "--duration", str(seconds)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ):
            load(server, request, seconds + 1, first_number())
        return shares(Path(file.name).read_text().splitlines())[:SHOWN]


def shares(stacks: Iterable[str]) -> list[tuple[float, str]]:
    """Return of stacks of py-spy each function, without its line, with the part of the samples that it is in."""
    counts, total = Counter[str](), 0
    for stack in stacks:
        frames, _, number = stack.rpartition(" ")
        total += int(number)
        for function in {re.sub(r":\d+\)$", ")", frame) for frame in frames.split(";") if frame[:8] != "process "}:
            counts[function] += int(number)
    return [(number / total, function) for function, number in counts.most_common()]
