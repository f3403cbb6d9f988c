"""What an evaluator does with a request where another engine answers in the place of ours.

What bounds a query of ours bounds this one: the deadline, the queue, the ceilings, the spool. Every answer is parsed
and written again: so it is known to be whole and well-formed before its first byte goes out, and it comes in every
format, whatever the engine has.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Generic, NoReturn, TypeVar, cast

import pyoxigraph as ox
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException

from .behind import IT, authorization
from .data import Data
from .evaluation import FORMATS, InsufficientStorage, count_rows, problem, unforeseen, write_graph
from .evaluation import warm_up as warm_up_ours
from .evaluator import Message, Spool
from .negotiation import RESULTS, ROWS, Format, refuse_unsound_xml
from .portable import FORMS, dataset, form, limit, portable, solutions
from .query import READ_ONLY, BadQuery, Query, fault, is_update, read
from .upstream import Answer, Parameters, Refused, Upstream, failed

F = TypeVar("F", ox.QueryResultsFormat, ox.RdfFormat)


@dataclass(frozen=True)
class Readable(Generic[F]):
    """Formats that can be read: by the media types that are asked for, the best first, and by others that engines use.

    ``signs`` are how an answer starts whose type says little.
    """

    types: dict[str, F]
    others: dict[str, F]
    signs: dict[bytes, F]

    @property
    def accept(self) -> str:
        """The field Accept that asks for them."""
        return ", ".join(f"{name};q={1 - place / 10:.1f}" for place, name in enumerate(self.types))

    def of(self, answer: Answer) -> F:
        """Return the format of an answer; raise 502 for one that cannot be read."""
        found = {**self.types, **self.others}.get(answer.media_type)
        if answer.media_type in _UNSAID:
            start = answer.start()
            found = next((each for sign, each in self.signs.items() if start.startswith(sign)), found)
        if found is None:
            was, wanted = answer.media_type or "something of no type", " or ".join(self.types)
            failed(f"answers with {was}", f"answered with {was}; {wanted} was expected.")
        return found


# Not CSV, of which nobody can tell IRIs from texts, nor TSV, as which Virtuoso 7 sends CSV.
_JSON, _XML = ox.QueryResultsFormat.JSON, ox.QueryResultsFormat.XML
_ROWS = Readable(
    {"application/sparql-results+json": _JSON, "application/sparql-results+xml": _XML},
    {"application/json": _JSON, "application/xml": _XML, "text/xml": _XML},
    {b"{": _JSON, b"<?xml": _XML, b"<sparql": _XML},
)
_N_TRIPLES, _RDF_XML = ox.RdfFormat.N_TRIPLES, ox.RdfFormat.RDF_XML
_GRAPHS = Readable(
    {"application/n-triples": _N_TRIPLES, "text/turtle": ox.RdfFormat.TURTLE, "application/rdf+xml": _RDF_XML},
    {"text/plain": _N_TRIPLES, "application/xml": _RDF_XML, "text/xml": _RDF_XML},
    {b"<?xml": _RDF_XML, b"<rdf:RDF": _RDF_XML},
)
_UNSAID = {"", "application/octet-stream", "text/plain"}
_TRUE, _FALSE = (f'{{"head":{{}},"boolean":{word}}}'.encode() for word in ("true", "false"))
_ASKED = "__ASK_RETVAL"  # the column in which Virtuoso 7 answers ASK: 1, or no row


def respond_remotely(request: Message, spool: Spool, upstream: Upstream, data: Data) -> Message:
    """Write the engine's answer to a request into ``spool``; see ``evaluation.respond`` for both.

    There are no hints: what the engine has, nobody knows.
    """
    text = request["query"]
    try:
        query = read(text, data)
        kind = FORMS.get(form(text)) or _refuse_form(text, query, data)
        chosen = FORMATS.get(request["graphs" if kind == "graphs" else "rows"] or "")
        rows = None
        if chosen:
            try:
                rows = _forward(request, spool, upstream, data, kind, chosen)
            except Refused as refused:
                _refuse_syntax(text, query, data)
                raise BadRequest(
                    f"{IT} does not understand the query{f': {refused}' if str(refused) else '.'}"
                ) from None
    except HTTPException as error:
        return problem(error)
    except Exception as error:
        return problem(unforeseen(spool.problem or error, spool, networked=False))
    return {"kind": kind, "format": chosen and chosen.extension, "hints": [], "rows": rows}


def warm_up(upstream: Upstream, data: Data) -> None:
    """Load what asking and answering read from files."""
    upstream.warm_up()
    warm_up_ours(data)


def unanswered(endpoint: str, seconds: float = 3) -> str:
    """Return what is wrong with an engine that does not answer a question within ``seconds``, nothing if it does."""
    try:
        with Upstream(endpoint, authorization()).ask([("query", "ASK {}")], _ROWS.accept, seconds):
            return ""
    except Refused as refused:
        return f"{IT} does not understand ASK {{}}: {refused}"
    except HTTPException as error:
        return error.description or error.name


def _refuse_form(text: str, query: Query, data: Data) -> NoReturn:
    if is_update(text):
        raise Forbidden(READ_ONLY)
    _refuse_syntax(text, query, data)
    raise BadRequest("A query is a SELECT, ASK, CONSTRUCT or DESCRIBE, after PREFIX and BASE; this is none.")


def _refuse_syntax(text: str, query: Query, data: Data) -> None:
    """Raise 400 with the place and the reason if our parser finds one, too; the engine may know more than ours."""
    try:
        ox.Store().query(query.text, base_iri=data.base, prefixes=data.prefixes if data.predefined else None)
    except SyntaxError as error:
        raise BadQuery(fault(error, query.text, data), query, text, data) from None
    except RuntimeError:  # a function that Oxigraph does not know
        return


def _forward(request: Message, spool: Spool, upstream: Upstream, data: Data, kind: str, chosen: Format) -> int | None:
    """Write what the engine answers; return the number of rows or triples, None where there is none."""
    text = portable(request["query"], data)
    given = [("default-graph-uri", graph) for graph in request["default"]]
    given += [("named-graph-uri", graph) for graph in request["named"]]
    graphs = given or dataset(text, data)  # what is given replaces what the query names
    if kind == "graphs":
        triples = _triples(upstream, text, graphs, request["timeout"])
        rows: int | None = write_graph(triples, chosen, data, spool)
    else:
        with upstream.ask([("query", text), *graphs], _ROWS.accept, request["timeout"]) as answer:
            _refuse_cut(answer, text)
            with _parsing(answer):
                rows = _write_rows(answer, kind, chosen, spool)
    spool.close()
    if chosen.extension == "srx":
        refuse_unsound_xml(spool.chunks(), chosen, ROWS)
    return rows


def _triples(upstream: Upstream, text: str, graphs: Parameters, seconds: float) -> set[ox.Triple]:
    """Return the answer to a CONSTRUCT or DESCRIBE, whole.

    Virtuoso does not tell if it cut one, but it does of the rows to the same pattern.
    """
    with upstream.ask([("query", text), *graphs], _GRAPHS.accept, seconds) as answer:
        _refuse_cut(answer, text)
        file_format = _GRAPHS.of(answer)
        if file_format is not _RDF_XML and not answer.says_its_end:
            failed("sends a graph without Content-Length", "does not say where its answer ends; it may be a part.")
        with _parsing(answer):
            found = {quad.triple for quad in ox.parse(cast(IO[bytes], answer), format=file_format)}
    counted = solutions(text) if answer.is_virtuoso else ""
    if counted:
        with upstream.ask([("query", counted), *graphs], _ROWS.accept, seconds) as answer:
            _refuse_cut(answer, text)
    return found


def _refuse_cut(answer: Answer, text: str) -> None:
    """Raise 507 if the answer to ``text`` may be a part: as many rows as Virtuoso gives, and no fewer asked for."""
    most, wanted = answer.field("X-SPARQL-MaxRows"), limit(text)
    if re.fullmatch(r"[0-9]{1,9}", most) and (wanted is None or wanted > int(most)):
        raise InsufficientStorage(
            f"{IT} gives {most} rows at most, and this answer has as many: a part would look like the whole, and was "
            f"not sent. Ask for parts with ORDER BY, LIMIT {most} and OFFSET."
        )


@contextmanager
def _parsing(answer: Answer) -> Iterator[None]:
    """Raise 502 for an answer that is not what its type says, and first what went wrong while it was read."""
    try:
        yield
    except Exception as error:
        if answer.problem:
            raise answer.problem from None
        if isinstance(error, SyntaxError):
            failed(f"sends what cannot be read: {error}", f"sent an answer that is no well-formed {answer.media_type}.")
        raise


def _write_rows(answer: Answer, kind: str, chosen: Format, spool: Spool) -> int | None:
    results = ox.parse_query_results(cast(IO[bytes], answer), format=_ROWS.of(answer))
    if kind == "boolean" and isinstance(results, ox.QuerySolutions):
        results = _boolean(results)
    if isinstance(results, ox.QueryBoolean) is not (kind == "boolean"):
        failed(f"answers with {type(results).__name__}", "answered another kind of query than it was asked.")
    results.serialize(cast(IO[bytes], spool), format=RESULTS[chosen])
    return count_rows(spool, chosen) if isinstance(results, ox.QuerySolutions) else None


def _boolean(results: ox.QuerySolutions) -> ox.QueryBoolean | ox.QuerySolutions:
    """Return the yes or no that Virtuoso says in a column; other rows as they are."""
    if [variable.value for variable in results.variables] != [_ASKED]:
        return results
    values = [getattr(row[0], "value", "") for row in results]
    return cast(ox.QueryBoolean, ox.parse_query_results(_TRUE if values == ["1"] else _FALSE, format=_JSON))
