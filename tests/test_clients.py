"""Real clients, each asking a real question of a running server (the Accept fields that they send are their own)."""

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import CSV, JSON, TURTLE, XML, SPARQLWrapper

from cosponsor.dataset import published, write

from .house import ROOT
from .serving import served

YEARS = {"2019", "2020", "2021"}
QUERY = (ROOT / "graph" / "questions" / "years-declined.rq").read_text("utf-8")
PATTERN = QUERY[QUERY.index("{") : QUERY.rindex("}") + 1]
PREFIXES = "\n".join(line for line in QUERY.splitlines() if line.startswith("PREFIX"))
GRAPH = "PREFIX cosp: <https://w3id.org/cosponsor/ontology#> CONSTRUCT { ?s a cosp:Source } WHERE { ?s a cosp:Source }"
SD = "http://www.w3.org/ns/sparql-service-description#"
COMUNICA = ROOT / ".venv" / "comunica" / "node_modules" / ".bin" / "comunica-sparql"  # `make comunica`


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    attested = tmp_path_factory.mktemp("built") / "dataset.nq"
    write(published().read_text("utf-8"), attested, warnings=0)
    with served(COSPONSOR_DATA=str(attested)) as server:
        yield f"{server.url}sparql"


def federated(endpoint: str) -> str:
    return f"{PREFIXES}\nSELECT DISTINCT ?year {{ SERVICE <{endpoint}> {PATTERN} }}"


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_rdflib_sparql_store_selects_and_constructs(endpoint: str) -> None:
    remote = rdflib.Graph(SPARQLStore(endpoint))
    assert {str(row[0]) for row in remote.query(QUERY)} == YEARS  # type: ignore[index]
    assert len(remote.query(GRAPH).graph or []) == 5
    assert bool(remote.query("ASK {}"))


def test_rdflib_asks_from_a_local_graph_by_service(endpoint: str) -> None:
    assert {str(row[0]) for row in rdflib.Graph().query(federated(endpoint))} == YEARS  # type: ignore[index]


def test_rdflib_reads_the_description(endpoint: str) -> None:
    described = rdflib.Graph().parse(endpoint)
    assert list(described.objects(predicate=rdflib.URIRef(SD + "endpoint"))) == [rdflib.URIRef(endpoint)]


def wrapped(endpoint: str, query: str, result_format: str, method: str = "GET") -> Any:  # noqa: ANN401 (as its own)
    client = SPARQLWrapper(endpoint)
    client.setQuery(query)
    client.setReturnFormat(result_format)
    client.setMethod(method)
    return client.query().convert()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sparqlwrapper_reads_json_xml_csv_and_turtle(endpoint: str, method: str) -> None:
    rows = wrapped(endpoint, QUERY, JSON, method)["results"]["bindings"]
    assert {row["year"]["value"] for row in rows} == YEARS
    cells = wrapped(endpoint, QUERY, XML, method).getElementsByTagName("literal")
    assert {cell.firstChild.data for cell in cells} == YEARS
    assert {row["year"] for row in csv.DictReader(io.StringIO(wrapped(endpoint, QUERY, CSV, method).decode()))} == YEARS
    assert len(rdflib.Graph().parse(data=wrapped(endpoint, GRAPH, TURTLE, method), format="turtle")) == 5


def test_pyoxigraph_asks_by_service(endpoint: str) -> None:
    found = ox.Store().query(federated(endpoint))
    assert isinstance(found, ox.QuerySolutions)
    assert {solution["year"].value for solution in found} == YEARS


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("more", [(), ("--get",)])
def test_curl_asks_by_post_and_get(endpoint: str, more: tuple[str, ...]) -> None:
    asked = ("curl", "--silent", "--fail", *more, endpoint, "--data-urlencode", f"query={QUERY}")
    assert {row["year"]["value"] for row in json.loads(run(*asked))["results"]["bindings"]} == YEARS
    assert set(run(*asked, "--header", "Accept: text/csv").split()) == {"year", *YEARS}


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_curl_reads_the_description_and_an_error(endpoint: str) -> None:
    assert "Service" in run("curl", "--silent", "--fail", endpoint)
    refused = run("curl", "--silent", "--write-out", "%{http_code}", f"{endpoint}?{urlencode({'query': 'ASK {'})}")
    assert refused.endswith("400")
    assert '"line"' in refused


@pytest.mark.skipif(not COMUNICA.exists(), reason="there is no Comunica; make comunica installs it where Node is")
@pytest.mark.parametrize("source", ["", "sparql@"])
def test_comunica_finds_that_it_is_an_endpoint_and_asks(endpoint: str, source: str) -> None:
    found = json.loads(run(str(COMUNICA), f"{source}{endpoint}", QUERY, "-t", "application/sparql-results+json"))
    assert {row["year"]["value"] for row in found["results"]["bindings"]} == YEARS
