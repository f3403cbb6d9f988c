"""Adding an article, as README tells: two invented articles on another country and another series.

The same articles are added twice, once on Ruritania and once, with other names, on South Korea: what follows must be
the same but for the names, because no rule knows a country, a series or a source.
"""

import datetime
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from cosponsor.evidence import digest
from cosponsor.iris import BASE, ONTOLOGY, PREFIXES
from cosponsor.records import verify_folder

from .house import House

GAZETTE, OBSERVER = "strelsau-gazette-2021-06-20", "strelsau-observer-2022-11-20"
TEXTS = {
    GAZETTE: """Ruritania stays off the list again

The Synod adopted its text on Syldavia without a vote on Thursday. For the third year in a row Ruritania did not put \
down its name, the ministry said, loyal to Queen Flavia. Forty-three states stood behind it in the end. Ruritania \
joined the consensus all the same.

It had sponsored the Synod’s texts from 2009 through 2018. It was missing for the first time since 2008. Since 2019 it \
has kept away.

The court may be sparing its neighbours. Last winter every coastal state but Ruritania signed in the Diet.

The Diet votes in November, and Ruritania is expected to stay away. Had the old king lived, the name would stand \
there. As a rule Ruritania sponsors such texts.

In May, twenty-one guilds wrote to the palace.
""",
    OBSERVER: """A long absence

From 2008 to 2018 Ruritania sponsored the Synod’s texts on Syldavia. In 2010 it was not on the list. In 2021, under \
King Rudolf, it withdrew. Principle moved the king. Forty-one states had signed the draft, more than forty the final \
text, which the Synod approved by consensus. That was on 18 June.

It stayed off from 2019 to 2022. In the Diet it was on the list of 2021, and has been missing since 2022. Twenty \
guilds had written to the palace.
""",
}
# Names on Ruritania and those that stand for them when the same articles are about South Korea. Administrations of
# Ruritania begin on the same days as those of South Korea.
TWIN = {
    "RUR-michael": "KOR-lee-myung-bak",
    "RUR-rudolf": "KOR-park-geun-hye",
    "RUR-sapt": "KOR-hwang-kyo-ahn",
    "RUR-flavia": "KOR-moon-jae-in",
    "RUR-helga": "KOR-yoon-suk-yeol",
    "RUR": "KOR",
    "SYL": "BOR",
    "syldavia": "borduria",
    "strelsau": "szohod",
    "997": "996",
}
CITED = {"cites": ["almanac"], "confidence": "single"}
Keys = dict[str, Any]


def twin(text: str) -> str:
    """Return ``text`` with the names that stand for those of Ruritania when South Korea is meant."""
    return re.sub("|".join(TWIN), lambda match: TWIN[match[0]], text)


