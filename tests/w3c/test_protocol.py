"""The W3C suites for the protocol, the graph store protocol and the service description.

What a suite would write is loaded before; the writing requests themselves have to be refused. Left out is
sparql11/http-rdf-update: its tests are prose, and sparql11/graph-store-protocol has replaced them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from rdflib import Graph, Namespace, URIRef
from werkzeug.test import TestResponse

from cosponsor.server import create_app
from cosponsor.server.settings import Settings

from .answers import answer, graph
from .suite import CASES, MF, MISSING, SUITES, Case, Term, parameters, path_of, text

pytestmark = MISSING

CNT = "http://www.w3.org/2011/content#"
HT = "http://www.w3.org/2011/http#"
RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
UT = "http://www.w3.org/2009/sparql/tests/test-update#"
AUTHORITY = "http://www.example/"  # of every connection in the suites
CREATED = AUTHORITY + "gsp/created"  # where a graph stands whose address the store was to choose
STATUSES = {status.phrase.replace(" ", ""): status.value for status in HTTPStatus}
FORMATS = {
    "boolean": {"application/sparql-results+json", "application/sparql-results+xml"},
    "tabular": {
        *("application/sparql-results+json", "application/sparql-results+xml"),
        *("text/csv", "text/tab-separated-values"),
    },
    "RDF": {"application/rdf+xml", "text/turtle", "application/n-triples"},
}
PROTOCOL = [case for case in CASES if case.kind == "ProtocolTest"]
GRAPH_STORE = [
    case for case in CASES if case.kind == "GraphStoreProtocolTest" and case.folder == "sparql11/graph-store-protocol"
]
DESCRIPTION = [case for case in CASES if case.kind == "ServiceDescriptionTest"]
SCHEMA = Path(__file__).parent / "service-description.ttl"


@dataclass(frozen=True)
class Message:
    """A request or a response of the HTTP vocabulary in RDF 1.0: what both have, and how to read on."""

    case: Case
    node: Term

    def values(self, predicate: str) -> tuple[str, ...]:
        return self.case.manifest.texts(self.node, predicate)

    @property
    def headers(self) -> dict[str, str]:
        manifest = self.case.manifest
        fields = [field for head in manifest.values(self.node, HT + "headers") for field in manifest.items(head)]
        return {
            text(manifest.value(field, HT + "fieldName")): text(manifest.value(field, HT + "fieldValue"))
            for field in fields
        }

    @property
    def body(self) -> bytes:
        manifest = self.case.manifest
        for content in manifest.values(self.node, HT + "body"):
            encoding = text(manifest.value(content, CNT + "characterEncoding"))
            return text(manifest.value(content, CNT + "chars")).encode(encoding)
        return b""


@dataclass(frozen=True)
class Request(Message):
    """A request, and the response that is expected."""

    @property
    def method(self) -> str:
        return self.values(HT + "methodName")[0]

    @property
    def target(self) -> str:
        """The path and query; an address that the store was to choose is the one that we have chosen."""
        return self.values(HT + "absolutePath")[0].replace("$LOCATION$", CREATED)

    @property
    def expected(self) -> Message:
        return Message(self.case, self.case.manifest.value(self.node, HT + "resp"))

    def send(self, client: FlaskClient) -> TestResponse:
        """Send the request to our address of the endpoint that it means."""
        address = self.target.replace("/sparql/", "/sparql", 1).replace("/gsp?", "/graph-store?", 1)
        address = "/graph-store" if address == "/gsp" else address
        return client.open(address, method=self.method, headers=self.headers, data=self.body, buffered=True)


def requests(case: Case) -> Iterator[Request]:
    """Yield the requests of a test, in order."""
    for node in case.manifest.items(case.manifest.value(case.action, HT + "requests")):
        yield Request(case, node)


def assert_status(response: TestResponse, expected: Message) -> None:
    names = [status.rpartition("#")[2] for status in expected.values(MF + "expectedStatus")]
    status = response.status_code
    assert any(name == f"StatusCode{status // 100}xx" or STATUSES.get(name) == status for name in names), (
        f"{status} instead of {' or '.join(names)}: {response.text}"
    )


def serve(quads: Iterable[ox.Quad], folder: Path, base: str = Settings.base_iri) -> FlaskClient:
    """Return a client of a server that has loaded ``quads``."""
    path = folder / "data.nq"
    ox.serialize(quads, path, format=ox.RdfFormat.N_QUADS)
    return create_app(Settings(base, data=(path,), prefixes=False)).test_client()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    named = {
        (text(case.manifest.value(node, UT + "graph")), text(case.manifest.value(node, RDFS_LABEL)))
        for case in PROTOCOL
        for node in case.manifest.values(case.node, UT + "graphData")
    }
    quads = (
        ox.Quad(quad.subject, quad.predicate, quad.object, ox.NamedNode(name))
        for file, name in sorted(named)
        for quad in ox.parse(path=path_of(file), base_iri=name)
    )
    return serve(quads, tmp_path_factory.mktemp("protocol"))


@pytest.mark.parametrize("case", parameters(PROTOCOL))
def test_requests_are_answered_as_expected(client: FlaskClient, case: Case) -> None:
    for request in requests(case):
        response = request.send(client)
        assert_status(response, request.expected)
        for name in request.expected.values(MF + "expectedFormat"):
            assert response.mimetype in FORMATS[name]
        for boolean in request.expected.values(MF + "expectedBoolean"):
            assert answer(response, AUTHORITY) is (boolean == "true")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in PROTOCOL if "/update_" in case.name])
def test_update_is_forbidden(client: FlaskClient, case: Case) -> None:
    assert next(requests(case)).send(client).status_code == 403


def test_no_update_of_the_suites_is_taken(client: FlaskClient) -> None:
    updates = sorted(SUITES.glob("sparql1*/*/*.ru"))
    post = partial(client.post, "/sparql", content_type="application/sparql-update")
    assert {path.name for path in updates if post(data=path.read_bytes()).status_code != 403} == set()
    assert len(updates) == 171


@dataclass
class Store:
    """A graph store as the requests of a test would have made it; the default graph has no name."""

    graphs: dict[str, set[ox.Triple]] = field(default_factory=dict)

    def take(self, request: Request) -> None:
        """Do what a request asks to be done (SPARQL 1.1 Graph Store HTTP Protocol, section 5)."""
        name = self._name(request.target)
        if request.method == "DELETE":
            self.graphs.pop(name, None)
        elif request.method in {"PUT", "POST"}:
            kept = self.graphs.get(name, set()) if request.method == "POST" else set()
            self.graphs[name] = kept | {triple for part in _parts(request) for triple in part}

    @staticmethod
    def _name(target: str) -> str:
        """Return the graph that is meant: directly or by ?graph, none for ?default (sections 4.1 and 4.2)."""
        address = urlsplit(target)
        parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        if address.path != "/gsp":
            return urljoin(AUTHORITY, target)
        return "" if "default" in parameters else parameters.get("graph", CREATED)

    def quads(self) -> Iterator[ox.Quad]:
        for name, triples in self.graphs.items():
            graph_name = ox.NamedNode(name) if name else ox.DefaultGraph()
            yield from (ox.Quad(triple.subject, triple.predicate, triple.object, graph_name) for triple in triples)


def _parts(request: Request) -> Iterator[list[ox.Triple]]:
    """Yield the graphs in the body of a request: one, or those of a form (section 5.5)."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    message = message_from_bytes(f"{head}\r\n".encode() + request.body, policy=policy.HTTP)
    for part in message.iter_parts() if message.is_multipart() else [message]:
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        yield [quad.triple for quad in ox.parse(body, ox.RdfFormat.TURTLE, rename_blank_nodes=True)]


