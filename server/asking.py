"""What `cosponsor query` does: find the query, ask the built dataset in this process, write the answer."""

import sys
from pathlib import Path
from typing import TypeVar

import pyoxigraph as ox
from werkzeug.exceptions import HTTPException

from ..dataset import published
from ..iris import BASE
from ..questions import questions
from ..records import nearest
from .data import Data
from .evaluation import evaluate
from .statements import in_memory

T = TypeVar("T")

ROWS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}
GRAPHS = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "xml": ox.RdfFormat.RDF_XML,
    "json": ox.RdfFormat.JSON_LD,
}


def find_query(text: str) -> str:
    """Return the SPARQL meant by ``text``: a query, a file, ``-`` for standard input, or a question's name.

    Raises ValueError if ``text`` is one word and no question or file has that name.
    """
    if text == "-":
        return sys.stdin.read()
    named = {question.name: question.query for question in questions()}
    if text in named:
        return named[text]
    if len(text) < 256 and "{" not in text and Path(text).is_file():
        return Path(text).read_text("utf-8")
    if len(text.split()) == 1:
        raise ValueError(
            f"{text!r} is neither a question nor a file nor SPARQL{nearest(text, set(named))} "
            f"The questions are {', '.join(named)}"
        )
    return text


def answer(text: str, format_: str) -> bytes:
    """Return the answer of the built dataset in ``format_``, or in csv or ttl if that is empty.

    It is the answer that the endpoint gives. Raises ValueError with a sentence if the query is not SPARQL, if it is
    refused, or if the format does not fit its form.
    """
    dataset = published()
    if not dataset.exists():
        raise ValueError(f"there is no dataset at {dataset}; run cosponsor build")
    try:
        return _serialize(evaluate(text, Data(BASE, BASE, in_memory(dataset.read_bytes()), checked=True)), format_)
    except HTTPException as error:
        hint = getattr(error, "members", {}).get("hint", "")
        raise ValueError(f"{error.description} {hint}".strip()) from None


def _serialize(results: ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples, format_: str) -> bytes:
    table = format_ == "table"
    if isinstance(results, ox.QueryTriples):
        return results.serialize(format=_pick(GRAPHS, "ttl" if table else format_ or "ttl")) or b""
    if table and isinstance(results, ox.QuerySolutions):
        return _table(results).encode()
    return results.serialize(format=_pick(ROWS, "csv" if table else format_ or "csv")) or b""


def _pick(formats: dict[str, T], format_: str) -> T:
    if format_ not in formats:
        raise ValueError(f"--format {format_} does not fit this form of query; choose among {', '.join(formats)}")
    return formats[format_]


def _table(results: ox.QuerySolutions) -> str:
    """Return rows as a table for a terminal, IRIs of this dataset without their base."""
    header = [variable.value for variable in results.variables]
    rows = [
        ["" if term is None else str(getattr(term, "value", term)).removeprefix(BASE) for term in row]
        for row in results
    ]
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    rule = ["─" * width for width in widths]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, rule, *rows]
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)
