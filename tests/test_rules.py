"""Rules: ranges, counting back, dates, administrations; on invented countries, series and sources."""

import datetime
import re
from collections.abc import Iterable
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosponsor.findings import InputError
from cosponsor.iris import BASE, ONTOLOGY, PREFIXES, graph_iri, room
from cosponsor.records import read_folder
from cosponsor.rules import Rule, derive, read_rules, run_folder

DECLARED = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in PREFIXES.items())
SOURCE, REFERENCE = "source/invented-2030-05-15", "reference"
CLAIM = "cosponsor:claim\\/invented-2030-05-15\\/01"
FIRST, LAST = 2008, 2030
DAYS = st.dates(datetime.date(1990, 1, 1), datetime.date(2060, 12, 31))


def day(date: datetime.date) -> str:
    return f'"{date}"^^xsd:date'


def texts(series: str = "x-body") -> str:
    """Return one text a year, from FIRST to LAST, each decided on 1 June."""
    return "".join(
        f"cosponsor:resolution\\/{series}-{year} a cosp:Resolution ;"
        f"  cosp:series cosponsor:series\\/{series} ; cosp:year {year} ."
        f"cosponsor:decision\\/{series}-{year} a cosp:Decision ; cosp:decisionStep cosp:step-final ;"
        f'  cosp:resolution cosponsor:resolution\\/{series}-{year} ; cosp:decidedOn "{year}-06-01"^^xsd:date .'
        for year in range(FIRST, LAST + 1)
    )


def store_of(**graphs: str) -> ox.Store:
    store = ox.Store()
    for name, turtle in graphs.items():
        graph = ox.NamedNode(graph_iri({"source": SOURCE, "reference": REFERENCE}[name]))
        store.load((DECLARED + turtle).encode(), format=ox.RdfFormat.TURTLE, to_graph=graph)
    return store


def source(scope: str, published: datetime.date = datetime.date(2030, 5, 15), time: str = "", claim: str = "") -> str:
    """Return the graph of an invented source with one claim: Ruritania sponsors."""
    return f"""
        cosponsor:source\\/invented-2030-05-15 schema:datePublished {day(published)} .
        {CLAIM} a cosp:Claim ; cosp:statedIn cosponsor:source\\/invented-2030-05-15 ; cosp:scope <urn:scope> ;
          cosp:kind cosp:kind-sponsorship ; cosp:country cosponsor:country\\/RUR ; cosp:stage cosp:stage-unspecified ;
          cosp:polarity cosp:polarity-sponsoring ; cosp:role cosp:role-co-sponsor ; cosp:time <urn:time> {claim} .
        <urn:scope> cosp:series cosponsor:series\\/x-body {scope} .
        <urn:time> a cosp:TimeExpression {time} ."""


ASSERTED = "; cosp:modality cosp:modality-asserted"


def ask(store: ox.Store, pattern: str) -> list[list[str]]:
    rows = store.query(f"{DECLARED} SELECT * WHERE {{ {pattern} }}", use_default_graph_as_union=True)
    assert isinstance(rows, ox.QuerySolutions)
    return sorted([str(getattr(term, "value", "")) for term in row] for row in rows)


def years(store: ox.Store, explicitness: str = "?how") -> list[int]:
    """Return the years of the stances derived, sorted; of one explicitness if it is given."""
    found = ask(store, f"?s a cosp:Stance ; cosp:explicitness {explicitness} ; cosp:resolution/cosp:year ?year")
    return sorted(int(next(value for value in row if re.fullmatch(r"\d{4}", value))) for row in found)


def derived(
    *, published: datetime.date = datetime.date(2030, 5, 15), scope: str, time: str = "", claim: str = ASSERTED
) -> ox.Store:
    store = store_of(source=source(scope, published, time, claim), reference=texts())
    run_folder(store, "source", "derived/source/invented-2030-05-15", [SOURCE, REFERENCE])
    return store


WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SOME = settings(max_examples=25, deadline=None)


@SOME
@given(st.integers(FIRST - 3, LAST), st.integers(0, 12))
def test_a_range_of_years_is_expanded_to_the_texts_in_it(first: int, length: int) -> None:
    last = min(first + length, LAST - 1)
    store = derived(scope=f"; cosp:firstYear {first} ; cosp:lastYear {last}")
    assert years(store) == [year for year in range(FIRST, LAST) if first <= year <= last]


@SOME
@given(st.integers(FIRST, LAST - 1), DAYS)
def test_an_open_range_reaches_the_texts_decided_by_publication(first: int, published: datetime.date) -> None:
    store = derived(scope=f"; cosp:firstYear {first}", published=published)
    expected = [year for year in range(first, LAST + 1) if datetime.date(year, 6, 1) <= published]
    assert years(store) == expected


@SOME
@given(st.integers(FIRST, LAST - 1), st.integers(1, 30))
def test_years_in_a_row_are_counted_back_from_the_year_of_the_claim(latest: int, number: int) -> None:
    time = f"; cosp:earliest {day(datetime.date(latest, 6, 1))} ; cosp:latest {day(datetime.date(latest, 6, 1))}"
    store = derived(scope=f"; cosp:consecutiveYears {number}", time=time)
    assert years(store, "cosp:explicitness-stated") == [latest]
    back = range(max(latest - number + 1, FIRST), latest)
    assert years(store, "cosp:explicitness-counted-back") == list(back)


@SOME
@given(DAYS, st.integers(0, 6))
def test_a_weekday_is_the_last_one_by_publication(published: datetime.date, weekday: int) -> None:
    name = WEEKDAYS[weekday]
    store = derived(scope="", time=f"; cosp:weekday time:{name}", published=published)
    expected = published - datetime.timedelta((published.weekday() - weekday) % 7)
    assert ask(store, "<urn:time> cosp:earliest ?day ; cosp:latest ?day") == [[str(expected)]]


@SOME
@given(DAYS, st.integers(0, 60))
def test_a_number_of_weeks_before_publication_is_a_week_from_monday(published: datetime.date, weeks: int) -> None:
    store = derived(scope="", time=f"; cosp:calendarUnit time:unitWeek ; cosp:unitsBefore {weeks}", published=published)
    monday = published - datetime.timedelta(published.weekday() + 7 * weeks)
    found = ask(store, "<urn:time> cosp:earliest ?a ; cosp:latest ?b")
    assert sorted(found[0]) == [str(monday), str(monday + datetime.timedelta(6))]


