"""The claims of one source as its page shows them: in the order of the text, those on one passage together."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyoxigraph as ox

from .answers import Row, ask, grouped
from .data import Data
from .terms import View


@dataclass(frozen=True)
class Claim:
    """A claim with what it is about, who speaks, the readings in which it holds, and the stances that follow."""

    row: Row
    about: list[View]
    speakers: list[Row]
    readings: list[Row]
    stances: list[Row]

    @property
    def anchor(self) -> str:
        """The anchor on the page of the source."""
        return f"claim-{self.row['claim'].fragment}"

    @property
    def outcomes(self) -> list[list[Row]]:
        """The stances on one country that say the same in one reading and as explicitly, together."""
        keys = ("country", "polarity", "explicitness", "reading")
        alike: dict[tuple[str, ...], list[Row]] = {}
        for row in self.stances:
            alike.setdefault(tuple(row[key].iri for key in keys), []).append(row)
        return list(alike.values())


@dataclass(frozen=True)
class Passage:
    """Claims whose passages overlap, with the first and last character of them all."""

    start: int
    end: int
    claims: list[Claim]


@dataclass(frozen=True)
class Text:
    """What a source says: its passages in order, and its claims by kind and by what they are about."""

    count: int
    passages: list[Passage]
    kinds: list[tuple[View, list[Claim]]]
    matters: list[tuple[View, list[Claim]]]


def text(data: Data, source: ox.NamedNode) -> Text:
    """Return the claims of ``source``."""
    found = _claims(data, source)
    kinds = _index((claim.row["kind"], claim) for claim in found)
    matters = _index((matter, claim) for claim in found for matter in claim.about)
    return Text(len(found), passages(found), kinds, matters)


def _claims(data: Data, source: ox.NamedNode) -> list[Claim]:
    parts = ("about", "speakers", "readings", "stances")
    about, speakers, readings, stances = (grouped(ask(data, f"source-{part}", topic=source), "claim") for part in parts)
    found = []
    for iri, rows in grouped(ask(data, "source-claims", topic=source), "claim").items():
        matters = [row["about"] for row in about.get(iri, [])]
        found.append(Claim(rows[0], matters, speakers.get(iri, []), readings.get(iri, []), stances.get(iri, [])))
    return found


def _index(pairs: Iterable[tuple[View, Claim]]) -> list[tuple[View, list[Claim]]]:
    """Return claims by a view, that with most claims first."""
    found: dict[View, list[Claim]] = {}
    for view, claim in pairs:
        if view.text:
            found.setdefault(view, []).append(claim)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0].text))


def passages(claims: list[Claim]) -> list[Passage]:
    """Return ``claims``, which are in the order of the text, by passages that do not overlap."""
    found: list[Passage] = []
    for claim in claims:
        start, end = _number(claim.row["start"]), _number(claim.row["end"])
        if found and start < found[-1].end:
            last = found.pop()
            found.append(Passage(last.start, max(last.end, end), [*last.claims, claim]))
        else:
            found.append(Passage(start, end, [claim]))
    return found


def _number(value: View) -> int:
    return int(value.text) if value.text.isdecimal() else 0
