"""The W3C SPARQL test suites beside the project: their manifests, read as data.

A file of the suites has an IRI below ``BASE``: manifests, data, queries and results refer to each other by it.
"""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import pytest

SUITES = Path(__file__).parents[3] / "shared" / "suites" / "sparql"
MISSING = pytest.mark.skipif(not SUITES.is_dir(), reason="the W3C suites are not in ../shared/suites/sparql")
BASE = "https://suites.example/"
MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

Node = ox.NamedNode | ox.BlankNode
Term = Node | ox.Literal | ox.Triple


def path_of(iri: str) -> Path:
    """Return the file of the suites that has this IRI."""
    return SUITES / iri.removeprefix(BASE)


def text(term: Term) -> str:
    """Return the text of a term: an IRI without brackets, a literal without quotation marks."""
    assert not isinstance(term, ox.Triple)
    return term.value


@dataclass(frozen=True)
class Facts:
    """A graph as manifests use it: values of properties, and lists."""

    quads: ox.Dataset

    def values(self, subject: Term, predicate: str) -> list[Term]:
        """Return the values of a property, in the order of their texts."""
        assert isinstance(subject, Node)
        found = self.quads.quads_for_subject(subject)
        return sorted((quad.object for quad in found if quad.predicate.value == predicate), key=str)

    def value(self, subject: Term, predicate: str) -> Term:
        """Return the only value of a property."""
        (only,) = self.values(subject, predicate)
        return only

    def texts(self, subject: Term, predicate: str) -> tuple[str, ...]:
        """Return the texts of the values of a property."""
        return tuple(text(value) for value in self.values(subject, predicate))

    def items(self, head: Term) -> Iterator[Term]:
        """Yield the members of a list."""
        while text(head) != RDF + "nil":
            yield self.value(head, RDF + "first")
            head = self.value(head, RDF + "rest")


@dataclass(frozen=True)
class Case:
    """A test: its name as ``sparql11/bind/bind01``, its class as ``QueryEvaluationTest``, its node in the manifest."""

    name: str
    kind: str
    manifest: Facts
    node: Term

    @property
    def folder(self) -> str:
        """Where the manifest stands in the suites."""
        return self.name.rpartition("/")[0]

    @property
    def action(self) -> Term:
        """What is to be done: for a query, its file or a node that names the file and the data."""
        return self.manifest.value(self.node, MF + "action")

    @property
    def query(self) -> str:
        """The IRI of the file with the query."""
        return text(next(iter(self.manifest.values(self.action, QT + "query")), self.action))

    @property
    def data(self) -> tuple[str, ...]:
        """The IRIs of the files that are merged into the default graph."""
        return self.manifest.texts(self.action, QT + "data")

    @property
    def graph_data(self) -> tuple[str, ...]:
        """The IRIs of the files that are the named graphs."""
        return self.manifest.texts(self.action, QT + "graphData")


def _cases() -> Iterator[Case]:
    for path in sorted(SUITES.glob("sparql1*/*/manifest*.ttl")):
        folder = path.parent.relative_to(SUITES).as_posix()
        manifest = Facts(ox.Dataset(ox.parse(path=path, base_iri=f"{BASE}{folder}/{path.name}")))
        for entries in manifest.quads.quads_for_predicate(ox.NamedNode(MF + "entries")):
            for node in manifest.items(entries.object):
                kind = text(manifest.value(node, RDF + "type")).rpartition("#")[2]
                yield Case(f"{folder}/{text(node).rpartition('#')[2]}", kind, manifest, node)


def _exceptions() -> Iterator[tuple[str, str]]:
    """Yield the name of each test that is known to fail, with the cause."""
    listed = tomllib.loads((Path(__file__).parent / "exceptions.toml").read_text("utf-8"))
    for owner, faults in listed.items():
        for fault in faults:
            yield from ((test, f"{owner}: {fault['cause']}") for test in fault["tests"])


CASES = tuple(_cases())
EXCEPTIONS = dict(_exceptions())


def parameters(cases: Iterable[Case]) -> list[object]:
    """Return tests for pytest, each under its name; those that are known to fail have to fail."""
    return [pytest.param(case, id=case.name, marks=_marks(case)) for case in cases]


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    cause = EXCEPTIONS.get(case.name)
    return [pytest.mark.xfail(reason=cause, raises=AssertionError, strict=True)] if cause else []
