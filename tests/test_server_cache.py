"""What is kept in front of the application, how it is found and coded (RFC 9110, sections 8.4, 12.5.3, 13.1)."""

import asyncio
import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlencode

import brotli
import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient
from rdflib import Graph
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import JSON, SPARQLWrapper

from cosponsor.server.cache import CHOOSING, CONDITIONS, HARMLESS, PASSED_ON, SEEN, Cache, key
from cosponsor.server.codings import LEAST, MOST
from cosponsor.server.front import Front
from cosponsor.server.headers import LONGEST

from .conftest import BASE
from .serving import Served, served
from .test_server_front import Protocol, answer, scope

ROOM = 1 << 24
QUERY = "SELECT ?s ?label { ?s a cosp:Source; rdfs:label ?label } ORDER BY ?s"
GRAPH = "CONSTRUCT { ?s ?p ?o } { ?s a cosp:Source; ?p ?o }"
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda content: zstandard.ZstdDecompressor().decompress(content),
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Counted:
    """The application behind the front; counts what reaches it, and keeps the last environ."""

    app: Callable[..., Iterable[bytes]]
    cache: Cache = field(default_factory=lambda: Cache(ROOM))
    calls: int = 0
    environ: dict[str, Any] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        self.calls += 1
        self.environ = environ
        return self.app(environ, start)

    def ask(self, path: str, query: object = "", method: str = "GET", body: str = "", **headers: str) -> Answer:
        text = query if isinstance(query, str) else urlencode(query, doseq=True)  # type: ignore[arg-type]
        if body:
            headers.setdefault("content_length", str(len(body)))
        asked, protocol = scope(method, path, text, **headers), Protocol([body.encode()] if body else [])
        asyncio.run(answer(Front(self, self.cache, "v1"), asked, protocol))
        protocol.reader.join() if protocol.reader.ident else None
        status, fields, content = protocol.sent
        assert len(dict(fields)) == len(fields)
        return status, dict(fields), content

    def select(self, query: str = QUERY, **headers: str) -> Answer:
        return self.ask("/sparql", {"query": query}, **headers)


@pytest.fixture
def front(app: Flask) -> Counted:
    return Counted(app)


