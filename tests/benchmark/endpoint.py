"""How fast, how even and how robust the endpoint is, beside `oxigraph serve` on the same data and machine.

Figures are medians unless they say otherwise. A ratio is ours by the peer's; its limit is what this project promises.
"""

import json
import os
import random
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

from cosponsor.server.data import load
from cosponsor.server.engine import Engine
from cosponsor.server.evaluation import respond, warm_up
from cosponsor.server.evaluator import INLINE, Ceilings, Spool
from cosponsor.server.settings import Settings
from tests.test_server_hostile import HOSTILE

from .servers import JSON, LOOPBACK, ROWS, Client, Server, fetch, ours, peer, person, write_data

RUNS = 15
WHOLE = 100_000  # rows of the great answer
POINTS = 1000  # quick queries
TIMEOUT = 2  # seconds
TOGETHER = 16  # requests at a time
MIXED = 1000  # requests of each sort
SETTLING = 12  # seconds until the server has closed what it used
RUNAWAYS = 4  # at a time
PATIENCE = 10  # seconds that a client waits for what the peer does not stop
TERMS = "http://data.example/terms#"
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c. ?d ?e ?f. ?g ?h ?i }"
TURTLE = "text/turtle"
FORMATS: dict[str, tuple[str, Callable[[bytes], int]]] = {
    "JSON": (JSON, lambda body: len(json.loads(body)["results"]["bindings"])),
    "CSV": ("text/csv", lambda body: body.count(b"\n") - 1),
    "TSV": ("text/tab-separated-values", lambda body: body.count(b"\n") - 1),
}


def main() -> None:
    """Print the commands and the table."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.nq"
        write_data(data)
        print(f"dataset: {ROWS} quads made by tests/benchmark/servers.py, in one file data.nq")
        print(f"{'':58}{'ours':>10}{'peer':>10}{'ratio':>8}{'limit':>8}")
        compare_pool_with_fork(data)
        compare_great_answers(data)
        compare_points(data)
        compare_runaways(data)
        mix(data)
        describe()


def row(label: str, *figures: float, limit: float | None = None, unit: str = "ms") -> None:
    """Print our figure and maybe the peer's. The limit is one of their ratio, or else of our figure."""
    cells = [f"{figure:.4g} {unit}" for figure in figures] + [""]
    ratio = f"{figures[0] / figures[1]:.2f}" if len(figures) > 1 else ""
    print(f"{label:58}{cells[0]:>10}{cells[1]:>10}{ratio:>8}{'' if limit is None else f'{limit:g}':>8}", flush=True)


@contextmanager
def both(data: Path, ours_: tuple[str, ...] = (), peer_: tuple[str, ...] = ()) -> Iterator[tuple[Server, Server]]:
    """Start our server and the peer on the same data; print their commands."""
    with ours(data, *ours_) as first, peer(data, *peer_) as second:
        print(f"{first.command} | {second.command}")
        yield first, second


def compare_great_answers(data: Path) -> None:
    """Fetch 100,000 rows in turns, whole; then see whether memory comes back."""
    query = f"SELECT * {{ ?s ?p ?o }} LIMIT {WHOLE}"
    with both(data) as servers:
        for name, (accept, count) in FORMATS.items():
            for server in servers:
                _check_whole(server, query, accept, count)
            runs = [[1000 * fetch(server, query, accept)[0] for server in servers] for _ in range(RUNS)]
            row(f"{WHOLE} rows, {name}, to the last byte", *map(statistics.median, zip(*runs, strict=True)), limit=1.15)
        before = [server.memory() for server in servers]
        peaks = [_peak(server, query) for server in servers]
        time.sleep(SETTLING)
        row("memory before", *before, unit="MiB")
        row("memory while it answers 20 of them, at most", *peaks, unit="MiB")
        row("memory after", *(server.memory() for server in servers), unit="MiB")


def _check_whole(server: Server, query: str, accept: str, count: Callable[[bytes], int]) -> None:
    """Fetch once, which also warms up; it must be whole, and ours must say its length."""
    _, answer = fetch(server, query, accept)
    length, body = answer.headers["Content-Length"], answer.read()
    assert (answer.status, count(body)) == (200, WHOLE), server.name
    assert length == str(len(body)) or server.name == "oxigraph", length


def _peak(server: Server, query: str) -> float:
    """Return the most memory seen while 20 answers are fetched."""
    seen, done = [0.0], Event()

    def look() -> None:
        while not done.wait(0.02):
            seen.append(server.memory())

    with _threads(look, 1, done):
        for _ in range(20):
            fetch(server, query, JSON)
    return max(seen)