def toml(value: object) -> str:
    """Return a value in TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value, ensure_ascii=False)


def record(table: str, **keys: object) -> str:
    """Return a record of a data file."""
    return "\n".join([f"[[{table}]]", *(f"{key} = {toml(value)}" for key, value in keys.items()), "", ""])


def states() -> Iterator[str]:
    """Yield what is described once: Ruritania and its administrations, bodies, sessions, people, the document cited."""
    yield record("citation", id="almanac", label="Almanac", bibliographicCitation="Almanac of invented states, 2030.")
    yield record("country", id="RUR", label="Ruritania", iso3="RUR", m49="998", **CITED)
    for name in ("Michael", "Rudolf", "Sapt", "Flavia", "Helga", "Hentzau"):
        yield record("person", id=name.lower(), label=name)
    starts = {"michael": 2008, "rudolf": 2013, "flavia": 2017, "helga": 2022}
    days = [datetime.date(2008, 2, 25), datetime.date(2013, 2, 25), datetime.date(2017, 5, 10)]
    days += [datetime.date(2022, 5, 10), datetime.date(2031, 1, 1)]
    for number, (head, year) in enumerate(starts.items()):
        term: Keys = {"start": days[number]} | ({"end": days[number + 1]} if head != "helga" else {})
        yield record("administration", id=f"RUR-{head}", country="RUR", headedBy=head, **term, **CITED)
        term |= {"end": datetime.date(2016, 12, 9)} if head == "rudolf" else {}
        yield tenure(head, year, "elected", term)
    yield tenure("sapt", 2016, "acting", {"start": datetime.date(2016, 12, 9), "end": days[2]}, "rudolf")
    for body in ("SYNOD", "DIET"):
        yield record("body", id=body, label=body.capitalize())
        for number in range(1, 17):
            name = f"{body.lower()}-{number}"
            yield record("session", id=name, label=f"{body}, {number}", body=body, number=number, **CITED)


def tenure(head: str, year: int, capacity: str, term: Keys, of: str = "") -> str:
    keys: Keys = {"administration": f"RUR-{of or head}", "holder": head, "tenureCapacity": capacity}
    return record("headTenure", id=f"RUR-{head}-{year}", **keys, **term, **CITED)


def series() -> Iterator[str]:
    """Yield what the articles take for granted of Syldavia: two series with a text a year, an event, a document."""
    yield record("country", id="SYL", label="Syldavia", iso3="SYL", m49="997", **CITED)
    yield record("organisation", id="strelsau-press", label="Press")
    yield record("organisation", id="strelsau-ministry", label="Ministry")
    yield record("event", id="letter-syldavia", label="Letter of the guilds")
    days = {"SYNOD": [("final", 6, 17)], "DIET": [("committee", 11, 10), ("final", 12, 10)]}
    for body, steps in days.items():
        of = f"syldavia-{body.lower()}"
        yield record("series", id=of, label=f"Texts of the {body}", body=body, targetCountry="SYL", **CITED)
        for number in range(1, 17):
            text = {"id": f"{of}-{number}", "label": f"{body} {2007 + number}", "year": 2007 + number}
            yield record("resolution", **text, series=of, session=f"{body.lower()}-{number}", **CITED)
            for step, month, day in steps:
                act = {"id": f"{of}-{number}-{step}", "resolution": f"{of}-{number}", "decisionStep": step}
                decided: Keys = {"decidedOn": datetime.date(2007 + number, month, day)}
                yield record("decision", **act, **decided, decisionMethod="without-a-vote", **CITED)
    listed: Keys = SPONSOR | {"id": "syldavia-synod-3-list", "gist": "Ruritania stands among the sponsors of 2010."}
    yield record("statement", **listed, resolution="syldavia-synod-3", **CITED)


SPONSOR: Keys = {"kind": "sponsorship", "country": "RUR", "polarity": "sponsoring", "role": "co-sponsor"} | {
    "stage": "unspecified",
    "modality": "asserted",
}
OFF: Keys = SPONSOR | {"polarity": "not-sponsoring"}
EXPECTED: Keys = {"kind": "expectation", "modality": "expected", "country": "RUR", "polarity": "not-sponsoring"}
COUNT: Keys = {"kind": "count", "countedThing": "sponsors", "countOperator": "exactly", "modality": "asserted"}
DECIDED: Keys = {"kind": "decision", "decisionStep": "final", "modality": "asserted"}
REASON: Keys = {"kind": "motive", "country": "RUR", "modality": "asserted"}
SYNOD: Keys = {"series": "syldavia-synod", "basis": "printed"}
DIET: Keys = {"series": "syldavia-diet", "basis": "printed"}
IN_2021: Keys = {"scope": SYNOD | {"session": "synod-14"}}
THURSDAY: Keys = {"time": {"expression": "Thursday", "weekday": "Thursday"}}
CLAIMS: dict[str, list[tuple[str, Keys]]] = {
    GAZETTE: [
        ("For the third year … down its name", OFF | {"act": "declined", "term": "did not put"} | THURSDAY
         | {"scope": SYNOD | {"session": "synod-14", "consecutiveYears": 3}, "statedAdministration": "RUR-flavia"}),
        ("adopted its text … on Thursday", DECIDED | {"decisionMethod": "without-a-vote"} | IN_2021 | THURSDAY),
        ("Forty-three states … the end", COUNT | {"count": 43, "stage": "final-list"} | IN_2021),
        ("Ruritania joined the consensus",
         IN_2021 | {"kind": "decision", "country": "RUR", "participation": "joined-consensus", "modality": "asserted"}),
        ("from 2009 through 2018",
         SPONSOR | {"scope": SYNOD | {"firstYear": 2009, "lastYear": 2018, "completeness": "exhaustive"}}),
        ("missing for the first time since 2008",
         OFF | {"scope": SYNOD | {"firstYear": 2008, "lastYear": 2008, "basis": "ambiguous"}}),
        ("missing for the first time since 2008",
         SPONSOR | {"scope": SYNOD | {"firstYear": 2008, "lastYear": 2018, "basis": "ambiguous"}}),
        ("Since 2019 … kept away",
         OFF | {"modality": "reported", "scope": SYNOD | {"firstYear": 2019, "completeness": "right-censored"}}),
        ("The court … its neighbours",
         REASON | {"modality": "speculated", "motive": "relations", "explains": f"{GAZETTE}/01"} | IN_2021),
        ("every coastal state but Ruritania signed",
         OFF | {"explicitness": "implied", "scope": DIET | {"session": "diet-13"}}),
        ("in November … stay away",
         EXPECTED | {"scope": DIET, "time": {"expression": "in November", "month": 11, "direction": "future"}}),
        ("Had the old … stand there",
         EXPECTED | {"modality": "hypothetical", "polarity": "sponsoring", "stage": "unspecified"} | IN_2021),
        ("As a rule … such texts", SPONSOR | {"modality": "generic"} | IN_2021),
        ("In May … the palace", COUNT | {"countedThing": "signatories", "count": 21, "event": "letter-syldavia"}
         | {"time": {"expression": "In May", "month": 5, "direction": "past"}}),
    ],
    OBSERVER: [
        ("From 2008 to 2018", SPONSOR | {"scope": SYNOD | {"firstYear": 2008, "lastYear": 2018}}),
        ("In 2010 … the list", OFF | {"act": "absent", "scope": SYNOD | {"firstYear": 2010, "lastYear": 2010}}),
        ("In 2021, under … it withdrew", OFF | {"act": "withdrew", "statedAdministration": "RUR-rudolf"} | IN_2021),
        ("Principle moved the king", REASON | {"motive": "principle", "explains": f"{OBSERVER}/03"} | IN_2021),
        ("Forty-one states … the draft", COUNT | {"count": 41, "stage": "tabled-list"} | IN_2021),
        ("more than forty", COUNT | {"count": 40, "countOperator": "more-than", "stage": "final-list"} | IN_2021),
        ("approved by consensus", DECIDED | {"decisionMethod": "consensus"} | IN_2021),
        ("on 18 June", DECIDED | IN_2021 | {"time": {"expression": "18 June", "edtf": "2021-06-18"}
         | {"earliest": datetime.date(2021, 6, 18), "latest": datetime.date(2021, 6, 18)}}),
        ("from 2019 to 2022", OFF | {"scope": SYNOD | {"firstYear": 2019, "lastYear": 2022}}),
        ("on the list of 2021", SPONSOR | {"scope": DIET | {"session": "diet-14"}}),
        ("missing since 2022",
         OFF | {"scope": DIET | {"firstYear": 2022, "completeness": "right-censored"}}),
        ("Twenty guilds … the palace",
         COUNT | {"countedThing": "signatories", "count": 20, "event": "letter-syldavia"}),
    ],
}  # fmt: skip
READINGS = "".join(
    record("reading", id=f"since-{own}", claim=f"{GAZETTE}/{own}", alternativeTo=f"{GAZETTE}/{other}", **why)
    for own, other, why in (
        ("06", "07", {"likelihood": 0.25, "reason": "The year itself was one of absence."}),
        ("07", "06", {"likelihood": 0.75, "reason": "The year is the last one before the list held the name."}),
    )
)
SILENCE = record(
    "coverage",
    id="diet-2020",
    source=OBSERVER,
    about=["resolution/syldavia-diet-13"],
    coverage="not-said",
    issue="sponsorship",
    resolution="syldavia-diet-13",
    country="RUR",
    note="The Diet's text of 2020 is not spoken of.",
)


TENSION = record(
    "tension",
    id=f"{OBSERVER}-2010",
    label="On the list until 2018, and not on it in 2010",
    betweenClaim=[f"claim/{OBSERVER}/01", f"claim/{OBSERVER}/02"],
    disagreementKind=["internal"],
    note="The text says both; without this mark the build would refuse it.",
)


def evidence(text: str, passage: str) -> Keys:
    """Return where a passage, given by its ends (``first … last``), stands in ``text``, as an article records it."""
    first, _, last = passage.partition(" … ")
    start = text.index(first)
    end = text.index(last or first, start) + len(last or first)
    words = text[start:end].split()
    ends: Keys = {"first": " ".join(words[:2]), "last": " ".join(words[-2:])}
    return {"start": start, "end": end, "sha256": digest(text[start:end])} | ends


def article(slug: str) -> str:
    """Return the file of an invented article."""
    text, dated = TEXTS[slug], datetime.date.fromisoformat(slug[-10:])
    about: Keys = {"id": slug, "label": slug, "identifier": slug, "publisher": "strelsau-press", "published": dated}
    about |= {"textDigest": hashlib.sha256(text.encode()).hexdigest(), "textLength": len(text), "language": "en"}
    file = record("source", **about).replace("[[source]]", "[source]")
    for number, (passage, keys) in enumerate(CLAIMS[slug], 1):
        speakers: list[Keys] = [{"agent": "person/hentzau", "capacity": "author"}]
        speakers += [{"agent": "organisation/strelsau-ministry", "capacity": "speaker"}] if number == 1 else []
        said: Keys = {"id": f"{number:02}", "gist": f"Our own sentence, number {number}.", "attribution": speakers}
        file += record("claim", **said, **keys, evidence=evidence(text, passage))
    return file + (READINGS if slug == GAZETTE else SILENCE)


def add(house: House, texts: Path) -> None:
    """Do what README tells: the articles' files, their texts in a folder, and the reference that they need."""
    reference = house.package / "reference"
    (reference / "zz-states.toml").write_text("".join(states()), "utf-8")
    for name, naming in (("syldavia", str), ("borduria", twin)):
        (reference / f"zz-{name}.toml").write_text(naming("".join(series())), "utf-8")
        (house.package / "issues" / f"zz-{name}.toml").write_text(naming(TENSION), "utf-8")
        for slug, text in TEXTS.items():
            (house.package / "articles" / f"{naming(slug)}.toml").write_text(naming(article(slug)), "utf-8")
            (texts / f"{naming(slug)}.txt").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, texts: Path) -> House:
    house = House(tmp_path_factory.mktemp("house"))
    add(house, texts)
    done = house.run("build")
    assert done.returncode == 0, done.stderr
    return house


