"""How many queries and documents a second, beside `oxigraph serve` and rdflib-endpoint with the same data in memory.

The servers take turns; a ratio is that of two turns that follow each other. Printed are the median of the ratios with
the least and the greatest, and the processor time that each server took for an answer, which depends less than the
rates on who else uses the machine.
"""

import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from .load import CONNECTIONS, Connection, Load, Request, ceiling, load, tool
from .machine import busy
from .queries import ANOTHER, JSON, TURTLE, of_kind, path_of, read, said
from .servers import Client, Server, ours, peer, rdflib_endpoint, write_data
from .servers import read as parsed

TOGETHER = 4  # heavy queries at a time
HEAVY = 20  # milliseconds
CHECKED = 20  # answers that are compared before the turns
BASE = "http://data.example/"
SOMEBODY = 42
PATIENCE = 60  # seconds that rdflib-endpoint gets for a query
LEISURE = 2  # seconds for which it is asked
TOLERANCE = 0.05  # by which the bytes of an answer may differ from those of the answers that were compared


@dataclass(frozen=True)
class Run:
    """What to measure, and how long."""

    sizes: tuple[int, ...] = (100_000, 1_000_000)
    rounds: int = 5
    seconds: int = 3
    only: str = ""  # workloads with this in their names
    slow: bool = True  # rdflib-endpoint, too
    files: tuple[str, ...] = ()  # queries of the user
    urls: tuple[Server, ...] = ()  # instead of servers of our own


@dataclass(frozen=True)
class Workload:
    """Requests with a query, and what the ratio should be: at ``least``, and as an ``aim``.

    With ``another`` each request is another one. Of us is asked, with ``document``, the document with this extension
    instead; with ``held``, whether the answer is still that of its tag.
    """

    name: str
    query: str
    least: float
    aim: float
    another: bool = False
    held: bool = False
    document: str = ""
    accept: str = JSON


CHEAP = (
    Workload("point query, each another: votes", "point-votes", 0.15, 0.4, another=True),
    Workload("point query, each another: friend", "point-friend", 0.15, 0.4, another=True),
    Workload("the same point query again", "point-votes", 1.5, 3),
    Workload("If-None-Match | the plain answer", "point-votes", 1.5, 3, held=True),
    Workload("document, HTML | DESCRIBE", "describe", 1.2, 2, document="html", accept=TURTLE),
    Workload("document, Turtle | DESCRIBE", "describe", 1.2, 2, document="ttl", accept=TURTLE),
)
HEAVIES = tuple(Workload(name, name, 0.9, 1) for kind in ("scan", "aggregate", "join") for name in of_kind(kind))
_NUMBERS = count(1_000_000, 1_000_000)
Turn = tuple[Load, Load]  # of the first server and of the second


def first_number() -> int:
    """Return the number of the first request of a turn; no two turns ask the same."""
    return next(_NUMBERS)


def main(run: Run) -> None:
    """Print a table for each size, or for the endpoints of ``run``."""
    most = ceiling(run.seconds)
    print(f"client: {tool()} -c{CONNECTIONS}; heavy queries: {TOGETHER} threads in Python, all on the same processors")
    print(f"client against a constant answer: {most.rate:.0f}/s with {most.busy:.0%} of a processor")
    print(f"{run.rounds} rounds in turns of {run.seconds} s")
    if run.urls:
        compare(run, list(run.urls), 100_000)
    for size in () if run.urls else run.sizes:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            data = Path(folder) / "data.nq"
            write_data(data, size)
            print(f"\n{size // 6 * 6} quads made by tests/benchmark/servers.py, {data.stat().st_size} bytes")
            starts = [
                ours(data, "--base-iri", BASE, "--timeout", "60"),
                peer(data),
                *([rdflib_endpoint(data)] if run.slow else []),
            ]
            compare(run, [stack.enter_context(start) for start in starts], size)


