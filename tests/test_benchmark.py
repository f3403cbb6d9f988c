"""What `make bench` rests on; nothing here is timed."""

from itertools import pairwise
from pathlib import Path

import pyoxigraph as ox
import pytest

from .benchmark.load import CONSTANT, Load, Request, whole
from .benchmark.machine import busy, worked
from .benchmark.profile import shares
from .benchmark.queries import ANOTHER, JSON, TURTLE, of_kind, path_of, read, said
from .benchmark.servers import at, write_data
from .benchmark.workloads import CHEAP, HEAVIES, first_number, ratios

QUERIES = sorted({workload.query for workload in (*CHEAP, *HEAVIES)})


def _load(rate: int) -> Load:
    return Load(seconds=2, answers=2 * rate, wrong=0, size=100 * rate, served=1, asked=0.5)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ox.Store:
    path = tmp_path_factory.mktemp("data") / "data.nq"
    write_data(path, 6000)
    store = ox.Store()
    store.load(path=path)
    return store


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_has_an_answer_and_another_wording_has_the_same(store: ox.Store, name: str) -> None:
    query = read(name).replace("PERSON", "00042")
    first, second = (
        {str(each) for each in store.query(query + ANOTHER.replace("NUMBER", number), use_default_graph_as_union=True)}  # type: ignore[union-attr]
        for number in ("1", "2")
    )
    assert first
    assert first == second


def test_every_query_of_the_folder_is_asked() -> None:
    assert {path.stem for path in Path(__file__).with_name("benchmark").glob("queries/*.rq")} == set(QUERIES)
    assert all(len(of_kind(kind)) >= 3 for kind in ("scan", "aggregate", "join"))


def test_a_ratio_is_of_the_two_rates_of_one_turn() -> None:
    turns = [(_load(10), _load(20)), (_load(30), _load(20)), (_load(80), _load(20))]
    assert ratios(turns) == (1.5, 0.5, 4)
    assert (_load(10).rate, _load(10).work, _load(10).busy) == (10, 50, 0.25)


def test_no_two_requests_for_another_are_the_same() -> None:
    request = Request(path_of("/sparql", read("point-votes") + ANOTHER), {}, people=3)
    paths = [request.numbered(number) for number in range(9)]
    assert len(set(paths)) == 9
    assert ["person%2F00000" in path for path in paths] == [number % 3 == 0 for number in range(9)]
    assert all(second - first >= 1_000_000 for first, second in pairwise(first_number() for _ in range(3)))


@pytest.mark.parametrize(
    "answer",
    [
        CONSTANT,
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
)
def test_an_answer_is_whole_at_its_last_byte(answer: bytes) -> None:
    assert whole(answer)
    assert not whole(answer[:-1])


def test_answers_say_the_same_in_another_order() -> None:
    rows = b'{"head":{},"results":{"bindings":[%s]}}'
    one, other = b'{"a":{"value":"1","type":"literal"}}', b'{"a":{"type":"literal","value":"2"}}'
    assert said(rows % b",".join([one, other]), JSON) == said(rows % b" , ".join([other, one]), JSON)
    assert said(rows % one, JSON) != said(rows % b",".join([one, one]), JSON)
    assert said(b"<a:a> <a:b> 1, 2 .", TURTLE) == said(b"@prefix a: <a:> . a:a a:b 2, 1 .", TURTLE)


def test_an_endpoint_is_named_by_its_url() -> None:
    server = at("other", "https://example.org/query")
    assert (server.origin, server.path, server.worked()) == ("https://example.org:443", "/query", 0)
    with pytest.raises(SystemExit, match="no address of an endpoint"):
        at("other", "example.org")


def test_a_function_counts_once_for_a_sample() -> None:
    assert shares(["process 1;f (a.py:1);g (a.py:2);f (a.py:3) 3", "process 1;f (a.py:9) 1"]) == [
        (1, "f (a.py)"),
        (0.75, "g (a.py)"),
    ]


def test_processor_time_is_read_of_the_machine_and_of_a_process() -> None:
    assert busy() > worked(1) >= 0
    assert worked(0) == 0
