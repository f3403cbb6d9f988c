"""What the endpoint says of itself at its bare address (SPARQL 1.1 Service Description, section 2)."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Event
from typing import Any
from urllib.parse import urlencode

import pyoxigraph as ox
from flask import Flask, Response, current_app, render_template, request
from werkzeug.exceptions import HTTPException

from .. import iris
from ..questions import Question, questions
from .counting import ELSEWHERE, NOT_YET, Counting, Counts, dataset
from .data import Data
from .description import LICENCE, RDF_TYPE, WHOLE, serialize
from .documents import answer
from .engine import Engine
from .evaluator import Message
from .negotiation import GRAPHS, HTML, JSON_LD, N_TRIPLES, ROWS, Format, best, negotiate
from .query import MAX_DEPTH
from .settings import Settings
from .statements import Stored
from .terms import curie

SD = iris.PREFIXES["sd"]
# The names that W3C gives the formats that are offered, below http://www.w3.org/ns/formats/.
W3C_FORMATS = {
    "application/ld+json": "JSON-LD",
    "application/n-quads": "N-Quads",
    "application/n-triples": "N-Triples",
    "application/rdf+xml": "RDF_XML",
    "application/sparql-results+json": "SPARQL_Results_JSON",
    "application/sparql-results+xml": "SPARQL_Results_XML",
    "application/trig": "TriG",
    "text/csv": "SPARQL_Results_CSV",
    "text/tab-separated-values": "SPARQL_Results_TSV",
    "text/turtle": "Turtle",
}
_TARGET = "https://schema.org/target"  # of an example; not the http of our data, but what its readers look for
_FORM = re.compile(r"^\s*(SELECT|ASK|CONSTRUCT|DESCRIBE)\b", re.IGNORECASE | re.MULTILINE)
_TOPICS = {
    "How articles agree and differ": r"differ|agree|contradict|conflict|dissolve|disputed|both that",
    "Years and governments": r"\byears?\b|administration|government|head",
    "Counts, lists and other states": r"how many|number|list|in the end|Japan|United States|European Union|states",
    "How it is said, and how surely": r"word|sentence|reading|expect|suppose|sure|likely|passage|silen|evidence",
    "Others": "",
}
PATIENCE = 1  # seconds after the start in which a request for the description waits for the counts
_OVERRIDES = {"format", "output", "results", "query"}


def register(app: Flask, data: Data, settings: Settings) -> None:
    """Let ``app`` describe its endpoint over ``data``."""
    service = app.extensions["cosponsor.service"] = Service(data, settings)
    if isinstance(data.statements, Stored) and data.counts is None:
        construct = partial(_construct, app.extensions["cosponsor.engine"], settings.timeout)
        service.counting = Counting(data, construct, service.warm_up)
        service.counting.start()
    app.context_processor(lambda: {"service": service})


def _construct(engine: Engine, timeout: float, query: str) -> bytes:
    """Let the engine answer a query of ours in N-Triples; raise HTTPException if it cannot."""
    asked: Message = {"query": query, "default": [], "named": [], "rows": None, "graphs": N_TRIPLES.extension}
    reply = engine.run({**asked, "timeout": timeout}, "", Event())
    with reply.content:
        if "problem" in reply.message:
            raise HTTPException(reply.message["problem"]["description"])
        return reply.content.read()


def current_service() -> "Service":
    """Return the description of the running application's endpoint."""
    service: Service = current_app.extensions["cosponsor.service"]
    return service


def bare() -> Response | None:
    """Answer a GET or HEAD of the bare endpoint: the description, or the editor for browsers.

    Section 2 speaks of no query string at all. With parameters but no query people get the editor; for programs, and
    for every request that asks something, None is returned: the operation says what is missing.
    """
    if request.method not in {"GET", "HEAD"} or not {"query", "update"}.isdisjoint(request.args):
        return None
    if request.query_string and best((*GRAPHS, HTML)) is not HTML:
        return None
    chosen = negotiate((*GRAPHS, HTML))
    if chosen is HTML:
        query = current_service().query(request.args.get("question", ""))
        return Response(render_template("sparql.html", query=query, result=None), content_type=HTML.content_type)
    final = current_service().counts is not NOT_YET  # before it is written: what is told by then is told for good
    response = answer(current_service().body(chosen), chosen.content_type)
    if not final:
        response.headers["Cache-Control"] = "no-store"
    return response