def compare(run: Run, servers: list[Server], size: int, *, heavy: bool = True) -> None:
    """Print the workloads on servers with a dataset of that size: the first by the second, maybe a slow one beside."""
    for server in servers:
        print(f"{server.name}: {server.command}")
    names = [server.name[:10] for server in servers]
    print(f"\n{'answers a second':42}{names[0]:>11}{names[1]:>11}  ratio {'(min-max)':12}  least  aim", end="")
    print(f"  processor ms      {' '.join(names[2:])}")
    cheap = [] if run.files else [each for each in CHEAP if not (run.urls and each.document)]
    heavies = [Workload(Path(name).stem, name, 0.9, 1) for name in run.files] or HEAVIES
    for workload in (each for each in cheap if run.only in each.name):
        _compare_cheap(run, workload, servers, size // 6)
    for workload in (each for each in heavies if heavy and run.only in each.name):
        _compare_heavy(run, workload, servers)


def _compare_cheap(run: Run, workload: Workload, servers: list[Server], people: int) -> None:
    """Measure quick requests, after comparing some answers."""
    requests = [request_of(workload, server, people, ours_=server is servers[0]) for server in servers]
    samples = [_sample(*pair) for pair in zip(servers[:2], requests, strict=False)]
    notes = sorted({_difference(workload, *both) for both in zip(*samples, strict=True)})
    turns, note = _turns(
        run.rounds, servers, requests, lambda server, request: load(server, request, run.seconds, first_number())
    )
    notes += [_other_size(*each) for each in zip(servers, samples, zip(*turns, strict=True), strict=False)]
    _print(workload, workload.name, turns, [*notes, note], _leisurely(servers, requests))


def request_of(workload: Workload, server: Server, people: int, *, ours_: bool) -> Request:
    """Return what a workload asks of a server, in a dataset of so many people."""
    if workload.document and ours_:
        return Request(f"/person/{SOMEBODY:05}.{workload.document}", {})
    fields, query = {"Accept": workload.accept}, read(workload.query)
    if workload.another:
        return Request(path_of(server.path, query + ANOTHER), fields, people)
    path = path_of(server.path, query.replace("PERSON", f"{SOMEBODY:05}"))
    if workload.held and ours_:
        answer = parsed(Connection(server).answer(Request(path, fields), 0))
        fields["If-None-Match"] = answer.headers["ETag"] or '"none"'
    return Request(path, fields)


def _sample(server: Server, request: Request) -> list[bytes]:
    """Return some answers with their headers."""
    connection = Connection(server)
    return [connection.answer(request, number) for number in range(CHECKED)]


def _difference(workload: Workload, our: bytes, theirs: bytes) -> str:
    """Return how an answer of ours differs from the peer's where it should not."""
    one, other = parsed(our), parsed(theirs)
    if (one.status, other.status) != (304 if workload.held else 200, 200):
        return f"STATUS {one.status}, {other.status}"
    if workload.held:
        return ""
    if workload.document == "html":
        return "" if f"Person {SOMEBODY}," in one.read().decode() else "NO NAME on the page"
    found, expected = said(one.read(), workload.accept), said(other.read(), workload.accept)
    same = found >= expected if workload.document else found == expected
    return "" if same else f"OTHER ANSWER: {found - expected}, not {expected - found}"[:200]


def _other_size(server: Server, sample: list[bytes], loads: Sequence[Load]) -> str:
    """Return a note if the answers that were measured are not as long as those that were compared."""
    expected = statistics.mean(map(len, sample))
    found = sum(each.size for each in loads) / max(1, sum(each.answers for each in loads))
    return "" if abs(found / expected - 1) < TOLERANCE else f"{server.name}: {found:.0f} BYTES, not {expected:.0f}"


def _turns(
    rounds: int, servers: list[Server], requests: list[Request], measure: Callable[[Server, Request], Load]
) -> tuple[list[Turn], str]:
    """Measure two servers in turns; return also what others than servers and clients took of the processors."""
    before, begin = busy(), time.perf_counter()
    turns = [(measure(servers[0], requests[0]), measure(servers[1], requests[1])) for _ in range(rounds)]
    known = sum(each.served + each.asked for turn in turns for each in turn)
    others = (busy() - before - known) / (time.perf_counter() - begin) / (os.cpu_count() or 1)
    return turns, f"others took {others:.0%}" if servers[0].pid and servers[1].pid else ""


def _leisurely(servers: list[Server], requests: list[Request]) -> str:
    """Return the answers a second of the slow server, one after the other; let it alone once it has not answered."""
    if not servers[2:]:
        return ""
    begin, answers = time.perf_counter(), 0
    client = Client(servers[2], patience=PATIENCE)
    while time.perf_counter() - begin < LEISURE:
        try:
            status = client.ask("GET", requests[2].numbered(answers), fields=requests[2].fields)[0]
        except TimeoutError:
            servers.pop()  # it is still at it and would answer nothing else
            return f"no answer in {PATIENCE} s"
        answers += 1
    return f"{answers / (time.perf_counter() - begin):.3g}" if status == 200 else str(status)


def _compare_heavy(run: Run, workload: Workload, servers: list[Server]) -> None:
    """Measure a heavy query, always in another wording so that no cache helps, several at a time."""
    requests = [Request(path_of(server.path, read(workload.query) + ANOTHER), {"Accept": JSON}) for server in servers]
    _, body = _taken(servers[1], requests[1])
    alone = statistics.median(_taken(servers[1], requests[1])[0] for _ in range(3))
    number, expected = max(2 * TOGETHER, int(2 * run.seconds / alone)), said(body, JSON)
    turns, note = _turns(
        run.rounds, servers, requests, lambda server, request: _throughput(server, request, number, expected)
    )
    notes = ["LIGHT" if 1000 * alone < HEAVY else "", note]
    _print(workload, f"{workload.name}, {1000 * alone:.0f} ms", turns, notes, _leisurely(servers, requests))


def _taken(server: Server, request: Request) -> tuple[float, bytes]:
    """Return the seconds that a request takes, and the body of its answer."""
    begin = time.perf_counter()
    status, _, body = Client(server).ask("GET", request.numbered(first_number()), fields=request.fields)
    assert status == 200, body
    return time.perf_counter() - begin, body


def _throughput(server: Server, request: Request, number: int, expected: Counter[str]) -> Load:
    """Ask so many times; compare every answer with the expected one."""
    first, served, asked, begin = first_number(), server.worked(), time.process_time(), time.perf_counter()

    def ask(which: int) -> list[tuple[int, bytes]]:
        client, paths = Client(server), (request.numbered(first + each) for each in range(which, number, TOGETHER))
        return [client.ask("GET", path, fields=request.fields)[::2] for path in paths]

    with ThreadPoolExecutor(TOGETHER) as threads:
        answers = [answer for each in threads.map(ask, range(TOGETHER)) for answer in each]
    seconds, asked, served = time.perf_counter() - begin, time.process_time() - asked, server.worked() - served
    right = {answer for answer in set(answers) if answer[0] == 200 and said(answer[1], JSON) == expected}
    wrong = sum(answer not in right for answer in answers)
    return Load(seconds, number - wrong, wrong, sum(len(body) for _, body in answers), served, asked)


def _print(workload: Workload, label: str, turns: list[Turn], notes: list[str], slow: str) -> None:
    """Print a row: rates, their ratio, what it should be, processor time, the slow server's rate, and notes."""
    ratio, least, most = ratios(turns)
    sides = list(zip(*turns, strict=True))
    rates = [statistics.median(each.rate for each in loads) for loads in sides]
    work = [statistics.median(each.work for each in loads) for loads in sides]
    wrong = [sum(each.wrong for each in loads) for loads in sides]
    client = max(each.busy for loads in sides for each in loads)
    notes = [f"FAILED {wrong}" if any(wrong) else "", *notes, f"client {client:.0%}" if client > 0.5 else ""]
    print(f"{label:42}{rates[0]:11.1f}{rates[1]:11.1f}{ratio:7.2f} {f'({least:.2f}-{most:.2f})':12}", end="")
    print(f"{workload.least:7g}{workload.aim:5g}{work[0]:9.3g}{work[1]:9.3g}  {slow:8}", end="")
    print("; ".join(filter(None, notes)), flush=True)


def ratios(turns: list[Turn]) -> tuple[float, float, float]:
    """Return the median of the ratios of turns, the least and the greatest."""
    found = [one.rate / max(other.rate, 1e-9) for one, other in turns]
    return statistics.median(found), min(found), max(found)
