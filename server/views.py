"""The page of a document: of any thing, a named graph, the ontology, or the dataset."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pyoxigraph as ox
from flask import render_template

from .answers import Row, ask, grouped
from .claims import text
from .comparisons import Answered, Compared, Comparison, Voices, answered, compared, comparisons, positions
from .data import Data
from .description import RDF_TYPE, Document, types
from .terms import View, label, view
from .thing import Node, incoming, layer, node, nodes
from .timeline import history

LISTED = 500  # things on the page of a named graph
Part = Callable[[Data, ox.NamedNode], object]


@dataclass(frozen=True)
class Special:
    """What the page of a thing shows before its statements: a template, the queries that it shows, and other parts."""

    template: str
    queries: tuple[str, ...] = ()
    parts: dict[str, Part] = field(default_factory=dict)


def _compared(data: Data, topic: ox.NamedNode) -> Compared:
    return compared(data, comparisons(data, topic=topic))


def _compared_of_issue(data: Data, topic: ox.NamedNode) -> Compared:
    return compared(data, comparisons(data, issue=topic))


def _compared_of_sponsorship(data: Data, topic: ox.NamedNode) -> Compared:
    rows = ask(data, "sponsorship", topic=topic)
    if not rows:
        return Compared([], [])
    country, resolution = rows[0]["country"], ox.NamedNode(rows[0]["resolution"].iri)
    return compared(data, [each for each in comparisons(data, topic=resolution) if each.country == country])


def _answers(data: Data, topic: ox.NamedNode) -> Answered:
    return answered(ask(data, "positions", topic=topic))


def _answers_of_text(data: Data, topic: ox.NamedNode) -> Answered:
    """Return what is answered on a text itself: what countries do stands with their sponsorships, numbers apart."""
    rows = ask(data, "positions", topic=topic)
    return answered([row for row in rows if not row["country"].text and not _counts(row)])


def _numbers(data: Data, topic: ox.NamedNode) -> list[list[Row]]:
    """Return the numbers of sponsors of a text by stage and day, a row for each document and claim of each."""
    rows = [row for row in ask(data, "positions", topic=topic) if _counts(row)]
    rows.sort(key=lambda row: (_STAGES.get(row["stage"].fragment, 0), row["asOf"].text))
    return list(grouped(rows, "position").values())


def _counts(row: Row) -> bool:
    return row["compares"].fragment == "count"


_STAGES = {"stage-tabled-list": 1, "stage-added": 2, "stage-final-list": 3}


def _pair(data: Data, topic: ox.NamedNode) -> list[tuple[Comparison, Voices]]:
    return [(found, positions(data, [found])) for found in comparisons(data, comparison=topic)]


def _tensions(data: Data, topic: ox.NamedNode) -> list[Row]:
    return ask(data, "tensions", tension=topic)


_PAIR = Special("comparison.html", parts={"pair": _pair})
_TOPIC: dict[str, Part] = {"compared": _compared, "answers": _answers}
_SPECIAL = {
    "Sponsorship": Special(
        "sponsorship.html",
        ("sponsorship", "sponsorship-stances", "sponsorship-stages", "sponsorship-administrations"),
        {"compared": _compared_of_sponsorship},
    ),
    "Claim": Special(
        "claim.html",
        ("claim", "claim-attribution", "claim-evidence", "claim-consequences", "claim-readings", "claim-tensions"),
    ),
    "Source": Special("source.html", ("source", "source-coverage"), {"text": text}),
    "Disagreement": _PAIR,
    "Agreement": _PAIR,
    "Tension": Special("tension.html", parts={"tensions": _tensions}),
    "Resolution": Special(
        "resolution.html",
        ("resolution", "resolution-decisions", "resolution-sponsorships"),
        {"compared": _compared, "answers": _answers_of_text, "numbers": _numbers},
    ),
    "ResolutionSeries": Special("topic.html", parts=_TOPIC),
    "Event": Special("event.html", ("event-claims",), _TOPIC),
    "Issue": Special("issue.html", parts={"compared": _compared_of_issue}),
    "Country": Special("country.html", ("country-administrations",), {"history": history}),
    "Administration": Special(
        "administration.html", ("administration", "administration-sponsorships", "administration-claims")
    ),
}


def version(data: Data) -> str:
    """Return the version of the dataset as its metadata say it."""
    dataset, predicate = ox.NamedNode(data.base + "dataset"), ox.NamedNode(data.prefixes["dcat"] + "version")
    found = data.store.quads_for_pattern(dataset, predicate, None, None)
    return next((quad.object.value for quad in found if isinstance(quad.object, ox.Literal)), "")


def document_page(data: Data, document: Document) -> str:
    """Return the page of a document: of the ontology, the dataset, a named graph, or any thing."""
    if document.graph is None:
        return _thing_page(data, document)
    last = document.graph.value.removeprefix(data.base + "graph/")
    if document.path.startswith("ontology"):
        return render_template(
            "ontology.html",
            document=document,
            about=node(data, ox.NamedNode(data.base + "ontology")),
            sections=_vocabulary(data, document),
        )
    if last == "metadata" and not document.path.startswith("graph/"):
        graphs = [layer_row(data, graph) for graph in data.graphs]
        about = node(data, ox.NamedNode(data.base + "dataset"))
        return render_template("dataset.html", document=document, about=about, graphs=graphs, version=version(data))
    return _graph_page(data, document, document.graph)


def layer_row(data: Data, graph: str) -> tuple[View, View, int]:
    """Return a named graph, its layer and its number of triples."""
    term = ox.NamedNode(graph)
    return (
        view(term, data),
        layer(data, term),
        sum(1 for _ in data.store.quads_for_pattern(None, None, None, term)),
    )


def _graph_page(data: Data, document: Document, graph: ox.NamedNode) -> str:
    subjects = {quad.subject for quad in data.store.quads_for_pattern(None, None, None, graph)}
    things = sorted({subject.value.partition("#")[0] for subject in subjects if isinstance(subject, ox.NamedNode)})
    views = [View(label(thing, data), thing, shape="iri") for thing in things[:LISTED]]
    return render_template(
        "graph.html", document=document, row=layer_row(data, graph.value), things=views, count=len(things)
    )


_SECTIONS = (
    ("Classes", "owl", "Class"),
    ("Object properties", "owl", "ObjectProperty"),
    ("Datatype properties", "owl", "DatatypeProperty"),
    ("Annotation properties", "owl", "AnnotationProperty"),
    ("Concept schemes", "skos", "ConceptScheme"),
    ("Concepts", "skos", "Concept"),
)


def _vocabulary(data: Data, document: Document) -> list[tuple[str, list[Node]]]:
    """Return the terms of the ontology by kind."""
    sections: list[tuple[str, list[Node]]] = []
    for title, prefix, name in _SECTIONS:
        kind = ox.NamedNode(data.prefixes[prefix] + name)
        found = {quad.subject for quad in data.store.quads_for_pattern(None, RDF_TYPE, kind, document.graph)}
        terms = sorted((term for term in found if isinstance(term, ox.NamedNode)), key=lambda term: term.value)
        sections.append((title, [node(data, term) for term in terms if "#" in term.value]))
    return sections


def _thing_page(data: Data, document: Document) -> str:
    subjects = data.described[document.topic.value]
    described = nodes(data, subjects)
    thing = described[0] if described and not described[0].anchor else None
    kinds = types(data, document.topic)
    special = _special(data, kinds)
    return render_template(
        "thing.html",
        document=document,
        title=label(document.topic.value, data),
        types=[view(ox.NamedNode(kind), data) for kind in kinds],
        thing=thing,
        parts=[part for part in described if part is not thing],
        incoming=incoming(data, subjects),
        special=special.template,
        rows={query.replace("-", "_"): ask(data, query, topic=document.topic) for query in special.queries},
        **{name: part(data, document.topic) for name, part in special.parts.items()},
    )


def _special(data: Data, kinds: list[str]) -> Special:
    """Return what is special about a thing of these classes."""
    names = {kind.removeprefix(data.prefixes["cosp"]) for kind in kinds}
    return next((special for name, special in _SPECIAL.items() if name in names), Special(""))
