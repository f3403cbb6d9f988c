"""Read TOML records and map them to RDF through the JSON-LD context.

TOML nests as JSON-LD does; ``ontology/context.jsonld`` says what a key means. This module only adds what
would be tiresome to type: IRIs of nested nodes (fragments of their parent, so that no node is blank), classes,
labels, and one cited Fact for each reference statement.
"""

import datetime
import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from .evidence import selectors, verify_article
from .files import files_of, read_text
from .findings import Finding, InputError
from .iris import BASE, ONTOLOGY, RDF, RDF_TYPE, RDFS_LABEL, SLUG, graph_iri, room

Table = dict[str, Any]
Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple

# Table of a data file -> class and room of its records. A publication adds facts to a source that an article describes.
TABLES: dict[str, tuple[str | None, str]] = {
    "administration": ("Administration", "administration"),
    "body": ("Body", "body"),
    "citation": ("Citation", "citation"),
    "claim": ("Claim", "claim"),
    "country": ("Country", "country"),
    "coverage": ("CoverageNote", "coverage"),
    "decision": ("Decision", "decision"),
    "event": ("Event", "event"),
    "headTenure": ("HeadTenure", "head-tenure"),
    "issue": ("Issue", "issue"),
    "organisation": ("Organisation", "organisation"),
    "person": ("Person", "person"),
    "publication": (None, "source"),
    "reading": ("Reading", "reading"),
    "resolution": ("Resolution", "resolution"),
    "series": ("ResolutionSeries", "series"),
    "session": ("Session", "session"),
    "source": ("Source", "source"),
    "statement": ("OutsideStatement", "statement"),
    "tension": ("Tension", "tension"),
}
# Key of a nested table -> class of the nested node.
NESTED = {
    "attribution": "Attribution",
    "evidence": "Evidence",
    "explanation": "Explanation",
    "scope": "Scope",
    "selector": None,
    "time": "TimeExpression",
}
# Folder of data files -> tables allowed in them. Tables of articles that are ours, not the source's, are editorial.
FOLDERS = {
    "articles": {"source", "claim", "coverage", "reading"},
    "issues": {"issue", "tension"},
    "reference": set(TABLES) - {"source", "claim", "coverage", "reading", "issue", "tension"},
}
EDITORIAL = {"coverage", "reading", "issue", "tension"}
PROJECT = BASE + "organisation/cosponsor"  # to whom all that is editorial is attributed
UNCITED = {"citation", "statement"}  # records that carry their evidence themselves
EXPECTED = {
    "xsd:date": "a date such as 2021-03-24, without quotation marks",
    "xsd:decimal": "a decimal such as 0.85",
    "xsd:integer": "a whole number from 0 up, without quotation marks",
}
LARGEST = 10**9
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_GROUP = "urn:fact-group:"
NOT_FACTS = {"id", "type", "label", "labelKo", "alternateName", "cites", "confidence", "note"}


@dataclass
class Dataset:
    """Quads by named graph, and for every node described the place in the files where that is done."""

    quads: list[ox.Quad] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)


@cache
def context() -> Table:
    """Return the JSON-LD context of the project (JSON-LD 1.1, section 4.1)."""
    document: Table = json.loads((room("ontology") / "context.jsonld").read_text("utf-8"))
    terms: Table = document["@context"]
    return terms


