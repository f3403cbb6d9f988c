"""The conflicts between stored sources that were known beforehand are disagreements of the kinds expected.

One row a conflict: what it is about, the issue and the end of the topic's IRI (with the country, where one matters),
and the kinds that the disagreements on it show at least. What merely looks like a conflict must not contradict.
"""

import pyoxigraph as ox
import pytest

from cosponsor.dataset import published
from cosponsor.iris import BASE, PREFIXES

DECLARED = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in PREFIXES.items())
CONFLICTS = [
    ("South Korea in the General Assembly of 2022", "sponsorship", "dprk-ga-77", {"reference", "contradiction"}),
    ("South Korea's start in the Council", "first-year", "dprk-hrc", {"reference", "contradiction", "scope"}),
    ("South Korea in the Council of 2013", "sponsorship", "dprk-hrc-22", {"stage"}),
    ("the United States in 2025", "sponsorship", "dprk-ga-80", {"stage"}),
    ("sponsors in the Council of 2021", "sponsor-count", "dprk-hrc-46", {"stage"}),
    ("sponsors in the Council of 2017", "sponsor-count", "dprk-hrc-34", {"contradiction"}),
    ("sponsors in the General Assembly of 2025", "sponsor-count", "dprk-ga-80", {"stage"}),
    ("consensus for twenty years", "decision-method", "dprk-ga-66", {"contradiction"}),
    ("a vote in 2019", "decision-method", "dprk-ga-74", {"reference"}),
    ("abstained, from 2019 on", "decision-method", "dprk-ga-76", {"ambiguity"}),
    ("abstained, as a word", "manner", "dprk-ga-76", {"definition"}),
    ("South Korea in the Commission of 2003", "participation", "dprk-chr-59", {"contradiction"}),
    ("the Security Council in 2018", "occurrence", "security-council-debate-2018", {"reference"}),
    ("the end of Japan's lead", "event-date", "japan-stops-leading-hrc", {"reference"}),
    ("the date of the Council's text of 2020", "decision-date", "dprk-hrc-43", {"reference"}),
    ("the tally of the Third Committee of 2009", "tally", "dprk-ga-64", {"contradiction"}),
    ("the tally of 2007", "tally", "dprk-ga-62", {"contradiction"}),
    ("the tally of the General Assembly of 2014", "tally", "dprk-ga-69", {"contradiction"}),
    ("the tally of the Council of 2014", "tally", "dprk-hrc-25", {"contradiction"}),
    ("the date of 2015", "decision-date", "dprk-ga-70", {"contradiction"}),
]


@pytest.fixture(scope="module")
def store() -> ox.Store:
    store = ox.Store()
    store.bulk_load(path=str(published()), format=ox.RdfFormat.N_QUADS)
    return store


def kinds(store: ox.Store, pattern: str) -> set[str]:
    """Return the names of the kinds of the disagreements that match ``pattern``."""
    query = f"{DECLARED} SELECT DISTINCT ?kind {{ ?d a cosp:Disagreement ; cosp:disagreementKind ?kind . {pattern} }}"
    rows = store.query(query, use_default_graph_as_union=True)
    assert isinstance(rows, ox.QuerySolutions)
    return {str(getattr(row["kind"], "value", "")).rpartition("#disagreement-")[2] for row in rows}


@pytest.mark.parametrize(("matter", "issue", "topic", "expected"), CONFLICTS, ids=[row[0] for row in CONFLICTS])
def test_a_known_conflict_is_a_disagreement_of_its_kind(
    store: ox.Store, matter: str, issue: str, topic: str, expected: set[str]
) -> None:
    pattern = f'?d cosp:issue <{BASE}issue/{issue}> ; cosp:topic ?topic . FILTER (STRENDS(STR(?topic), "/{topic}"))'
    assert expected <= kinds(store, pattern), matter


def test_the_letter_is_the_one_plain_contradiction_between_the_articles(store: ox.Store) -> None:
    rows = store.query(
        f"""{DECLARED} SELECT DISTINCT ?issue WHERE {{
          ?d a cosp:Disagreement ; cosp:disagreementKind cosp:disagreement-contradiction ; cosp:issue ?issue ;
            cosp:betweenPosition ?one , ?two .
          ?one cosp:layer cosp:layer-source . ?two cosp:layer cosp:layer-source . FILTER (STR(?one) < STR(?two)) }}""",
        use_default_graph_as_union=True,
    )
    assert isinstance(rows, ox.QuerySolutions)
    assert [str(getattr(row["issue"], "value", "")) for row in rows] == [f"{BASE}issue/signatories"]


def test_the_stages_of_a_list_of_sponsors_never_contradict(store: ox.Store) -> None:
    pattern = f"?d cosp:issue <{BASE}issue/sponsor-count> ; cosp:topic <{BASE}resolution/dprk-ga-80> ."
    assert kinds(store, pattern) <= {"stage", "internal"}


def test_every_kind_of_disagreement_occurs(store: ox.Store) -> None:
    rows = store.query(
        f"{DECLARED} SELECT ?kind {{ ?kind skos:inScheme cosp:disagreement-scheme }}", use_default_graph_as_union=True
    )
    assert isinstance(rows, ox.QuerySolutions)
    known = {str(getattr(row["kind"], "value", "")).rpartition("#disagreement-")[2] for row in rows}
    tensions = f"{DECLARED} SELECT DISTINCT ?kind {{ ?t a cosp:Tension ; cosp:disagreementKind ?kind }}"
    more = store.query(tensions, use_default_graph_as_union=True)
    assert isinstance(more, ox.QuerySolutions)
    editorial = {str(getattr(row["kind"], "value", "")).rpartition("#disagreement-")[2] for row in more}
    assert known == kinds(store, "") | editorial
