"""A thing as a page shows it: statements about it by property, with their layers and evidence, and links to it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pyoxigraph as ox

from .. import iris
from .data import Data
from .description import RDF_TYPE
from .terms import View, link, property_name, view

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


def nodes(data: Data, subjects: Iterable[ox.NamedNode]) -> list[Node]:
    """Return each of ``subjects`` as a page shows it; facts stand beside the statements that they are about."""
    facts = {subject for subject in subjects if _is_fact(data, subject)}
    evidence = _evidence(data, facts)
    return [node(data, subject, evidence) for subject in subjects if subject not in facts]


def node(data: Data, subject: ox.NamedNode, evidence: dict[object, list[Fact]] | None = None) -> Node:
    """Return one node: its properties in a sensible order, the values of each by label."""
    found: dict[ox.NamedNode, dict[object, Statement]] = defaultdict(dict)
    for quad in data.store.quads_for_pattern(subject, None, None, None):
        statement = found[quad.predicate].setdefault(quad.object, Statement(view(quad.object, data)))
        statement.layers.append(layer(data, quad.graph_name))
        statement.facts = (evidence or {}).get((subject, quad.predicate, quad.object), [])
    properties = [_property(data, predicate, list(values.values())) for predicate, values in found.items()]
    first = [data.prefixes[prefix] + name for prefix, name in _FIRST]
    properties.sort(key=lambda each: (first.index(each.href) if each.href in first else len(first), each.name))
    return Node(view(subject, data), subject.value.partition("#")[2], properties)


def _property(data: Data, predicate: ox.NamedNode, statements: list[Statement]) -> Property:
    statements.sort(key=lambda statement: statement.value.text)
    return Property(property_name(predicate.value, data), link(predicate.value), statements)


def layer(data: Data, graph: object) -> View:
    """Return the layer of a named graph in a word ('source'), leading to the graph; else the graph's label."""
    if not isinstance(graph, ox.NamedNode):
        return View("default graph")
    predicate = ox.NamedNode(data.prefixes["cosp"] + "layer")
    found = next(data.store.quads_for_pattern(graph, predicate, None, None), None)
    text = view(found.object, data).text.removesuffix(" layer") if found else view(graph, data).text
    return View(text, graph.value, shape="iri")


def _is_fact(data: Data, subject: ox.NamedNode) -> bool:
    fact = ox.NamedNode(data.prefixes["cosp"] + "Fact")
    return next(data.store.quads_for_pattern(subject, RDF_TYPE, fact, None), None) is not None


def _evidence(data: Data, facts: Iterable[ox.NamedNode]) -> dict[object, list[Fact]]:
    """Return the facts by the statement (subject, predicate, object) that each is about."""
    evidence: dict[object, list[Fact]] = defaultdict(list)
    for fact in sorted(facts, key=str):
        statement = tuple(_value(data, fact, part) for part in _FACT_PARTS)
        cites, confidence, note = (
            ox.NamedNode(data.prefixes["cosp"] + name) for name in ("cites", "confidence", "note")
        )
        citations = sorted((view(cited, data) for cited in _values(data, fact, cites)), key=lambda cited: cited.text)
        shown = [view(_value(data, fact, predicate), data) for predicate in (confidence, note)]
        evidence[statement].append(Fact(fact.value.partition("#")[2], citations, *shown))
    return evidence


def _values(data: Data, subject: ox.NamedNode, predicate: ox.NamedNode) -> list[object]:
    return [quad.object for quad in data.store.quads_for_pattern(subject, predicate, None, None)]


def _value(data: Data, subject: ox.NamedNode, predicate: ox.NamedNode) -> object:
    return next(iter(_values(data, subject, predicate)), None)


def incoming(data: Data, subjects: Iterable[ox.NamedNode]) -> list[Incoming]:
    """Return what points to ``subjects`` from elsewhere, by property."""
    own = set(subjects)
    found: dict[_Predicate, set[ox.NamedNode]] = defaultdict(set)
    for subject in own:
        for quad in data.store.quads_for_pattern(None, None, subject, None):
            if isinstance(quad.subject, ox.NamedNode) and quad.subject not in own:
                found[quad.predicate.value, subject.value].add(quad.subject)
    groups = [_incoming(data, key, things) for key, things in found.items()]
    return sorted(groups, key=lambda group: (group.name, group.href))


def _incoming(data: Data, key: _Predicate, things: set[ox.NamedNode]) -> Incoming:
    predicate, target = key
    shown = sorted((_named(data, thing) for thing in things), key=lambda thing: (thing.text, thing.iri))
    query = f"SELECT DISTINCT ?thing WHERE {{ ?thing <{predicate}> <{target}> }} ORDER BY ?thing"
    address = f"{data.base}sparql?{urlencode({'query': query})}"
    return Incoming(property_name(predicate, data), link(predicate), len(things), shown[:SHOWN], address)


def _named(data: Data, thing: ox.NamedNode) -> View:
    """Return ``thing`` by its label, which says little of a claim, and its gist."""
    named, gist = view(thing, data), _value(data, thing, ox.NamedNode(data.prefixes["cosp"] + "gist"))
    return replace(named, text=f"{named.text}: {gist.value}") if isinstance(gist, ox.Literal) else named
