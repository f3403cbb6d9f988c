"""What an evaluator does with a request: evaluate the query, choose the format by its kind, write the answer."""

import errno
import logging
from itertools import zip_longest
from typing import IO, cast

import orjson
import pyoxigraph as ox
from werkzeug.exceptions import BadGateway, BadRequest, Forbidden, HTTPException, InternalServerError

from .data import Data
from .description import serialize
from .evaluator import INLINE, Full, Message, Spool
from .hints import all_matched, of_terms
from .negotiation import GRAPHS, JSON_LD, RESULTS, ROWS, Format, refuse_unsound_xml, unsayable
from .query import READ_ONLY, BadQuery, Query, fault, is_plain, is_update, read, tokens, without_comments

Results = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples
FORMATS = {offer.extension: offer for offer in (*ROWS, *GRAPHS)}
log = logging.getLogger(__name__)


class InsufficientStorage(HTTPException):
    """There is no room to store the answer whole (RFC 4918, section 11.5)."""

    code = 507


def respond(request: Message, spool: Spool, data: Data) -> Message:
    """Write the answer to a request into ``spool``; return its kind, format, hints and rows, or the problem.

    A request has ``query``, the IRIs of the graphs ``default`` and ``named``, and the extensions of the formats
    wanted for ``rows`` and ``graphs``, either of which may be None.
    """
    try:
        query = request["query"]
        results = evaluate(query, data, _nodes(request["default"]), _nodes(request["named"]))
        kind = _kind(results)
        chosen = FORMATS.get(request["graphs" if kind == "graphs" else "rows"] or "")
        rows = None
        if chosen:
            rows = write(results, chosen, data, spool)
            spool.close()
            if chosen.extension == "srx":
                refuse_unsound_xml(spool.chunks(), chosen, ROWS)
    except HTTPException as error:
        return problem(error)
    except Exception as error:
        return problem(unforeseen(spool.problem or error, spool, bool(data.services)))
    hints = [] if rows and all_matched(without_comments(query)) else of_terms(tokens(query), data)
    return {"kind": kind, "format": chosen and chosen.extension, "hints": hints, "rows": rows}


def warm_up(data: Data) -> None:
    """Load what answering reads from files, by answering in every format."""
    mistaken = f"ASK {{ <{data.base}ontology#x> x:y"
    queries = ("SELECT (1 AS ?x) {}", "CONSTRUCT { <a:a> <a:b> 1.5 } {}", mistaken, "SELECT (<a:f>() AS ?x) {}")
    for rows, graphs in zip_longest(ROWS, GRAPHS, fillvalue=ROWS[0]):
        request = {"default": [], "named": [], "rows": rows.extension, "graphs": graphs.extension}
        for query in queries:
            respond({**request, "query": query}, Spool(-1, INLINE), data)


def _nodes(iris: list[str]) -> list[ox.NamedNode]:
    return [ox.NamedNode(iri) for iri in iris]


def _kind(results: Results) -> str:
    if isinstance(results, ox.QueryTriples):
        return "graphs"
    return "boolean" if isinstance(results, ox.QueryBoolean) else "rows"


def problem(error: HTTPException) -> Message:
    """Return the reply that says what an error does."""
    told = {name: getattr(error, name, None) for name in ("code", "description", "members", "retry_after")}
    return {"problem": told | {"members": told["members"] or {}}}


def unforeseen(error: Exception, spool: Spool, networked: bool) -> HTTPException:
    """Return what a client is told of an error: of a full spool or memory, or of none that is known."""
    if isinstance(error, Full):
        return InsufficientStorage(
            f"The answer is greater than {spool.limit >> 20} MiB and was not sent: a part would look like the whole. "
            "Ask for parts with LIMIT and OFFSET, or get all data as a dump; the page of the dataset names it."
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return InsufficientStorage(f"The answer could not be stored ({error.strerror}); ask for less, or later.")
    if isinstance(error, OSError) and networked:
        return BadGateway(f"SERVICE: another endpoint did not answer as it should: {error}.")
    if isinstance(error, MemoryError):
        return InternalServerError("The query ran out of the memory that it may use; ask in parts.")
    log.error("a query could not be answered", exc_info=error)
    return InternalServerError("The query could not be answered for a reason that was not foreseen.")


def evaluate(
    text: str,
    data: Data,
    default: list[ox.NamedNode] | None = None,
    named: list[ox.NamedNode] | None = None,
    *,
    unread: bool = True,
) -> Results:
    """Evaluate a query over ``data``, over the dataset given or else the one that the query names.

    The union of the named graphs is the default graph only where neither names a dataset. A dataset that is given
    replaces the one of the query whole (SPARQL 1.1 Protocol, section 2.1.4). A query is ``unread`` where it may be.
    """
    bare = without_comments(text)
    unread = unread and is_plain(bare, data)
    query = Query(bare, names_dataset=False) if unread else read(text, data)
    try:
        return _ask(query, data, default or [], named or [])
    except SyntaxError as error:
        if unread:  # what is wrong is found in what was read
            return evaluate(text, data, default, named, unread=False)
        if is_update(text):
            raise Forbidden(READ_ONLY) from None
        raise BadQuery(fault(error, query.text, data), query, text, data) from None
    except RuntimeError as error:  # a function that Oxigraph does not know
        raise BadRequest(f"The query cannot be evaluated: {error}.") from None


def _ask(query: Query, data: Data, default: list[ox.NamedNode], named: list[ox.NamedNode]) -> Results:
    given = bool(default or named)
    # Of the prefixes only those that can be in the query: Oxigraph reads what it is given each time.
    prefixes = {name: iri for start, name, iri in data.predefines if start in query.text}
    return data.store.query(
        query.text,
        base_iri=data.base,
        prefixes=prefixes or None,
        use_default_graph_as_union=not (given or query.names_dataset),
        default_graph=[*default] if given else None,
        named_graphs=[*named] if given else None,
    )


def write(results: Results, chosen: Format, data: Data, spool: Spool) -> int | None:
    """Write results into ``spool`` in a format of their kind; raise 400 or 406 where it cannot say them.

    Returns the number of rows or triples; None where they have none, or are too many to be counted in passing.
    """
    try:
        if isinstance(results, ox.QueryTriples):
            return write_graph(set(results), chosen, data, spool)
        results.serialize(cast("IO[bytes]", spool), format=RESULTS[chosen])
        return count_rows(spool, chosen) if isinstance(results, ox.QuerySolutions) else None
    except (RuntimeError, ValueError) as error:
        if spool.problem:
            raise
        raise BadRequest(f"The query cannot be answered as {chosen.name}: {error}.") from None


def count_rows(spool: Spool, chosen: Format) -> int | None:
    """Return the rows of an answer that is still in memory."""
    if len(spool.head) < spool.size:
        return None
    if chosen.extension == "srj":
        return len(orjson.loads(spool.head)["results"]["bindings"])
    if chosen.extension == "srx":
        return spool.head.count(b"<result>")  # which in a text would be &lt;result&gt;
    return sum(part.count(b"\n") for part in spool.head.split(b'"')[::2]) - 1  # ends of lines outside of quotes


def write_graph(triples: set[ox.Triple], chosen: Format, data: Data, spool: Spool) -> int:
    """Write triples into ``spool``, sorted; return how many. Raise 406 where the format cannot say them."""
    try:
        spool.write(serialize(data, sorted(triples, key=str), chosen))
        return len(triples)
    except OSError as error:
        if spool.problem or chosen is not JSON_LD:
            raise
        raise unsayable(chosen, GRAPHS, str(error)) from None  # triple terms, as JSON-LD