@SOME
@given(DAYS, st.integers(0, 40))
def test_a_number_of_months_before_publication_is_a_calendar_month(published: datetime.date, months: int) -> None:
    store = derived(
        scope="", time=f"; cosp:calendarUnit time:unitMonth ; cosp:unitsBefore {months}", published=published
    )
    index = published.year * 12 + published.month - 1 - months
    first = datetime.date(index // 12, index % 12 + 1, 1)
    last = datetime.date((index + 1) // 12, (index + 1) % 12 + 1, 1) - datetime.timedelta(1)
    assert sorted(ask(store, "<urn:time> cosp:earliest ?a ; cosp:latest ?b")[0]) == sorted([str(first), str(last)])


@pytest.mark.parametrize("modality", ["expected", "speculated", "hypothetical", "generic"])
def test_no_stance_follows_from_what_is_not_asserted(modality: str) -> None:
    store = derived(
        scope="; cosp:firstYear 2010 ; cosp:lastYear 2012", claim=f"; cosp:modality cosp:modality-{modality}"
    )
    assert years(store) == []


def test_an_implied_claim_makes_implied_stances() -> None:
    claim = ASSERTED + " ; cosp:explicitness cosp:explicitness-implied"
    store = derived(scope="; cosp:firstYear 2010 ; cosp:lastYear 2012", claim=claim)
    assert years(store, "cosp:explicitness-implied") == [2010, 2011, 2012]


def terms(boundaries: Iterable[datetime.date]) -> str:
    """Return administrations of Ruritania that partition time at ``boundaries``; the last is open."""
    ordered = sorted(boundaries)
    return "".join(
        f"cosponsor:administration\\/RUR-{number} a cosp:Administration ; cosp:country cosponsor:country\\/RUR ;"
        f"  cosp:start {day(start)} {f'; cosp:end {day(end)}' if end else ''} ."
        for number, (start, end) in enumerate(zip(ordered, [*ordered[1:], None], strict=True))
    )


@SOME
@given(st.sets(DAYS, min_size=1, max_size=6), st.data())
def test_every_day_falls_under_one_administration_at_most(starts: set[datetime.date], data: st.DataObject) -> None:
    near = [start + datetime.timedelta(days) for start in sorted(starts) for days in (-1, 0, 1)]
    date = data.draw(st.sampled_from(near) | DAYS)
    sponsorship = f"""cosponsor:sponsorship\\/RUR-x a cosp:Sponsorship ; cosp:country cosponsor:country\\/RUR ;
        cosp:resolution cosponsor:resolution\\/x . cosponsor:decision\\/x a cosp:Decision ;
        cosp:decisionStep cosp:step-final ; cosp:resolution cosponsor:resolution\\/x ; cosp:decidedOn {day(date)} ."""
    store = store_of(reference=terms(starts) + sponsorship)
    run_folder(store, "across", "derived/across", [REFERENCE])
    covering = sum(start <= date for start in starts) - 1
    expected = [[f"{BASE}administration/RUR-{covering}"]] if covering >= 0 else []
    assert ask(store, "cosponsor:sponsorship\\/RUR-x cosp:administration ?administration") == expected


def test_a_rule_names_no_claim_source_country_or_series() -> None:
    known = re.compile(r"cosponsor[:/](country|claim|source|series|resolution|body|administration|session)\\?/[\w-]")
    rules = [rule for folder in ("reference", "source", "across") for rule in read_rules(folder)]
    assert len(rules) > 20
    assert [rule.file for rule in rules if known.search(rule.query)] == []


def test_a_rule_prints_no_name_of_our_files() -> None:
    rooms = ("administration", "country", "event", "person", "resolution", "series", "session", "source", "statement")
    places = [place for kind in ("reference", "articles", "issues") for place in read_folder(room(kind), kind).places]
    known = {place.removeprefix(BASE).partition("/") for place in places if "#" not in place}
    names = {name for where, _, name in known if where in rooms}
    assert {"KOR", "dprk-hrc", "koreaherald-2021-03-24"} <= names
    for rule in (rule for folder in ("reference", "source", "across") for rule in read_rules(folder)):
        strings = " ".join(re.findall(r'"([^"]*)"', rule.query))
        assert not names & set(re.split(r"[^\w-]+", strings)), rule.file


def test_a_rule_states_what_follows_and_its_nodes_name_it() -> None:
    store = derived(scope="; cosp:firstYear 2010 ; cosp:lastYear 2010")
    assert f"{BASE}rule/source/stances" in ask(store, "?s a cosp:Stance ; cosp:derivedBy ?rule")[0]
    assert all(": " in rule.statement for folder in ("reference", "source", "across") for rule in read_rules(folder))


def test_a_rule_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Rule("across", "10-broken.rq", "Broken: not SPARQL.", "CONSTRUCT {")
    monkeypatch.setattr("cosponsor.rules.read_rules", lambda folder: [broken])
    with pytest.raises(InputError, match=r"graph/rules/reference|graph/rules/across/10-broken.rq: this is not SPARQL"):
        derive(ox.Store(), [])


def test_rules_add_nothing_to_a_graph_of_a_source() -> None:
    store = derived(scope="; cosp:firstYear 2010 ; cosp:lastYear 2012")
    before = store_of(source=source("; cosp:firstYear 2010 ; cosp:lastYear 2012", claim=ASSERTED))
    graph = ox.NamedNode(graph_iri(SOURCE))
    assert set(store.quads_for_pattern(None, None, None, graph)) == set(
        before.quads_for_pattern(None, None, None, graph)
    )


def test_derived_nodes_are_of_the_ontology() -> None:
    store = derived(scope="; cosp:firstYear 2010 ; cosp:lastYear 2012")
    kinds = {
        row[0] for row in ask(store, "GRAPH <" + graph_iri("derived/source/invented-2030-05-15") + "> { [] a ?t }")
    }
    assert {kind.removeprefix(ONTOLOGY) for kind in kinds if kind.startswith(ONTOLOGY)} == {"Application", "Stance"}


def across(turtle: str) -> ox.Store:
    """Return a store with the reference graph given and what the rules across derive from it."""
    store = store_of(reference=turtle)
    run_folder(store, "across", "derived/across", [REFERENCE])
    return store


def sponsorship(*dates: str) -> str:
    """Return a sponsorship of Ruritania with decisions and acts: ``committee 2010-01-01``, ``act 2010-02-01`` …."""
    triples = """cosponsor:sponsorship\\/RUR-x a cosp:Sponsorship ; cosp:country cosponsor:country\\/RUR ;
        cosp:resolution cosponsor:resolution\\/x ; cosp:claimedBy <urn:stance> ."""
    for number, (kind, date) in enumerate(entry.split() for entry in dates):
        triples += (
            f'<urn:stance> cosp:actedOn "{date}"^^xsd:date .'
            if kind == "act"
            else f"<urn:d{number}> a cosp:Decision ; cosp:resolution cosponsor:resolution\\/x ;"
            f' cosp:decisionStep cosp:step-{kind} ; cosp:decidedOn "{date}"^^xsd:date .'
        )
    return triples


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["final 2010-12-18", "committee 2010-11-19", "act 2010-11-01"], ["2010-11-01", "deciding-sponsoring"]),
        (["final 2010-12-18", "committee 2010-11-19"], ["2010-11-19", "deciding-committee-action"]),
        (["final 2010-12-18"], ["2010-12-18", "deciding-final-action"]),
        (["act 2010-11-01", "act 2010-11-05"], ["2010-11-05", "deciding-sponsoring"]),
    ],
)
def test_the_deciding_date_is_that_of_the_act_else_the_committee_else_the_final_action(
    dates: list[str], expected: list[str]
) -> None:
    found = ask(across(sponsorship(*dates)), "?s cosp:decidingDate ?date ; cosp:decidingDateBasis ?basis")
    assert set(expected) <= {value.removeprefix(ONTOLOGY) for value in found[0]}


def test_without_a_date_there_is_no_administration() -> None:
    store = across(sponsorship() + terms([datetime.date(2000, 1, 1)]))
    assert ask(store, "?s cosp:administration ?a") == []


@pytest.mark.parametrize(
    ("date", "administration", "tenure"),
    [("2009-12-31", "RUR-0", None), ("2010-01-01", "RUR-1", "elected"), ("2010-06-30", "RUR-1", "elected"),
     ("2010-07-01", "RUR-1", "acting"), ("2011-01-01", "RUR-2", None)],
)  # fmt: skip
def test_a_day_on_which_powers_change_hands_belongs_to_the_successor(
    date: str, administration: str, tenure: str | None
) -> None:
    starts = [datetime.date(year, 1, 1) for year in (2009, 2010, 2011)]
    tenures = "".join(
        f"cosponsor:head-tenure\\/{name} a cosp:HeadTenure ; cosp:administration cosponsor:administration\\/RUR-1 ;"
        f' cosp:start "{start}"^^xsd:date ; cosp:end "{end}"^^xsd:date .'
        for name, start, end in (("elected", "2010-01-01", "2010-07-01"), ("acting", "2010-07-01", "2011-01-01"))
    )
    store = across(sponsorship(f"final {date}") + terms(starts) + tenures)
    assert ask(store, "cosponsor:sponsorship\\/RUR-x cosp:administration ?a") == [
        [f"{BASE}administration/{administration}"]
    ]
    expected = [[f"{BASE}head-tenure/{tenure}"]] if tenure else []
    assert ask(store, "cosponsor:sponsorship\\/RUR-x cosp:headTenure ?t") == expected


def test_the_day_of_an_act_is_not_copied_to_texts_that_are_counted_back() -> None:
    acted = f"; cosp:earliest {day(datetime.date(2020, 6, 1))} ; cosp:latest {day(datetime.date(2020, 6, 1))}"
    store = derived(scope="; cosp:consecutiveYears 3", time=acted)
    found = ask(store, "?s a cosp:Stance ; cosp:resolution/cosp:year ?year OPTIONAL { ?s cosp:actedOn ?day }")
    assert [[value for value in row if value in ("2018", "2019", "2020", "2020-06-01")] for row in found] == [
        ["2018"],
        ["2019"],
        ["2020-06-01", "2020"],
    ]


