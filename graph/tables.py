"""Tables: stances, claims and counts as CSV for R and pandas, and tables.json, which says what their columns mean.

A table is a SELECT query in ``tables/NAME.rq``; the comment at its top says what a row is, and its first variable is
the key. ``tables/columns.toml`` describes the columns. The dictionary follows "Metadata Vocabulary for Tabular Data"
(W3C, 2015, section 5), the tables RFC 4180.
"""

import csv
import errno
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from .dataset import LICENCE, replace_file
from .files import files_of, read_text
from .findings import InputError
from .iris import BASE, room
from .records import load

DICTIONARY = "tables.json"


@dataclass(frozen=True)
class Table:
    """A table: its name, what a row is, the columns, each as CSVW describes it, and the rows as text."""

    name: str
    statement: str
    columns: list[dict[str, Any]]
    rows: list[list[str]]

    @property
    def csv(self) -> str:
        """The table as CSV (RFC 4180): a header, lines that end in CR LF."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(column["name"] for column in self.columns)
        writer.writerows(self.rows)
        return text.getvalue()

    @property
    def description(self) -> dict[str, Any]:
        """The table as CSVW describes it (section 5.4); the first column is the key."""
        return {
            "url": f"{self.name}.csv",
            "dc:title": self.statement.partition(":")[0],
            "dc:description": self.statement,
            "tableSchema": {"columns": self.columns, "primaryKey": self.columns[0]["name"]},
        }


def names() -> list[str]:
    """Return the names of the files that a build writes beside the dataset."""
    return [*(file.name.replace(".rq", ".csv") for file in files_of(room("tables"), ".rq")), DICTIONARY]


def make(store: ox.Store) -> list[Table]:
    """Return the tables of the quads in ``store``, the union of its graphs, by name.

    Raises InputError, naming the file, if a query is no SELECT that can be evaluated or a column is not described.
    """
    described = load(room("tables") / "columns.toml", "graph/tables/columns.toml")
    return [_make(store, file, described) for file in files_of(room("tables"), ".rq")]


def _make(store: ox.Store, file: Traversable, described: dict[str, Any]) -> Table:
    where, name = f"graph/tables/{file.name}", file.name.removesuffix(".rq")
    query = read_text(file, where)
    found = _select(store, query, where)
    columns = [variable.value for variable in found.variables]
    if missing := [column for column in columns if column not in described]:
        raise InputError.at(where, f"graph/tables/columns.toml does not describe {', '.join(missing)}; describe it.")
    comment = [line.removeprefix("#").strip() for line in query.splitlines() if line.startswith("#")]
    return Table(name, " ".join(comment), [_column(column, name, described[column]) for column in columns], fold(found))


def _select(store: ox.Store, query: str, where: str) -> ox.QuerySolutions:
    try:
        found = store.query(query, use_default_graph_as_union=True)
    except SyntaxError as error:
        raise InputError.at(where, f"this is not SPARQL: {error.msg}; correct the query there.") from None
    except RuntimeError as error:  # a function that the engine does not know
        raise InputError.at(where, f"this cannot be evaluated: {error}; rewrite the query.") from None
    if not isinstance(found, ox.QuerySolutions):
        raise InputError.at(where, "a table is a SELECT query, found another form; rewrite it as SELECT.")
    return found


def fold(solutions: Iterable[Iterable[object]]) -> list[list[str]]:
    """Return one row for each value of the first column, in the order in which these come first.

    Several values of another column are sorted and joined by a space. A value has no line breaks.
    """
    rows: dict[str, list[set[str]]] = {}
    for solution in solutions:
        values = [" ".join(str(getattr(term, "value", term or "")).splitlines()) for term in solution]
        cells = rows.setdefault(values[0], [set() for _ in values])
        for cell, value in zip(cells, values, strict=True):
            cell.update({value} - {""})
    return [[" ".join(sorted(cell)) for cell in cells] for cells in rows.values()]


def _column(name: str, table: str, described: dict[str, Any]) -> dict[str, Any]:
    """Return a column as CSVW describes it (section 5.6), given its entry in columns.toml."""
    column = {"name": name, "titles": name, "dc:description": described["description"]}
    column |= {"datatype": described["datatype"], "required": table in described.get("required", [])}
    if table in described.get("several", []):
        column["separator"] = " "
    if "value" in described:
        column["valueUrl"] = BASE + described["value"]
    return column


def dictionary(tables: Iterable[Table], version: str) -> str:
    """Return the dictionary of ``tables`` (CSVW, section 5.3, a table group), with the version of their dataset."""
    group = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": "Tables of the cosponsor dataset",
        "dc:description": "An empty cell means unknown, or not said. Several values in a cell are joined by a space.",
        "dc:license": {"@id": LICENCE.value},
        "dc:source": {"@id": f"{BASE}dataset"},
        "schema:version": version,
        "tables": [table.description for table in tables],
    }
    return json.dumps(group, ensure_ascii=False, indent=1) + "\n"


def write(tables: Iterable[Table], version: str, folder: Path) -> None:
    """Put ``tables`` and their dictionary into ``folder``, each file by an atomic rename.

    An old dictionary goes first and the new one comes last: where there is one, the tables beside it are those of the
    version that it names. Raises OSError if a file cannot be written.
    """
    tables = list(tables)
    contents = {f"{table.name}.csv": table.csv for table in tables} | {DICTIONARY: dictionary(tables, version)}
    for name in contents:
        if (folder / name).exists() and not (folder / name).is_file():
            raise OSError(errno.EINVAL, f"{name} is there and is not a regular file")
    (folder / DICTIONARY).unlink(missing_ok=True)
    for name, text in contents.items():
        replace_file(folder / name, text.encode("utf-8"))
