"""The pages that lead people into the graph."""

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from ..questions import Question, questions
from . import __name__ as package
from .answers import Row, ask, grouped
from .comparisons import Comparison, by_kind, by_question, comparisons, positions, slug, tensions, totals
from .data import Data, current
from .description import LICENCE
from .negotiation import DOCUMENTS, GRAPHS, HTML, ROWS, Format, negotiate
from .operation import Operation
from .service import current_service
from .sparql import ask as ask_engine
from .sparql import respond_with, rows_of
from .terms import View
from .timeline import cell, timelines

blueprint = Blueprint("pages", package)

_DOWNLOADS = {"csv": ROWS[2], "json": ROWS[0]}


@blueprint.app_context_processor
def _common() -> dict[str, object]:
    """Give every template the data, the base of all links, and the licence."""
    data = current()
    return {"data": data, "base": data.base, "licence": LICENCE, "formats": DOCUMENTS, "slug": slug, "cell": cell}


@blueprint.app_template_filter("grouped")
def _grouped(rows: list[Row], key: str) -> list[list[Row]]:
    """Return rows by one variable in their order, which Jinja's own groupby would change."""
    return list(grouped(rows, key).values())


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
        version=data.version if data.checked else "",
    )


@blueprint.get("/questions")
def gallery() -> Response:
    """Show the questions that the graph answers, or say them in RDF."""
    chosen = negotiate((HTML, *GRAPHS))
    if chosen is not HTML:
        return current_service().gallery(chosen)
    return _page("questions.html", questions=questions())


@blueprint.get("/questions/<name>")
def question(name: str) -> Response:
    """Show one question with its answer, say it in RDF, or answer in the format that the name ends in."""
    stem, _, extension = name.rpartition(".")
    if extension in _DOWNLOADS and stem:
        return _download(_question(stem), _DOWNLOADS[extension])
    asked, chosen = _question(name), negotiate((HTML, *GRAPHS))
    if chosen is not HTML:
        return current_service().gallery(chosen, name)
    return _page("question.html", question=asked, table=rows_of(asked.query))


def _question(name: str) -> Question:
    found = next((each for each in questions() if each.name == name), None)
    if found is None:
        raise NotFound(f"There is no question {name!r}; all are listed at {current().base}questions.")
    return found


def _download(asked: Question, chosen: Format) -> Response:
    reply = ask_engine(Operation(asked.query, [], []), chosen, None)
    if reply.message["format"] is None:
        raise NotFound(f"The answer to {asked.name!r} is a graph and has no rows.")
    return respond_with(reply)


@blueprint.get("/sources")
def sources() -> Response:
    """Show the sources and how much each says."""
    return _page("sources.html", sources=ask(current(), "sources"))


@dataclass(frozen=True)
class Choice:
    """The kind and the issue to which a reader narrows the disagreements; nothing where all are shown."""

    kind: View | None = None
    issue: View | None = None

    def fits(self, comparison: Comparison) -> bool:
        """Whether ``comparison`` is of the kind and on the issue; an agreement is of no kind."""
        return self.kind in {None, *comparison.kinds} and self.issue in {None, comparison.issue}

    def address(self, base: str, kind: View | None, issue: View | None) -> str:
        """Return the address of the page narrowed to ``kind`` and ``issue``."""
        chosen = {"kind": kind and slug(kind), "issue": issue and slug(issue)}
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{base}disagreements{'?' if query else ''}{query}"


@blueprint.get("/disagreements")
def disagreements() -> Response:
    """Show where sources differ, by kind and with our explanation, where they agree, and tensions between claims."""
    data = current()
    every = comparisons(data)
    choice = _choice(data, every)
    found = [each for each in every if choice.fits(each)]
    differing, equal = ([each for each in found if each.agreed is agreed] for agreed in (False, True))
    voices = positions(data, found)
    kinds = by_kind(data, differing, voices, choice.kind)
    return _page(
        "disagreements.html",
        choice=choice,
        totals=totals(every),
        issues=_issues(every),
        kinds=kinds[:1] if choice.kind else kinds,
        agreements=by_question(equal, voices),
        tensions={} if choice.issue else tensions(ask(data, "tensions"), choice.kind),
    )


def _issues(found: list[Comparison]) -> list[tuple[View, int]]:
    """Return the issues on which positions differ, each with its number of disagreements, the greatest first."""
    return Counter(each.issue for each in found if not each.agreed).most_common()


def _choice(data: Data, found: list[Comparison]) -> Choice:
    """Return to what the request narrows the page."""
    kinds = {row["kind"] for row in ask(data, "kinds")} | {kind for each in found for kind in each.kinds}
    return Choice(_named("kind", kinds), _named("issue", {each.issue for each in found}))


def _named(name: str, concepts: set[View]) -> View | None:
    asked = request.args.get(name, "")
    if not asked:
        return None
    known = {slug(concept): concept for concept in concepts}
    if asked not in known:
        raise NotFound(f"There is no {name} {asked!r} here; there are: {', '.join(sorted(known)) or 'none'}.")
    return known[asked]