def test_an_open_range_reaches_a_text_decided_on_the_day_of_publication() -> None:
    assert years(derived(scope="; cosp:firstYear 2015", published=datetime.date(2016, 6, 1))) == [2015, 2016]
    assert years(derived(scope="; cosp:firstYear 2015", published=datetime.date(2016, 5, 31))) == [2015]


def test_years_are_counted_back_into_the_series_that_was_replaced() -> None:
    older = "".join(
        f"cosponsor:resolution\\/old-{year} a cosp:Resolution ; cosp:series cosponsor:series\\/old ; cosp:year {year} ."
        for year in (2006, 2007)
    )
    replaced = "cosponsor:series\\/x-body dcterms:replaces cosponsor:series\\/old ."
    time = f"; cosp:earliest {day(datetime.date(2009, 6, 1))} ; cosp:latest {day(datetime.date(2009, 6, 1))}"
    graph = source("; cosp:consecutiveYears 3", time=time, claim=ASSERTED)
    store = store_of(source=graph, reference=texts() + older + replaced)
    run_folder(store, "source", "derived/source/invented-2030-05-15", [SOURCE, REFERENCE])
    assert years(store) == [2007, 2008, 2009]


# Keys whose values are concepts of a scheme with another name, or things in a room with another name.
SCHEMES = {
    "countOperator": "operator",
    "countedThing": "counted",
    "decisionMethod": "method",
    "decisionStep": "step",
} | {"disagreementKind": "disagreement"}
CONCEPTS = {"act", "basis", "completeness", "coverage", "direction", "explicitness", "kind", "layer", "modality"} | {
    "motive", "occurrence", "participation", "polarity", "role", "stage"
}  # fmt: skip
ROOMS = {"statedAdministration": "administration", "targetCountry": "country"} | {
    name: name for name in ("body", "country", "event", "issue", "reading", "resolution", "series", "session", "source")
}


def term(key: str, value: object) -> str:
    """Return a value as the Turtle term that its key takes; what is written as Turtle already stays as it is."""
    if isinstance(value, datetime.date):
        return day(value)
    if not isinstance(value, str) or ":" in value:
        return str(value)
    if key in SCHEMES or key in CONCEPTS:
        return f"cosp:{SCHEMES.get(key, key)}-{value}"
    if key == "compares":
        return f"cosp:{value}"
    return f"cosponsor:{ROOMS[key]}\\/{value}" if key in ROOMS else f'"{value}"'


def keys(**values: object) -> str:
    """Return keys and values as the rest of a Turtle statement."""
    return "".join(f" ; cosp:{key} {term(key, value)}" for key, value in values.items())


def position(name: str, value: object, topic: str = "resolution\\/x", **more: object) -> str:
    """Return a position on the issue i, of a source recorded here that is named as it, unless ``more`` says else."""
    given = {"layer": "source", "modality": "asserted", "statedIn": f"<urn:{name}>"} | more
    key = "event" if topic.startswith("event") else "resolution"
    return f"""cosponsor:position\\/i\\/{name} a cosp:Position ; cosp:issue cosponsor:issue\\/i ;
        cosp:topic cosponsor:{topic} ; cosp:{key} cosponsor:{topic} {keys(value=value, **given)} ."""


def kinds(store: ox.Store, issue: str = "?issue") -> set[str]:
    """Return the kinds of the disagreements in ``store``, and "agreement" if there is one; of one issue if given."""
    on = "cosp:issue " + (issue if issue.startswith("?") else f"cosponsor:issue\\/{issue}")
    found = shown(store, "?kind", f"?d a cosp:Disagreement ; {on} ; cosp:disagreementKind ?kind")
    agreed = {"agreement" for _ in shown(store, "?d", f"?d a cosp:Agreement ; {on}")}
    return {kind.removeprefix("disagreement-") for (kind,) in found} | agreed


def shown(store: ox.Store, select: str, pattern: str) -> set[tuple[str, ...]]:
    """Return the rows that fit, each value without the namespace or the room before it."""
    rows = store.query(f"{DECLARED} SELECT {select} WHERE {{ {pattern} }}", use_default_graph_as_union=True)
    assert isinstance(rows, ox.QuerySolutions)
    return {
        tuple(re.sub(f"^({ONTOLOGY}|{BASE}[a-z-]+/)", "", getattr(term, "value", "")) for term in row) for row in rows
    }


OUTSIDE = {"layer": "reference"}
READ = {"reading": "r", "likelihood": 0.5}
BROADER = "<urn:narrow> skos:broader <urn:wide> ."
COUNTS = "cosponsor:issue\\/i cosp:compares cosp:count ."
WORDS = "cosponsor:issue\\/i cosp:disagreementKind cosp:disagreement-definition ."
VALUED = "cosponsor:issue\\/i cosp:disagreementKind cosp:disagreement-evaluative ."
SCOPED = "cosponsor:issue\\/i cosp:disagreementKind cosp:disagreement-scope ."
MARCH = {"earliest": datetime.date(2021, 3, 1), "latest": datetime.date(2021, 3, 31)}
A_DAY = {"earliest": datetime.date(2021, 3, 23), "latest": datetime.date(2021, 3, 23)}
IN_JUNE = {"earliest": datetime.date(2021, 6, 1), "latest": datetime.date(2021, 6, 1)}
RIGHT_CENSORED = {"completeness": "right-censored"}


