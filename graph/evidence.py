"""Evidence: passages of a text by offset and hash, and their verification against the text.

Offsets count Unicode code points from the start of the file, end exclusive (Web Annotation Data Model, section
4.2.4, Text Position Selector). The hash is made after white space is collapsed, so that a passage can be found
in another copy of the text by sliding over its words.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .findings import Finding, InputError

Table = dict[str, Any]

TEXT_FRAGMENT = "https://wicg.github.io/scroll-to-text-fragment/"
LONGEST_QUOTE = 4  # words of each end of a passage that may be printed
SHARED_WORDS = 7  # a gist that shares so many words in a row with its article is refused
_KEYS = {"start", "end", "sha256", "first", "last"}


def collapse(passage: str) -> str:
    """Return ``passage`` with every run of white space made one space and the ends trimmed."""
    return " ".join(passage.split())


def digest(passage: str) -> str:
    """Return the SHA-256 of the collapsed passage in UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(collapse(passage).encode()).hexdigest()


def selectors(evidence: Table, iri: str, where: str) -> Table:
    """Return the ``evidence`` table of a claim as an oa:SpecificResource with its two selectors.

    Takes start, end, sha256, first and, where the passage is longer than these, last. Raises InputError if a
    key is missing or unknown, or if more words are printed than may be.
    """
    ends = _printed(evidence, where)
    label = evidence["label"]
    position = {
        "id": f"{iri}-position",
        "type": "TextPositionSelector",
        "label": f"{label}, position",
        "passageStart": evidence["start"],
        "passageEnd": evidence["end"],
    }
    fragment = {
        "id": f"{iri}-fragment",
        "type": "FragmentSelector",
        "label": f"{label}, fragment",
        "fragment": ":~:text=" + ",".join(quote(words, safe="").replace("-", "%2D") for words in ends),
        "conformsTo": TEXT_FRAGMENT,
    }
    source = iri.split("#")[0].rsplit("/", 1)[0].replace("/claim/", "/source/")
    selected = {"passageOf": source, "passageDigest": evidence["sha256"], "selector": [position, fragment]}
    return {"label": label} | selected


def _printed(evidence: Table, where: str) -> list[str]:
    """Return the printed ends of a passage; raise InputError if the table is not one of evidence."""
    keys = set(evidence) - {"label"}
    if wrong := sorted(_KEYS - {"last"} - keys) or sorted(keys - _KEYS):
        expected = f"expected {sorted(_KEYS)} (last may be left out)"
        raise InputError.at(where, f"evidence has the keys {sorted(keys)}, {expected}; see to {', '.join(wrong)}.")
    ends = [evidence[key] for key in ("first", "last") if key in evidence]
    if not all(isinstance(words, str) and words.strip() for words in ends):
        raise InputError.at(where, f"first and last take words in quotation marks, found {ends}; copy the ends.")
    if any(len(words.split()) > LONGEST_QUOTE for words in ends):
        raise InputError.at(where, f"first and last print {LONGEST_QUOTE} words of the passage at most; shorten them.")
    return ends


@dataclass(frozen=True)
class Passage:
    """A passage as an article file records it, with the claim that it supports."""

    where: str
    gist: str
    start: int
    end: int
    sha256: str
    first: str
    last: str
    term: str


def passages(document: Table, name: str) -> Iterator[Passage]:
    """Yield the passages of all claims of an article file."""
    for claim in document.get("claim", []):
        evidence = claim.get("evidence", {})
        first = str(evidence.get("first", ""))
        yield Passage(
            f"{name}, claim {claim.get('id')}",
            str(claim.get("gist", "")),
            int(evidence.get("start", 0)),
            int(evidence.get("end", 0)),
            str(evidence.get("sha256", "")),
            first,
            str(evidence.get("last", first)),
            str(claim.get("term", "")),
        )


def verify_article(document: Table, name: str, texts: Path) -> list[Finding]:
    """Return what is wrong with the evidence of one article, given a folder with texts.

    The text of an article is the file whose name starts with the article's identifier or slug.
    """
    source = document["source"]
    stems = (str(source.get("identifier")), str(source["id"]))
    files = [file for file in sorted(texts.glob("*.txt")) if re.split("[_.]", file.name)[0] in stems]
    if len(files) != 1:
        expected = " or ".join(f"{stem}….txt" for stem in stems)
        found = "none" if not files else ", ".join(file.name for file in files)
        message = f"expected one text named {expected} in the folder, found {found}; the evidence was not verified."
        return [Finding(name, message)]
    try:
        text = files[0].read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return [Finding(files[0].name, f"byte {error.start} is not UTF-8; save the text in UTF-8.")]
    findings = [finding for passage in passages(document, name) for finding in verify(passage, text)]
    return _verify_whole(source, text, name) + findings


