"""Who sponsored which text, in the order of time: a row for each text, a column for each country."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyoxigraph as ox

from .answers import Row, ask, grouped
from .data import Data
from .terms import View


@dataclass(frozen=True)
class Timeline:
    """The texts on one country, oldest first, and what sources say of each country's sponsorship of them."""

    title: View
    countries: dict[str, View]
    years: list[tuple[str, list[list[Row]]]]  # a year and its texts, each with a row for each country and stage

    @property
    def texts(self) -> int:
        """The number of texts."""
        return sum(len(texts) for _, texts in self.years)


def cell(rows: list[Row], country: str) -> list[Row]:
    """Return what is known of one text and country: a row for each stage of which something is said."""
    return [row for row in rows if row["country"].iri == country]


def timelines(rows: list[Row]) -> list[Timeline]:
    """Return one timeline for each country that texts are on; texts on none are together by their series."""
    subjects: dict[str, list[Row]] = {}
    for row in rows:
        subjects.setdefault(row["target"].iri or row["series"].iri, []).append(row)
    return [_timeline(subject) for subject in subjects.values()]


def _timeline(rows: list[Row]) -> Timeline:
    countries = {row["country"].iri: row["country"] for row in rows if row["country"].iri}
    years = [(year, list(grouped(of, "resolution").values())) for year, of in grouped(rows, "year").items()]
    title = rows[0]["target"] if rows[0]["target"].text else rows[0]["series"]
    return Timeline(title, dict(sorted(countries.items(), key=lambda item: item[1].text)), years)


@dataclass(frozen=True)
class Line:
    """One text in the history of a country: its stages, and who says that the country sponsored and who denies it."""

    rows: list[Row]
    claimed: list[Row]
    denied: list[Row]


def history(data: Data, country: ox.NamedNode) -> list[tuple[View, list[Line]]]:
    """Return the sponsorships of ``country`` by series, oldest first."""
    voices = grouped(ask(data, "country-voices", country=country), "sponsorship")
    known = [row for row in ask(data, "timeline", country=country) if row["sponsorship"].iri]
    series = grouped(known, "series").values()
    return [(of[0]["series"], list(_lines(grouped(of, "sponsorship"), voices))) for of in series]


def _lines(sponsorships: dict[str, list[Row]], voices: dict[str, list[Row]]) -> Iterable[Line]:
    for iri, rows in sponsorships.items():
        heard = voices.get(iri, [])
        sides = ([row for row in heard if row["side"].text == side] for side in ("for", "against"))
        yield Line(rows, *sides)