@pytest.mark.parametrize(
    ("one", "two", "beside", "expected"),
    [
        # agreements: equal values, nothing that keeps them from being compared
        ({}, {}, "", "agreement"),
        ({}, {"statedIn": "<urn:a>"}, "", ""),
        ({}, OUTSIDE, "", "agreement"),
        (OUTSIDE, OUTSIDE, "", ""),
        ({"stage": "tabled-list"}, {"stage": "final-list"}, "", ""),
        ({"stage": "unspecified"}, {}, "", "agreement"),
        ({"countOperator": "at-least"}, {}, "", ""),
        ({"countOperator": "exactly"}, {}, "", "agreement"),
        ({"modality": "expected"}, {"modality": "expected"}, "", ""),
        ({"decisionStep": "committee"}, {"decisionStep": "final"}, "", ""),
        ({"decisionStep": "committee"}, {"decisionStep": "committee"}, "", "agreement"),
        (RIGHT_CENSORED, {}, "", ""),
        (RIGHT_CENSORED, RIGHT_CENSORED, "", ""),
        ({"completeness": "exhaustive"}, {"completeness": "unstated"}, "", "agreement"),
        ({"country": "RUR"}, {"country": "SYL"}, "", ""),
        ({"country": "RUR"}, {}, "", ""),
        # what is not compared: another country, another step, another topic, names added with a whole list
        ({"country": "RUR"}, {"value": 2, "country": "SYL"}, "", ""),
        ({"decisionStep": "committee"}, {"value": 2, "decisionStep": "final"}, "", ""),
        ({}, {"value": 2, "topic": "resolution\\/y"}, "", ""),
        ({"stage": "added"}, {"value": 2, "stage": "final-list"}, COUNTS, ""),
        ({"stage": "added"}, {"value": 2, "stage": "unspecified"}, COUNTS, ""),
        ({"stage": "added"}, {"value": 2}, COUNTS, ""),
        ({"stage": "added"}, {"value": 2, "stage": "added"}, COUNTS, "contradiction"),
        ({"stage": "added"}, {"value": 2, "stage": "final-list"}, "", "stage"),
        # nothing explains it
        ({}, {"value": 2}, "", "contradiction"),
        ({}, {"value": 2} | OUTSIDE, "", "reference"),
        (OUTSIDE, {"value": 2} | OUTSIDE, "", "contradiction"),
        ({}, {"value": 2, "statedIn": "<urn:a>"}, "", "internal"),
        ({}, {"value": 2}, SCOPED, "contradiction"),
        ({"completeness": "exhaustive"}, {"value": 2, "completeness": "unstated"}, "", "contradiction"),
        # one key
        ({"stage": "tabled-list"}, {"value": 2, "stage": "final-list"}, "", "stage"),
        ({"stage": "tabled-list"}, {"value": 2}, "", "stage"),
        ({"countOperator": "at-least"}, {"value": 2, "countOperator": "at-least"}, "", "counting"),
        ({"countOperator": "about"}, {"value": 2}, "", "counting"),
        ({"countOperator": "exactly"}, {"value": 2}, "", "contradiction"),
        (READ, {"value": 2}, "", "ambiguity"),
        ({"modality": "expected"}, {"value": 2}, "", "modality"),
        ({"modality": "hypothetical"}, {"value": 2, "modality": "speculated"}, "", "modality"),
        ({"modality": "expected"}, {"value": 2, "modality": "expected"}, "", "contradiction"),
        ({"modality": "generic"}, {"value": 2}, "", "generic"),
        ({"modality": "generic"}, {"value": 2, "modality": "expected"}, "", "generic"),
        (RIGHT_CENSORED, {"value": 2}, "", "open-end"),
        ({}, {"value": 0} | RIGHT_CENSORED, "", "open-end"),
        ({}, {"value": 2} | RIGHT_CENSORED, "", "contradiction"),
        ({"value": "<urn:narrow>"}, {"value": "<urn:wide>"}, BROADER, "granularity"),
        ({"value": "<urn:wide>"}, {"value": "<urn:narrow>"}, BROADER, "granularity"),
        (MARCH, {"value": 2} | A_DAY, "", "granularity"),
        (A_DAY, {"value": 2} | MARCH, "", "granularity"),
        (MARCH, {"value": 2} | IN_JUNE, "", "contradiction"),
        ({}, {"value": 2}, WORDS, "definition"),
        ({}, {"value": 2}, VALUED, "evaluative"),
        # several keys: every one is told, and nothing that is explained is a contradiction as well
        ({"stage": "tabled-list", "countOperator": "at-least"}, {"value": 2}, "", "counting stage"),
        ({"modality": "expected"} | READ, {"value": 2, "statedIn": "<urn:a>"}, "", "ambiguity internal modality"),
        ({"modality": "generic"} | MARCH, {"value": 2} | A_DAY, VALUED, "evaluative generic granularity"),
        (RIGHT_CENSORED | READ, {"value": 2} | OUTSIDE, "", "ambiguity open-end"),
        # outside documents among themselves: another word or precision is no matter, another list or number is
        (OUTSIDE | MARCH, {"value": 2} | A_DAY | OUTSIDE, "", ""),
        (OUTSIDE, {"value": 2} | OUTSIDE, WORDS, ""),
        (OUTSIDE | {"stage": "tabled-list"}, {"value": 2} | OUTSIDE, "", "stage"),
        ({}, {"value": 2} | OUTSIDE, WORDS, "definition"),
    ],
)  # fmt: skip
def test_the_kinds_of_a_comparison_are_the_keys_that_differ(
    one: dict[str, Any], two: dict[str, Any], beside: str, expected: str
) -> None:
    store = across(position("a", **{"value": 1} | one) + position("b", **{"value": 1} | two) + beside)
    assert kinds(store) == set(expected.split())
    assert len(shown(store, "?c", "?c cosp:betweenPosition ?any")) == (1 if expected else 0)


@pytest.mark.parametrize(("only", "explained"), [("", True), ("x", True), ("y", False)])
def test_an_explanation_for_one_text_explains_that_text_alone(only: str, explained: bool) -> None:
    scope = f"; cosp:resolution cosponsor:resolution\\/{only}" if only else ""
    kind = "cosp:disagreementKind cosp:disagreement-contradiction"
    explanation = f"cosponsor:issue\\/i cosp:explanation <urn:e> . <urn:e> {kind} {scope} ."
    store = across(position("a", 1) + position("b", 2) + explanation)
    assert bool(ask(store, "?d cosp:explanation <urn:e> . ?d a cosp:Disagreement")) is explained


def test_each_kind_of_a_disagreement_finds_its_explanation() -> None:
    explanations = "".join(
        f"cosponsor:issue\\/i cosp:explanation <urn:{kind}> ."
        f"<urn:{kind}> cosp:disagreementKind cosp:disagreement-{kind} ."
        for kind in ("stage", "counting", "modality")
    )
    pair = position("a", 1, stage="tabled-list") + position("b", 2, countOperator="at-least")
    found = shown(across(pair + explanations), "?why", "?d a cosp:Disagreement ; cosp:explanation ?why")
    assert found == {("urn:stage",), ("urn:counting",)}


def test_status_and_counts_at_each_stage_are_of_distinct_sources() -> None:
    stances = "".join(
        f"<urn:s{number}> a cosp:Stance ; cosp:country cosponsor:country\\/RUR ;"
        "  cosp:resolution cosponsor:resolution\\/x ;"
        f" cosp:polarity cosp:polarity-{polarity} ; cosp:stage cosp:stage-{stage} ; cosp:statedIn <urn:{document}> ."
        for number, (polarity, stage, document) in enumerate(
            [
                ("sponsoring", "final-list", "a"),
                ("sponsoring", "final-list", "a"),
                ("sponsoring", "final-list", "b"),
                ("not-sponsoring", "final-list", "c"),
                ("not-sponsoring", "tabled-list", "c"),
            ]
        )
    )
    stages = "".join(
        f"cosp:stage-{stage} skos:inScheme cosp:stage-scheme ." for stage in ("final-list", "tabled-list", "added")
    )
    store = across(stances + stages)
    found = ask(
        store,
        "?n a cosp:StageStatus ; cosp:stage ?stage ; cosp:status ?status ;"
        " cosp:sourcesClaiming ?yes ; cosp:sourcesDenying ?no",
    )
    seen = {
        tuple(sorted(value.rpartition("#")[2].partition("-")[2] or value for value in row if "RUR" not in value))
        for row in found
    }
    assert seen == {
        ("1", "2", "disputed", "final-list"),
        ("0", "1", "non-sponsor", "tabled-list"),
        ("0", "0", "added", "unstated"),
    }
    assert ask(store, "cosponsor:sponsorship\\/RUR-x cosp:sourcesClaiming ?n") == [["2"]]


def test_a_rule_that_makes_a_blank_node_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule("reference", "10-blank.rq", "Blank: a node without a name.", "CONSTRUCT { [] a ?c } WHERE { ?s a ?c }")
    monkeypatch.setattr("cosponsor.rules.read_rules", lambda folder: [rule])
    with pytest.raises(InputError, match=r"10-blank.rq: the rule makes a blank node"):
        run_folder(store_of(reference="<urn:a> a <urn:b> ."), "reference", "derived/reference", [REFERENCE])


def test_months_are_those_of_the_calendar() -> None:
    assert month_meant(datetime.date(2021, 6, 20), 6, "past") == (datetime.date(2021, 6, 1), datetime.date(2021, 6, 30))
    assert month_meant(datetime.date(2021, 6, 20), 7, "past")[0] == datetime.date(2020, 7, 1)
    assert month_meant(datetime.date(2021, 6, 20), 12, "past")[1] == datetime.date(2020, 12, 31)
    assert month_meant(datetime.date(2021, 6, 20), 5, "future")[0] == datetime.date(2022, 5, 1)
    assert month_meant(datetime.date(2021, 6, 20), 6, "future")[0] == datetime.date(2021, 6, 1)
    assert month_meant(datetime.date(2023, 3, 1), 2, "future")[1] == datetime.date(2024, 2, 29)


def month_meant(published: datetime.date, month: int, direction: str) -> tuple[datetime.date, datetime.date]:
    """Return the first and last day of the month meant, found by walking day by day: the oracle of the rule."""
    step = datetime.timedelta(-1 if direction == "past" else 1)
    found = published
    while found.month != month:
        found += step
    following = (found.replace(day=28) + datetime.timedelta(4)).replace(day=1)
    return found.replace(day=1), following - datetime.timedelta(1)


