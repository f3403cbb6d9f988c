"""Answers to queries: read without the engine's own readers of results, and brought into a form that can be compared.

That form is lines, or a boolean. Equal lines mean equal bags of solutions, or isomorphic graphs, because blank nodes
get canonical labels; solutions are a graph too for this, with a node for each and a property for each variable.
"""

import csv
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pyoxigraph as ox
from werkzeug.test import TestResponse

from .suite import Facts, Node, Term, text

XSD = "http://www.w3.org/2001/XMLSchema#"
RS = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
_INTEGERS = {
    *("integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger"),
    *("negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
}
_SRX = "{http://www.w3.org/2005/sparql-results#}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_ITS = "{http://www.w3.org/2005/11/its}"

Row = dict[str, Term]


@dataclass
class Solutions:
    """What a SELECT query finds; ``ordered`` says whether the order is part of the answer."""

    variables: list[str]
    rows: list[Row]
    ordered: bool = False

    def reduced(self) -> "Solutions":
        """Return the solutions without duplicates."""
        return replace(self, rows=[row for n, row in enumerate(self.rows) if row not in self.rows[:n]])

    def lines(self) -> list[str]:
        """Return the variables and the solutions, each with the number of times that it is found, as lines."""
        rows: dict[str, list[str]] = defaultdict(list)
        for quad in _labelled(self._quads()):
            rows[str(quad.subject)].append(f"{quad.predicate.value} {quad.object}")
        return [" ".join(sorted(self.variables)), *sorted(" ".join(sorted(row)) for row in rows.values())]

    def _quads(self) -> Iterator[ox.Quad]:
        rows = [frozenset((name, canonical(value)) for name, value in row.items()) for row in self.rows]
        numbered = [row | {("#", ox.Literal(n))} for n, row in enumerate(rows)] if self.ordered else rows
        for row, times in Counter(numbered).items():
            node = ox.BlankNode()
            for name, value in {*row, ("times", ox.Literal(times))}:
                yield ox.Quad(node, ox.NamedNode(f"variable:{name}"), value)


def graph(quads: Iterable[ox.Quad]) -> list[str]:
    """Return a graph as lines."""
    with_values = (ox.Quad(quad.subject, quad.predicate, canonical(quad.object)) for quad in quads)
    return sorted(map(str, _labelled(with_values)))


def _labelled(quads: Iterable[ox.Quad]) -> ox.Dataset:
    dataset = ox.Dataset(quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return dataset


def canonical(term: Term) -> Term:
    """Return a term with one form for its value, since the store keeps values: 01 and +1 are 1, whatever the type.

    A literal that has no value of its datatype stays.
    """
    if isinstance(term, ox.Triple):
        return ox.Triple(term.subject, term.predicate, canonical(term.object))
    if not isinstance(term, ox.Literal):
        return term
    name, value, datatype = term.datatype.value.removeprefix(XSD), term.value, term.datatype
    with suppress(ValueError, ArithmeticError):
        if name in _INTEGERS:
            return ox.Literal(str(int(value)), datatype=ox.NamedNode(XSD + "integer"))
        if name == "decimal":
            return ox.Literal(f"{Decimal(value).normalize():f}", datatype=datatype)
        if name in {"double", "float"}:
            return ox.Literal(repr(float(value)), datatype=datatype)
        if name == "boolean":
            return ox.Literal({"0": "false", "1": "true"}.get(value, value), datatype=datatype)
        if name in {"date", "dateTime", "time"}:
            return ox.Literal(re.sub(r"[+-]00:00$", "Z", value), datatype=datatype)
    return term


def answer(response: TestResponse, base: str) -> bool | Solutions | list[str]:
    """Return what a response says; it has to be 200."""
    assert response.status_code == 200, response.text
    return read(response.data, response.mimetype or "", base)


def read(body: bytes, media_type: str, base: str) -> bool | Solutions | list[str]:
    """Return what ``body`` says, by its media type."""
    readers = {
        "application/sparql-results+xml": from_xml,
        "application/sparql-results+json": from_json,
        "text/csv": from_csv,
        "text/tab-separated-values": from_tsv,
    }
    if media_type in readers:
        return readers[media_type](body)
    quads = list(ox.parse(body, ox.RdfFormat.from_media_type(media_type), base_iri=base))
    roots = [quad.subject for quad in quads if quad.object == ox.NamedNode(RS + "ResultSet")]
    return from_graph(Facts(ox.Dataset(quads)), roots[0]) if roots else graph(quads)


def from_xml(body: bytes) -> bool | Solutions:
    """Read SPARQL Query Results XML Format, with the triple terms of 1.2."""
    root = ElementTree.fromstring(body)
    boolean = root.find(f"{_SRX}boolean")
    if boolean is not None:
        return (boolean.text or "").strip() == "true"
    results = root.iter(f"{_SRX}result")
    rows = [{binding.attrib["name"]: _xml_term(binding[0]) for binding in result} for result in results]
    return Solutions([variable.attrib["name"] for variable in root.iter(f"{_SRX}variable")], rows)


def _xml_term(element: ElementTree.Element) -> Term:
    kind, get = element.tag.removeprefix(_SRX), element.attrib.get
    if kind == "triple":
        return _triple(*(_xml_term(part[0]) for part in element))
    return _term(kind, element.text or "", get("datatype"), get(f"{_XML}lang"), get(f"{_ITS}dir"))


def from_json(body: bytes) -> bool | Solutions:
    """Read SPARQL Query Results JSON Format, with the triple terms of 1.2."""
    document = json.loads(body)
    if "boolean" in document:
        return bool(document["boolean"])
    bindings = document["results"]["bindings"]
    return Solutions(document["head"]["vars"], [{name: _json_term(row[name]) for name in row} for row in bindings])


def _json_term(term: Mapping[str, Any]) -> Term:
    kind, value = term["type"], term["value"]
    if kind == "triple":
        return _triple(*(_json_term(value[part]) for part in ("subject", "predicate", "object")))
    return _term(kind, value, term.get("datatype"), term.get("xml:lang"), term.get("its:dir"))


def _term(kind: str, value: str, datatype: str | None, language: str | None, direction: str | None) -> Term:
    if kind == "uri":
        return ox.NamedNode(value)
    if kind == "bnode":
        return ox.BlankNode(value)
    assert kind in {"literal", "typed-literal"}, kind
    if language:
        return ox.Literal(value, language=language, direction=ox.BaseDirection(direction) if direction else None)
    return ox.Literal(value, datatype=ox.NamedNode(datatype) if datatype else None)


def _triple(subject: Term, predicate: Term, value: Term) -> ox.Triple:
    assert isinstance(subject, Node)
    assert isinstance(predicate, ox.NamedNode)
    return ox.Triple(subject, predicate, value)


def from_csv(body: bytes) -> Solutions:
    """Read SPARQL 1.1 Query Results CSV Format, which has no types: what looks like a number is compared as one."""
    reader = csv.DictReader(io.StringIO(body.decode(), newline=""))
    rows = [{name: _csv_term(value) for name, value in row.items() if value} for row in reader]
    return Solutions(list(reader.fieldnames or []), rows)


def _csv_term(value: str) -> Term:
    if value.startswith("_:"):
        return ox.BlankNode(value[2:])
    return ox.Literal(value, datatype=ox.NamedNode(XSD + "double"))


def from_tsv(body: bytes) -> Solutions:
    """Read SPARQL 1.1 Query Results TSV Format, whose terms are those of Turtle."""
    header, *lines = body.decode().splitlines()
    names = [name.removeprefix("?") for name in header.split("\t")]
    cells = [
        f"<row:{n}> <variable:{name}> {value} ."
        for n, line in enumerate(lines)
        for name, value in zip(names, line.split("\t"), strict=True)
        if value
    ]
    rows: list[Row] = [{} for _ in lines]
    for quad in ox.parse("\n".join(cells), ox.RdfFormat.TURTLE):
        rows[int(text(quad.subject).removeprefix("row:"))][quad.predicate.value.removeprefix("variable:")] = quad.object
    return Solutions(names, rows)


def from_graph(facts: Facts, root: Node | ox.Triple) -> bool | Solutions:
    """Read a result set in the vocabulary of the suites; with an index on its solutions, their order counts."""
    if boolean := facts.texts(root, RS + "boolean"):
        return boolean == ("true",)
    solutions = facts.values(root, RS + "solution")
    ordered = any(facts.values(solution, RS + "index") for solution in solutions)
    if ordered:
        solutions.sort(key=lambda solution: int(text(facts.value(solution, RS + "index"))))
    rows = [
        {
            text(facts.value(binding, RS + "variable")): facts.value(binding, RS + "value")
            for binding in facts.values(solution, RS + "binding")
        }
        for solution in solutions
    ]
    return Solutions(list(facts.texts(root, RS + "resultVariable")), rows, ordered)
