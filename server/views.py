"""The page of a document: of any thing, a named graph, the ontology, or the dataset."""

import pyoxigraph as ox
from flask import render_template

from .answers import Row, ask
from .data import Data
from .description import RDF_TYPE, Document, types
from .terms import View, label, view
from .thing import Node, incoming, layer, node, nodes

LISTED = 500  # things on the page of a named graph
# Class of a thing -> template with what is special about it, and the queries that the template shows.
_SPECIAL = {
    "Sponsorship": (
        "sponsorship.html",
        ("sponsorship", "sponsorship-stances", "sponsorship-stages", "comparisons-of-sponsorship"),
    ),
    "Claim": ("claim.html", ("claim", "claim-attribution", "claim-evidence", "claim-consequences")),
    "Source": ("source.html", ("source-claims", "source-coverage")),
    "Disagreement": ("comparison.html", ("comparison",)),
    "Agreement": ("comparison.html", ("comparison",)),
    "Resolution": ("resolution.html", ("resolution-sponsorships",)),
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
    template, rows = _special(data, document.topic, kinds)
    return render_template(
        "thing.html",
        document=document,
        title=label(document.topic.value, data),
        types=[view(ox.NamedNode(kind), data) for kind in kinds],
        thing=thing,
        parts=[part for part in described if part is not thing],
        incoming=incoming(data, subjects),
        special=template,
        rows=rows,
    )


def _special(data: Data, topic: ox.NamedNode, kinds: list[str]) -> tuple[str, dict[str, list[Row]]]:
    """Return the template for what is special about a thing of these classes, and the answers that it shows."""
    names = {kind.removeprefix(data.prefixes["cosp"]) for kind in kinds}
    template, queries = next((_SPECIAL[name] for name in _SPECIAL if name in names), ("", ()))
    return template, {query.replace("-", "_"): ask(data, query, topic=topic) for query in queries}
