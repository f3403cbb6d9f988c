"""The page of a document: of any thing, a named graph, the ontology, or the dataset."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pyoxigraph as ox
from flask import render_template

from .answers import Row, ask, grouped
from .claims import text
from .comparisons import Answered, Compared, Comparison, Voices, answered, compared, comparisons, positions
from .data import Data
from .description import RDF_TYPE, SOME, WHOLE, Document, types
from .terms import View, label, look_up, view
from .thing import incoming, layers, nodes
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


def document_page(data: Data, document: Document) -> str:
    """Return the page of a document: of the ontology, the dataset, a named graph, or any thing."""
    if document.graph is None:
        return _thing_page(data, document)
    if document.path.startswith("ontology"):
        return _ontology_page(data, document, document.graph)
    if document.graph.value == data.base + "graph/metadata" and not document.path.startswith("graph/"):
        return _dataset_page(data, document)
    return _graph_page(data, document, document.graph)


def _dataset_page(data: Data, document: Document) -> str:
    dataset = ox.NamedNode(data.base + "dataset")
    (about,) = nodes(data, [dataset], data.statements.about([dataset]))
    return render_template("dataset.html", document=document, about=about, graphs=_rows(data, document.graph))


def _rows(data: Data, metadata: object) -> list[tuple[View, View, str]]:
    """Return the named graphs, each with its layer and its number of triples as the metadata say it.

    The metadata do not count themselves.
    """
    terms = [ox.NamedNode(graph) for graph in data.graphs]
    said = data.statements.about(terms, [ox.NamedNode(data.prefixes["void"] + "triples")])
    numbers: dict[object, str] = {quad.subject: getattr(quad.object, "value", "") for quad in said}
    if isinstance(metadata, ox.NamedNode):
        numbers[metadata] = str(len(data.statements.within(metadata, WHOLE)))
    of = layers(data, terms)
    return [(view(term, data), of[term], numbers.get(term, "")) for term in terms]


def _graph_page(data: Data, document: Document, graph: ox.NamedNode) -> str:
    quads = data.statements.within(graph, WHOLE)
    subjects = {quad.subject for quad in quads}
    things = sorted({subject.value.partition("#")[0] for subject in subjects if isinstance(subject, ox.NamedNode)})
    look_up(data, map(ox.NamedNode, things[:LISTED]))
    return render_template(
        "graph.html",
        document=document,
        title=view(graph, data),
        layer=layers(data, [graph])[graph],
        triples=len(quads),
        more=len(quads) == WHOLE,
        things=[View(label(thing, data), thing, shape="iri") for thing in things[:LISTED]],
        count=len(things),
    )


_SECTIONS = (
    ("Classes", "owl", "Class"),
    ("Object properties", "owl", "ObjectProperty"),
    ("Datatype properties", "owl", "DatatypeProperty"),
    ("Annotation properties", "owl", "AnnotationProperty"),
    ("Concept schemes", "skos", "ConceptScheme"),
    ("Concepts", "skos", "Concept"),
)


def _ontology_page(data: Data, document: Document, graph: ox.NamedNode) -> str:
    ontology = ox.NamedNode(data.base + "ontology")
    kinds = _kinds(data, graph)
    terms = sorted({term for of in kinds.values() for term in of}, key=lambda term: term.value)
    shown = nodes(data, [ontology, *terms], data.statements.about([ontology, *terms]))
    about, *described = {node.term.iri: node for node in shown}.values()
    sections = [
        (title, [node for node in described if ox.NamedNode(node.term.iri) in of]) for title, of in kinds.items()
    ]
    return render_template("ontology.html", document=document, about=about, sections=sections)


def _kinds(data: Data, graph: ox.NamedNode) -> dict[str, set[ox.NamedNode]]:
    """Return the terms that a vocabulary has in fragments, by kind."""
    titles: dict[object, str] = {}
    kinds: dict[str, set[ox.NamedNode]] = {}
    for title, prefix, name in _SECTIONS:
        titles[ox.NamedNode(data.prefixes[prefix] + name)], kinds[title] = title, set()
    for quad in data.statements.within(graph, WHOLE):
        subject = quad.subject
        if quad.predicate == RDF_TYPE and quad.object in titles and isinstance(subject, ox.NamedNode):
            kinds[titles[quad.object]] |= {subject} if "#" in subject.value else set()
    return kinds


def _thing_page(data: Data, document: Document) -> str:
    described = document.described
    shown = nodes(data, described.nodes, described.about)
    thing = shown[0] if shown and not shown[0].anchor else None
    kinds = types(document)
    special = _special(data, kinds)
    return render_template(
        "thing.html",
        document=document,
        title=label(document.topic.value, data),
        types=[view(ox.NamedNode(kind), data) for kind in kinds],
        thing=thing,
        parts=[part for part in shown if part is not thing],
        incoming=incoming(data, described),
        some=SOME if described.more else "",
        special=special.template,
        rows={query.replace("-", "_"): ask(data, query, topic=document.topic) for query in special.queries},
        **{name: part(data, document.topic) for name, part in special.parts.items()},
    )


def _special(data: Data, kinds: list[str]) -> Special:
    """Return what is special about a thing of these classes."""
    names = {kind.removeprefix(data.prefixes["cosp"]) for kind in kinds}
    return next((special for name, special in _SPECIAL.items() if name in names), Special(""))
