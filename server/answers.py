"""The queries of the pages: files in ``queries/``, asked over the union of the graphs."""

import re
from collections.abc import Iterable
from functools import cache

import pyoxigraph as ox

from .. import iris
from .data import Data
from .terms import View, look_up, view

Row = dict[str, View]
_WHERE = re.compile(r"^WHERE\s*\{", re.MULTILINE)


@cache
def _text(name: str) -> str:
    return (iris.room("server") / "queries" / f"{name}.rq").read_text("utf-8")


def ask(data: Data, name: str, **bindings: ox.NamedNode | Iterable[ox.NamedNode]) -> list[Row]:
    """Return the answer to ``queries/NAME.rq``, some of its variables bound to a node or to one of several.

    Each row has every variable. Labels are looked up once for all rows.
    """
    results = data.statements.select(bound(data.local(_text(name)), **bindings))
    names = [variable.value for variable in results.variables]
    solutions = [tuple(solution) for solution in results]
    look_up(data, set().union(*solutions))
    seen = _Views(data)  # most terms of an answer stand in many of its rows
    return [dict(zip(names, (seen[term] for term in row), strict=True)) for row in solutions]


def bound(query: str, **bindings: ox.NamedNode | Iterable[ox.NamedNode]) -> str:
    """Return ``query`` with variables bound by VALUES, first in the WHERE that starts a line."""
    for name, value in bindings.items():
        nodes = " ".join(map(str, [value] if isinstance(value, ox.NamedNode) else value))
        query = _WHERE.sub(lambda found: f"{found[0]} VALUES ?{name} {{ {nodes} }}", query, count=1)  # noqa: B023
    return query


class _Views(dict[object, View]):
    """Terms as a page shows them, each made once."""

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.data = data

    def __missing__(self, term: object) -> View:
        self[term] = made = view(term, self.data)
        return made


def grouped(rows: list[Row], key: str) -> dict[str, list[Row]]:
    """Return rows by the text and address of one variable, in the order of the rows."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key].iri or row[key].text, []).append(row)
    return groups
