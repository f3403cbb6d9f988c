"""The text of a SPARQL query, looked at before it is evaluated: what it may not do, and which IRIs it means.

Oxigraph cannot be told not to call out, so SERVICE is found here. Its parser wants no space around a keyword
(``1SERVICE<…>{}`` and ``SERVICEex:a{}`` parse), therefore a doubtful word is refused rather than let through.
"""

import re
from dataclasses import dataclass

import pyoxigraph as ox
from werkzeug.exceptions import BadRequest, Forbidden

from .data import Data

MAX_DEPTH = 64  # brackets; some thousands end the process, not the query

# SPARQL 1.1 Query, section 19.8: IRIREF, the four strings, comment, VAR1 and VAR2, then names, keywords and numbers
# as one kind of word (with the escapes of PN_LOCAL_ESC, which can hide a quotation mark).
_TOKEN = re.compile(
    r"""(?P<iri><(?:[^<>"{}|^`\\\x00-\x20]|\\[uU][0-9A-Fa-f]+)*>)
    |(?P<string>\"{3}(?:\"{0,2}(?:[^"\\]|\\.))*\"{3}|'{3}(?:'{0,2}(?:[^'\\]|\\.))*'{3}
        |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
    |(?P<comment>\#[^\n\r]*)
    |(?P<variable>[?$]\w+)
    |(?P<word>(?:[\w:.%@-]|\\.)+)
    |(?P<open>[{(\[])
    |(?P<close>[})\]])""",
    re.VERBOSE | re.DOTALL,
)
_SERVICE_WORD = re.compile(r"[^:]*service|.*\.service", re.IGNORECASE)
_SERVICE_AFTER_LESS_THAN = re.compile(r".*\).*service", re.IGNORECASE)
_UPDATES = {"add", "clear", "copy", "create", "delete", "drop", "insert", "load", "move", "with"}
_POSITION = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)

READ_ONLY = "This endpoint is read-only: it answers queries and takes no updates."
NO_SERVICE = (
    "SERVICE is refused: this endpoint sends no requests to others. Ask the other endpoint yourself and put its "
    "answer into VALUES. (A prefix whose name contains 'service' is refused too; rename it.)"
)


class BadQuery(BadRequest):
    """A query that is not SPARQL, with the position of the error (RFC 9457, section 3.2, extension members)."""

    def __init__(self, error: SyntaxError, query: str) -> None:
        match = _POSITION.fullmatch(str(error))
        line, column, message = match.groups() if match else ("", "", str(error))
        message = " ".join(re.sub(r"\['A' [^\]]*\]", "a letter", message).split())
        where = f"Line {line}, column {column}" if match else "The query"
        super().__init__(f"{where}: {message}.")
        self.members: dict[str, object] = {"query": query}
        if match:
            self.members |= {"line": int(line), "column": int(column)}


@dataclass(frozen=True)
class Query:
    """A query text with what its tokens tell: whether it names a dataset (FROM)."""

    text: str
    names_dataset: bool


def read(text: str, data: Data) -> Query:
    """Return the query ``text`` with canonical IRIs made local; raise 403 or 400 for what is not let through."""
    tokens = list(_TOKEN.finditer(text))
    _refuse_service(tokens)
    _refuse_depth(tokens)
    words = {token["word"].lower() for token in tokens if token["word"]}
    canonical = f"<{data.origin}"
    local = _TOKEN.sub(
        lambda token: data.local(token[0]) if token[0].startswith(canonical) and token["iri"] else token[0],
        text,
    )
    return Query(local, not words.isdisjoint({"from", "fromnamed"}))


def _refuse_service(tokens: list[re.Match[str]]) -> None:
    for token in tokens:
        word, iri = token["word"] or "", token["iri"] or ""
        if _SERVICE_WORD.match(word) or _SERVICE_AFTER_LESS_THAN.match(iri):
            raise Forbidden(NO_SERVICE)


def _refuse_depth(tokens: list[re.Match[str]]) -> None:
    depth = 0
    for token in tokens:
        depth += 1 if token["open"] else -1 if token["close"] else 0
        if depth > MAX_DEPTH:
            raise BadRequest(f"The query nests brackets more than {MAX_DEPTH} deep; write it flatter.")


def is_update(text: str) -> bool:
    """Return whether the first keyword after the prologue is one of an update (SPARQL 1.1 Update, section 3)."""
    names = (token["word"].lower() for token in _TOKEN.finditer(text) if token["word"])
    first = next((name for name in names if ":" not in name and name not in {"prefix", "base"}), "")
    return first in _UPDATES


def evaluate(
    text: str, data: Data, default: list[ox.NamedNode] | None = None, named: list[ox.NamedNode] | None = None
) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    """Evaluate a query over ``data``, over the dataset given or else the one that the query names.

    The union of the named graphs is the default graph only where neither names a dataset. A dataset that is given
    replaces the one of the query whole (SPARQL 1.1 Protocol, section 2.1.4).
    """
    query = read(text, data)
    given = bool(default or named)
    try:
        return data.store.query(
            query.text,
            base_iri=data.base,
            prefixes=data.prefixes,
            use_default_graph_as_union=not (given or query.names_dataset),
            default_graph=list(default or []) if given else None,
            named_graphs=list(named or []) if given else None,
        )
    except SyntaxError as error:
        raise _refusal(text, data, error) from None
    except RuntimeError as error:  # a function that Oxigraph does not know
        raise BadRequest(f"The query cannot be evaluated: {error}.") from None


def _refusal(text: str, data: Data, error: SyntaxError) -> BadRequest | Forbidden:
    if is_update(text):
        return Forbidden(READ_ONLY)
    try:  # the position counts in the text as it was sent, before IRIs were made local
        ox.Store().query(text, base_iri=data.base, prefixes=data.prefixes)
    except SyntaxError as original:
        return BadQuery(original, text)
    return BadQuery(error, text)