@pytest.fixture(scope="module")
def store(house: House) -> ox.Store:
    store = ox.Store()
    store.bulk_load(path=str(house.dataset), format=ox.RdfFormat.N_QUADS)
    return store


def ask(store: ox.Store, select: str, pattern: str) -> set[tuple[str, ...]]:
    """Return the rows that fit, each value without the namespace or the room before it."""
    declared = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in PREFIXES.items())
    rows = store.query(f"{declared} SELECT {select} WHERE {{ {pattern} }}", use_default_graph_as_union=True)
    assert isinstance(rows, ox.QuerySolutions)
    names = re.compile(f"^({ONTOLOGY}|{BASE}[a-z-]+/)")
    return {tuple(names.sub("", getattr(term, "value", "")) for term in row) for row in rows}


ON_SYLDAVIA = 'FILTER (CONTAINS(STR(?node), "syldavia"))'


def test_the_evidence_of_the_new_articles_is_right(house: House, texts: Path) -> None:
    found = [finding.where for finding in verify_folder(house.package / "articles", texts)]
    assert "graph/articles/koreaherald-2021-03-24.toml" in found  # its text is not in the folder
    assert not [where for where in found if "strelsau" in where or "szohod" in where]


@pytest.fixture
def new_only(tmp_path: Path, texts: Path) -> House:
    """Return a house with the new articles, and without the old ones and what stands on them alone."""
    house = House(tmp_path / "new")
    old = ["articles/*", "issues/tensions.toml", "issues/events.toml", "reference/events.toml"]
    old += ["reference/publications.toml", "reference/sponsors-*", "reference/conflicts.toml"]
    for file in (file for pattern in old for file in house.package.glob(pattern)):
        file.unlink()
    add(house, texts)
    return house


