"""What a query probably means that names what is not there: a prefix, a keyword, a term of a vocabulary."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice, takewhile

import pyoxigraph as ox

from .. import iris
from .data import Data
from .description import WHOLE, find
from .terms import curie

Tokens = Sequence[re.Match[str]]

# A query of a megabyte gets no more hints than these.
MOST = 5  # of a kind
LONGEST = 80  # characters of what may be misspelt
_LOOKED_AT = 500  # IRIs of a query

# SPARQL 1.2 Query, section 19.8 (1.1 and what 1.2 adds), without IRIs of functions.
_KEYWORDS = """
    a abs add adjust all as asc ask avg base bind bnode bound by ceil coalesce concat construct contains count
    datatype day delete desc describe distinct encode_for_uri exists false filter floor from graph group
    group_concat haslang haslangdir having hours if in insert iri isblank isiri isliteral isnumeric istriple isuri
    lang langdir langmatches lateral lcase limit load max md5 min minus minutes month named not now object offset
    optional order predicate prefix rand reduced regex replace round sameterm sample seconds select separator
    service sha1 sha256 sha384 sha512 silent str strafter strbefore strdt strends strlang strlangdir strlen
    strstarts struuid subject substr sum timezone triple true tz ucase undef union uri uuid values version where
    year
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_PREFIX = re.compile(r"([^\W\d_][\w.-]*)?:")  # SPARQL 1.1 Query, section 19.8, PNAME_NS
# Expressions, and paths of no length: a star is one unless it follows the keyword.
_WORDS = ("(", "|", "!", "describe", "from")
_SIGNS = re.compile(r"\?(?!\w)|\*(?<!^select \*)(?<!\sselect \*)")
_WORD = re.compile(f"[A-Za-z_]{{1,{LONGEST}}}")


@dataclass(frozen=True)
class Mistake:
    """A token that no SPARQL query of these prefixes can have there, what is wrong with it, and advice if any."""

    token: re.Match[str]
    problem: str
    advice: str


def mistakes(tokens: Tokens, data: Data) -> list[Mistake]:
    """Return what is certainly wrong in a query: prefixes that nobody declared, and words that are no keywords.

    Behind a quotation mark or an angle bracket that opens no string or IRI nothing is certain.
    """
    tokens = [token for token in tokens if not token["comment"]]
    read = list(takewhile(lambda token: not _is_open(token), tokens))
    found = [*islice(_undeclared(read, data), MOST), *islice(_misspelt(read), MOST)]
    return sorted(found, key=lambda mistake: mistake.token.start())


def _is_open(token: re.Match[str]) -> bool:
    after = token.string[token.end() : token.end() + 1]
    return token[0] in {"'", '"'} or (token[0] == "<" and bool(after.strip()) and after not in "=?$")


def of_terms(tokens: Tokens, data: Data) -> list[str]:
    """Return a hint for each IRI of a query that no statement mentions though its document is described here.

    For SPARQL that is no error: ``cosp:countri`` just has no answers.
    """
    tokens = [token for token in tokens if token.lastgroup != "comment"]
    known = {**(data.prefixes if data.predefined else {}), **declared(tokens)}
    names = (token[0].rstrip(".").replace("\\", "").partition(":") for token in _prefixed(tokens))
    named = [known[prefix] + local for prefix, _, local in names if prefix in known]
    named += [token[0][1:-1] for token in tokens if token.lastgroup == "iri"]
    looked_at = [iri for iri in dict.fromkeys(named[:_LOOKED_AT]) if len(iri) <= LONGEST + len(data.base)]
    hints = (_unknown(data.local(iri), data) for iri in looked_at)
    return list(islice(filter(None, hints), MOST))


def all_matched(query: str) -> bool:
    """Return whether a query that has an answer surely names nothing that is not there.

    It does not if all its terms are in one group of triple patterns, each of which has matched.
    """
    lower = query.lower()
    return lower.count("{") == 1 and not any(map(lower.__contains__, _WORDS)) and not _SIGNS.search(lower)