def fixed(fields: dict[str, str] | None = None, status: str = "200 OK", content: bytes = b"x" * 100) -> Counted:
    """Return an application that always answers the same."""

    def answer(_: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        start(status, list((fields or {}).items()))
        return [content]

    return Counted(answer)


@pytest.mark.parametrize(
    "path", ["/", "/country/KOR", "/country/KOR.ttl", "/void", "/sources", "/sparql", "/openapi.json", "/dump.nq.gz"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_hit_equals_its_miss_and_does_not_reach_the_application(front: Counted, path: str, method: str) -> None:
    miss = front.ask(path, method=method, accept="text/html,*/*;q=0.5", accept_encoding="gzip")
    assert miss == front.ask(path, method=method, accept="text/html,*/*;q=0.5", accept_encoding="gzip")
    assert (front.calls, miss[2] == b"") == (1, method == "HEAD")


def test_the_same_query_again_is_not_evaluated(front: Counted) -> None:
    assert front.select() == front.select()
    assert front.calls == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("accept", ["", "text/csv", "text/csv;q=0.1, application/sparql-results+xml", "text/csv, */*;q=0.1", "*/*"]),
        ("accept_encoding", ["", "gzip", "gzip, br", "br, gzip", "gzip;q=1, br;q=0.1", "zstd", "identity"]),
    ],
)
def test_what_is_accepted_keeps_answers_apart(front: Counted, name: str, values: list[str]) -> None:
    alone = [Counted(front.app).select(**{name: value}) for value in values]
    for _ in range(2):
        assert [front.select(**{name: value}) for value in values] == alone
    assert front.calls == len(values)


def test_formats_in_the_address_never_share_an_answer(front: Counted) -> None:
    asked = [{"query": QUERY, "format": name} for name in ("csv", "xml", "tsv")]
    assert len({front.ask("/sparql", each)[1]["content-type"] for each in asked}) == 3
    assert front.ask("/sparql", {"query": QUERY, "format": "csv"})[1]["content-type"].startswith("text/csv")


POISON = {
    "host": "evil.example",
    "x_forwarded_host": "evil.example",
    "x_forwarded_proto": "gopher",
    "x_forwarded_prefix": "/evil",
    "x_forwarded_for": "6.6.6.6",
    "x_original_url": "/evil",
    "x_rewrite_url": "/evil",
    "x_http_method_override": "POST",
    "forwarded": "host=evil.example",
    "cookie": "a=evil",
    "authorization": "Basic evil",
    "accept_language": "ko",
    "cache_control": "no-store",
    "pragma": "no-cache",
    "origin": "https://evil.example",
    "user_agent": "evil",
}


@pytest.mark.parametrize(
    "path", ["", "/", "/country/KOR", "/country/KOR.html", "/.well-known/void", "/static/style.css"]
)
def test_no_other_field_changes_an_answer(front: Counted, path: str) -> None:
    plain = front.ask(path, accept="text/html")
    poisoned = Counted(front.app)
    for name, value in POISON.items():
        poisoned.cache = Cache(ROOM)
        assert poisoned.ask(path, accept="text/html", **{name: value}) == plain, name
    assert poisoned.calls == len(POISON)


def test_no_other_field_reaches_the_application(front: Counted) -> None:
    names = ["accept_charset", "te", "x_anything", *POISON]
    front.select(**dict.fromkeys([*names, *(name.replace("-", "_") for name in SEEN)], "0"))
    found = {name for name in front.environ if name.startswith("HTTP_")}
    assert found <= {f"HTTP_{name.upper().replace('-', '_')}" for name in SEEN}
    assert {*CHOOSING} | CONDITIONS | PASSED_ON | HARMLESS == SEEN


def test_where_a_request_comes_from_changes_no_answer(front: Counted) -> None:
    plain = front.ask("/country/KOR")
    for change in ({"server": "[::1]:1"}, {"client": "6.6.6.6:1"}, {"scheme": "https"}, {"http_version": "1.0"}):
        asked, protocol = scope("GET", "/country/KOR"), Protocol()
        vars(asked).update(change)
        asyncio.run(answer(Front(front.app), asked, protocol))
        assert (protocol.sent[0], dict(protocol.sent[1]), protocol.sent[2]) == plain


def test_a_field_that_was_sent_twice_counts_as_one_list(front: Counted) -> None:
    class Twice(dict[str, str]):
        def items(self) -> Any:  # noqa: ANN401
            return [("accept", "text/csv"), ("accept", "text/turtle;q=0.1")]

    asked, protocol = scope("GET", "/sparql", urlencode({"query": QUERY})), Protocol()
    asked.headers = Twice()
    asyncio.run(answer(Front(front, front.cache), asked, protocol))
    assert front.environ["HTTP_ACCEPT"] == "text/csv,text/turtle;q=0.1"
    front.select(accept="text/csv")
    assert front.calls == 2


def test_methods_and_bodies_are_kept_apart(front: Counted) -> None:
    kind = "application/sparql-query"
    answers = [
        front.select(),
        front.select(method="HEAD"),
        front.select(body="x"),
        front.ask("/sparql", method="POST", body=QUERY, content_type=kind),
        front.ask("/sparql", method="POST", body="ASK {}", content_type=kind),
        front.ask("/sparql", method="POST", body=QUERY, content_type="text/plain"),
        front.ask("/sparql", method="POST", body=QUERY, content_type=kind, content_encoding="gzip"),
        front.ask("/sparql", method="QUERY", body=QUERY, content_type=kind),
    ]
    assert [status for status, _, _ in answers] == [200, 200, 200, 200, 200, 415, 415, 200]
    assert front.calls == len(answers)
    assert answers[0][2] == answers[3][2] == answers[7][2] != answers[4][2]


@pytest.mark.parametrize("method", ["POST", "QUERY"])
def test_a_query_in_a_body_is_kept(front: Counted, method: str) -> None:
    sent = {"method": method, "content_type": "application/sparql-query"}
    first, second = (front.ask("/sparql", body=QUERY, **sent) for _ in range(2))
    assert first == second
    assert front.calls == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_reach_the_application(front: Counted, method: str) -> None:
    front.ask("/country/KOR")
    assert front.ask("/country/KOR", method=method)[0] in {204, 405}
    assert front.calls == 2


@pytest.mark.parametrize("name", sorted(PASSED_ON))
def test_requests_for_parts_and_with_other_conditions_are_for_the_application(front: Counted, name: str) -> None:
    sent = {name.replace("-", "_"): "bytes=0-1" if name == "range" else '"x"', "x_request_id": "known"}
    for path in ("/static/style.css", "/country/KOR.ttl"):
        alone = Counted(front.app).ask(path, **sent)
        front.ask(path)
        before = front.calls
        assert front.ask(path, **sent) == front.ask(path, **sent) == alone
        assert front.calls == before + 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT (NOW() AS ?x) {}",
        "SELECT*{FILTERRAND()}",
        "SELECT (UUID() AS ?x) {}",
        "SELECT*{}ORDER BYRAND()",
        "SELECT(SUM(DISTINCTRAND())AS?x){}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_differs_each_time_is_never_kept(front: Counted, query: str, method: str) -> None:
    body = urlencode({"query": query}) if method == "POST" else ""
    kind = {"content_type": "application/x-www-form-urlencoded"} if body else {}
    for _ in range(2):
        status, fields, _ = front.ask("/sparql", "" if body else {"query": query}, method, body, **kind)
        assert (status, fields["cache-control"]) == (200, "no-store")
        assert not {"etag", "last-modified"} & set(fields)
    assert front.calls == 2


def test_errors_are_never_kept(front: Counted) -> None:
    for path, query in [("/nothing", ""), ("/sparql", "query=SELEC"), ("/sparql", "query=ASK{}&query=ASK{}")]:
        assert front.ask(path, query)[0] >= 400
        assert front.ask(path, query)[0] >= 400
    assert front.calls == 6
    assert not front.cache.kept


@pytest.mark.parametrize("status", ["201 Created", "206 Partial Content", "304 Not Modified", "500 Oops", "404 No"])
def test_only_whole_answers_and_redirects_are_kept(status: str) -> None:
    front = fixed(status=status)
    front.ask("/")
    assert not front.cache.kept


def test_data_without_a_version_are_never_kept(app: Flask, front: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["cosponsor"], "version", "")
    for path, query in [("/country/KOR.ttl", ""), ("/sparql", urlencode({"query": QUERY})), ("/", "")]:
        status, fields, _ = front.ask(path, query)
        assert (status, fields["cache-control"]) == (200, "no-store")
        assert not {"etag", "last-modified"} & set(fields)
    assert not front.cache.kept


def test_what_is_kept_is_bounded_by_bytes_keys_included() -> None:
    front = fixed()
    front.cache = Cache(1 << 17)
    for number in range(1000):
        front.ask("/", f"{number}{'x' * 500}")
    assert 10 < len(front.cache.kept) < (1 << 17) // 600
    assert front.cache.size <= 1 << 17
    front.ask("/", f"999{'x' * 500}")
    front.ask("/", f"0{'x' * 500}")
    assert front.calls == 1001


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (1 << 15, 0), (1 << 16, 1)])
def test_nothing_over_an_eighth_of_the_room_is_kept(room: int, kept: int) -> None:
    front = fixed(content=b"x" * 5000)
    front.cache = Cache(room)
    assert front.ask("/") == front.ask("/")
    assert (len(front.cache.kept), front.calls) == (kept, 2 - kept)