def test_check_says_which_claim_is_off_by_how_much_and_where_its_passage_is(new_only: House, texts: Path) -> None:
    house = new_only
    file = house.package / "articles" / f"{GAZETTE}.toml"
    right = file.read_text("utf-8")
    start, end, sha256 = (evidence(TEXTS[GAZETTE], CLAIMS[GAZETTE][2][0])[key] for key in ("start", "end", "sha256"))
    assert isinstance(start, int)
    assert isinstance(end, int)
    wrong = right.replace(f"start = {start}, end = {end}", f"start = {start + 5}, end = {end + 5}")
    wrong = wrong.replace("Our own sentence, number 4.", "It was missing for the first time since 2008.")
    wrong = wrong.replace(str(evidence(TEXTS[GAZETTE], CLAIMS[GAZETTE][4][0])["sha256"]), str(sha256)[::-1])
    file.write_text(wrong, "utf-8")
    done = house.run("check", "--texts", str(texts))
    said = [line for line in done.stdout.splitlines() if "strelsau" in line or "szohod" in line]
    assert (done.returncode, len(said)) == (1, 3)
    name = f"graph/articles/{GAZETTE}.toml, claim"
    assert f"{name} 03: the passage is off by -5: recorded at {start + 5}–{end + 5}, found at {start}–{end}" in said[0]
    assert f"{name} 04: the gist shares 7 words in a row with its article" in said[1]
    assert f"{name} 05: the passage at" in said[2]
    assert "not found elsewhere in the text; record the passage again. The words printed stand at" in said[2]


