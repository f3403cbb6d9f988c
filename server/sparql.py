"""The SPARQL endpoint (SPARQL 1.1 Protocol, section 2), read-only."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Event

import pyoxigraph as ox
from flask import Blueprint, Flask, Response, current_app, render_template, request
from werkzeug.exceptions import default_exceptions
from werkzeug.wsgi import wrap_file

from .behind import authorization
from .codings import MOST
from .data import Data, current
from .engine import Engine, Spooled
from .evaluation import FORMATS, InsufficientStorage, respond, warm_up
from .evaluator import Answer, Ceilings, Message
from .headers import add_hints
from .negotiation import GRAPHS, HTML, RESULTS, ROWS, TURTLE, Choice, Format, acceptable, choice, unsayable
from .operation import Operation, operation
from .operations import note
from .pipeline import Sent
from .places import Flag
from .remote import respond_remotely
from .service import bare
from .settings import Settings
from .statements import Stored, in_memory
from .terms import Table, table
from .upstream import Upstream
from .validators import has, is_volatile, not_modified, tag, tagged

MAX_BODY = 1 << 20
MAX_ROWS = 1000  # on a page
MAX_TEXT = 1 << 18  # bytes of a graph on a page

blueprint = Blueprint("sparql", __name__)
_STAYS = Event()  # of a client whose server cannot tell whether it has gone


@blueprint.route("/sparql", methods=["GET", "POST", "QUERY"])
def sparql() -> Response:
    """Answer a query sent by GET, as a form, or as the body (SPARQL 1.1 Protocol, sections 2.1.1 to 2.1.3)."""
    if (description := bare()) is not None:
        return description
    asked = operation(current())
    return answer(asked, choice(asked.formats))


def answer(asked: Operation, chosen: Choice) -> Response:
    """Return the answer in the format chosen for its kind, with hints on terms that are not there."""
    note(asked.query)
    entity = tag(asked, chosen, current())
    if has(entity):
        return not_modified(entity)
    response = _answer(asked, chosen)
    if entity and request.if_none_match.star_tag:  # holds of any answer, but not of an error
        response.close()
        return not_modified(entity)
    return tagged(response, entity, is_volatile(asked.query, current()))


def _answer(asked: Operation, chosen: Choice) -> Response:
    reply = ask(asked, chosen.rows, chosen.graphs)
    of_graph = reply.message["kind"] == "graphs"
    taken = acceptable(chosen.graphs if of_graph else chosen.rows, (*(GRAPHS if of_graph else ROWS), HTML))
    hints = reply.message["hints"]
    if taken is not HTML:
        return add_hints(respond_with(reply), hints)
    page = render_template("sparql.html", query=asked.query, result=_page(reply), hints=hints)
    return add_hints(Response(page, content_type=HTML.content_type), hints)


def ask(asked: Operation, rows: Format | None, graphs: Format | None) -> Spooled:
    """Let an evaluator answer in one of two formats, by the kind of query; raise what it or the engine refuses.

    For a page the answer is fetched in formats that can be read again.
    """
    begun: Sent | None = request.environ.get("cosponsor.begun")
    if begun and (begun.reply or begun.asked):
        reply = begun.finish(_engine(), _gone())
    else:
        reply = _run(asked, message(asked, rows, graphs, _settings()))
    note(asked.query, reply.message)
    problem = reply.message.get("problem")
    if problem:
        reply.content.close()
        error = default_exceptions.get(problem["code"], InsufficientStorage)(problem["description"])
        error.members = problem["members"]  # type: ignore[attr-defined]
        error.retry_after = problem.get("retry_after")  # type: ignore[attr-defined]
        raise error
    return reply


def message(asked: Operation, rows: Format | None, graphs: Format | None, settings: Settings) -> Message:
    """Return what an evaluator is asked; see ``respond``."""
    return {
        "query": asked.query,
        "default": [graph.value for graph in asked.default],
        "named": [graph.value for graph in asked.named],
        "rows": rows and (ROWS[0] if rows is HTML else rows).extension,
        "graphs": graphs and (TURTLE if graphs is HTML else graphs).extension,
        "timeout": min(asked.timeout or settings.timeout, settings.timeout),
    }


def _run(asked: Operation, message: Message) -> Spooled:
    networked = bool(_settings().services) and "service" in asked.query.lower()
    return _engine().run(message, request.remote_addr or "", _gone(), networked)


def _gone() -> Flag:
    """Return what says whether the client has gone, where the front looks at that."""
    gone: Flag = request.environ.get("cosponsor.gone", _STAYS)
    return gone


def respond_with(reply: Spooled) -> Response:
    """Return a response of known length, from memory or, a great one, from the file of the spool."""
    content_type = FORMATS[reply.message["format"]].content_type
    if reply.message["size"] <= MOST:
        with reply.content:
            return Response(reply.content.read(), content_type=content_type)
    content = wrap_file(request.environ, reply.content)
    response = Response(content, content_type=content_type, direct_passthrough=True)
    response.content_length = reply.message["size"]
    return response


def _page(reply: Spooled) -> dict[str, object]:
    """Return what a page shows of an answer: a table, yes or no, or the start of the Turtle."""
    with reply.content:
        if reply.message["kind"] == "graphs":
            text = reply.content.read(MAX_TEXT + 1)
            return {"turtle": text[:MAX_TEXT].decode("utf-8", "ignore"), "more": len(text) > MAX_TEXT}
        try:
            results = ox.parse_query_results(reply.content, format=RESULTS[ROWS[0]])
            if isinstance(results, ox.QueryBoolean):
                return {"boolean": bool(results)}
            return {"table": table(results, current(), MAX_ROWS)}
        except (MemoryError, OSError, SyntaxError) as error:  # a text longer than its reader bears
            raise unsayable(HTML, ROWS, str(error)) from None


def rows(query: str) -> bytes:
    """Return the answer to a query of ours in SPARQL JSON; nothing of a graph."""
    with ask(Operation(query, [], []), ROWS[0], None).content as content:
        return content.read()


def rows_of(query: str) -> Table | None:
    """Return the first rows of the answer to a query of ours, None if it is not a table."""
    found = _page(ask(Operation(query, [], []), ROWS[0], TURTLE)).get("table")
    return found if isinstance(found, Table) else None


def register(app: Flask, data: Data, settings: Settings) -> None:
    """Start the engine of ``app``, which forks: before there are threads."""
    app.extensions["cosponsor.settings"] = settings
    app.extensions["cosponsor.engine"] = Engine(
        *_answering(data, settings),
        Ceilings(settings.memory << 20, settings.answer << 20),
        settings.processes,
        data.statements.reopen if data.on_disk and isinstance(data.statements, Stored) else None,
        networked=settings.endpoint is not None,
    )


def _answering(data: Data, settings: Settings) -> tuple[Answer, Callable[[], object]]:
    """Return what evaluators do with a request, and what is to be done before they are made."""
    without = replace(data, statements=in_memory())  # of which evaluators that have their own have no use
    if settings.endpoint:
        upstream = Upstream(settings.endpoint, authorization())
        # For hints an evaluator does without statements: it would ask the server that waits for it.
        return partial(respond_remotely, upstream=upstream, data=without), upstream.warm_up
    return partial(respond, data=data), partial(warm_up, without if data.on_disk else data)


def _engine() -> Engine:
    engine: Engine = current_app.extensions["cosponsor.engine"]
    return engine


def _settings() -> Settings:
    settings: Settings = current_app.extensions["cosponsor.settings"]
    return settings