def test_threads_may_use_a_cache_at_the_same_time() -> None:
    cache = Cache(1 << 16)

    def use(first: int) -> int:
        found = 0
        for number in range(first, first + 3000):
            asked = key("GET", "/", str(number % 40), {}, b"")
            found += cache.get(asked) is not None
            cache.keep(asked, 200, [], bytes(3000))
        return found

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(use, range(0, 40, 10))) > 0
    finally:
        sys.setswitchinterval(before)
    assert cache.size == sum(kept.size for kept in cache.kept.values()) <= 1 << 16


def test_a_field_that_is_too_long_is_refused_though_the_answer_is_kept(front: Counted) -> None:
    front.select()
    for name in ("if_none_match", "accept", "x_forwarded_for"):
        assert front.select(**{name: "x" * (LONGEST + 1)})[0] == 431


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("{opaque}", 304),
        ('"other", {tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ('W/"other"', 200),
    ],
)
@pytest.mark.parametrize("path", ["/sparql", "/country/KOR.ttl"])
def test_who_has_a_kept_answer_gets_304(front: Counted, path: str, sent: str, status: int) -> None:
    query = urlencode({"query": QUERY}) if path == "/sparql" else ""
    tag = front.ask(path, query)[1]["etag"]
    sent = sent.format(tag=tag, opaque=tag.removeprefix("W/"))
    later = {"if_none_match": sent, "if_modified_since": "Sun, 01 Jan 2090 00:00:00 GMT"}
    found, fields, content = front.ask(path, query, **later)
    assert (found, front.calls) == (status, 1)
    if found == 304:
        assert content == b""
        assert {"etag", "vary", "cache-control", "dataset-version", "access-control-allow-origin"} <= set(fields)
        assert not {"content-type", "content-length", "content-encoding"} & set(fields)
        assert fields.items() <= Counted(front.app).ask(path, query, **later)[1].items()


