"""Rules: ranges, counting back, dates, administrations; on invented countries, series and sources."""

import datetime
import re
from collections.abc import Iterable

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosponsor.findings import InputError
from cosponsor.iris import BASE, ONTOLOGY, PREFIXES, graph_iri
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
    known = re.compile(r"(country|claim|source|series|resolution|body|administration|session)(\\)?/[A-Za-z0-9]")
    rules = [rule for folder in ("reference", "source", "across") for rule in read_rules(folder)]
    assert len(rules) > 20
    assert [rule.file for rule in rules if known.search(rule.query)] == []


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


def position(name: str, value: str, extra: str = "", document: str = "", layer: str = "source") -> str:
    return f"""cosponsor:position\\/i\\/{name} a cosp:Position ; cosp:issue cosponsor:issue\\/i ; cosp:value {value} ;
        cosp:resolution cosponsor:resolution\\/x ; cosp:layer cosp:layer-{layer} ;
        cosp:statedIn <urn:{document or name}> {extra} ."""


TABLED, FINAL = "; cosp:stage cosp:stage-tabled-list", "; cosp:stage cosp:stage-final-list"
AT_LEAST = "; cosp:countOperator cosp:operator-at-least"
BROADER = "<urn:narrow> skos:broader <urn:wide> ."


@pytest.mark.parametrize(
    ("turtle", "expected"),
    [
        (position("a", "1") + position("b", "1"), "agreement"),
        (position("a", "1") + position("b", "1", document="a"), None),
        (position("a", "1", TABLED) + position("b", "1", FINAL), None),
        (position("a", "1", AT_LEAST) + position("b", "1"), None),
        (position("a", "1", "; cosp:country <urn:c/A>") + position("b", "2", "; cosp:country <urn:c/B>"), None),
        (position("a", "1") + position("b", "2"), "contradiction"),
        (position("a", "1") + position("b", "2", layer="reference"), "reference"),
        (position("a", "1") + position("b", "2", document="a"), "internal"),
        (position("a", "1", TABLED) + position("b", "2", FINAL), "stage"),
        (position("a", "1", TABLED) + position("b", "2"), "stage"),
        (position("a", "40", AT_LEAST) + position("b", "43", AT_LEAST), "counting"),
        (position("a", "40", AT_LEAST) + position("b", "43"), "counting"),
        (position("a", "1", "; cosp:likelihood 0.5") + position("b", "2"), "ambiguity"),
        (position("a", "<urn:narrow>") + position("b", "<urn:wide>") + BROADER, "granularity"),
    ],
)
def test_the_kind_of_a_comparison_follows_from_the_keys_that_differ(turtle: str, expected: str | None) -> None:
    store = across(turtle)
    agreements = ["agreement" for _ in ask(store, "?c a cosp:Agreement")]
    kinds = [row[0].removeprefix(f"{ONTOLOGY}disagreement-") for row in ask(store, "[] cosp:disagreementKind ?kind")]
    assert agreements + kinds == ([expected] if expected else [])


@pytest.mark.parametrize(("only", "explained"), [("", True), ("x", True), ("y", False)])
def test_an_explanation_for_one_text_explains_that_text_alone(only: str, explained: bool) -> None:
    scope = f"; cosp:resolution cosponsor:resolution\\/{only}" if only else ""
    kind = "cosp:disagreementKind cosp:disagreement-contradiction"
    explanation = f"cosponsor:issue\\/i cosp:explanation <urn:e> . <urn:e> {kind} {scope} ."
    store = across(position("a", "1") + position("b", "2") + explanation)
    assert bool(ask(store, "?d cosp:explanation <urn:e> . ?d a cosp:Disagreement")) is explained


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
