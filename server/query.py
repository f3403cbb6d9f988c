"""The text of a SPARQL query, looked at before it is evaluated: what it may not do, and which IRIs it means.

Oxigraph cannot be told not to call out, so SERVICE is found here. Its parser wants no space around a keyword
(``1SERVICE<…>{}`` and ``SERVICEex:a{}`` parse), therefore a doubtful word is refused rather than let through.
"""

import re
from dataclasses import dataclass

from werkzeug.exceptions import BadRequest, Forbidden

from .data import Data

MAX_DEPTH = 64  # brackets; some thousands end the process that evaluates the query

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
    |(?P<close>[})\]])
    |(?P<operator>\S)""",
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

    def __init__(self, error: SyntaxError, query: "Query", sent: str) -> None:
        match = _POSITION.fullmatch(str(error))
        message = match[3] if match else str(error)
        line, column = query.position(int(match[1]), int(match[2]), sent) if match else (0, 0)
        message = " ".join(re.sub(r"\['A' [^\]]*\]", "a letter", message).split())
        where = f"Line {line}, column {column}" if match else "The query"
        super().__init__(f"{where}: {message}.")
        self.members: dict[str, object] = {"query": sent}
        if match:
            self.members |= {"line": line, "column": column}


@dataclass(frozen=True)
class Edit:
    """A token that was rewritten: where it starts and ends in the text as sent, and where it ends in the new one."""

    start: int
    end: int
    new_end: int


@dataclass(frozen=True)
class Query:
    """A query as it is evaluated, whether it names a dataset (FROM), and what was rewritten in it, in order."""

    text: str
    names_dataset: bool
    edits: tuple[Edit, ...] = ()

    def position(self, line: int, column: int, sent: str) -> tuple[int, int]:
        """Return the line and column in the text as ``sent`` of a position in the text evaluated."""
        offset = sum(map(len, self.text.splitlines(keepends=True)[: line - 1])) + column - 1
        shift = 0
        for edit in self.edits:
            if offset < edit.new_end:
                break
            shift = edit.end - edit.new_end
        before = sent[: offset + shift]
        return before.count("\n") + 1, len(before) - before.rfind("\n")


def read(text: str, data: Data) -> Query:
    """Return the query ``text`` with canonical IRIs made local; raise 403 or 400 for what is not let through."""
    tokens = list(_TOKEN.finditer(text))
    _refuse_service(tokens, data.services)
    _refuse_depth(tokens)
    words = {token["word"].lower() for token in tokens if token["word"]}
    rewritten, edits = _rewrite(text, tokens, data)
    return Query(rewritten, not words.isdisjoint({"from", "fromnamed"}), edits)


def _rewrite(text: str, tokens: list[re.Match[str]], data: Data) -> tuple[str, tuple[Edit, ...]]:
    """Return the query with canonical IRIs made local and nothing in it that Oxigraph could read otherwise than we.

    What we take for an IRI may be 'less than' to Oxigraph, and a ``#`` or ``'`` in it the start of a comment or of a
    string that hides the rest. Escaped (SPARQL 1.1 Query, section 19.2) they mean the same in an IRI and are an
    error elsewhere. Comments become spaces.
    """
    parts: list[str] = []
    edits: list[Edit] = []
    end = length = 0
    for token in tokens:
        new = _meant(token, data)
        if new != token[0]:
            parts += [text[end : token.start()], new]
            length += token.start() - end + len(new)
            end = token.end()
            edits.append(Edit(token.start(), end, length))
    return "".join([*parts, text[end:]]), tuple(edits)


def _meant(token: re.Match[str], data: Data) -> str:
    if token["comment"]:
        return " " * len(token[0])
    if not token["iri"]:
        return token[0]
    iri = data.local(token[0]) if token[0].startswith(f"<{data.origin}") else token[0]
    return iri.replace("#", "\\u0023").replace("'", "\\u0027")


def _refuse_service(tokens: list[re.Match[str]], allowed: tuple[str, ...]) -> None:
    """Raise 403 for SERVICE, however it is written, unless it stands alone before an address that is allowed."""
    tokens = [token for token in tokens if not token["comment"]]
    for place, token in enumerate(tokens):
        word, iri = token["word"] or "", token["iri"] or ""
        if _SERVICE_WORD.match(word) or _SERVICE_AFTER_LESS_THAN.match(iri):
            named = [following[0] for following in tokens[place + 1 : place + 3] if following[0].lower() != "silent"]
            if word.lower() != "service" or not named or named[0][1:-1] not in allowed:
                raise Forbidden(NO_SERVICE)


def _refuse_depth(tokens: list[re.Match[str]]) -> None:
    depth = 0
    for token in tokens:
        depth += 1 if token["open"] else -1 if token["close"] else 0
        # What we take for an IRI may be 'less than' and an expression to Oxigraph.
        if depth + (token["iri"] or "").count("(") > MAX_DEPTH:
            raise BadRequest(f"The query nests brackets more than {MAX_DEPTH} deep; write it flatter.")


def is_update(text: str) -> bool:
    """Return whether the first keyword after the prologue is one of an update (SPARQL 1.1 Update, section 3)."""
    names = (token["word"].lower() for token in _TOKEN.finditer(text) if token["word"])
    first = next((name for name in names if ":" not in name and name not in {"prefix", "base"}), "")
    return first in _UPDATES