@pytest.mark.parametrize(("year", "status"), [("2090", 304), ("1999", 200)])
def test_the_day_of_the_data_counts_where_no_tag_is_sent(front: Counted, year: str, status: int) -> None:
    since = f"Fri, 01 Jan {year} 00:00:00 GMT"
    for _ in range(2):
        assert front.select(if_modified_since=since)[0] == status
        assert front.ask("/country/KOR.ttl", if_modified_since=since)[0] == status
        front.select()
        front.ask("/country/KOR.ttl")


def test_an_error_is_told_whatever_day_was_sent(front: Counted) -> None:
    assert front.select("SELEC", if_modified_since="Fri, 01 Jan 2090 00:00:00 GMT")[0] == 400


def test_redirects_are_kept_and_ignore_conditions(front: Counted) -> None:
    first = front.ask("/country/KOR", accept="text/turtle")
    assert front.ask("/country/KOR", accept="text/turtle", if_none_match="*") == first
    assert (first[0], first[1]["vary"], front.calls) == (303, "Accept, Accept-Encoding", 1)


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("*", "zstd"),
        ("*, zstd;q=0", "br"),
        ("br;q=0, gzip;q=0.001", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("*;q=0, br", "br"),
        ("", ""),
        ("identity", ""),
        ("deflate", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.5, identity", ""),
        ("gzip;q=oops", ""),
    ],
)
@pytest.mark.parametrize("path", ["/sparql", "/country/KOR.ttl", "/country/KOR.html"])
def test_codings_are_negotiated_and_decode_to_the_same(client: FlaskClient, path: str, field: str, coding: str) -> None:
    query = {"query": GRAPH} if path == "/sparql" else {}
    plain = client.get(path, query_string=query)
    coded = client.get(path, query_string=query, headers={"Accept-Encoding": field})
    assert coded.headers.get("Content-Encoding", "") == coding
    assert DECODERS.get(coding, bytes)(coded.data) == plain.data
    assert coded.headers["Content-Length"] == str(len(coded.data))
    assert {"Accept", "Accept-Encoding"} <= set(coded.vary)
    assert (coded.headers["ETag"] != plain.headers["ETag"]) == bool(coding)
    again = {"Accept-Encoding": field, "If-None-Match": coded.headers["ETag"]}
    assert client.get(path, query_string=query, headers=again).status_code == 304


@pytest.mark.parametrize("field", ["identity;q=0", "*;q=0", "deflate, identity;q=0"])
def test_who_refuses_all_codings_and_none_gets_406_that_says_what_there_is(client: FlaskClient, field: str) -> None:
    response = client.get("/country/KOR.ttl", headers={"Accept-Encoding": field})
    assert (response.status_code, "zstd, br, gzip, identity" in response.text) == (406, True)


def test_little_and_images_are_not_coded_unless_they_must(client: FlaskClient) -> None:
    asked = {"query_string": {"query": "ASK {}"}}
    assert "Content-Encoding" not in client.get("/sparql", headers={"Accept-Encoding": "gzip"}, **asked).headers
    assert "Content-Encoding" not in client.get("/dump.nq.gz", headers={"Accept-Encoding": "br"}).headers
    forced = client.get("/sparql", headers={"Accept-Encoding": "gzip, identity;q=0"}, **asked)
    assert forced.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(forced.data) == client.get("/sparql", **asked).data


def test_a_great_answer_goes_out_as_it_is_and_is_not_kept(front: Counted) -> None:
    query = "SELECT * { ?s ?p ?o. ?o ?q ?r } LIMIT 8000"
    status, fields, content = front.select(query, accept_encoding="gzip")
    assert (status, int(fields["content-length"]) > MOST, "content-encoding" in fields) == (200, True, False)
    assert len(content) == int(fields["content-length"])
    assert not front.cache.kept
    assert front.select(query, accept_encoding="gzip, identity;q=0")[0] == 406


def test_an_answer_of_middle_size_is_coded_and_kept(front: Counted) -> None:
    query = "SELECT * { ?s ?p ?o } LIMIT 3000"
    plain, coded = front.select(query), front.select(query, accept_encoding="zstd")
    assert LEAST < len(coded[2]) < len(plain[2]) <= MOST
    assert DECODERS["zstd"](coded[2]) == plain[2]
    assert front.select(query) == plain
    assert front.calls == 2


