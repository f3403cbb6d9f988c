"""How long the build takes by stage, and how much memory: `make bench`.

Every figure is the median of several runs, each in a process of its own. The peer is pySHACL's command line on the
graphs of the sources with the same shapes: what a user without this project would run to check them. (On the union its
SPARQL constraints take minutes.)
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cosponsor.dataset import published
from cosponsor.iris import room

RUNS = 5

BUILD = """
import json, resource, time
begin = time.perf_counter()
marks = []
from cosponsor.build import build
built = build(lambda stage: marks.append((stage, time.perf_counter())))
end = time.perf_counter()
starts = [("importing", begin), *marks]
stages = {name: after - start for (name, start), after in zip(starts, [*(start for _, start in marks), end])}
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(stages | {"total": end - begin, "memory": memory}))
"""


def build_once() -> dict[str, float]:
    """Return seconds by stage, in all, and MiB at the peak of one build in a fresh process."""
    done = subprocess.run([sys.executable, "-c", BUILD], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


LONGEST = "keia-2020-12-09"  # the article with most claims
CHECK = """
from cosponsor.build import read
from cosponsor.check import validate_ours
quads = [quad for quad in read()[0] if quad.graph_name.value.endswith("/graph/source/LONGEST")]
assert validate_ours(quads, "source") == []
""".replace("LONGEST", LONGEST)


def timed(command: list[str]) -> float:
    """Return the seconds that a command takes that must succeed."""
    begin = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - begin


def peer_command(folder: Path) -> list[str]:
    """Write the graph of the longest source and its shapes to files; return pySHACL's command on them."""
    data, shapes = folder / "source.nt", folder / "shapes.ttl"
    quads = published().read_text("utf-8").splitlines()
    kept = (line for line in quads if line.endswith(f"/graph/source/{LONGEST}> ."))
    data.write_text("".join(re.sub(r" <[^<>]*> \.$", " .\n", line) for line in kept), "utf-8")
    files = sorted((room("shapes") / "source").iterdir(), key=lambda file: file.name)
    shapes.write_text("\n".join(file.read_text("utf-8") for file in files), "utf-8")
    command = str(Path(sys.executable).with_name("pyshacl"))
    return [command, "-s", str(shapes), "-df", "nt", "-sf", "turtle", str(data)]


def main() -> None:
    """Print the table."""
    print(f"dataset: {len(published().read_text('utf-8').splitlines())} quads; medians of {RUNS} runs")
    builds = [build_once() for _ in range(RUNS)]
    median = {name: statistics.median(build[name] for build in builds) for name in builds[0]}
    memory = median.pop("memory")
    for name, seconds in median.items():
        print(f"{'build: ' + name:48} {seconds:7.2f} s")
    print(f"{'build: memory at the peak':48} {memory:7.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        peer = statistics.median(timed(peer_command(Path(folder))) for _ in range(RUNS))
    ours = statistics.median(timed([sys.executable, "-c", CHECK]) for _ in range(RUNS))
    print(f"{'longest source alone, read with all TOML, checked by us':48} {ours:7.2f} s")
    print(f"{'peer: pyshacl command on its triples':48} {peer:7.2f} s")
    print(f"{'ours / peer':48} {ours / peer:7.2f}")
