"""RDF terms as a page shows them: labels for IRIs, languages and datatypes for literals."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import pyoxigraph as ox

from .. import iris
from .data import Data

_XSD = iris.XSD
_PLAIN = {_XSD + name for name in ("string", "integer", "decimal", "boolean", "gYear")}
_PLAIN.add(iris.RDF + "langString")
# Schemes that a browser follows without running what stands behind them, as javascript: and data: would.
_FOLLOWED = re.compile(r"(?:https?|mailto|urn):", re.IGNORECASE)
_CELLS = 20_000  # of a table on a page
_TEXT = 10_000  # characters in a cell
_CODE = re.compile(r"[0-9a-f]{40,}|.*\n.*", re.DOTALL)


@dataclass(frozen=True)
class View:
    """A term to show: its text, its IRI if it is one, language and datatype if it is a literal."""

    text: str
    iri: str = ""
    language: str = ""
    datatype: str = ""
    shape: str = "text"  # iri, text, date or code

    def __str__(self) -> str:
        return self.text

    @property
    def href(self) -> str:
        """Where the term leads; nothing if it leads nowhere."""
        return link(self.iri)

    @property
    def fragment(self) -> str:
        """The part of an IRI after '#', else its last segment."""
        return re.split("[/#]", self.iri)[-1]


def link(iri: str) -> str:
    """Return ``iri`` if a page may link to it, else nothing: IRIs come from queries and from data of others."""
    return iri if _FOLLOWED.match(iri) else ""


def curie(iri: str, data: Data) -> str:
    """Return ``iri`` with a prefix of the house where one fits; the longest namespace counts."""
    fitting = [item for item in data.prefixes.items() if iri.startswith(item[1])]
    if not fitting:
        return iri
    prefix, namespace = max(fitting, key=lambda item: len(item[1]))
    return f"{prefix}:{iri.removeprefix(namespace)}"


def label(iri: str, data: Data) -> str:
    """Return the label of a node, or its abbreviated IRI if it has none."""
    return data.labels.get(iri) or curie(iri, data)


def look_up(data: Data, terms: Iterable[object]) -> None:
    """Look up the labels of all of ``terms`` at once, before they are shown one by one."""
    data.labels.look_up({term.value for term in terms if isinstance(term, ox.NamedNode)})


def property_name(iri: str, data: Data) -> str:
    """Return the label of a property, or the words of its local name: ``wasDerivedFrom`` is 'was derived from'."""
    local = re.split("[/#]", iri)[-1]
    return data.labels.get(iri) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", local).lower()


def view(term: object, data: Data) -> View:
    """Return ``term`` as a page shows it."""
    if isinstance(term, ox.NamedNode):
        return View(label(term.value, data), term.value, shape="iri")
    if isinstance(term, ox.Literal):
        return _literal(term, data)
    return View("" if term is None else str(term))


def _literal(term: ox.Literal, data: Data) -> View:
    datatype = term.datatype.value
    if datatype == _XSD + "date":
        return View(term.value, shape="date")
    shape = "code" if _CODE.fullmatch(term.value) else "text"
    shown = "" if datatype in _PLAIN else curie(datatype, data)
    return View(term.value, language=term.language or "", datatype=shown, shape=shape)


@dataclass(frozen=True)
class Table:
    """Rows of a query: the names of the columns, the rows, and whether there are more."""

    columns: list[str]
    rows: list[list[View]]
    more: bool


def table(results: ox.QuerySolutions, data: Data, limit: int) -> Table:
    """Return the first solutions of a query, ``limit`` at most and fewer of many columns, long texts cut short."""
    names = [variable.value for variable in results.variables]
    limit = min(limit, _CELLS // max(1, len(names)))
    found = [list(solution) for solution in islice(results, limit + 1)]
    look_up(data, (term for row in found for term in row))
    rows = [[_cut(view(term, data)) for term in row] for row in found]
    return Table(names[:_CELLS], rows[:limit], len(rows) > limit)


def _cut(shown: View) -> View:
    return replace(shown, text=shown.text[:_TEXT] + "…") if len(shown.text) > _TEXT else shown