@SOME
@given(DAYS, st.integers(1, 12), st.sampled_from(["past", "future"]))
def test_a_month_without_a_year_is_the_last_or_the_next_one(
    published: datetime.date, month: int, direction: str
) -> None:
    time = f"; cosp:month {month} ; cosp:direction cosp:direction-{direction}"
    store = derived(scope="", time=time, published=published)
    first, last = month_meant(published, month, direction)
    assert shown(store, "?a ?b", "<urn:time> cosp:earliest ?a ; cosp:latest ?b") == {(str(first), str(last))}


@SOME
@given(DAYS, st.integers(0, 30), st.sampled_from(["", "past", "future"]))
def test_a_number_of_years_before_publication_is_a_calendar_year_and_the_past_ends_at_publication(
    published: datetime.date, number: int, direction: str
) -> None:
    time = f"; cosp:calendarUnit time:unitYear ; cosp:unitsBefore {number}"
    time += f" ; cosp:direction cosp:direction-{direction}" if direction else ""
    store = derived(scope="", time=time, published=published)
    first, last = datetime.date(published.year - number, 1, 1), datetime.date(published.year - number, 12, 31)
    last = published if number == 0 and direction != "future" else last
    assert shown(store, "?a ?b", "<urn:time> cosp:earliest ?a ; cosp:latest ?b") == {(str(first), str(last))}


SERIES = """cosponsor:series\\/x-body cosp:targetCountry cosponsor:country\\/SYL .
    cosponsor:series\\/y-body cosp:targetCountry cosponsor:country\\/SYL .
    cosponsor:series\\/z-body cosp:targetCountry cosponsor:country\\/BOR ."""
SPONSORSHIP: dict[str, Any] = {
    "kind": "sponsorship",
    "country": "RUR",
    "polarity": "sponsoring",
    "role": "co-sponsor",
} | {"stage": "unspecified"}
OFF = SPONSORSHIP | {"polarity": "not-sponsoring"}


def said(paper: str, number: int, scope: str = "", time: str = "", **more: object) -> str:
    """Return a claim of an invented paper, asserted unless ``more`` says else, with what its scope and time hold."""
    name = f"cosponsor:claim\\/{paper}\\/{number:02}"
    inner = f"; cosp:scope <urn:{paper}-{number}-s>" if scope else ""
    inner += f"; cosp:time <urn:{paper}-{number}-t>" if time else ""
    nodes = f"<urn:{paper}-{number}-s> a cosp:Scope {scope} ." if scope else ""
    nodes += f"<urn:{paper}-{number}-t> a cosp:TimeExpression {time} ." if time else ""
    source = f"; cosp:statedIn cosponsor:source\\/{paper}"
    return f"{name} a cosp:Claim {source} {keys(**{'modality': 'asserted'} | more)} {inner} . {nodes}"


def outside(name: str, scope: str = "", time: str = "", **more: object) -> str:
    """Return a statement of an invented outside document, ``document-NAME``."""
    inner = f"; cosp:scope <urn:{name}-s>" if scope else ""
    inner += f"; cosp:time <urn:{name}-t>" if time else ""
    nodes = f"<urn:{name}-s> a cosp:Scope {scope} ." if scope else ""
    nodes += f"<urn:{name}-t> a cosp:TimeExpression {time} ." if time else ""
    given = {"modality": "asserted", "cites": f"<urn:document-{name}>"} | more
    return f"cosponsor:statement\\/{name} a cosp:OutsideStatement {keys(**given)} {inner} . {nodes}"


def issue(name: str, kind: str, compares: str, **more: object) -> str:
    """Return an issue."""
    label = f'rdfs:label "{name}"@en'
    return f"cosponsor:issue\\/{name} a cosp:Issue ; {label} {keys(kind=kind, compares=compares, **more)} ."


def in_series(series: str, first: int | None = None, last: int | None = None, completeness: str = "") -> str:
    """Return the inside of a scope."""
    given: dict[str, object] = {"series": series, "firstYear": first, "lastYear": last, "completeness": completeness}
    return keys(**{key: value for key, value in given.items() if value})


def papers(*names: str, published: datetime.date = datetime.date(2030, 5, 15)) -> str:
    return "".join(
        f"cosponsor:source\\/{name} a cosp:Source ; schema:datePublished {day(published)} ." for name in names
    )


def world(*claims: str, issues: str = "", reference: str = "", published: datetime.date | None = None) -> ox.Store:
    """Return a store with the claims of the papers a and b, two series on Syldavia, issues, and all that follows."""
    store = ox.Store()
    dated = published or datetime.date(2030, 5, 15)
    graphs = {"reference": SERIES + texts() + texts("y-body") + texts("z-body") + reference, "editorial": issues}
    for paper in ("a", "b"):
        mine = "".join(claim for claim in claims if f"cosponsor:source\\/{paper} " in claim)
        graphs[f"source/{paper}"] = papers(paper, published=dated) + mine
    for name, turtle in graphs.items():
        graph = ox.NamedNode(graph_iri(name))
        store.load((DECLARED + turtle).encode(), format=ox.RdfFormat.TURTLE, to_graph=graph)
    derive(store, ["a", "b"])
    return store


FIRST_YEAR = issue("first-year", "sponsorship", "firstYear", polarity="sponsoring")
LAST_YEAR = issue("last-year", "sponsorship", "lastYear", polarity="sponsoring")
RETURN = issue("return", "sponsorship", "firstYear", polarity="sponsoring", act="resumed")
WHETHER = issue("whether", "sponsorship", "polarity", disagreementKind="scope")
HOW = issue("how", "sponsorship", "act", polarity="not-sponsoring", disagreementKind="definition")
METHOD = issue("method", "decision", "decisionMethod")
DATE = issue("date", "decision", "decidedOn")
TALLY = issue("tally", "decision", "tally")
SPONSORS = issue("sponsors", "count", "count", countedThing="sponsors")
SIGNATORIES = issue("signatories", "count", "count", countedThing="signatories")
CAME = issue("came", "event", "occurrence")
WHEN = issue("when", "event", "time")
UNDER_WHOM = issue("under-whom", "sponsorship", "statedAdministration")


def valued(store: ox.Store, name: str, more: str = "") -> set[tuple[str, ...]]:
    """Return (source, value) of the positions on an issue."""
    return shown(
        store,
        "?who ?value",
        f"?p a cosp:Position ; cosp:issue cosponsor:issue\\/{name} ; cosp:statedIn ?who ; cosp:value ?value {more}",
    )


def test_a_first_and_a_last_year_are_positions_on_the_series() -> None:
    claim = said("a", 1, in_series("x-body", 2009, 2018), **SPONSORSHIP)
    store = world(claim, issues=FIRST_YEAR + LAST_YEAR + RETURN)
    assert valued(store, "first-year", "; cosp:series cosponsor:series\\/x-body") == {("a", "2009")}
    assert valued(store, "last-year", "; cosp:topic cosponsor:series\\/x-body") == {("a", "2018")}
    assert valued(store, "return") == set()


def test_an_open_range_is_known_as_far_as_the_year_of_publication() -> None:
    claim = said("a", 1, in_series("x-body", 2009, completeness="right-censored"), **SPONSORSHIP)
    store = world(claim, issues=FIRST_YEAR + LAST_YEAR, published=datetime.date(2012, 5, 15))
    assert valued(store, "last-year", "; cosp:completeness cosp:completeness-right-censored") == {("a", "2012")}
    assert valued(store, "first-year", "; cosp:completeness cosp:completeness-unstated") == {("a", "2009")}


@pytest.mark.parametrize("speaker", ["a", "outside"])
def test_a_range_that_holds_at_least_has_neither_a_first_nor_a_last_year(speaker: str) -> None:
    scope = in_series("x-body", 2009, 2018, "at-least")
    claim, statement = said("a", 1, scope, **SPONSORSHIP), outside("d", scope, **SPONSORSHIP)
    chosen = {"claims": (claim,), "reference": ""} if speaker == "a" else {"claims": (), "reference": statement}
    store = world(*chosen["claims"], reference=str(chosen["reference"]), issues=FIRST_YEAR + LAST_YEAR)
    assert valued(store, "first-year") | valued(store, "last-year") == set()
    assert len(years(store)) == 10  # it still reaches its texts