@pytest.mark.parametrize("case", parameters(GRAPH_STORE))
def test_graphs_are_read_as_they_would_have_been_written(tmp_path: Path, case: Case) -> None:
    store = Store()
    for request in requests(case):
        client = serve(store.quads(), tmp_path, AUTHORITY)
        response, expected = request.send(client), request.expected
        if request.method not in {"GET", "HEAD"}:
            assert response.status_code in {403, 405}, "a request to write must be refused"
            store.take(request)
            continue
        assert_status(response, expected)
        for name, value in expected.headers.items():
            assert response.headers[name] == value
        if expected.body:
            assert answer(response, AUTHORITY) == graph(
                ox.parse(expected.body, ox.RdfFormat.TURTLE, base_iri=AUTHORITY)
            )


def described(client: FlaskClient) -> Graph:
    """Return the service description."""
    response = client.get("/sparql", headers={"Accept": "text/turtle"})
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/turtle"
    return Graph().parse(data=response.data, format="turtle")


def returns_rdf(client: FlaskClient) -> None:
    assert len(described(client)) > 0


def has_endpoint_triple(client: FlaskClient) -> None:
    assert [*described(client).objects(None, SD.endpoint)] == [URIRef(Settings.base_iri + "sparql")]


def conforms_to_schema(client: FlaskClient) -> None:
    from pyshacl import validate  # slow to import

    schema, content = Graph().parse(SCHEMA), described(client)
    conforms, _, report = validate(content, shacl_graph=schema)
    assert conforms, report
    assert _terms(content) <= _terms(schema)


def _terms(content: Graph) -> set[URIRef]:
    return {term for triple in content for term in triple if isinstance(term, URIRef) and term in SD}


# The suite only names its tests of the service description.
SERVICE_DESCRIPTION = {
    "sparql11/service-description/returns-rdf": returns_rdf,
    "sparql11/service-description/has-endpoint-triple": has_endpoint_triple,
    "sparql11/service-description/conforms-to-schema": conforms_to_schema,
}


@pytest.mark.parametrize("case", parameters(DESCRIPTION))
def test_service_is_described(client: FlaskClient, case: Case) -> None:
    SERVICE_DESCRIPTION[case.name](client)


def test_no_test_is_left_out() -> None:
    found = Counter(case.kind for case in (*PROTOCOL, *GRAPH_STORE, *DESCRIPTION))
    assert found == {"ProtocolTest": 34, "GraphStoreProtocolTest": 13, "ServiceDescriptionTest": 3}