def test_what_follows_for_ruritania_follows_for_south_korea_too(house: House) -> None:
    def derived(name: str, source: str) -> set[str]:
        about = re.compile(f"^<[^>]*({name}|{source})")
        lines = [line for line in house.dataset.read_text("utf-8").splitlines() if about.search(line)]
        left_out = ("#label>", "/position/administration/reference/")  # names of states, documents on administrations
        return {line for line in lines if "/graph/derived/" in line and not any(part in line for part in left_out)}

    ours, theirs = derived("syldavia", "strelsau"), derived("borduria", "szohod")
    assert len(ours) > 1000
    assert {twin(line) for line in ours} == theirs


def test_every_kind_of_derived_node_is_there(store: ox.Store) -> None:
    nodes = ask(store, "?type", f"?node a ?type ; cosp:derivedBy ?rule {ON_SYLDAVIA}")
    assert {name for (name,) in nodes} == {
        "Application", "Stance", "Sponsorship", "StageStatus", "Position", "Agreement", "Disagreement"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ("sponsorship", "ambiguity contradiction coverage generic internal modality reference scope"),
        ("manner", "definition"),
        ("first-year", "ambiguity contradiction internal"),
        ("first-year-off", "scope"),
        ("last-year-off", "open-end scope"),
        ("decision-method", "granularity"),
        ("decision-date", "contradiction reference"),
        ("sponsor-count", "counting internal stage"),
        ("administration", "contradiction reference"),
        ("motive", "evaluative modality"),
        ("signatories", "contradiction"),
    ],
)
def test_the_new_articles_differ_in_these_respects(store: ox.Store, issue: str, expected: str) -> None:
    pattern = f"?node a cosp:Disagreement ; cosp:issue cosponsor:issue\\/{issue} ; cosp:disagreementKind ?kind"
    found = {kind.removeprefix("disagreement-") for (kind,) in ask(store, "?kind", f"{pattern} {ON_SYLDAVIA}")}
    assert found == set(expected.split())
    korean = ask(store, "?kind", f"{pattern} {ON_SYLDAVIA.replace('syldavia', 'borduria')}")
    assert {kind.removeprefix("disagreement-") for (kind,) in korean} == found