@dataclass
class Service:
    """The endpoint over ``data``, described once."""

    data: Data
    settings: Settings
    counting: Counting | None = None
    _bodies: dict[tuple[Format, str], bytes] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """What is counted of the data, after a moment of patience."""
        if self.data.counts is not None:
            return Counts(self.data.counts)
        return self.counting.wait(PATIENCE) if self.counting else ELSEWHERE

    def warm_up(self) -> None:
        """Write the description in every format, so that the first client does not wait."""
        for offer in GRAPHS:
            with suppress(HTTPException):  # one that cannot say it tells so when it is asked for
                self.body(offer)

    def body(self, chosen: Format) -> bytes:
        """Return the description in one format."""
        counts = self.counts
        if (chosen, counts.note) not in self._bodies:
            self._bodies[chosen, counts.note] = _written(self.data, self.triples(counts), chosen)
        return self._bodies[chosen, counts.note]

    def triples(self, counts: Counts) -> list[ox.Triple]:
        """Return what the endpoint says of itself, the service first."""
        said = {*self._static(), *self._formats(), *self._policies(counts.note), *self._dataset(), *self.examples()}
        service = self._at("sparql#service")
        return sorted(said | {*counts.triples}, key=lambda triple: (triple.subject != service, str(triple)))

    def gallery(self, chosen: Format, *names: str) -> Response:
        """Return the questions of these names, or all, in one format."""
        return answer(_written(self.data, sorted(self.examples(*names), key=str), chosen), chosen.content_type)

    def _at(self, path: str) -> ox.NamedNode:
        return ox.NamedNode(self.data.base + path)

    @cached_property
    def questions(self) -> list[Question]:
        """The questions, if the data are in the vocabulary in which they are asked, with local IRIs."""
        vocabulary = self._at("graph/ontology")
        asked = questions() if self.data.statements.has_graph(vocabulary) else []
        return [Question(each.name, each.english, self.data.local(each.query)) for each in asked]

    @cached_property
    def topics(self) -> dict[str, list[Question]]:
        """The questions by topic; each stands under the first whose words it has."""
        topics: dict[str, list[Question]] = {}
        for question in self.questions:
            found = (topic for topic, words in _TOPICS.items() if re.search(words, question.english, re.IGNORECASE))
            topics.setdefault(next(found), []).append(question)
        return {topic: topics[topic] for topic in _TOPICS if topic in topics}

    def query(self, name: str) -> str:
        """Return the query of the question of this name; nothing if there is none."""
        return next((question.query for question in self.questions if question.name == name), "")

    @cached_property
    def policy(self) -> list[str]:
        """What the endpoint does and does not, in sentences (SPARQL 1.1 Protocol, section 4)."""
        services = self.settings.services
        sends = f"SERVICE is let through to {', '.join(services)} only." if services else "SERVICE is refused."
        declared = "need not be declared" if self.data.predefined else "are not known unless they are declared"
        return [
            "Read-only: updates are refused.",
            *(self._elsewhere(sends) if self.settings.endpoint else self._here(sends)),
            f"Relative IRIs in a query are below {self.data.base}; the prefixes of this page {declared}.",
            f"A query has {self.settings.timeout:g} seconds (the parameter timeout asks for less), its answer "
            f"{self.settings.answer} MiB; brackets nest at most {MAX_DEPTH} deep. An answer is whole or an error.",
            "Without Accept, rows are answered as SPARQL JSON and graphs as Turtle.",
        ]

    def _here(self, sends: str) -> list[str]:
        return [
            f"{sends} Nothing else is fetched: FROM and GRAPH name graphs of this dataset.",
            "The default graph is the union of all graphs, unless a query (FROM) or a request (default-graph-uri, "
            "named-graph-uri) names a dataset; what the request names replaces what the query names.",
        ]

    def _elsewhere(self, sends: str) -> list[str]:
        return [
            f"{sends} Queries are answered by another engine behind this endpoint.",
            "It knows what its default graph is, unless a query (FROM) or a request (default-graph-uri, "
            "named-graph-uri) names a dataset; what the request names replaces what the query names.",
        ]

    def again(self, offer: Format) -> str:
        """Return the address of the same query answered in another format."""
        kept = [(name, value) for name, value in request.args.items(multi=True) if name not in _OVERRIDES]
        asked = [("query", request.values.get("query", "")), *kept, ("format", offer.extension)]
        return f"{self.data.base}sparql?{urlencode(asked)}"

    def offers(self, rows: bool) -> tuple[Format, ...]:
        """Return the formats of an answer that has rows (or is yes or no), or that is a graph."""
        return ROWS if rows else GRAPHS

    def _static(self) -> Iterator[ox.Triple]:
        """Yield what is true of any data; ``<dataset>`` stands for the dataset, and there may be no dump.

        Nor is it known what another engine infers, and of what its default graph is the union.
        """
        unknown = set() if self.data.source else {self._at("sparql#dump"), self._at("dump.nq.gz")}
        if self.settings.endpoint:
            inferred = ox.NamedNode("http://www.w3.org/ns/entailment/Simple")
            unknown |= {ox.NamedNode(SD + "UnionDefaultGraph"), self._at("sparql#default-graph"), inferred}
        text = (iris.room("server") / "service.ttl").read_text("utf-8").replace("<dataset>", str(dataset(self.data)))
        for quad in ox.parse(text, format=ox.RdfFormat.TURTLE, base_iri=self.data.base):
            if not {quad.subject, quad.object} & unknown:
                yield quad.triple

    def _formats(self) -> Iterator[ox.Triple]:
        for offer in (*ROWS, *GRAPHS):
            iri = "http://www.w3.org/ns/formats/" + W3C_FORMATS[offer.media_type]
            yield self._says(SD + "resultFormat", ox.NamedNode(iri))

    def _policies(self, note: str) -> Iterator[ox.Triple]:
        for sentence in filter(None, [*self.policy, note]):
            yield self._says(iris.PREFIXES["rdfs"] + "comment", ox.Literal(sentence, language="en"))
        if self.settings.services:
            yield self._says(SD + "feature", ox.NamedNode(SD + "BasicFederatedQuery"))
        if self.data.checked:  # of other data the licence is not known
            yield self._says(iris.PREFIXES["dcterms"] + "license", ox.NamedNode(LICENCE))

    def _says(self, predicate: str, value: ox.NamedNode | ox.Literal) -> ox.Triple:
        return ox.Triple(self._at("sparql#service"), ox.NamedNode(predicate), value)

    def _dataset(self) -> Iterator[ox.Triple]:
        """Yield the graphs, and what our own data say of themselves in graph/metadata."""
        if self.data.checked:
            metadata = self.data.statements.within(self._at("graph/metadata"), WHOLE)
            yield from (quad.triple for quad in metadata)
        for graph in map(ox.NamedNode, self.data.graphs):
            yield ox.Triple(dataset(self.data), ox.NamedNode(SD + "namedGraph"), graph)
            yield ox.Triple(graph, RDF_TYPE, ox.NamedNode(SD + "NamedGraph"))
            yield ox.Triple(graph, ox.NamedNode(SD + "name"), graph)

    def examples(self, *names: str) -> Iterator[ox.Triple]:
        """Yield the questions of these names, or all, as examples of queries (SHACL, section 5.1), and the prefixes."""
        for question in self.questions:
            if not names or question.name in names:
                yield from self._example(question)
        for prefix, namespace in self.data.prefixes.items():
            yield from self._prefix(prefix, namespace)

    def _example(self, question: Question) -> Iterator[ox.Triple]:
        sh, node = iris.PREFIXES["sh"], self._at(f"questions/{question.name}")
        match = _FORM.search(question.query)
        form = match[1].lower() if match else "select"
        said: list[tuple[str, ox.NamedNode | ox.Literal]] = [
            (iris.PREFIXES["rdfs"] + "comment", ox.Literal(question.english, language="en")),
            (sh + form, ox.Literal(question.query)),
            (sh + "prefixes", self._at("sparql#prefixes")),
            (_TARGET, self._at("sparql")),
            (iris.RDF_TYPE, ox.NamedNode(sh + "SPARQLExecutable")),
        ]
        if form != "describe":  # for which SHACL has no class
            said.append((iris.RDF_TYPE, ox.NamedNode(f"{sh}SPARQL{form.title()}Executable")))
        for predicate, value in said:
            yield ox.Triple(node, ox.NamedNode(predicate), value)

    def _prefix(self, prefix: str, namespace: str) -> Iterator[ox.Triple]:
        sh, node = iris.PREFIXES["sh"], self._at(f"sparql#prefix-{prefix}")
        value = ox.Literal(namespace, datatype=ox.NamedNode(iris.XSD + "anyURI"))
        yield ox.Triple(self._at("sparql#prefixes"), ox.NamedNode(sh + "declare"), node)
        yield ox.Triple(node, RDF_TYPE, ox.NamedNode(sh + "PrefixDeclaration"))
        yield ox.Triple(node, ox.NamedNode(sh + "prefix"), ox.Literal(prefix))
        yield ox.Triple(node, ox.NamedNode(sh + "namespace"), value)


def _written(data: Data, triples: list[ox.Triple], chosen: Format) -> bytes:
    return _json_ld(data, triples) if chosen is JSON_LD else serialize(data, triples, chosen)


def _json_ld(data: Data, triples: list[ox.Triple]) -> bytes:
    """Return triples as JSON-LD compacted with the prefixes; PyLD takes ten times as long as a client should wait."""
    nodes: list[dict[str, Any]] = json.loads(ox.serialize(triples, format=ox.RdfFormat.JSON_LD) or b"[]")
    short = {key: curie(key, data) for key in {key for node in nodes for key in node} - {"@id"}} | {"@id": "@id"}
    for node in nodes:
        node["@type"] = [curie(value["@id"], data) for value in node.pop(iris.RDF_TYPE, [])]
    short["@type"] = "@type"
    graph = [{short[key]: _single(values) for key, values in node.items() if values} for node in nodes]
    return json.dumps({"@context": data.prefixes, "@graph": graph}, ensure_ascii=False).encode()


def _single(values: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return the one value of a list; ``@id`` has no list."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values
