"""The pages that lead people into the graph."""

from dataclasses import dataclass

import pyoxigraph as ox
from flask import Blueprint, Response, render_template
from werkzeug.exceptions import NotFound

from ..questions import Question, questions
from . import __name__ as package
from .answers import Row, ask, grouped
from .data import Data, current
from .description import LICENCE
from .negotiation import DOCUMENTS, HTML, ROWS, Format
from .query import evaluate
from .sparql import MAX_ROWS, written
from .terms import Table, View, table
from .views import version

blueprint = Blueprint("pages", package)

_DOWNLOADS = {"csv": ROWS[2], "json": ROWS[0]}


@blueprint.app_context_processor
def _common() -> dict[str, object]:
    """Give every template the data, the base of all links, and the licence."""
    data = current()
    return {"data": data, "base": data.base, "licence": LICENCE, "formats": DOCUMENTS}


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return Response("ok", content_type="text/plain; charset=utf-8")


def _page(template: str, **values: object) -> Response:
    return Response(render_template(template, **values), content_type=HTML.content_type)


@blueprint.get("/")
def home() -> Response:
    """Show what this is, and who sponsored which text."""
    data = current()
    return _page(
        "home.html",
        timelines=timelines(ask(data, "timeline")),
        counts=ask(data, "counts"),
        version=version(data),
    )


@dataclass(frozen=True)
class Timeline:
    """The texts of one series, oldest first, and for each country what sources say of its sponsorship."""

    series: View
    countries: dict[str, View]
    texts: dict[str, list[Row]]

    def cell(self, resolution: str, country: str) -> list[Row]:
        """Return what is known of one text and country: a row for each stage of which something is said."""
        return [row for row in self.texts[resolution] if row["country"].iri == country]


def timelines(rows: list[Row]) -> list[Timeline]:
    """Return one timeline for each series in ``rows`` (series, resolution, country, stage, status)."""
    found = []
    for series in grouped(rows, "series").values():
        countries = {row["country"].iri: row["country"] for row in series if row["country"].iri}
        ordered = dict(sorted(countries.items(), key=lambda item: item[1].text))
        found.append(Timeline(series[0]["series"], ordered, grouped(series, "resolution")))
    return found


@blueprint.get("/questions")
def gallery() -> Response:
    """Show the questions that the graph answers."""
    return _page("questions.html", questions=questions())


@blueprint.get("/questions/<name>")
def question(name: str) -> Response:
    """Show one question with its answer, or answer in the format that the name ends in."""
    data = current()
    stem, _, extension = name.rpartition(".")
    if extension in _DOWNLOADS and stem:
        return _download(_question(stem), _DOWNLOADS[extension], data)
    asked = _question(name)
    return _page("question.html", question=asked, table=_answer(asked, data))


def _question(name: str) -> Question:
    found = next((each for each in questions() if each.name == name), None)
    if found is None:
        raise NotFound(f"There is no question {name!r}; all are listed at {current().base}questions.")
    return found


def _answer(asked: Question, data: Data) -> Table | None:
    results = evaluate(asked.query, data)
    return table(results, data, MAX_ROWS) if isinstance(results, ox.QuerySolutions) else None


def _download(asked: Question, chosen: Format, data: Data) -> Response:
    results = evaluate(asked.query, data)
    if isinstance(results, ox.QueryTriples):
        raise NotFound(f"The answer to {asked.name!r} is a graph and has no rows.")
    return Response(written(results, chosen, data), content_type=chosen.content_type)


@blueprint.get("/sources")
def sources() -> Response:
    """Show the sources and how much each says."""
    return _page("sources.html", sources=ask(current(), "sources"))


@blueprint.get("/disagreements")
def disagreements() -> Response:
    """Show where sources differ, by kind and with our explanation, and as controls where they agree."""
    data = current()
    comparisons = grouped(ask(data, "comparisons"), "comparison").values()
    kinds: dict[str, list[list[Row]]] = {}
    for positions in comparisons:
        kinds.setdefault(positions[0]["kind"].text, []).append(positions)
    agreed = kinds.pop("", [])
    return _page("disagreements.html", kinds=dict(sorted(kinds.items())), agreements=agreed)
