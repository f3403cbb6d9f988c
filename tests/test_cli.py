"""The command line: what it prints where, its exit status, and what it says when it cannot."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cosponsor.dataset import published
from cosponsor.server.cli import main

from .house import ROOT
from .serving import served

README = (ROOT / "README.md").read_text("utf-8")


def run(*words: str, text: str = "", **environment: str) -> Result:
    return CliRunner().invoke(main, list(words), input=text, env=environment)


def test_help_teaches_by_example() -> None:
    said = run("--help")
    assert said.exit_code == 0
    assert "cosponsor query years-declined" in said.output
    assert all(f"  {command} " in said.output for command in ("build", "check", "query", "serve"))


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_option_is_in_the_readme_with_its_environment_variable(command: str) -> None:
    for option in main.commands[command].params:
        envvar = getattr(option, "envvar", None)
        if option.param_type_name == "option" and envvar and command != "query":
            assert str(envvar) in README, envvar
            assert option.opts[0] in README, option.opts[0]


def test_a_question_is_answered_by_its_name() -> None:
    said = run("query", "years-declined", "--format", "csv")
    assert (said.exit_code, said.stdout.split()) == (0, ["year", "2019", "2020", "2021"])


def test_a_query_is_read_from_stdin_and_from_a_file(tmp_path: Path) -> None:
    query = 'SELECT (COUNT(*) AS ?n) { ?s a cosp:Source ; dcterms:identifier "002" }'
    (tmp_path / "q.rq").write_text(query, "utf-8")
    assert run("query", "-", text=query).stdout.split() == ["n", "1"]
    assert run("query", str(tmp_path / "q.rq")).stdout.split() == ["n", "1"]


def test_a_query_as_table_shows_iris_without_their_base() -> None:
    said = run("query", 'SELECT ?s { ?s a cosp:Source ; dcterms:identifier "002" }', "--format", "table").stdout
    assert said.splitlines()[2] == "source/koreaherald-2021-03-24"


@pytest.mark.parametrize(
    ("format_", "start"),
    [("json", '{"head"'), ("csv", "s"), ("tsv", "?s"), ("xml", '<?xml version="1.0"')],
)
def test_rows_are_written_in_the_format_asked_for(format_: str, start: str) -> None:
    assert run("query", "SELECT ?s { ?s a cosp:Source }", "--format", format_).stdout.startswith(start)


def test_a_graph_is_written_as_turtle_and_not_as_csv() -> None:
    query = "CONSTRUCT { ?s a cosp:Source } WHERE { ?s a cosp:Source }"
    assert "ontology#Source> ." in run("query", query, "--format", "nt").stdout
    refused = run("query", query, "--format", "csv")
    assert refused.exit_code == 2
    assert "--format csv does not fit this form of query; choose among ttl" in refused.stderr


def test_a_bad_query_is_a_sentence_with_line_and_column() -> None:
    said = run("query", "SELECT *\nWERE { }")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "Line 2, column" in said.stderr


def test_an_unknown_question_names_the_nearest() -> None:
    said = run("query", "years-decline")
    assert said.exit_code == 2
    assert "did you mean 'years-declined'?" in said.stderr


@pytest.mark.parametrize("words", [["query", "ASK {}"], ["serve", "--port", "0"]])
def test_a_missing_dataset_says_how_to_build_it(words: list[str], tmp_path: Path) -> None:
    said = run(*words, COSPONSOR_DATA=str(tmp_path / "none.nq"))
    assert said.exit_code == 2
    assert "run cosponsor build" in said.stderr


def test_check_of_files_tells_violations_on_stdout_with_status_1(tmp_path: Path) -> None:
    data, shapes = tmp_path / "data.ttl", tmp_path / "shapes.ttl"
    data.write_text("<urn:a> a <urn:C> .", "utf-8")
    shapes.write_text(
        "@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:S> a sh:NodeShape ; sh:targetClass <urn:C> ;"
        ' sh:property <urn:P> . <urn:P> sh:path <urn:p> ; sh:minCount 1 ; sh:message "A C has a p." .',
        "utf-8",
    )
    said = run("check", str(data), "--shapes", str(shapes))
    assert (said.exit_code, said.stdout.strip()) == (1, "urn:a: A C has a p. [urn:P: at urn:p]")
    as_json = run("check", str(data), "--shapes", str(shapes), "--format", "json")
    assert json.loads(as_json.stdout) == {"where": "urn:a", "message": "A C has a p. [urn:P: at urn:p]"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.ttl", "<urn:a> a cosp:Stance ."),
        ("a.nq", "<urn:a> <TYPE> <cosp:Stance> <urn:g> ."),
        ("a.trig", "<urn:g> { <urn:a> a cosp:Stance . }"),
    ],
)
def test_quads_are_checked_as_the_union_of_their_graphs(name: str, text: str, tmp_path: Path) -> None:
    ontology = "https://w3id.org/cosponsor/ontology#"
    text = text.replace("<cosp:Stance>", f"<{ontology}Stance>").replace("cosp:Stance", f"<{ontology}Stance>")
    text = text.replace("<<", "<").replace(">>", ">").replace("TYPE", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
    (tmp_path / name).write_text(text, "utf-8")
    said = run("check", str(tmp_path / name))
    assert said.exit_code == 1
    assert len(said.stdout.splitlines()) >= 8


def test_check_of_a_file_without_triples_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "empty.ttl").write_text("# nothing", "utf-8")
    said = run("check", str(tmp_path / "empty.ttl"))
    assert said.exit_code == 2
    assert "nothing was checked" in said.stderr


def test_check_of_a_file_that_is_not_rdf_could_not(tmp_path: Path) -> None:
    (tmp_path / "data.ttl").write_text("<urn:a> a", "utf-8")
    said = run("check", str(tmp_path / "data.ttl"))
    assert said.exit_code == 2
    assert "data.ttl: this cannot be read as RDF" in said.stderr


def test_check_with_shapes_and_no_data_could_not(tmp_path: Path) -> None:
    (tmp_path / "shapes.ttl").write_text("", "utf-8")
    assert run("check", "--shapes", str(tmp_path / "shapes.ttl")).exit_code == 2


def test_serve_beyond_loopback_needs_a_base_iri() -> None:
    said = run("serve", "--host", "0.0.0.0")
    assert said.exit_code == 2
    assert "--host 0.0.0.0 needs --base-iri" in said.stderr


def test_serve_refuses_a_base_iri_that_cannot_be_one() -> None:
    said = run("serve", "--port", "0", "--base-iri", "example.org")
    assert said.exit_code == 2
    assert "'example.org' cannot be a base IRI" in said.stderr


def test_serve_on_a_port_that_is_taken_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run("serve", "--port", str(taken.getsockname()[1]))
    assert said.exit_code == 2
    assert "choose another --port" in said.stderr


def test_serve_refuses_a_dataset_without_a_receipt(tmp_path: Path) -> None:
    changed = tmp_path / "dataset.nq"
    changed.write_text(published().read_text("utf-8") + "<urn:a> <urn:b> <urn:c> <urn:d> .\n", "utf-8")
    said = run("serve", "--port", "0", COSPONSOR_DATA=str(changed))
    assert said.exit_code == 2
    assert "has no receipt of a check with today's shapes; run cosponsor build" in said.stderr


@pytest.fixture
def address() -> Iterator[str]:
    with served() as server:
        yield server.url


def test_the_server_answers_real_clients_at_the_address_it_prints(address: str) -> None:
    from rdflib import Graph, URIRef
    from SPARQLWrapper import JSON, SPARQLWrapper

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    client = SPARQLWrapper(f"{address}sparql", returnFormat=JSON)
    client.setQuery("SELECT ?s WHERE { ?s a <https://w3id.org/cosponsor/ontology#Source> ; dcterms:identifier '002' }")
    rows = client.queryAndConvert()["results"]["bindings"]  # type: ignore[call-overload, index]
    source = URIRef(rows[0]["s"]["value"])  # type: ignore[index]
    assert source == URIRef(f"{address}source/koreaherald-2021-03-24")
    graph = Graph().parse(str(source))
    assert str(graph.value(source, URIRef("http://purl.org/dc/terms/identifier"))) == "002"
