"""The text of a SPARQL query, looked at before it is evaluated: what it may not do, and which IRIs it means.

Oxigraph cannot be told not to call out, so SERVICE is found here. Its parser wants no space around a keyword
(``1SERVICE<…>{}`` and ``SERVICEex:a{}`` parse), therefore a doubtful word is refused rather than let through.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyoxigraph as ox
from werkzeug.exceptions import BadRequest, Forbidden

from .data import Data
from .hints import LONGEST, mistakes, of_terms

MAX_DEPTH = 64  # brackets; some thousands end the process that evaluates the query

# SPARQL 1.1 Query, section 19.8: IRIREF, the four strings, comment, VAR1 and VAR2, then names, keywords and numbers
# as one kind of word (with the escapes of PN_LOCAL_ESC, which can hide a quotation mark).
TOKEN = re.compile(
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
_COMMENT_LINE = re.compile(r"\n[ \t]*#[^\n\r]*")
_SERVICE_WORD = re.compile(r"[^:]*service|.*\.service", re.IGNORECASE)
_SERVICE_AFTER_LESS_THAN = re.compile(r".*\).*service", re.IGNORECASE)
_REWRITTEN = {"iri", "comment"}
_UPDATES = {"add", "clear", "copy", "create", "delete", "drop", "insert", "load", "move", "with"}
_POSITION = re.compile(r"error at (\d+):(\d+): expected (?:one of )?(.*)", re.DOTALL)
# A sentence of the parser among the signs, keywords and classes of characters that it expected.
_SENTENCE = re.compile(r"[A-Za-z][^,\"\[\]]* [a-z]{2,}[^,\"\[\]]*")
# Sentences that it has of what may be something else: '<<' starts no IRI.
_MISTAKEN = {"IRI parsing failed", "Prefix not found"}
_LOOKAHEAD = 32  # characters; no keyword is longer

READ_ONLY = "This endpoint is read-only: it answers queries and takes no updates."
NO_SERVICE = (
    "SERVICE is refused: this endpoint sends no requests to {others}. Ask the other endpoint yourself and put its "
    "answer into VALUES. (A prefix whose name contains 'service' is refused too; rename it.)"
)


@dataclass(frozen=True)
class Fault:
    """What the parser says of a query that is not SPARQL: where in the text that it read, and what is wrong there."""

    offset: int
    problem: str


class BadQuery(BadRequest):
    """A query that is not SPARQL, with the position of the error (RFC 9457, section 3.2, extension members)."""

    def __init__(self, fault: Fault, query: "Query", sent: str, data: Data) -> None:
        found = tokens(sent)
        wrong = mistakes(found, data)
        offset, problem = query.sent(fault.offset), fault.problem
        if wrong and wrong[0].token.start() <= offset:
            offset, problem = wrong[0].token.start(), wrong[0].problem
        line, column = position(sent, offset)
        super().__init__(f"Line {line}, column {column}: {problem}.")
        token = next((token[0] for token in found if token.end() > offset and not token["comment"]), "")
        self.members: dict[str, object] = {
            "type": f"{data.base}errors#query-syntax",
            "query": sent,
            "line": line,
            "column": column,
            "token": token[:LONGEST],
        }
        hints = " ".join(dict.fromkeys([*(each.advice for each in wrong if each.advice), *of_terms(found, data)]))
        if hints:
            self.members["hint"] = hints


def fault(error: SyntaxError, text: str, data: Data) -> Fault:
    """Return what is wrong in ``text``, of which the parser says ``error``. It is parsed again, in parts.

    Where the parser looked for a keyword, it names the place behind as many characters as the keyword has. So what
    it names is right only where it has a sentence to say, and else lies behind the mistake.
    """
    match = _POSITION.fullmatch(str(error))
    offset = _offset(text, int(match[1]), int(match[2])) if match else len(text)
    sentence = _SENTENCE.search(match[3] if match else str(error))
    if sentence and sentence[0] not in _MISTAKEN:
        return Fault(offset, sentence[0].rstrip("."))
    found = tokens(text)
    first = sum(token.end() < offset - _LOOKAHEAD for token in found)
    wrong = found[_readable(text, found, first, data) :]
    if not wrong:
        return Fault(len(text), "the query ends too early")
    return Fault(wrong[0].start(), f"{wrong[0][0][:LONGEST]!r} cannot stand here")


def _readable(text: str, found: Sequence[re.Match[str]], first: int, data: Data) -> int:
    """Return how many tokens of ``text``, the ``first`` at least, the parser can read as the start of a query.

    Behind spaces longer than any keyword there is put what no query contains. If the parser comes so far, it can read
    all before. The store is empty, and nothing is evaluated.
    """
    store, prefixes = ox.Store(), data.prefixes if data.predefined else None

    def unreadable(count: int) -> bool:
        start = text[: found[count - 1].end()] + " " * _LOOKAHEAD
        try:
            store.query(start + "\x01", base_iri=data.base, prefixes=prefixes)
        except SyntaxError as error:
            match = _POSITION.fullmatch(str(error))
            return match is not None and _offset(start, int(match[1]), int(match[2])) < len(start)
        return False

    last = min(len(found), first + 2 * _LOOKAHEAD)
    return first + bisect_left(range(first + 1, last + 1), True, key=unreadable)


def _offset(text: str, line: int, column: int) -> int:
    """Return the offset in ``text`` of a position; a line ends with a line feed."""
    return sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1


def position(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column, from 1, of an offset in ``text``; a line ends with a line feed."""
    before = text[:offset]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


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

    def sent(self, offset: int) -> int:
        """Return the offset in the text as it was sent of an offset in the text evaluated."""
        shift = 0
        for edit in self.edits:
            if offset < edit.new_end:
                break
            shift = edit.end - edit.new_end
        return offset + shift