def test_a_single_year_is_neither_a_first_nor_a_last_one() -> None:
    store = world(said("a", 1, in_series("x-body", 2009, 2009), **SPONSORSHIP), issues=FIRST_YEAR + LAST_YEAR)
    assert valued(store, "first-year") | valued(store, "last-year") == set()


def test_a_return_is_no_first_year_and_a_first_year_no_return() -> None:
    again = said("a", 1, in_series("x-body", 2023, 2025), act="resumed", **SPONSORSHIP)
    first = said("b", 1, in_series("x-body", 2009, 2018), act="joined", **SPONSORSHIP)
    store = world(again, first, issues=FIRST_YEAR + RETURN)
    assert valued(store, "return") == {("a", "2023")}
    assert valued(store, "first-year") == {("b", "2009")}


def test_years_in_two_series_on_one_country_differ_in_scope() -> None:
    one = said("a", 1, in_series("x-body", 2009, 2018), **SPONSORSHIP)
    store = world(one, said("b", 1, in_series("y-body", 2008, 2018), **SPONSORSHIP), issues=FIRST_YEAR + LAST_YEAR)
    assert (kinds(store, "first-year"), kinds(store, "last-year")) == ({"scope"}, set())
    assert shown(store, "?t", "?d a cosp:Disagreement ; cosp:topic ?t") == {("x-body",), ("y-body",)}


@pytest.mark.parametrize(
    ("series", "more", "expected"),
    [
        ("z-body", {}, set()),  # texts on another country
        ("y-body", {"country": "BOR"}, set()),  # another sponsor
        ("y-body", {"modality": "speculated"}, {"scope", "modality"}),
        ("x-body", {}, {"contradiction"}),
    ],
)
def test_years_in_another_series_are_compared_where_target_and_country_are_the_same(
    series: str, more: dict[str, str], expected: set[str]
) -> None:
    one = said("a", 1, in_series("x-body", 2009, 2018), **SPONSORSHIP)
    two = said("b", 1, in_series(series, 2008, 2018), **SPONSORSHIP | more)
    assert kinds(world(one, two, issues=FIRST_YEAR)) == expected


def test_an_open_range_in_another_series_differs_in_scope_and_end() -> None:
    one = said("a", 1, in_series("x-body", 2009, 2029), **SPONSORSHIP)
    two = said("b", 1, in_series("y-body", 2009), **SPONSORSHIP)
    late = outside("d", in_series("y-body", 2009, 2031), **SPONSORSHIP)
    assert kinds(world(one, two, issues=LAST_YEAR)) == {"scope"}
    assert kinds(world(two, reference=late, issues=LAST_YEAR)) == {"open-end"}
    late = outside("d", in_series("x-body", 2009, 2031), **SPONSORSHIP)
    assert kinds(world(two, reference=late, issues=LAST_YEAR)) == {"scope", "open-end"}


READINGS = """cosponsor:reading\\/since a cosp:Reading ; cosp:claim cosponsor:claim\\/a\\/01 ; cosp:likelihood 0.6 .
    cosponsor:reading\\/in a cosp:Reading ; cosp:claim cosponsor:claim\\/a\\/02 ; cosp:likelihood 0.4 ."""


def test_each_reading_of_a_passage_is_a_position_of_its_own() -> None:
    since = said("a", 1, in_series("x-body", 2008, 2018), **SPONSORSHIP)
    once = said("a", 2, in_series("x-body", 2008, 2008), **OFF)
    store = world(since, once, said("b", 1, in_series("x-body", 2008, 2018), **SPONSORSHIP), issues=WHETHER + READINGS)
    read = "; cosp:resolution cosponsor:resolution\\/x-body-2008 ; cosp:reading ?r ; cosp:likelihood ?l"
    assert valued(store, "whether", read) == {("a", "polarity-sponsoring"), ("a", "polarity-not-sponsoring")}
    assert kinds(store, "whether") == {"agreement", "internal", "ambiguity"}
    about = "?s a cosp:Stance ; cosp:likelihood ?l ; cosp:resolution cosponsor:resolution\\/x-body-2008"
    assert shown(store, "?l", about) == {("0.6",), ("0.4",)}


def test_texts_of_one_year_in_two_series_differ_in_scope() -> None:
    one = said("a", 1, in_series("x-body", 2019, 2019), **OFF)
    two = said("b", 1, in_series("y-body", 2018, 2020), **SPONSORSHIP)
    store = world(one, two, issues=WHETHER)
    assert kinds(store) == {"scope"}
    topics = {("x-body-2019",), ("y-body-2019",)}
    assert shown(store, "?t", "?d a cosp:Disagreement ; cosp:topic ?t") == topics
    late = outside("d", resolution="y-body-2019", **SPONSORSHIP)
    assert kinds(world(one, reference=late, issues=WHETHER)) == {"scope"}
    assert kinds(world(one, two, issues=WHETHER.replace("cosp:disagreement-scope", "cosp:disagreement-stage"))) == set()


def test_what_is_expected_of_one_text_is_not_compared_with_another_text() -> None:
    one = said("a", 1, in_series("x-body", 2019, 2019), **OFF | {"modality": "speculated"})
    assert kinds(world(one, said("b", 1, in_series("y-body", 2019, 2019), **SPONSORSHIP), issues=WHETHER)) == set()


def test_texts_of_two_years_are_not_compared() -> None:
    one = said("a", 1, in_series("x-body", 2019, 2019), **OFF)
    two = said("b", 1, in_series("x-body", 2021, 2021), **SPONSORSHIP)
    assert kinds(world(one, two, issues=WHETHER)) == set()
    same = said("b", 1, in_series("x-body", 2019, 2019), **SPONSORSHIP)
    assert kinds(world(one, same, issues=WHETHER)) == {"contradiction"}


def test_an_explanation_for_a_text_finds_the_differences_between_it_and_another() -> None:
    one = said("a", 1, in_series("x-body", 2019, 2019), **OFF)
    two = said("b", 1, in_series("y-body", 2019, 2019), **SPONSORSHIP)
    why = "cosponsor:issue\\/whether cosp:explanation <urn:e> . <urn:e> cosp:disagreementKind cosp:disagreement-scope"
    for text, expected in (("x-body-2019", 1), ("y-body-2019", 1), ("x-body-2020", 0)):
        explanation = f"{why} ; cosp:resolution cosponsor:resolution\\/{text} ."
        store = world(one, two, issues=WHETHER + explanation)
        assert len(ask(store, "?d cosp:explanation <urn:e> . ?d a cosp:Disagreement")) == expected


def test_words_for_staying_off_differ_in_definition_and_what_is_reported_counts_as_said() -> None:
    one = said("a", 1, in_series("x-body", 2019, 2019), act="declined", **OFF | {"modality": "reported"})
    two = said("b", 1, in_series("x-body", 2019, 2019), act="withdrew", **OFF)
    store = world(one, two, issues=WHETHER + HOW)
    assert (kinds(store, "whether"), kinds(store, "how")) == ({"agreement"}, {"definition"})


def test_claims_of_one_source_with_one_value_are_one_position() -> None:
    twice = [said("a", number, in_series("x-body", 2019, 2019), **OFF) for number in (1, 2)]
    store = world(*twice, issues=WHETHER)
    assert valued(store, "whether") == {("a", "polarity-not-sponsoring")}
    assert len(shown(store, "?claim", "?p a cosp:Position ; prov:wasDerivedFrom ?claim")) == 2


def test_what_is_unspecified_is_no_value() -> None:
    role = issue("role", "sponsorship", "role", polarity="sponsoring")
    claim = said("a", 1, in_series("x-body", 2019, 2019), **SPONSORSHIP | {"role": "unspecified"})
    statement = outside("d", resolution="x-body-2019", **SPONSORSHIP | {"role": "unspecified"})
    assert valued(world(claim, reference=statement, issues=role), "role") == set()


def test_an_expectation_is_a_position_but_no_stance() -> None:
    claim = said("a", 1, in_series("x-body", 2019, 2019), **OFF | {"kind": "expectation", "modality": "expected"})
    fact = outside("d", resolution="x-body-2019", **SPONSORSHIP)
    store = world(claim, reference=fact, issues=WHETHER)
    assert kinds(store) == {"modality"}
    assert shown(store, "?c", "?s a cosp:Stance ; prov:wasDerivedFrom ?c") == {("d",)}


