"""A thing as a page shows it: statements about it by property, with their layers and evidence, and links to it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pyoxigraph as ox

from .. import iris
from .data import Data, Described
from .description import RDF_TYPE
from .terms import View, link, look_up, property_name, view

SHOWN = 25  # links to a thing, by property

# Properties that come first, in this order; the others follow by name.
_FIRST = (
    ("rdfs", "label"),
    ("skos", "prefLabel"),
    ("rdf", "type"),
    ("cosp", "gist"),
    ("cosp", "question"),
    ("skos", "definition"),
    ("skos", "example"),
    ("skos", "scopeNote"),
    ("cosp", "term"),
)

_Predicate = tuple[str, str]
_FACT_PARTS = [ox.NamedNode(iris.RDF + part) for part in ("subject", "predicate", "object")]


@dataclass(frozen=True)
class Fact:
    """The evidence of a reference statement: its anchor on the page, citations, confidence and note."""

    anchor: str
    citations: list[View]
    confidence: View
    note: View


@dataclass
class Statement:
    """One value of a property, the layers of the graphs that say so, and evidence."""

    value: View
    layers: list[View] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True)
class Property:
    """A property and its values."""

    name: str
    href: str
    statements: list[Statement]


@dataclass(frozen=True)
class Node:
    """A node described on the page: a thing, or a fragment of it with its anchor."""

    term: View
    anchor: str
    properties: list[Property]


@dataclass(frozen=True)
class Incoming:
    """Things that point here by one property: how many, the first of them, and a query for all."""

    name: str
    href: str
    count: int
    things: list[View]
    query: str


def nodes(data: Data, subjects: Iterable[ox.NamedNode], quads: Iterable[ox.Quad]) -> list[Node]:
    """Return each of ``subjects`` as a page shows it by ``quads``; facts stand beside the statements they are about."""
    said = _by_subject(data, quads)
    layers_ = layers(data, (quad.graph_name for subject in subjects for quad in said[subject]))
    facts = {subject: said[subject] for subject in subjects if _is_fact(data, said[subject])}
    evidence = _evidence(data, facts)
    return [_node(data, subject, said[subject], layers_, evidence) for subject in subjects if subject not in facts]


def _by_subject(data: Data, quads: Iterable[ox.Quad]) -> dict[object, list[ox.Quad]]:
    """Return quads by their subject, the labels of all that they mention looked up."""
    said: dict[object, list[ox.Quad]] = defaultdict(list)
    for quad in quads:
        said[quad.subject].append(quad)
    look_up(data, (term for of in said.values() for quad in of for term in (quad.subject, quad.predicate, quad.object)))
    return said


def _node(
    data: Data, subject: ox.NamedNode, quads: list[ox.Quad], of: dict[object, View], evidence: dict[object, list[Fact]]
) -> Node:
    """Return one node: its properties in a sensible order, the values of each by label."""
    found: dict[ox.NamedNode, dict[object, Statement]] = defaultdict(dict)
    for quad in quads:
        statement = found[quad.predicate].setdefault(quad.object, Statement(view(quad.object, data)))
        statement.layers.append(of[quad.graph_name])
        statement.facts = evidence.get((subject, quad.predicate, quad.object), [])
    properties = [_property(data, predicate, list(values.values())) for predicate, values in found.items()]
    first = [data.prefixes[prefix] + name for prefix, name in _FIRST]
    properties.sort(key=lambda each: (first.index(each.href) if each.href in first else len(first), each.name))
    return Node(view(subject, data), subject.value.partition("#")[2], properties)


def _property(data: Data, predicate: ox.NamedNode, statements: list[Statement]) -> Property:
    for statement in statements:
        statement.layers.sort(key=lambda layer: (layer.text, layer.iri))
    statements.sort(key=lambda statement: (statement.value.text, statement.value.iri, statement.value.language))
    return Property(property_name(predicate.value, data), link(predicate.value), statements)


def layers(data: Data, graphs: Iterable[object]) -> dict[object, View]:
    """Return the layer of each graph in a word ('source'), leading to the graph; else the graph's label."""
    names = set(graphs)
    asked = [graph for graph in names if isinstance(graph, ox.NamedNode)]
    quads = data.statements.about(asked, [ox.NamedNode(data.prefixes["cosp"] + "layer")])
    found: dict[object, object] = {quad.subject: quad.object for quad in quads}
    look_up(data, [*asked, *found.values()])
    return {graph: _layer(data, graph, found.get(graph)) for graph in names}