def test_every_answer_names_the_version_and_is_open_to_scripts(front: Counted) -> None:
    asked = [("/", "GET"), ("/nothing", "GET"), ("/country/KOR", "GET"), ("/sparql", "OPTIONS"), ("/sparql", "DELETE")]
    answers = [front.ask(path, method=method) for path, method in asked]
    versions = {fields["dataset-version"] for _, fields, _ in answers}
    assert versions == {front.app.extensions["cosponsor"].version}  # type: ignore[attr-defined]
    answers.append(front.ask("/sparql", method="POST", transfer_encoding="chunked"))  # the front's own error
    assert answers[-1][:1] == (411,)
    for _, fields, _ in answers:
        assert fields["access-control-allow-origin"] == "*"
        exposed = fields["access-control-expose-headers"].split(", ")
        assert {"Dataset-Version", "ETag", "Content-Encoding"} <= set(exposed)
    assert answers[-1][1]["dataset-version"] == "v1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("cache") / "data.nt"
    data.write_text("".join(f'<a:{n}> <a:b> "{"x" * 50}{n}" .\n' for n in range(2000)), "utf-8")
    with served("--data", str(data)) as server:
        yield server


ALL = "SELECT * { ?s ?p ?o } ORDER BY ?s LIMIT 100"


def fetch(server: Served, path: str, **headers: str) -> tuple[int, HTTPMessage, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_a_real_server_answers_again_what_it_answered_once(server: Served) -> None:
    address = f"/sparql?{urlencode({'query': ALL})}"
    for encoding, decode in {**DECODERS, "identity": bytes}.items():
        first, again = (fetch(server, address, Accept_Encoding=encoding) for _ in range(2))
        assert {*first[1].items()} - {("date", first[1]["date"])} == {*again[1].items()} - {("date", again[1]["date"])}
        assert decode(first[2]) == decode(again[2]) == fetch(server, address)[2]
        status, fields, content = fetch(server, address, Accept_Encoding=encoding, If_None_Match=first[1]["etag"])
        assert (status, content, fields["etag"]) == (304, b"", first[1]["etag"])


def test_an_answer_that_is_kept_and_greater_than_a_packet_arrives_whole(server: Served) -> None:
    address = f"/sparql?{urlencode({'query': 'SELECT * { ?s ?p ?o } ORDER BY ?s'})}"
    first, again = (fetch(server, address) for _ in range(2))
    assert first[2] == again[2]
    assert len(first[2]) == int(again[1]["content-length"]) > 1 << 17


def test_libraries_read_what_is_coded_and_kept(server: Served) -> None:
    for _ in range(2):
        wrapper = SPARQLWrapper(f"{server.url}sparql", returnFormat=JSON)
        wrapper.addCustomHttpHeader("Accept-Encoding", "identity")
        wrapper.setQuery(ALL)
        assert len(wrapper.queryAndConvert()["results"]["bindings"]) == 100  # type: ignore[index, call-overload]
        store = Graph(SPARQLStore(f"{server.url}sparql"))
        assert len(list(store.query(ALL))) == 100


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_reads_what_is_coded_and_kept(server: Served) -> None:
    curl = ["curl", "-s", "--compressed", "-G", "--data-urlencode", f"query={ALL}", f"{server.url}sparql"]
    for _ in range(2):
        assert subprocess.run(curl, capture_output=True, check=True).stdout.count(b'"o"') == 101


def test_a_server_without_a_cache_answers_the_same(server: Served) -> None:
    path = f"/sparql?{urlencode({'query': ALL})}"
    with served("--data", str(server.process.args[-1]), "--cache", "0") as other:  # type: ignore[index]
        assert fetch(other, path)[2] == fetch(other, path)[2] == fetch(server, path)[2]


def test_the_base_is_part_of_every_tag(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"query_string": {"query": QUERY}}
    before = client.get("/sparql", **asked).headers["ETag"]
    monkeypatch.setitem(app.extensions, "cosponsor", replace(app.extensions["cosponsor"], base=f"{BASE}other/"))
    assert client.get("/sparql", **asked).headers["ETag"] != before


def test_the_identifier_of_a_request_is_not_kept_for_others() -> None:
    cache, found = Cache(1 << 20), key("GET", "/", "", {}, b"")
    cache.keep(found, 200, [("etag", '"a"'), ("x-request-id", "mine")], b"")
    kept = cache.get(found)
    assert kept and kept.fields == [("etag", '"a"')]