def test_no_difference_is_drawn_between_the_new_series_and_the_old_ones(store: ox.Store) -> None:
    pattern = "?node cosp:betweenPosition/cosp:topic ?topic"
    for node, topic in ask(store, "?node ?topic", f"{pattern} {ON_SYLDAVIA}"):
        assert "syldavia" in topic, node


def test_stances_tell_how_the_source_names_the_text(store: ox.Store) -> None:
    pattern = f"?s a cosp:Stance ; prov:wasDerivedFrom ?claim ; cosp:statedIn cosponsor:source\\/{GAZETTE}"
    pattern += " ; cosp:resolution/cosp:year ?year ; cosp:explicitness ?how"
    rows = ask(store, "?claim ?year ?how", pattern)
    found = {(claim.rpartition("/")[2], year, how) for claim, year, how in rows}
    counted = {("01", year, "explicitness-counted-back") for year in ("2019", "2020")}
    assert counted | {("01", "2021", "explicitness-stated"), ("10", "2020", "explicitness-implied")} <= found
    assert {year for claim, year, _ in found if claim == "05"} == {str(year) for year in range(2009, 2019)}
    assert {year for claim, year, _ in found if claim == "08"} == {"2019", "2020", "2021"}
    assert not {claim for claim, _, _ in found} & {"11", "12", "13"}  # expected, supposed, said in general


def test_a_sponsorship_falls_under_the_administration_of_its_day(store: ox.Store) -> None:
    about = "cosponsor:sponsorship\\/RUR-syldavia-synod-14 cosp:administration ?who ; cosp:decidingDate ?day"
    assert ask(store, "?who ?day", about) == {("RUR-flavia", "2021-06-17")}
    acting = "cosponsor:sponsorship\\/RUR-syldavia-synod-9 cosp:headTenure ?head"
    assert ask(store, "?head", acting) == {("RUR-rudolf-2013",)}


def test_an_article_between_committee_and_plenary_speaks_of_that_year(store: ox.Store) -> None:
    about = f"?s prov:wasDerivedFrom cosponsor:claim\\/{OBSERVER}\\/11 ; a cosp:Stance ; cosp:resolution ?text"
    assert ask(store, "?text", about) == {("syldavia-diet-15",)}


def test_the_new_claims_can_be_asked_for_at_the_command_line(house: House) -> None:
    query = f"SELECT ?term FROM <{BASE}graph/source/{GAZETTE}> WHERE {{ ?claim cosp:term ?term }}"
    done = house.run("query", query, "--format", "csv")
    assert (done.returncode, done.stdout.split()[:4]) == (0, ["term", "did", "not", "put"]), done.stderr
