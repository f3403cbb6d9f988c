"""The build: articles, reference and issues through rules and shapes into one checked dataset."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyoxigraph as ox
from rdflib import Graph

from .check import Result, check_dataset, dangling, shapes
from .dataset import SHAPES, pack
from .files import read_turtle
from .findings import Finding, InputError
from .iris import BASE, graph_iri, room
from .records import nearest, read_folder
from .rules import derive, read_rules
from .skolem import skolemize
from .tables import Table, make

Report = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """A dataset that was built and checked: its text (sorted N-Quads), version, warnings, places of nodes, tables."""

    text: str
    version: str
    warnings: list[Result]
    places: dict[str, str]
    tables: list[Table]


def silent(_: str) -> None:
    """Report nothing."""


def read() -> tuple[list[ox.Quad], dict[str, str]]:
    """Read everything that is committed: data files, ontology, shapes, rules.

    Returns the quads and, for each node of a data file, its place. Raises InputError with all findings.
    """
    quads: list[ox.Quad] = []
    places: dict[str, str] = {}
    findings: list[Finding] = []
    for kind in ("reference", "articles", "issues"):
        try:
            found = read_folder(room(kind), kind)
        except InputError as error:
            findings += error.findings
            continue
        findings += _twice(places, found.places)
        quads += found.quads
        places |= found.places
    if findings:
        raise InputError(findings)
    quads += _graph(read_turtle(room("ontology") / "cosponsor.ttl", "ontology/cosponsor.ttl"), "ontology")
    for folder in SHAPES:
        quads += _graph(shapes(folder), "shapes")
    for folder in ("reference", "source", "across"):
        quads += [quad for rule in read_rules(folder) for quad in rule.quads()]
    return quads, places


def _twice(places: dict[str, str], more: dict[str, str]) -> list[Finding]:
    both = sorted(set(places) & set(more))
    return [Finding(more[iri], f"{iri} is described already by {places[iri]}; keep one.") for iri in both]


def _graph(graph: Graph, name: str) -> list[ox.Quad]:
    text = skolemize(graph).serialize(format="nt")
    target = ox.NamedNode(graph_iri(name))
    triples = ox.parse(text, format=ox.RdfFormat.N_TRIPLES)
    return [ox.Quad(triple.subject, triple.predicate, triple.object, target) for triple in triples]


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for garbage rarely: a build makes much and throws away little, and looking for it costs 2 s."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_collecting_rarely()
def build(report: Report = silent) -> Built:
    """Read, derive, check and pack the dataset; ``report`` is told each stage.

    Raises InputError if an input cannot be read, if a node that nobody describes is pointed to, or if a shape is
    violated; nothing is written.
    """
    report("reading articles, reference and issues")
    quads, places = read()
    report("deriving by rules")
    quads, tables = _derived(quads)
    _refuse_dangling(quads, places)
    report("checking shapes")
    results = check_dataset(quads)
    gc.collect()  # graphs of rdflib refer to themselves; without this they would stay until after packing
    if violations := [result.finding(places) for result in results if result.is_violation]:
        raise InputError(violations)
    report("packing")
    return Built(*pack(quads), results, places, tables)


def _derived(quads: list[ox.Quad]) -> tuple[list[ox.Quad], list[Table]]:
    """Return ``quads`` with all that follows from them by the rules, and the tables of both."""
    store = ox.Store()
    store.extend(quads)
    derive(store, sorted(_sources(quads)))
    return list(store), make(store)


def _sources(quads: list[ox.Quad]) -> set[str]:
    names = {quad.graph_name.value for quad in quads if isinstance(quad.graph_name, ox.NamedNode)}
    return {name.removeprefix(graph_iri("source/")) for name in names if name.startswith(graph_iri("source/"))}


def _refuse_dangling(quads: list[ox.Quad], places: dict[str, str]) -> None:
    """Raise InputError if a statement points to a node of ours that is not described anywhere."""
    known = {quad.subject.value.removeprefix(BASE) for quad in quads if isinstance(quad.subject, ox.NamedNode)}
    findings = []
    for subject, predicate, value in dangling(quads):
        name = value.removeprefix(BASE)
        key = predicate.rpartition("#")[2].rpartition("/")[2]
        near = nearest(name, {other for other in known if other.split("/")[0] == name.split("/")[0]})
        where = places.get(subject, subject)
        findings.append(
            Finding(where, f"{key} points to {name!r}, which is not described{near} Correct it or describe it.")
        )
    if findings:
        raise InputError(findings)