def _layer(data: Data, graph: object, found: object) -> View:
    if not isinstance(graph, ox.NamedNode):
        return View("default graph")
    text = view(found, data).text.removesuffix(" layer") if found else view(graph, data).text
    return View(text, graph.value, shape="iri")


def _is_fact(data: Data, quads: Iterable[ox.Quad]) -> bool:
    fact = ox.NamedNode(data.prefixes["cosp"] + "Fact")
    return any(quad.predicate == RDF_TYPE and quad.object == fact for quad in quads)


def _evidence(data: Data, facts: dict[ox.NamedNode, list[ox.Quad]]) -> dict[object, list[Fact]]:
    """Return the facts by the statement (subject, predicate, object) that each is about."""
    evidence: dict[object, list[Fact]] = defaultdict(list)
    cites, confidence, note = (ox.NamedNode(data.prefixes["cosp"] + name) for name in ("cites", "confidence", "note"))
    for fact, quads in sorted(facts.items(), key=lambda item: str(item[0])):
        statement = tuple(_value(quads, part) for part in _FACT_PARTS)
        citations = sorted((view(cited, data) for cited in _values(quads, cites)), key=lambda cited: cited.text)
        shown = [view(_value(quads, predicate), data) for predicate in (confidence, note)]
        evidence[statement].append(Fact(fact.value.partition("#")[2], citations, *shown))
    return evidence


def _values(quads: Iterable[ox.Quad], predicate: ox.NamedNode) -> list[object]:
    return [quad.object for quad in quads if quad.predicate == predicate]


def _value(quads: Iterable[ox.Quad], predicate: ox.NamedNode) -> object:
    return next(iter(_values(quads, predicate)), None)


def incoming(data: Data, described: Described) -> list[Incoming]:
    """Return what points to the nodes of a document from elsewhere, by property."""
    own = set(described.nodes)
    found: dict[_Predicate, set[ox.NamedNode]] = defaultdict(set)
    for quad in described.incoming:
        if isinstance(quad.subject, ox.NamedNode) and quad.subject not in own:
            found[quad.predicate.value, getattr(quad.object, "value", "")].add(quad.subject)
    named = _named(data, set().union(*found.values()))
    look_up(data, (ox.NamedNode(predicate) for predicate, _ in found))
    groups = [_incoming(data, key, [named[thing] for thing in things]) for key, things in sorted(found.items())]
    return sorted(groups, key=lambda group: (group.name, group.href))


def _incoming(data: Data, key: _Predicate, things: list[View]) -> Incoming:
    predicate, target = key
    shown = sorted(things, key=lambda thing: (thing.text, thing.iri))[:SHOWN]
    query = f"SELECT DISTINCT ?thing WHERE {{ ?thing <{predicate}> <{target}> }} ORDER BY ?thing"
    address = f"{data.base}sparql?{urlencode({'query': query})}"
    return Incoming(property_name(predicate, data), link(predicate), len(things), shown, address)


def _named(data: Data, things: set[ox.NamedNode]) -> dict[ox.NamedNode, View]:
    """Return things by their labels, which say little of claims, and their gists."""
    look_up(data, things)
    quads = data.statements.about(things, [ox.NamedNode(data.prefixes["cosp"] + "gist")])
    gists = {quad.subject: quad.object for quad in quads if isinstance(quad.object, ox.Literal)}
    named = {thing: view(thing, data) for thing in things}
    for thing, gist in gists.items():
        if isinstance(thing, ox.NamedNode):
            named[thing] = replace(named[thing], text=f"{named[thing].text}: {gist.value}")
    return named