def _verify_whole(source: Table, text: str, name: str) -> list[Finding]:
    found = hashlib.sha256(text.encode()).hexdigest()
    if (source.get("textDigest"), source.get("textLength")) == (found, len(text)):
        return []
    message = (
        f"the text is another copy: it has {len(text)} code points and SHA-256 {found}, recorded are "
        f"{source.get('textLength')} and {source.get('textDigest')}; record this copy or verify against that one."
    )
    return [Finding(f"{name}, source", message)]


def verify(passage: Passage, text: str) -> list[Finding]:
    """Return what is wrong with one passage against ``text``: offsets, hash, printed words and gist."""
    messages = [*_off(passage, text), *_words_off(passage, text)]
    if shared := shared_words(passage.gist, text):
        messages.append(
            f"the gist shares {len(shared.split())} words in a row with its article ({shared!r}); "
            "say it in other words."
        )
    return [Finding(passage.where, message) for message in messages]


def _off(passage: Passage, text: str) -> Iterator[str]:
    start, end = passage.start, passage.end
    here = text[start:end] if 0 <= start < end <= len(text) else ""
    if here and digest(here) == passage.sha256 and here == here.strip():
        return
    if not 0 <= start < end:
        yield f"the passage starts at {start} and ends at {end}; expected a start before the end."
    elif end > len(text):
        yield f"the passage ends at {end}, the text at {len(text)}; correct the offsets."
    found = find(passage, text)
    if found:
        first, last = found[0] - start, found[1] - end
        shift = f"{first:+d}" if first == last else f"{first:+d} at its start and {last:+d} at its end"
        yield (
            f"the passage is off by {shift}: recorded at {start}–{end}, found at {found[0]}–{found[1]}; "
            "correct start and end."
        )
        return
    guess = between(passage, text)
    at = f" The words printed stand at {guess[0]}–{guess[1]}, SHA-256 {digest(text[slice(*guess)])}." if guess else ""
    yield (
        f"the passage at {start}–{end} has SHA-256 {digest(here)}, recorded is {passage.sha256}, and it was "
        f"not found elsewhere in the text; record the passage again.{at}"
    )


def find(passage: Passage, text: str) -> tuple[int, int] | None:
    """Return where a passage stands in ``text``, or None: between its printed words, else sliding over all words."""
    longest = 2 * (passage.end - passage.start) + 50
    words = [match.span() for pattern in (r"\S+", r"\w+") for match in re.finditer(pattern, text)]
    anywhere = sorted({start for start, _ in words}), sorted({end for _, end in words}), longest
    tries = [(*_ends(passage, text), len(text)), anywhere]
    for starts, ends, limit in tries:
        for start in starts:
            for end in ends:
                if 0 < end - start <= limit and digest(text[start:end]) == passage.sha256:
                    return start, end
    return None


def between(passage: Passage, text: str) -> tuple[int, int] | None:
    """Return the shortest stretch of ``text`` from a passage's first printed words to its last, or None."""
    starts, ends = _ends(passage, text)
    stretches = [(start, end) for start in starts for end in ends if start < end]
    return min(stretches, key=lambda stretch: stretch[1] - stretch[0], default=None)


def _ends(passage: Passage, text: str) -> tuple[list[int], list[int]]:
    """Return where the first printed words of a passage start in ``text``, and where the last end."""
    first, last = (_occurrences(words, text) for words in (passage.first, passage.last))
    return [start for start, _ in first], [end for _, end in last]


def _occurrences(words: str, text: str) -> list[tuple[int, int]]:
    pattern = r"\s+".join(map(re.escape, words.split()))
    return [match.span() for match in re.finditer(pattern, text)] if pattern else []


def _words_off(passage: Passage, text: str) -> Iterator[str]:
    """Yield what is wrong with the printed words of a passage that is where it should be."""
    here = collapse(text[max(passage.start, 0) : max(passage.end, 0)])
    if not here or digest(here) != passage.sha256:
        return
    if not here.startswith(collapse(passage.first)) or not here.endswith(collapse(passage.last)):
        yield f"first and last ({passage.first!r}, {passage.last!r}) are not the ends of the passage; copy its ends."
    if passage.term and collapse(passage.term) not in here:
        yield f"the term {passage.term!r} is not printed in the passage; print its operative words."


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.replace("’", "'").replace("'", "").casefold())


def shared_words(gist: str, text: str) -> str:
    """Return the first run of SHARED_WORDS words of ``gist`` that also stands in ``text``, or nothing."""
    ours, theirs = _words(gist), " ".join(["", *_words(text), ""])
    for start in range(len(ours) - SHARED_WORDS + 1):
        run = " ".join(ours[start : start + SHARED_WORDS])
        if f" {run} " in theirs:
            return run
    return ""