def nearest(name: str, known: Iterator[str] | list[str] | set[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of ``known`` to ``name``, or "." if none is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


def load(file: Traversable, name: str) -> Table:
    """Return the TOML document in ``file``; raise InputError, naming ``name``, if it is not UTF-8 or not TOML."""
    text = read_text(file, name)
    if text.startswith("\ufeff"):
        raise InputError.at(name, "the file starts with a byte order mark; save it in UTF-8 without one.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError.at(name, f"this is not TOML: {error}; correct the syntax there.") from None


def source_of(document: Table, name: str) -> Table:
    """Return the [source] of an article; raise InputError if there is none with a slug as its id."""
    source = document.get("source")
    if not isinstance(source, dict) or not SLUG.fullmatch(str(source.get("id", ""))):
        raise InputError.at(name, "a table [source] with an id (the slug of the article) is missing; add it.")
    return source


def read_folder(folder: Traversable, kind: str) -> Dataset:
    """Read every TOML file of ``folder`` as data of ``kind`` (articles, reference or issues).

    Raises InputError with all findings of all files.
    """
    result = Dataset()
    findings: list[Finding] = []
    for file in files_of(folder, ".toml"):
        try:
            _read_file(file, f"graph/{kind}/{file.name}", kind, result)
        except InputError as error:
            findings += error.findings
    if findings:
        raise InputError(findings)
    return result


def _read_file(file: Traversable, name: str, kind: str, result: Dataset) -> None:
    document = load(file, name)
    findings: list[Finding] = []
    graphs: dict[str, list[Table]] = {}
    groups: list[tuple[Table, Table]] = []
    source = str(source_of(document, name)["id"]) if kind == "articles" else ""
    for table, record in _records(document, name, kind, findings):
        where = f"{name}, {table} {record.get('id', '(without id)')}"
        try:
            node, cited = _nodes(table, record, source, where)
        except InputError as error:
            findings += error.findings
            continue
        groups += cited
        if "type" not in node:
            continue
        graph = "editorial" if table in EDITORIAL else f"source/{source}" if source else "reference"
        graphs.setdefault(graph, []).append(node)
        findings += _register(node, where, result)
    if findings:
        raise InputError(findings)
    result.quads += _quads(jsonld(graphs, groups), name)


def _records(document: Table, name: str, kind: str, findings: list[Finding]) -> Iterator[tuple[str, Table]]:
    """Yield (table, record) for every record of a file; tables of rows become one record a row."""
    for table, found in document.items():
        records = found if isinstance(found, list) else [found]
        if not all(isinstance(record, dict) for record in records):
            findings.append(Finding(name, f"{table!r} is no table; write its records as [[{table}]] with keys."))
        elif table == "table" and kind == "reference":
            for rows in records:
                yield from _rows(rows, name)
        elif table not in FOLDERS[kind]:
            hint = nearest(table, FOLDERS[kind])
            findings.append(Finding(name, f"table {table!r} is not known in graph/{kind}/{hint} Rename it."))
        else:
            yield from ((table, record) for record in records)


def _rows(rows: Table, name: str) -> Iterator[tuple[str, Table]]:
    shared = {key: value for key, value in rows.items() if key not in {"of", "columns", "rows"}}
    if str(rows.get("of")) not in FOLDERS["reference"]:
        raise InputError.at(name, f"[[table]] of {rows.get('of')!r} is not a known table; set 'of' to one.")
    columns, cells = rows.get("columns"), rows.get("rows")
    if not isinstance(columns, list) or not isinstance(cells, list):
        raise InputError.at(name, f"[[table]] of {rows['of']!r} lacks columns or rows; give both as lists.")
    for row in cells:
        if not isinstance(row, list) or len(row) != len(columns):
            raise InputError.at(name, f"row {row} is not a list of {len(columns)} cells; correct the row.")
        yield rows["of"], dict(zip(columns, row, strict=True)) | shared


def _register(node: Table, where: str, result: Dataset) -> list[Finding]:
    """Note where a node is described; two records with one IRI are a finding."""
    iri = node["id"]
    if iri in result.places:
        known = result.places[iri]
        return [Finding(where, f"the id is used already by {known}; ids are never reused, choose another.")]
    result.places[iri] = where
    for value in node.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict) and "id" in part:
                result.places[part["id"]] = where
    return []


def _nodes(table: str, record: Table, source: str, where: str) -> tuple[Table, list[tuple[Table, Table]]]:
    """Return the JSON-LD node of one record, and the groups of cited statements of a reference record."""
    type_, folder = TABLES[table]
    slug = str(record.get("id", ""))
    if not SLUG.fullmatch(slug):
        raise InputError.at(where, f"id {slug!r} is not a slug; use letters, digits and single hyphens.")
    inside = f"{source}/" if source and table in {"claim", "coverage", "reading"} else ""
    iri = f"{BASE}{folder}/{inside}{slug}"
    words = re.sub("(?<=[a-z])(?=[A-Z])", " ", type_ or folder).capitalize()
    record = {"label": f"{words} {inside}{slug}"} | record
    if table == "claim":
        record["statedIn"] = f"source/{source}"
    if table in EDITORIAL:
        record["wasAttributedTo"] = PROJECT
    groups = _groups(table, record, iri, where) if not source else []
    return _node(record, iri, type_, where), groups


def _node(table: Table, iri: str, type_: str | None, where: str) -> Table:
    """Return ``table`` as a JSON-LD node: keys checked, values as JSON, nested tables as nodes of their own."""
    if type_ == "Evidence":
        table = selectors(table, iri, where)
    node: Table = {"id": iri} | ({"type": type_} if type_ else {})
    for key, value in table.items():
        if key == "id":
            continue
        if key not in context() or (context()[key] in ("@id", "@type") and key != "type"):
            terms = [term for term in context() if term[0].islower()]
            raise InputError.at(where, f"key {key!r} is not known{nearest(key, terms)} See ontology/context.jsonld.")
        node[key] = _value(key, value, table, iri, where)
    return node


def _value(key: str, value: Any, table: Table, iri: str, where: str) -> Any:  # noqa: ANN401 (TOML is any of its types)
    if key in NESTED:
        several = isinstance(value, list)
        parts = value if several else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise InputError.at(where, f"key {key!r} takes a table, found {value!r}; nest its keys below it.")
        names = [f"{key}-{number}" if several else key for number in range(1, len(parts) + 1)]
        return [_part(key, part, iri, name, table, where) for name, part in zip(names, parts, strict=True)]
    if isinstance(value, dict):
        raise InputError.at(where, f"key {key!r} takes a value, found a table; write the value.")
    if isinstance(value, list):
        return [_value(key, part, table, iri, where) for part in value]
    return _scalar(key, value, where)


def _part(key: str, part: Table, iri: str, name: str, parent: Table, where: str) -> Table:
    extra: Table = {} if key == "selector" else {"label": f"{parent['label']}, {name}"}
    if key == "explanation":
        extra["wasAttributedTo"] = PROJECT
    if key == "attribution":
        extra["order"] = int(name.rpartition("-")[2]) if name[-1].isdigit() else 1
    if "id" in part and key != "selector":
        raise InputError.at(where, f"{key} has an id of its own ({part['id']!r}); remove it.")
    return _node(extra | part, part.get("id", f"{iri}#{name}"), NESTED[key], where)


def _scalar(key: str, value: object, where: str) -> object:
    """Return a TOML value as JSON, if it is of the type that the context gives to its key.

    Dates and decimals keep their lexical form, which JSON-LD would change. Raises InputError otherwise.
    """
    term = context()[key]
    expected = str(term.get("@type", "")) if isinstance(term, dict) else ""
    if expected == "xsd:date" and isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if expected == "xsd:integer" and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST:
        return value
    if expected == "xsd:decimal" and isinstance(value, int | float) and math.isfinite(value):
        return str(Decimal(repr(value)))
    if not expected.startswith("xsd:") and isinstance(value, str) and not _CONTROL.search(value):
        return value
    kind = EXPECTED.get(expected, "text in quotation marks without control characters")
    raise InputError.at(where, f"key {key!r} takes {kind}, found {value!r}; correct the value.")


def _groups(table: str, record: Table, iri: str, where: str) -> list[tuple[Table, Table]]:
    """Take the cited statements out of a reference ``record``: pairs of a group's statements and its citation.

    Statements stand in the record itself and in its ``fact`` sub-tables, each group with its own evidence.
    """
    if table not in FOLDERS["reference"] - UNCITED:
        return []
    groups = []
    inner = record.pop("fact", [])
    if not isinstance(inner, list) or not all(isinstance(group, dict) for group in inner):
        raise InputError.at(where, f"fact is {inner!r}; write groups of facts as [[{table}.fact]].")
    for group in [dict(record), *inner]:
        statements = {key: value for key, value in group.items() if key not in NOT_FACTS | {"fact"}}
        if not statements:
            continue
        if not ("cites" in group and "confidence" in group):
            keys = ", ".join(statements)
            raise InputError.at(where, f"without cites and confidence: {keys}; name the evidence and how good it is.")
        citation = {key: group[key] for key in ("cites", "confidence", "note") if key in group}
        groups.append((_node(statements, iri, None, where), _node(citation, "", None, where)))
    for key in set(record) - NOT_FACTS | {"cites", "confidence", "note"}:
        record.pop(key, None)
    return groups


def jsonld(graphs: dict[str, list[Table]], groups: list[tuple[Table, Table]]) -> str:
    """Return JSON-LD nodes by graph, and groups of cited statements, as one JSON-LD document.

    Each group is a named graph of its own while it is parsed: this tells which fact a triple belongs to.
    """
    document: list[Table] = [{"id": graph_iri(graph), "@graph": nodes} for graph, nodes in graphs.items()]
    for number, (statements, citation) in enumerate(groups):
        group = f"{_GROUP}{number}"
        document.append({"id": group, "@graph": [statements, citation | {"id": group}]})
    return json.dumps({"@context": context(), "@graph": document})


def _quads(text: str, name: str) -> Iterator[ox.Quad]:
    """Yield the quads of a JSON-LD document, with a Fact for each cited statement."""
    try:
        quads = list(ox.parse(text, format=ox.RdfFormat.JSON_LD))
    except SyntaxError as error:
        raise InputError.at(name, f"this does not map to RDF: {error.msg}; correct the value.") from None
    citations: dict[str, list[ox.Quad]] = {}
    for quad in quads:
        if _value_of(quad.subject).startswith(_GROUP):
            citations.setdefault(_value_of(quad.subject), []).append(quad)
    for quad in quads:
        graph = _value_of(quad.graph_name)
        if not graph.startswith(_GROUP):
            yield quad
        elif not _value_of(quad.subject).startswith(_GROUP):
            yield from _fact(quad, citations[graph])


def _value_of(term: object) -> str:
    return term.value if isinstance(term, ox.NamedNode | ox.Literal) else ""


def _fact(quad: ox.Quad, citation: list[ox.Quad]) -> Iterator[ox.Quad]:
    """Yield a reference triple and its Fact: subject, predicate, object, evidence (DESIGN, section 5)."""
    graph = ox.NamedNode(graph_iri("reference"))
    tail = re.split("[/#:]", quad.predicate.value)[-1]
    value = re.sub("[^A-Za-z0-9]+", "-", re.split("[/#]", _value_of(quad.object))[-1]).strip("-")
    fact = ox.NamedNode(f"{_value_of(quad.subject)}#fact-{tail}-{value}")
    yield ox.Quad(quad.subject, quad.predicate, quad.object, graph)
    described: dict[str, Term] = {
        RDF_TYPE: ox.NamedNode(ONTOLOGY + "Fact"),
        RDFS_LABEL: ox.Literal(f"{_value_of(quad.subject).removeprefix(BASE)}, {tail} {value}", language="en"),
        RDF + "subject": quad.subject,
        RDF + "predicate": quad.predicate,
        RDF + "object": quad.object,
    }
    for predicate, term in described.items():
        yield ox.Quad(fact, ox.NamedNode(predicate), term, graph)
    for statement in citation:
        yield ox.Quad(fact, statement.predicate, statement.object, graph)


def verify_folder(folder: Traversable, texts: Path) -> list[Finding]:
    """Return what is wrong with the evidence of all articles in ``folder``, given a folder with their texts.

    Raises InputError if an article cannot be read.
    """
    findings: list[Finding] = []
    for file in files_of(folder, ".toml"):
        name = f"graph/articles/{file.name}"
        document = load(file, name)
        source_of(document, name)
        findings += verify_article(document, name, texts)
    return findings