@pytest.mark.parametrize("modality", ["expected", "speculated", "hypothetical", "generic"])
def test_no_stance_follows_from_an_outside_statement_that_is_not_asserted(modality: str) -> None:
    statement = outside("d", resolution="x-body-2019", **SPONSORSHIP | {"modality": modality})
    store = world(reference=statement, issues=WHETHER)
    assert (years(store), valued(store, "whether")) == ([], set())
    ranged = outside("d", in_series("x-body", 2008, 2018), **SPONSORSHIP | {"modality": modality})
    assert valued(world(reference=ranged, issues=FIRST_YEAR), "first-year") == set()


def test_a_range_of_an_outside_document_reaches_each_text_in_it() -> None:
    acted: dict[str, Any] = {"actedOn": datetime.date(2010, 5, 1)}
    store = world(reference=outside("d", in_series("x-body", 2009, 2011), **SPONSORSHIP | acted), issues=WHETHER)
    assert years(store, "cosp:explicitness-expanded") == [2009, 2010, 2011]
    assert shown(store, "?day", "?s a cosp:Stance ; cosp:actedOn ?day") == set()
    assert len(shown(store, "?p", "?p a cosp:Position ; cosp:value cosp:polarity-sponsoring")) == 3


def test_an_open_range_of_an_outside_document_reaches_its_first_year_only() -> None:
    store = world(reference=outside("d", in_series("x-body", 2009), **SPONSORSHIP), issues=FIRST_YEAR + LAST_YEAR)
    assert years(store, "cosp:explicitness-stated") == [2009]
    assert valued(store, "first-year") == {("urn:document-d", "2009")}
    assert valued(store, "last-year") == set()


def test_an_outside_statement_on_one_text_is_stated_and_dates_its_act() -> None:
    acted: dict[str, Any] = {"actedOn": datetime.date(2010, 5, 1)}
    store = world(reference=outside("d", resolution="x-body-2010", **SPONSORSHIP | acted))
    assert years(store, "cosp:explicitness-stated") == [2010]
    assert shown(store, "?day ?basis", "?s cosp:decidingDate ?day ; cosp:decidingDateBasis ?basis") == {
        ("2010-05-01", "deciding-sponsoring")
    }


def test_years_of_a_source_and_of_an_outside_document_agree_or_differ() -> None:
    claim = said("a", 1, in_series("x-body", 2009, 2018), **SPONSORSHIP)
    statement = outside("d", in_series("x-body", 2008, 2018), **SPONSORSHIP)
    store = world(claim, reference=statement, issues=FIRST_YEAR + LAST_YEAR)
    assert (kinds(store, "first-year"), kinds(store, "last-year")) == ({"reference"}, {"agreement"})


def test_what_an_outside_document_reports_counts_as_said() -> None:
    claim = said("a", 1, in_series("x-body", 2009, 2018), **SPONSORSHIP)
    statement = outside("d", in_series("x-body", 2008, 2018), **SPONSORSHIP | {"modality": "reported"})
    store = world(claim, reference=statement, issues=WHETHER + FIRST_YEAR + LAST_YEAR)
    assert (kinds(store, "first-year"), kinds(store, "last-year")) == ({"reference"}, {"agreement"})
    assert kinds(store, "whether") == {"agreement"}


VOTE = """cosponsor:decision\\/x-body-2019 cosp:votesFor 22 ; cosp:votesAgainst 5 ; cosp:abstentions 18 ;
        cosp:decisionMethod cosp:method-vote .
    <urn:fact-1> a cosp:Fact ; rdf:subject cosponsor:decision\\/x-body-2019 ; cosp:cites <urn:roll-call> ;
        rdf:predicate cosp:votesFor .
    <urn:fact-2> a cosp:Fact ; rdf:subject cosponsor:decision\\/x-body-2019 ; cosp:cites <urn:roll-call> ;
        rdf:predicate cosp:decisionMethod .
    <urn:fact-3> a cosp:Fact ; rdf:subject cosponsor:decision\\/x-body-2019 ; cosp:cites <urn:roll-call> ;
        rdf:predicate cosp:decidedOn ."""


@pytest.mark.parametrize(("tally", "expected"), [("22-5-18", "agreement"), ("23-5-18", "reference")])
def test_a_tally_is_compared_with_the_votes_on_record(tally: str, expected: str) -> None:
    claim = said("a", 1, in_series("x-body", 2019, 2019), kind="decision", tally=tally)
    store = world(claim, reference=VOTE, issues=TALLY)
    assert valued(store, "tally") == {("a", tally), ("urn:roll-call", "22-5-18")}
    assert kinds(store) == {expected}


def test_a_method_is_compared_with_the_record() -> None:
    broader = "cosp:method-consensus skos:broader cosp:method-without-a-vote ."
    claim = said("a", 1, in_series("x-body", 2019, 2019), kind="decision", decisionMethod="without-a-vote")
    wide = said("b", 1, in_series("x-body", 2019, 2019), kind="decision", decisionMethod="consensus")
    store = world(claim, wide, reference=VOTE + broader, issues=METHOD)
    assert kinds(store) == {"reference", "granularity"}


@pytest.mark.parametrize(
    ("step", "date", "expected"),
    [
        ("final", "2019-06-01", {"agreement"}),
        ("final", "2019-06-02", {"reference"}),
        ("committee", "2019-05-02", {"agreement"}),
        ("committee", "2019-06-01", {"reference"}),
        ("committee", "2019-06-02", {"reference"}),
    ],
)
def test_the_date_of_a_committee_is_compared_with_the_committee_alone(step: str, date: str, expected: set[str]) -> None:
    committee = """cosponsor:decision\\/x-committee a cosp:Decision ;
            cosp:resolution cosponsor:resolution\\/x-body-2019 ; cosp:decisionStep cosp:step-committee ;
            cosp:decidedOn "2019-05-02"^^xsd:date .
        <urn:fact-4> a cosp:Fact ; rdf:subject cosponsor:decision\\/x-committee ; cosp:cites <urn:press> ;
            rdf:predicate cosp:decidedOn ."""
    time = f'; cosp:earliest "{date}"^^xsd:date ; cosp:latest "{date}"^^xsd:date'
    claim = said("a", 1, in_series("x-body"), time, kind="decision", decisionStep=step)
    store = world(claim, reference=VOTE + committee, issues=DATE)
    assert kinds(store) == expected
    assert len(shown(store, "?c", "?c cosp:betweenPosition ?any")) == 1


def test_a_month_holds_the_day_on_record() -> None:
    claim = said("a", 1, in_series("x-body"), "; cosp:month 6 ; cosp:direction cosp:direction-past", kind="decision")
    store = world(claim, reference=VOTE, issues=DATE, published=datetime.date(2019, 8, 1))
    assert valued(store, "date") == {("a", "2019-06-01/2019-06-30"), ("urn:roll-call", "2019-06-01")}
    assert kinds(store) == {"granularity"}


def test_a_date_is_of_the_text_it_is_said_of_and_not_of_those_counted_back() -> None:
    time = '; cosp:earliest "2019-06-01"^^xsd:date ; cosp:latest "2019-06-01"^^xsd:date'
    claim = said("a", 1, in_series("x-body") + " ; cosp:consecutiveYears 3", time, kind="decision")
    store = world(claim, issues=DATE)
    assert shown(store, "?t", "?p a cosp:Position ; cosp:topic ?t") == {("x-body-2019",)}


def test_a_range_that_ends_after_publication_does_not_reach_texts_decided_later() -> None:
    claim = said("a", 1, in_series("x-body", 2010, 2014), **SPONSORSHIP)
    assert years(world(claim, published=datetime.date(2012, 5, 31))) == [2010, 2011]