@lru_cache(maxsize=1)  # hints are looked for in the query that was just read
def tokens(text: str) -> tuple[re.Match[str], ...]:
    """Return the tokens of a query; the groups of each say its kind."""
    return tuple(TOKEN.finditer(text))


def is_plain(text: str, data: Data) -> bool:
    """Return whether a query can be evaluated unread, as ``read`` would find nothing in it that matters.

    That takes no tokens, which take longer than the evaluation of a small query.
    """
    moved, lower = data.base != data.origin and data.origin in text, text.lower()
    deep = text.count("{") + text.count("(") + text.count("[") > MAX_DEPTH
    return not (moved or "service" in lower or "from" in lower or deep)


def without_comments(text: str) -> str:
    """Return a query with spaces for the lines that are comments, if that is sure of what was not read.

    It is not where a string of several lines can be.
    """
    if "#" not in text or '"""' in text or "'''" in text:
        return text
    return _COMMENT_LINE.sub(lambda found: "\n" + " " * (len(found[0]) - 1), f"\n{text}")[1:]


def read(text: str, data: Data) -> Query:
    """Return the query ``text`` with canonical IRIs made local; raise 403 or 400 for what is not let through."""
    found = tokens(text)
    _refuse_service(found, data.services)
    _refuse_depth(found)
    words = {token[0].lower() for token in found if token.lastgroup == "word"}
    rewritten, edits = _rewrite(text, found, data)
    return Query(rewritten, not words.isdisjoint({"from", "fromnamed"}), edits)


def _rewrite(text: str, tokens: Sequence[re.Match[str]], data: Data) -> tuple[str, tuple[Edit, ...]]:
    """Return the query with canonical IRIs made local and nothing in it that Oxigraph could read otherwise than we.

    What we take for an IRI may be 'less than' to Oxigraph, and a ``#`` or ``'`` in it the start of a comment or of a
    string that hides the rest. Escaped (SPARQL 1.1 Query, section 19.2) they mean the same in an IRI and are an
    error elsewhere. Comments become spaces.
    """
    parts: list[str] = []
    edits: list[Edit] = []
    end = length = 0
    for token in tokens:
        if token.lastgroup in _REWRITTEN and (new := _meant(token, data)) != token[0]:
            parts += [text[end : token.start()], new]
            length += token.start() - end + len(new)
            end = token.end()
            edits.append(Edit(token.start(), end, length))
    return "".join([*parts, text[end:]]), tuple(edits)


def _meant(token: re.Match[str], data: Data) -> str:
    if token.lastgroup == "comment":
        return " " * len(token[0])
    iri = data.local(token[0]) if token[0].startswith(f"<{data.origin}") else token[0]
    return iri.replace("#", "\\u0023").replace("'", "\\u0027")


def _refuse_service(tokens: Sequence[re.Match[str]], allowed: tuple[str, ...]) -> None:
    """Raise 403 for SERVICE, however it is written, unless it stands alone before an address that is allowed."""
    tokens = [token for token in tokens if not token["comment"]]
    for place, token in enumerate(tokens):
        word, iri = token["word"] or "", token["iri"] or ""
        if _SERVICE_WORD.match(word) or _SERVICE_AFTER_LESS_THAN.match(iri):
            named = [following[0] for following in tokens[place + 1 : place + 3] if following[0].lower() != "silent"]
            if word.lower() != "service" or not named or named[0][1:-1] not in allowed:
                raise Forbidden(NO_SERVICE.format(others=_others(allowed)))


def _others(allowed: tuple[str, ...]) -> str:
    return f"others than {', '.join(f'<{iri}>' for iri in allowed)}, written in full" if allowed else "others"


def _refuse_depth(tokens: Sequence[re.Match[str]]) -> None:
    depth = 0
    for token in tokens:
        depth += 1 if token["open"] else -1 if token["close"] else 0
        # What we take for an IRI may be 'less than' and an expression to Oxigraph.
        if depth + (token["iri"] or "").count("(") > MAX_DEPTH:
            raise BadRequest(f"The query nests brackets more than {MAX_DEPTH} deep; write it flatter.")


def is_update(text: str) -> bool:
    """Return whether the first keyword after the prologue is one of an update (SPARQL 1.1 Update, section 3)."""
    names = (token["word"].lower() for token in TOKEN.finditer(text) if token["word"])
    first = next((name for name in names if ":" not in name and name not in {"prefix", "base"}), "")
    return first in _UPDATES