@contextmanager
def _threads(work: Callable[[], None], number: int, done: Event) -> Iterator[None]:
    """Work in threads during the block; ``done`` ends them."""
    threads = [Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def point(number: int) -> tuple[str, str]:
    """Return a quick query and its answer."""
    number %= ROWS // 6
    return f"SELECT ?n {{ {person(number)} <{TERMS}votes> ?n }}", str(number * 7919 % 100_003)


def people(number: int) -> tuple[str, str]:
    """Return a query that counts, and its answer."""
    number %= 193
    query = f"SELECT (COUNT(*) AS ?n) {{ ?s <{TERMS}country> <http://data.example/country/{number:03}> }}"
    return query, str(len(range(number, ROWS // 6, 193)))


def _asked(client: Client, number: int, refused: Counter[int]) -> float:
    """Return the milliseconds that a quick query takes on a connection; count a refusal; what is answered is right."""
    query, expected = point(number * 7)
    begin = time.perf_counter()
    status, _, body = client.query(query)
    seconds = time.perf_counter() - begin
    if status == 200:
        assert json.loads(body)["results"]["bindings"][0]["n"]["value"] == expected
    else:
        refused[status] += 1
    return 1000 * seconds


def _percentiles(times: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


def _points(server: Server, address: str = LOOPBACK) -> tuple[float, float, Counter[int]]:
    """Return median and 99th percentile of quick queries, one after the other on one connection, and the refusals."""
    client, refused = Client(server, address), Counter[int]()
    _asked(client, 0, refused)
    return *_percentiles([_asked(client, number, refused) for number in range(POINTS)]), refused


def _throughput(server: Server) -> float:
    """Return quick queries a second on eight connections; the client, in Python, takes its part of the processors."""

    def ask(first: int) -> None:
        client = Client(server)
        for number in range(first, first + POINTS // 4):
            _asked(client, number, Counter())

    begin = time.perf_counter()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))
    return 8 * (POINTS // 4) / (time.perf_counter() - begin)


def compare_points(data: Path) -> None:
    """Ask quick queries, each only once."""
    with both(data) as servers:
        times = [_points(server) for server in servers]
        row("quick query, one connection, median", *(found[0] for found in times))
        row("quick query, one connection, p99", *(found[1] for found in times))
        row("quick queries a second, eight connections", *map(_throughput, servers), unit="/s")


def compare_runaways(data: Path) -> None:
    """Ask what does not end, and beside it quick queries, from the same address and from another."""
    with ours(data, "--timeout", str(TIMEOUT)) as server:
        print(server.command)
        row("runaway query: until the client is told, at most", _longest(server, RUNS), limit=TIMEOUT + 0.5, unit="s")
        for address in (LOOPBACK, "127.0.0.2"):
            _compare_beside(server, address)
    with peer(data, "--timeout-s", str(TIMEOUT)) as server:
        print(server.command)
        row(f"peer: until told, at most, or {PATIENCE} s if never told", _longest(server, 1), unit="s")
    with peer(data, "--timeout-s", str(TIMEOUT)) as server:
        _compare_beside(server, LOOPBACK)


def _longest(server: Server, runs: int) -> float:
    return max(_told(server) for _ in range(runs))


def _told(server: Server) -> float:
    """Return the seconds until a runaway is answered, or those after which a client loses patience."""
    begin = time.perf_counter()
    with closing(Client(server, patience=PATIENCE).connection) as connection, suppress(TimeoutError):
        connection.request("GET", server.url(RUNAWAY), headers={"Accept": JSON})
        connection.getresponse().read()
    return time.perf_counter() - begin


def _compare_beside(server: Server, address: str) -> None:
    """Compare quick queries with and without runaways beside them."""
    done = Event()

    def run_away() -> None:
        while not done.is_set():
            _told(server)

    alone = _points(server, address)
    with _threads(run_away, RUNAWAYS, done):
        time.sleep(TIMEOUT)
        beside = _points(server, address)
    whose = "same address" if address == LOOPBACK else "another address"
    print(f"{server.name}: quick query, {whose}, alone and beside {RUNAWAYS} runaways", end="")
    print(f" (refused: {dict(alone[2] + beside[2])}; load {os.getloadavg()[0]:.1f})")
    for label, quiet, busy in zip(("median", "p99"), alone[:2], beside[:2], strict=True):
        print(f"    {label:54}{quiet:7.2f} ms{busy:7.2f} ms{busy / quiet:8.2f}", flush=True)


def mix(data: Path) -> None:
    """Ask good and hostile things, mixed, from one address; then look at what is left."""
    with ours(data, "--timeout", str(TIMEOUT)) as server:
        print(f"{server.command}; {MIXED} hostile and {MIXED} good requests, {TOGETHER} at a time, one address")
        good = [partial(_good, server, number) for number in range(MIXED)]
        hostile = [partial(_hostile, server, number) for number in range(MIXED)]
        _together(good)  # so that what is there before is what a busy server has
        time.sleep(SETTLING)
        before = _left(server)
        mixed = [*good, *hostile]
        random.Random(4).shuffle(mixed)
        begin = time.perf_counter()
        outcomes = Counter(_together(mixed))
        print(f"    {time.perf_counter() - begin:.0f} s")
        for outcome, number in sorted(outcomes.items()):
            print(f"    {number:6} {outcome}")
        time.sleep(SETTLING)
        for label, (first, last) in zip(
            ("processes", "open files", "MiB"), zip(before, _left(server), strict=True), strict=True
        ):
            print(f"    {label}: {first:.0f} before, {last:.0f} after")


def _left(server: Server) -> tuple[int, int, float]:
    return len(server.processes()), server.files(), server.memory()


def _together(work: list[partial[str]]) -> list[str]:
    with ThreadPoolExecutor(TOGETHER) as threads:
        return list(threads.map(lambda job: job(), work))


def _good(server: Server, number: int) -> str:
    """Ask a query whose answer is known; return what became of it."""
    query, expected = (point, people)[number % 2](number)
    begin = time.perf_counter()
    status, _, body = Client(server).query(query)
    found = json.loads(body)
    if status != 200:
        return f"good: {status} after {time.perf_counter() - begin:.1f} s: {found['detail']}"
    right = found["results"]["bindings"][0]["n"]["value"] == expected
    return "good: right" if right else f"good: WRONG {found}"


def _hostile(server: Server, number: int) -> str:
    """Send a hostile request; return what became of it."""
    queries = [query for query, _ in HOSTILE.values()]
    kind, which = number % 10, number // 10 % len(queries)
    if kind < 2:
        _send_half(server, queries[which], kind)
        return ("hostile: half sent", "hostile: left without waiting")[kind]
    fields = {"Content-Type": "application/sparql-query"}
    query = queries[number * 7 % len(queries)].encode()
    status, _, body = Client(server).ask("POST", server.path, query, fields)
    json.loads(body)  # whole
    return f"hostile: {status}"


def _send_half(server: Server, query: str, whole: int) -> None:
    """Send half of a request, or the whole, and go away without an answer."""
    body = query.encode()
    head = f"POST {server.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: "
    with socket.create_connection((LOOPBACK, server.port)) as connection, suppress(OSError):
        connection.sendall(head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body[: len(body) // (2 - whole)])
        time.sleep(0.2)


def describe() -> None:
    """Ask for the description of the service: the first request after the start, and later ones."""
    cold, warm = [], []
    for _ in range(3):
        with ours(None) as server:
            times = [_described(server) for _ in range(RUNS)]
        cold.append(times[0])
        warm += times[1:]
    print("cosponsor serve")
    row("service description, first request", statistics.median(cold), limit=50)
    row("service description, later", statistics.median(warm))


def _described(server: Server) -> float:
    begin = time.perf_counter()
    status, _, body = Client(server).ask("GET", server.path, fields={"Accept": TURTLE})
    assert status == 200, body
    return 1000 * (time.perf_counter() - begin)


def compare_pool_with_fork(data: Path) -> None:
    """Compare an evaluator that waits in the pool with a process that is forked for one query."""
    loaded = load(Settings(data=(data,)))
    engine = Engine(
        partial(respond, data=loaded), partial(warm_up, loaded), Ceilings(1 << 30, 1 << 28), Settings().processes
    )
    warm_up(loaded)  # for the forks; the engine does so in its fork server
    request = {"default": [], "named": [], "rows": "srj", "graphs": "ttl", "timeout": 10}

    def pooled(number: int) -> None:
        engine.run(request | {"query": point(number)[0]}, LOOPBACK, Event())

    def forked(number: int) -> None:
        pid = os.fork()
        if not pid:
            respond(request | {"query": point(number)[0]}, Spool(-1, INLINE), loaded)
            os._exit(0)
        os.waitpid(pid, 0)

    for label, work in (("pool", pooled), ("fork per query", forked)):
        work(0)
        row(f"quick query without HTTP, {label}", statistics.median(_clocked(work, number) for number in range(200)))
    engine.close()


def _clocked(work: Callable[[int], None], number: int) -> float:
    begin = time.perf_counter()
    work(number)
    return 1000 * (time.perf_counter() - begin)