@lru_cache(maxsize=1024)  # the same terms are in query after query
def _unknown(iri: str, data: Data) -> str:
    document, _, fragment = iri.partition("#")
    if not fragment or _mentioned(iri, data):
        return ""
    fragments = _fragments(document, data)
    if not fragments:
        return ""
    near = _near(fragment, fragments)
    guess = f"; did you mean {curie(f'{document}#{near}', data)}?" if near else "."
    return f"Nothing here is named {curie(iri, data)}{guess}"


def _near(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the nearest of the names, nothing if none is near; of two letters anything is."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff) if len(name) > 2 else []
    return near[0] if near else ""


def _mentioned(iri: str, data: Data) -> bool:
    try:
        node = ox.NamedNode(iri)
    except ValueError:
        return True
    return data.statements.mentions(node)


def _fragments(document: str, data: Data) -> set[str]:
    """Return the names of what is described in the document of an IRI, without the document itself."""
    found = find(data, document.removeprefix(data.base)) if document.startswith(data.base) else None
    subjects: Iterable[object] = (found.described if found else data.described(document)).nodes
    if found and found.graph:
        subjects = {quad.subject for quad in data.statements.within(found.graph, WHOLE)}
    names = (getattr(subject, "value", "").partition("#") for subject in subjects)
    return {fragment for name, _, fragment in names if name == document} - {""}


def declared(tokens: Tokens) -> dict[str, str]:
    """Return the prefixes that a query declares (SPARQL 1.1 Query, section 4.1.1)."""
    triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return {name[0][:-1]: iri[0][1:-1] for word, name, iri in triples if iri.lastgroup == "iri" and _is(word, "prefix")}


def undeclared(tokens: Tokens, data: Data) -> dict[str, str]:
    """Return the prefixes of the house that a query uses and does not declare, with their namespaces."""
    tokens = [token for token in tokens if not token["comment"]]
    used = {token[0].partition(":")[0] for token in _prefixed(tokens)} - set(declared(tokens))
    return {prefix: iri for prefix, iri in data.prefixes.items() if prefix in used}


def _is(token: re.Match[str], keyword: str) -> bool:
    return token.lastgroup == "word" and token[0].lower() == keyword


def _prefixed(tokens: Tokens) -> Iterator[re.Match[str]]:
    """Yield the tokens that are prefixed names, without those that declare a prefix."""
    before = None
    for token in tokens:
        if token.lastgroup == "word" and _PREFIX.match(token[0]) and not (before and _is(before, "prefix")):
            yield token
        before = token


def _undeclared(tokens: Tokens, data: Data) -> Iterator[Mistake]:
    usable = {*(data.prefixes if data.predefined else ()), *declared(tokens)}
    known = {**in_wide_use(), **data.prefixes}
    for token in _prefixed(tokens):
        prefix = token[0].partition(":")[0]
        if prefix not in usable and len(token[0]) <= LONGEST:
            usable.add(prefix)
            yield Mistake(token, f"the prefix {prefix}: is not declared", _advice(prefix, known, data))


@cache
def in_wide_use() -> dict[str, str]:
    """Return namespaces by the prefixes by which people call them."""
    found: dict[str, str] = json.loads((iris.room("server") / "prefixes.json").read_text("utf-8"))
    return found


def _advice(prefix: str, known: dict[str, str], data: Data) -> str:
    """Return the line that declares a prefix, as it is widely used, or as the nearest is."""
    if prefix in known:
        return f"Add PREFIX {prefix}: <{known[prefix]}>"
    near = _near(prefix, known)
    if not near:
        return f"Add PREFIX {prefix}: <…> with the namespace that you mean."
    if data.predefined and near in data.prefixes:
        return f"Did you mean {near}: for {prefix}:? It needs no declaration."
    return f"Did you mean {near}: for {prefix}:? Then add PREFIX {near}: <{known[near]}>"


def _misspelt(tokens: Tokens) -> Iterator[Mistake]:
    for token in tokens:
        word = (token["word"] or "").rstrip(".")
        if _WORD.fullmatch(word) and word.lower() not in KEYWORDS:
            near = _near(word.lower(), KEYWORDS, cutoff=0.7).upper()
            yield Mistake(token, f"{word} is no keyword", f"Did you mean {near} for {word}?" if near else "")
