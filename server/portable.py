"""A query as every engine reads it, for the engine behind an endpoint.

What is refused was found by our reading of the text. Engines differ in theirs: some decode escapes before they look
for tokens, Virtuoso 7 knows none in IRIs, Oxigraph may take an IRI for 'less than' and what follows for a comment. So
a text is sent in which nothing is left to differ on, with the prefixes that only we know.
"""

import re

from werkzeug.exceptions import BadRequest, Forbidden

from .data import Data
from .hints import Tokens, declared, undeclared
from .query import READ_ONLY, tokens

FORMS = {"select": "rows", "ask": "boolean", "construct": "graphs", "describe": "graphs"}  # and what each answers

_CODE_POINT = r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))"  # SPARQL 1.1 Query, section 19.2
_IN_IRI = re.compile(_CODE_POINT)
_IN_STRING = re.compile(rf"{_CODE_POINT}|\\.", re.DOTALL)
_ESCAPES = {'"': r"\"", "'": r"\'", "\\": r"\\", "\n": r"\n", "\r": r"\r"}  # section 19.7
_NO_IRI = re.compile(r"[<>\"{}|^`\\\x00-\x20]")  # section 19.8, IRIREF
_SERVICE = re.compile("s(?=ervice)", re.IGNORECASE)
_RELATIVE = re.compile(r"<(?![A-Za-z][A-Za-z0-9+.-]*:)")
# What begins an update, or in Virtuoso makes FROM fetch; a number may stand before it without a space.
_UPDATE = re.compile(r"[\d.e+-]*(add|clear|copy|create|delete|drop|insert|load|move|option|with)", re.IGNORECASE)
_ROW = "SELECT (1 AS ?cosponsor_row) "


def portable(text: str, data: Data) -> str:
    """Return a query that was let through (``query.read``) as it is sent; raise 400 for escapes that hide something.

    Prefixes that need no declaration get one, and relative IRIs the base, before the first word and in its line.
    """
    found = tokens(text)
    _refuse_more(found)
    parts, end = [_prologue(found, data)], 0
    for token in found:
        parts += [text[end : token.start()], _written(token)]
        end = token.end()
    return "".join([*parts, text[end:]])


def _refuse_more(found: Tokens) -> None:
    """Raise 403 for what stands outside of all brackets and is no part of a query: an engine may take it for more."""
    depth = 0
    for token in found:
        depth += 1 if token["open"] else -1 if token["close"] else 0
        if depth < 0 or (depth == 0 and (token[0] == ";" or _UPDATE.fullmatch(token["word"] or ""))):
            raise Forbidden(f"{READ_ONLY} Found {token[0]!r} outside of the query's brackets.")


def _prologue(found: Tokens, data: Data) -> str:
    prefixes = undeclared(found, data) if data.predefined else {}
    declared = [f"PREFIX {prefix}: <{iri}> " for prefix, iri in prefixes.items()]
    relative = any(_RELATIVE.match(token["iri"] or "") for token in found)
    return "".join([f"BASE <{data.base}> " if relative else "", *declared])


def _written(token: re.Match[str]) -> str:
    if token["comment"]:
        return " "
    if token["iri"]:
        return _iri(token[0])
    if token["string"]:
        return _SERVICE.sub(lambda found: f"\\u{ord(found[0]):04x}", _IN_STRING.sub(_escaped, token[0]))
    if re.search(r"\\[uU]", token["word"] or ""):
        raise BadRequest(f"{token[0]!r}: write the characters themselves; escapes stand in strings and IRIs only.")
    return token[0]


def _iri(token: str) -> str:
    written = _IN_IRI.sub(_character, token)
    if _NO_IRI.search(written[1:-1]):
        raise BadRequest(f"{token} escapes a character that no IRI has; percent-encode it.")
    return written


def _escaped(escape: re.Match[str]) -> str:
    """Return an escape in a string as no engine can take it for the end of the string."""
    return _ESCAPES.get(_character(escape), escape[0]) if escape[1] or escape[2] else escape[0]


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1] or escape[2], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise BadRequest(f"{escape[0]} is no character.")
    return chr(code)


def dataset(text: str, data: Data) -> list[tuple[str, str]]:
    """Return the dataset that a query names (section 13.2) as parameters of the request, which say the same.

    Oxigraph's server heeds FROM only so where its default graph is the union of all. Returns nothing if an IRI is not
    absolute: the engine then reads the query alone.
    """
    found = [token for token in tokens(text) if not token["comment"]]
    known = {**(data.prefixes if data.predefined else {}), **declared(found)}
    graphs = []
    for word, following, third in zip(found, found[1:], found[2:], strict=False):
        if (word["word"] or "").lower() == "from":
            named = (following["word"] or "").lower() == "named"
            iri = _absolute(third if named else following, known)
            graphs.append(("named-graph-uri" if named else "default-graph-uri", iri))
    return graphs if all(iri for _, iri in graphs) else []


def _absolute(token: re.Match[str], known: dict[str, str]) -> str:
    if token["iri"]:
        return "" if _RELATIVE.match(token[0]) else _iri(token[0])[1:-1]
    prefix, _, local = token[0].replace("\\", "").partition(":")
    return known[prefix] + local if prefix in known and not _RELATIVE.match(f"<{known[prefix]}") else ""


def form(text: str) -> str:
    """Return the form of a query in lower case (SPARQL 1.1 Query, section 16); nothing if it has none of the four."""
    found = _form(tokens(text))
    return found[0].lower() if found and found[0].lower() in FORMS else ""


def _form(found: Tokens) -> re.Match[str] | None:
    """Return the first keyword after the prologue."""
    words = (token for token in found if token["word"] and ":" not in token[0])
    return next((token for token in words if token[0].lower() not in {"prefix", "base"}), None)


def limit(text: str) -> int | None:
    """Return how many solutions a query asks for at most (section 15.5), None if it does not say."""
    depth, before, found = 0, "", None
    for token in tokens(text):
        depth += 1 if token["open"] else -1 if token["close"] else 0
        if depth == 0 and before == "limit" and token[0].isdecimal():
            found = int(token[0])
        before = token[0].lower()
    return found


def solutions(text: str) -> str:
    """Return a SELECT with a row for each solution of a CONSTRUCT or DESCRIBE without comments; nothing if it has none.

    That is the query with these words instead of its template (section 16.2) or of what it describes (section 16.4).
    """
    found = tokens(text)
    start = _form(found)
    rest = found[found.index(start) + 1 :] if start else ()
    kept = _after_template(rest) if start and start[0].lower() == "construct" else _pattern(rest)
    return text[: start.start()] + _ROW + text[kept.start() :] if start and kept else ""


def _after_template(rest: Tokens) -> re.Match[str] | None:
    depth = 0
    for place, token in enumerate(rest):
        depth += 1 if token["open"] else -1 if token["close"] else 0
        if depth == 0:
            return rest[place + 1] if token["close"] and place + 1 < len(rest) else token
    return None


def _pattern(rest: Tokens) -> re.Match[str] | None:
    return next((token for token in rest if token["open"] or token[0].lower() in {"from", "where"}), None)
