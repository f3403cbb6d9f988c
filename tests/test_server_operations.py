"""What operators ask and read: readiness, numbers, the log, limits, settings, and the examples of deployment."""

import asyncio
import http.client
import json
import logging
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import click
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from cosponsor.server import gate, metrics
from cosponsor.server.cli import main
from cosponsor.server.engine import Engine
from cosponsor.server.front import Front
from cosponsor.server.gate import Gate, TooMany, network
from cosponsor.server.journal import QUERIES, Line
from cosponsor.server.operations import form_of
from cosponsor.server.quick import GATHER
from cosponsor.server.settings import Settings

from .serving import Served, served, wait_until
from .test_server_front import Protocol, answer, echo, scope

ROOT = Path(__file__).parents[1]
TWO = "SELECT ?x { VALUES ?x { 1 2 } }"


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return each number by its name and the values of its labels."""
    families = text_string_to_metric_families(text)
    return {(each.name, tuple(each.labels.values())): each.value for family in families for each in family.samples}


def test_health_is_told_without_asking_the_engine(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Engine, "run")
    assert client.get("/healthz").text == "ok\n"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/un/healthz", "/un/readyz", "/un/metrics"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_operators_ask_is_at_the_root_and_below_the_base_and_is_not_kept(
    client: FlaskClient, path: str, method: str
) -> None:
    response = client.open(path, method=method)
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert response.mimetype == "text/plain"


def test_a_server_whose_engine_does_not_answer_is_not_ready(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ServiceUnavailable("No query can be evaluated now; try again.")

    monkeypatch.setattr(Engine, "run", refuse)
    response = client.get("/readyz")
    assert (response.status_code, response.headers["Cache-Control"]) == (503, "no-store")
    assert "The engine does not answer: No query can be evaluated now; try again." in response.text


def counted(client: FlaskClient, name: str, *labels: str) -> float:
    return samples(client.get("/metrics").text).get((name, labels), 0)


@pytest.mark.parametrize(
    ("query", "form", "outcome"),
    [
        (TWO, "select", "ok"),
        ("# CONSTRUCT\nPREFIX select: <x:/> ASK {}", "ask", "ok"),
        ("BASE<x:/>CONSTRUCT{?s ?p ?o}{?s ?p ?o}", "construct", "ok"),
        ("describe<x:y>", "describe", "ok"),
        ("SELECT * { GRAPH", "select", "bad_request"),
        ("nothing", "other", "bad_request"),
        ("SELECT * { SERVICE <x:y> {} }", "select", "refused"),
        ("SELECT * { ?a ?b ?c. ?d ?e ?f. ?g ?h ?i }", "select", "timeout"),
    ],
)
def test_queries_are_counted_by_form_and_outcome(client: FlaskClient, query: str, form: str, outcome: str) -> None:
    before = counted(client, "cosponsor_queries_total", form, outcome)
    asked = {"query": query} | ({"timeout": "0.2"} if outcome == "timeout" else {})
    client.get("/sparql", query_string=asked).close()
    assert counted(client, "cosponsor_queries_total", form, outcome) == before + 1
    assert counted(client, "cosponsor_query_seconds_count", form) >= 1


def test_an_answer_that_the_client_has_is_counted_as_such(client: FlaskClient) -> None:
    before = counted(client, "cosponsor_queries_total", "select", "not_modified")
    tag = client.get("/sparql", query_string={"query": TWO}).headers["ETag"]
    client.get("/sparql", query_string={"query": TWO}, headers={"If-None-Match": tag})
    assert counted(client, "cosponsor_queries_total", "select", "not_modified") == before + 1


def test_hits_and_misses_of_the_cache_are_counted(client: FlaskClient) -> None:
    before = [counted(client, "cosponsor_cache_total", result) for result in ("hit", "miss")]
    for found in (True, True, False):
        metrics.looked(found=found)
    after = [counted(client, "cosponsor_cache_total", result) for result in ("hit", "miss")]
    assert after == [before[0] + 2, before[1] + 1]


def test_the_version_of_the_data_is_among_the_numbers(app: Flask, client: FlaskClient) -> None:
    assert counted(client, "cosponsor_dataset_info", app.extensions["cosponsor"].version) == 1


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("SELECT?x{}", "select"),
        ("ask{}", "ask"),
        ("PREFIX a:<b#ask>\n# select <\nBASE <x>prefix : # <y>\n<y> Construct WHERE {}", "construct"),
        ("VERSION '1.2' DESCRIBE <a:b>", "describe"),
        ("DELETE WHERE {}", "other"),
        ("selected", "other"),
        ("# select", "other"),
        ("", "other"),
    ],
)
def test_the_form_of_a_query_stands_behind_its_prologue(query: str, form: str) -> None:
    assert form_of(query) == form


def test_the_form_of_a_query_is_not_looked_for_for_ever() -> None:
    assert form_of("x " * 5000 + "ASK {}") == "other"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, object]]]:
    caplog.set_level(logging.INFO, QUERIES.name)

    def found() -> list[dict[str, object]]:
        text = "\n".join(Line().format(record) for record in caplog.records if record.name == QUERIES.name)
        return [json.loads(line) for line in text.splitlines()]

    return found


def test_a_query_is_logged_in_one_line_without_its_text(
    client: FlaskClient, lines: Callable[[], list[dict[str, object]]]
) -> None:
    response = client.get("/sparql", query_string={"query": TWO}, headers={"X-Request-ID": "abc-1"})
    (line,) = lines()
    assert (
        line.items()
        >= {
            "level": "info",
            "event": "query",
            "id": "abc-1",
            "client": "127.0.0.1",
            "method": "GET",
            "path": "/sparql",
            "form": "select",
            "format": "srj",
            "status": 200,
            "outcome": "ok",
            "rows": 2,
            "bytes": len(response.data),
        }.items()
    )
    assert "VALUES" not in json.dumps(line)
    assert {"time", "pid", "query", "duration_ms"} <= {*line}
    assert abs(datetime.fromisoformat(str(line["time"])) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("extension", ["srj", "srx", "csv", "tsv"])
@pytest.mark.parametrize(
    ("rows", "count"),
    [("", 0), ("(UNDEF)", 1), ("(1) (UNDEF)", 2), (r"""("\"},{\n<result>\"\n") (",\r\n") ("x") (<a:b>)""", 4)],
)
def test_rows_are_counted_exactly(
    client: FlaskClient, lines: Callable[[], list[dict[str, object]]], extension: str, rows: str, count: int
) -> None:
    client.get("/sparql", query_string={"query": f"SELECT ?x {{ VALUES (?x) {{ {rows} }} }}", "format": extension})
    assert lines()[0]["rows"] == count


def test_triples_are_counted_and_rows_of_a_great_answer_are_not(
    client: FlaskClient, lines: Callable[[], list[dict[str, object]]]
) -> None:
    client.get("/sparql", query_string={"query": "CONSTRUCT { <a:a> <a:b> 1, 2 } {}"})
    client.get("/sparql", query_string={"query": "SELECT * { ?s ?p ?o } LIMIT 5000"}).close()
    assert [line["rows"] for line in lines()] == [2, None]


def test_a_line_of_the_log_is_one_line_whatever_it_says() -> None:
    record = logging.makeLogRecord({"msg": "a\nb\r\u2028\x85", "said": [{"client": 'x"\n{"level": "error"}'}]})
    line = Line().format(record)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["client"] == 'x"\n{"level": "error"}'


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, 'a"b', "é"])
def test_an_identifier_that_is_not_sane_is_replaced(client: FlaskClient, sent: str) -> None:
    found = client.get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", found)


def test_an_error_names_the_request(client: FlaskClient) -> None:
    response = client.get("/nothing", headers={"X-Request-ID": "a.b", "Accept": "application/json"})
    assert (response.headers["X-Request-ID"], response.json["request_id"]) == ("a.b", "a.b")  # type: ignore[index]


@pytest.mark.parametrize("rate", ["x", "0/s", "10", "-1/minute"])
def test_a_rate_that_is_none_is_refused_with_an_example(rate: str) -> None:
    with pytest.raises(click.BadParameter, match="write a rate as 600/minute"):
        gate.Rate().convert(rate, None, None)


def test_more_requests_than_the_rate_are_429_with_the_time_to_wait() -> None:
    limited = Gate("2/minute")
    for _ in range(2):
        limited.admit("10.0.0.1", "/")
    with pytest.raises(TooMany, match="2 requests in 60 seconds") as refused:
        limited.admit("10.0.0.1", "/")
    fields = dict(refused.value.get_headers())
    assert 1 <= int(fields["Retry-After"]) <= 30
    assert fields["RateLimit-Policy"] == '"client";q=2;w=60'
    assert fields["RateLimit"] == f'"client";r=0;t={fields["Retry-After"]}'
    limited.admit("10.0.0.2", "/")


def test_a_plain_query_with_a_long_field_is_431_also_when_others_were_answered(server: Served) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)  # one, so that one worker answers
    found = []
    with closing(client):
        for number, encoding in enumerate(["x", "x", "x", "x" * 9000]):
            client.request("GET", f"/sparql?query=ASK%7B%7D%23long{number}", headers={"Accept-Encoding": encoding})
            answer = client.getresponse()
            answer.read()
            found.append(answer.status)
    assert found == [200, 200, 200, 431]


def test_operators_are_not_limited() -> None:
    limited = Gate("1/hour", path="/x")
    for path in ("/healthz", "/x/readyz", "/metrics", "/x/metrics") * 2:
        limited.admit("10.0.0.1", path)


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:65535", "10.0.0.1"),
        ("[2001:db8::1]:443", "2001:db8::"),
        ("unix:" + "x" * 100, "unix:" + "x" * 59),
        ("", ""),
    ],
)
def test_an_ipv6_network_is_one_client(address: str, counted_as: str) -> None:
    assert network(address) == counted_as


def test_counting_clients_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "ADDRESSES", 100)
    limited = Gate("1/hour")
    for number in range(1000):
        limited.admit(f"10.0.{number % 256}.{number // 256}", "/")
    assert limited.throttled is not None
    assert len(limited.throttled._store._backend.get_client()) == 100  # type: ignore[attr-defined]


FORWARDED = st.lists(st.sampled_from(["1.2.3.4", "::1", "unknown"]), max_size=4)


@given(FORWARDED, st.integers(0, 3))
def test_the_client_is_who_proxy_fix_says_it_is(forwarded: list[str], proxies: int) -> None:
    def application(environ: dict[str, str], _: object) -> list[bytes]:
        return [environ["REMOTE_ADDR"].encode()]

    sent = ", ".join(forwarded)
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": sent}
    (expected,) = ProxyFix(application, proxies, x_proto=0)(environ, print)  # type: ignore[arg-type]
    assert Gate(proxies=proxies).client("10.0.0.1", sent) == expected.decode()


def test_the_front_limits_clients_as_proxies_tell_them() -> None:
    front = Front(echo, gate=Gate("1/hour", proxies=1))

    def status(client: str, path: str = "/") -> int:
        protocol = Protocol()
        asyncio.run(answer(front, scope(path=path, x_forwarded_for=client), protocol))
        return int(protocol.sent[0])

    assert [status("10.1.1.1"), status("10.1.1.1"), status("10.1.1.2")] == [200, 429, 200]
    assert status("10.1.1.1", "/healthz") == 200


def test_the_application_limits_whom_no_front_has_looked_at(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.extensions, "cosponsor.gate", Gate("1/hour"))
    client = app.test_client()
    assert [client.get("/sparql").status_code for _ in range(2)] == [200, 429]
    assert client.get("/sparql", environ_base={"cosponsor.admitted": True}).status_code == 200


def test_operators_are_answered_when_all_threads_are_busy() -> None:
    front = Front(echo)
    front.busy = 192
    for path, status in (("/healthz", 200), ("/", 503)):
        protocol = Protocol()
        asyncio.run(answer(front, scope(path=path), protocol))
        assert protocol.sent[0] == status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("operations") / "data.nt"
    data.write_text("<a:a> <a:b> <a:c> .\n", "utf-8")
    with served("--data", str(data), "--workers", "2", "--base-iri", "http://127.0.0.1/x/") as server:
        wait_until(lambda: fetch(server, "/metrics")["cosponsor_workers", ()] == 2, 60)
        yield server


def get(server: Served, path: str) -> bytes:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        client.request("GET", path, headers={"X-Request-ID": "known"})
        return client.getresponse().read()
    finally:
        client.close()


def fetch(server: Served, path: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return samples(get(server, path).decode())


def settled(server: Served) -> float:
    """Return how many ASK have been answered when all are counted; some are gathered first."""
    counts: list[float] = []

    def is_settled() -> bool:
        counts.append(fetch(server, "/x/metrics").get(("cosponsor_queries_total", ("ask", "ok")), 0))
        time.sleep(2 * GATHER)
        return counts[-2:] == [counts[-1]] * 2

    wait_until(is_settled)
    return counts[-1]


def test_several_workers_give_totals_which_a_reload_keeps_and_tell_of_those_only_that_live(server: Served) -> None:
    asked = [f"/sparql?{urlencode({'query': f'ASK {{}} # {number}'})}" for number in range(21)]
    counted = settled(server)
    for address in asked[:20]:
        get(server, address)
    assert settled(server) == counted + 20
    before = server.workers()
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not {*before} & {*server.workers()}, 60)
    get(server, asked[20])
    wait_until(lambda: fetch(server, "/metrics")["cosponsor_workers", ()] == 2, 60)
    assert settled(server) == counted + 21


def test_the_log_of_a_server_is_lines_of_json(server: Served) -> None:
    get(server, "/sparql?query=ASK%7B%7D")
    wait_until(lambda: '"event":"query"' in server.said())
    found = [json.loads(line) for line in server.said().splitlines()]
    assert found[-1]["id"] == "known"
    assert found[-1]["pid"] in server.workers()


def readme() -> dict[str, tuple[str, str]]:
    """Return the rows of the table of settings: option, variable and default."""
    section = (ROOT / "README.md").read_text("utf-8").split("## Deploy\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[1]: (row[0], row[2]) for row in rows[2:] if len(row) == 3}


def test_every_setting_of_serve_is_in_the_table_and_every_row_of_serve_is_a_setting() -> None:
    options = {str(option.envvar): option for option in main.commands["serve"].params if getattr(option, "envvar", 0)}
    told = {re.sub(r"[`,].*", "", variable.strip("`")): row for variable, row in readme().items()}
    rows = {variable: row for variable, row in told.items() if row[0].startswith("`serve")}
    assert {*rows} == {*options}
    for variable, (option, default) in rows.items():
        names = "/".join([*options[variable].opts, *options[variable].secondary_opts])
        assert option.partition(", ")[0] == f"`serve {names}`"
        value = options[variable].default
        if isinstance(value, int | float) and not isinstance(value, bool) and value:
            assert f"`{value:g}`" in default, variable


def test_every_variable_that_is_read_is_in_the_table_and_the_other_way_round() -> None:
    read = {
        found
        for folder in ("server", "graph")
        for path in (ROOT / folder).glob("*.py")
        for found in re.findall(r"COSPONSOR_[A-Z_]+", path.read_text("utf-8"))
    } - {"COSPONSOR_"}
    read |= {each.metadata["variable"] for each in fields(Settings)}
    table = {name for row in readme() for name in re.findall(r"COSPONSOR_[A-Z_]+", row)}
    assert table == read


UNIT = ROOT / "deploy" / "cosponsor.service"
IMAGE = ROOT / "deploy" / "Containerfile"


@pytest.mark.parametrize("file", [UNIT, IMAGE])
def test_the_examples_use_options_and_variables_that_there_are(file: Path) -> None:
    text = file.read_text("utf-8")
    serve = main.commands["serve"].params
    variables = {str(getattr(option, "envvar", "")) for option in serve}
    assert {*re.findall(r"COSPONSOR_[A-Z_]+", text)} <= {*variables, "COSPONSOR_DATA"}
    options = {name for option in serve for name in [*option.opts, *option.secondary_opts]}
    for command in re.findall(r"serve\b(.*)", text):
        assert {*re.findall(r"--[a-z-]+", command)} <= options
    assert "serve" in text


def test_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    command = re.search(r"^ExecStart=(\S+)", UNIT.read_text("utf-8"), re.MULTILINE)
    assert command
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace(command[1], shutil.which("true") or "/bin/true"), "utf-8")
    verified = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert UNIT.name not in verified.stderr