def test_a_count_is_as_of_its_day_or_of_publication() -> None:
    counted: dict[str, Any] = {"kind": "count", "count": 43, "countOperator": "exactly", "countedThing": "sponsors"}
    dated = '; cosp:earliest "2019-05-30"^^xsd:date ; cosp:latest "2019-05-30"^^xsd:date'
    month = '; cosp:earliest "2019-05-01"^^xsd:date ; cosp:latest "2019-05-31"^^xsd:date'
    store = world(
        said("a", 1, in_series("x-body", 2019, 2019), **counted),
        said("a", 2, in_series("x-body", 2019, 2019), dated, **counted),
        said("a", 3, in_series("x-body", 2019, 2019), month, **counted),
        said("a", 4, in_series("x-body", 2019, 2019), asOf=datetime.date(2019, 5, 29), **counted),
        said("a", 5, in_series("x-body", 2019, 2019), **SPONSORSHIP),
        published=datetime.date(2019, 7, 1),
    )
    assert shown(store, "?c ?day", "?c a cosp:Claim ; cosp:asOf ?day") == {
        ("a/01", "2019-07-01"), ("a/02", "2019-05-30"), ("a/04", "2019-05-29")
    }  # fmt: skip


def test_two_numbers_of_one_source_with_different_operators_are_two_positions() -> None:
    counted: dict[str, Any] = {"kind": "count", "count": 40, "countedThing": "sponsors", "stage": "final-list"}
    one = said("a", 1, in_series("x-body", 2019, 2019), countOperator="more-than", **counted)
    two = said("a", 2, in_series("x-body", 2019, 2019), countOperator="about", **counted)
    store = world(one, two, said("b", 1, in_series("x-body", 2019, 2019), **counted | {"count": 43}), issues=SPONSORS)
    operators = "SELECT ?p (COUNT(?o) AS ?n) WHERE { ?p a cosp:Position ; cosp:countOperator ?o } GROUP BY ?p"
    assert [row[1] for row in shown(store, "?p ?n", f"{{ {operators} }}")] == ["1", "1"]
    assert kinds(store) == {"counting"}


def test_an_issue_on_counts_compares_what_it_counts_alone() -> None:
    counted: dict[str, Any] = {"kind": "count", "countOperator": "exactly"}
    one = said("a", 1, in_series("x-body", 2019, 2019), count=43, countedThing="sponsors", **counted)
    two = said("b", 1, in_series("x-body", 2019, 2019), count=20, countedThing="adoptions", **counted)
    assert valued(world(one, two, issues=SPONSORS), "sponsors") == {("a", "43")}


LETTER = "cosponsor:event\\/letter a cosp:Event ."


def test_claims_on_an_event_are_compared_on_the_event_whatever_their_kind() -> None:
    counted: dict[str, Any] = {"event": "letter", "countOperator": "exactly", "countedThing": "signatories"}
    one = said("a", 1, kind="count", count=21, country="RUR", **counted)
    two = said("b", 1, kind="statement", count=20, **counted)
    store = world(one, two, reference=LETTER, issues=SIGNATORIES + SPONSORS)
    assert valued(store, "signatories", "; cosp:topic cosponsor:event\\/letter") == {("a", "21"), ("b", "20")}
    assert kinds(store) == {"contradiction"}
    assert valued(store, "sponsors") == set()


@pytest.mark.parametrize(("where", "expected"), [("b", {"contradiction"}), ("outside", {"reference"})])
def test_whether_an_event_came_about_is_compared_whichever_country_a_claim_names(
    where: str, expected: set[str]
) -> None:
    one = said("a", 1, kind="event", event="letter", occurrence="happened", country="RUR")
    no: dict[str, Any] = {"kind": "event", "event": "letter", "occurrence": "did-not-happen"}
    for country in ("RUR", "SYL"):
        two = said("b", 1, country=country, **no) if where == "b" else ""
        fact = outside("d", country=country, **no) if where == "outside" else ""
        assert kinds(world(one, two, reference=LETTER + fact, issues=CAME)) == expected


def test_the_time_of_an_event_is_a_period_that_can_hold_a_day() -> None:
    may = "; cosp:month 5 ; cosp:direction cosp:direction-past"
    one = said("a", 1, "", may, kind="event", event="letter", country="RUR")
    on_the_day = '; cosp:earliest "2030-05-03"^^xsd:date ; cosp:latest "2030-05-03"^^xsd:date'
    fact = outside("d", "", on_the_day, kind="event", event="letter")
    store = world(one, reference=LETTER + fact, issues=WHEN)
    assert valued(store, "when") == {("a", "2030-05-01/2030-05-31"), ("urn:document-d", "2030-05-03")}
    assert kinds(store) == {"granularity"}


def test_a_claim_on_an_event_says_nothing_of_a_text() -> None:
    claim = said(
        "a", 1, in_series("x-body", 2019, 2019), kind="count", count=21, event="letter", countedThing="sponsors"
    )
    store = world(claim, reference=LETTER, issues=SPONSORS)
    assert shown(store, "?topic", "?p a cosp:Position ; cosp:topic ?topic") == {("letter",)}


TERMS = """cosponsor:administration\\/RUR-0 a cosp:Administration ; cosp:country cosponsor:country\\/RUR ;
        cosp:start "2000-01-01"^^xsd:date ; cosp:end "2020-01-01"^^xsd:date .
    cosponsor:administration\\/RUR-1 a cosp:Administration ; cosp:country cosponsor:country\\/RUR ;
        cosp:start "2020-01-01"^^xsd:date .
    <urn:0> rdf:subject cosponsor:administration\\/RUR-0 ; rdf:predicate cosp:start ; cosp:cites <urn:almanac> .
    <urn:1> rdf:subject cosponsor:administration\\/RUR-1 ; rdf:predicate cosp:start ; cosp:cites <urn:almanac> ."""


def test_a_stated_administration_is_compared_with_that_of_the_deciding_date() -> None:
    claim = said("a", 1, in_series("x-body", 2019, 2020), statedAdministration="RUR-0", **OFF)
    store = world(claim, reference=TERMS, issues=UNDER_WHOM)
    by_text = "?p a cosp:Position ; cosp:resolution ?t ; cosp:value ?v ; cosp:statedIn <urn:almanac>"
    assert shown(store, "?t ?v", by_text) == {("x-body-2019", "RUR-0"), ("x-body-2020", "RUR-1")}
    pairs = "a ?comparison ; cosp:resolution ?t FILTER (?comparison IN (cosp:Agreement, cosp:Disagreement))"
    assert shown(store, "?comparison ?t", f"?c {pairs}") == {
        ("Agreement", "x-body-2019"), ("Disagreement", "x-body-2020")
    }  # fmt: skip
    assert kinds(store) == {"agreement", "reference"}


def test_no_administration_is_compared_where_no_source_states_one() -> None:
    claim = said("a", 1, in_series("x-body", 2019, 2020), **OFF)
    assert valued(world(claim, reference=TERMS, issues=UNDER_WHOM), "under-whom") == set()


def silent(paper: str, text: str) -> str:
    note = keys(coverage="not-said", source=paper, issue="whether", resolution=text, country="RUR")
    return f"<urn:{paper}-{text}-silent> a cosp:CoverageNote {note} ."


def test_silence_is_a_position_without_a_value_and_differs_from_speech_in_coverage() -> None:
    claim = said("a", 1, in_series("x-body", 2019, 2020), **OFF)
    store = world(claim, issues=WHETHER + silent("b", "x-body-2019") + silent("b", "y-body-2019"))
    silence = "?p cosp:coverage cosp:coverage-not-said ; cosp:topic ?t FILTER NOT EXISTS { ?p cosp:value ?any }"
    assert shown(store, "?t", silence) == {("x-body-2019",), ("y-body-2019",)}
    assert kinds(store) == {"coverage"}
    assert shown(store, "?t", "?d a cosp:Disagreement ; cosp:topic ?t") == {("x-body-2019",)}
    assert shown(store, "?s", "?s a cosp:Stance ; cosp:statedIn cosponsor:source\\/b") == set()


def test_silence_is_not_compared_with_documents_from_outside_nor_with_silence() -> None:
    notes = silent("a", "x-body-2019") + silent("b", "x-body-2019")
    fact = outside("d", resolution="x-body-2019", **SPONSORSHIP)
    assert kinds(world(reference=fact, issues=WHETHER + notes)) == set()
