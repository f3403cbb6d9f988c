"""The queries of the pages: files in ``queries/``, asked over the union of the graphs."""

from functools import cache

import pyoxigraph as ox

from .. import iris
from .data import Data
from .terms import View, view

Row = dict[str, View]


@cache
def _text(name: str) -> str:
    return (iris.room("server") / "queries" / f"{name}.rq").read_text("utf-8")


def ask(data: Data, name: str, **bindings: ox.NamedNode) -> list[Row]:
    """Return the answer to ``queries/NAME.rq`` with some of its variables bound; each row has every variable."""
    results = data.store.query(
        data.local(_text(name)),
        use_default_graph_as_union=True,
        substitutions={ox.Variable(variable): term for variable, term in bindings.items()},
    )
    if not isinstance(results, ox.QuerySolutions):
        raise TypeError(f"queries/{name}.rq is not a SELECT query")
    names = [variable.value for variable in results.variables]
    seen = _Views(data)  # most terms of an answer stand in many of its rows
    return [dict(zip(names, (seen[term] for term in solution), strict=True)) for solution in results]


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
