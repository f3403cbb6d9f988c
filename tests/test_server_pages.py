"""The pages: readable, linked, honest about what is missing."""

import csv
import io
import itertools
import re
import time
from html.parser import HTMLParser

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.dataset import published
from cosponsor.iris import BASE as ORIGIN
from cosponsor.iris import PREFIXES as IRIS
from cosponsor.questions import questions
from cosponsor.server import create_app
from cosponsor.server.data import Data
from cosponsor.server.evaluation import evaluate
from cosponsor.server.settings import Settings
from cosponsor.server.terms import View, view

from .conftest import BASE

THINGS = [
    "sponsorship/KOR-dprk-hrc-46",
    "sponsorship/KOR-dprk-ga-77",
    "sponsorship/USA-dprk-ga-80",
    "claim/koreaherald-2021-03-24/14",
    "source/koreaherald-2021-03-24",
    "source/upi-2025-11-12",
    "source/keia-2020-12-09",
    "country/KOR",
    "country/FRA",
    "administration/KOR-moon-jae-in",
    "event/open-letter-2025-10",
    "series/dprk-ga",
    "issue/first-year",
    "resolution/dprk-hrc-46",
    "resolution/dprk-ga-80",
    "rule/source/stances",
    "graph/reference",
]
PAGES = [
    "",
    "questions",
    "questions/stance-by-text",
    "sources",
    "disagreements",
    "disagreements?kind=ambiguity",
    "disagreements?issue=sponsorship&kind=stage",
    "ontology.html",
    "dataset.html",
]
PAGES += [f"{thing}.html" for thing in THINGS]
HTML = {"Accept": "text/html"}
ANSWERED: set[str] = set()  # links that were followed from another page
VOID = {"meta", "link", "br", "input"}


class Page(HTMLParser):
    """What a page is made of: elements in order, links, anchors, and tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [found["href"] or ""] if tag == "a" and "href" in found else []
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag == "th" and "scope" not in found:
            self.wrong.append("th without scope")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


def rows(app: Flask, query: str) -> list[list[View]]:
    found = evaluate(query, app.extensions["cosponsor"])
    assert isinstance(found, ox.QuerySolutions)
    return [[view(term, app.extensions["cosponsor"]) for term in row] for row in found]


def page(client: FlaskClient, path: str) -> str:
    response = client.get(f"/{path}", headers=HTML)
    assert response.status_code == 200, path
    return response.text


@pytest.mark.parametrize("path", [*PAGES, "sparql"])
def test_a_page_is_sound_html_without_scripts(client: FlaskClient, path: str) -> None:
    found = Page(page(client, path))
    assert (found.wrong, found.open) == ([], [])
    assert found.tags.count("h1") == found.tags.count("main") == 1
    assert found.tags.count("table") == found.tags.count("caption")
    assert len(found.ids) == len(set(found.ids))
    assert "script" not in found.tags
    assert "#content" in found.links


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_into_the_graph_is_answered(client: FlaskClient, path: str) -> None:
    links = {link.partition("#")[0] for link in Page(page(client, path)).links if link.startswith(BASE)}
    assert links
    for link in sorted(links - ANSWERED):
        response = client.get("/" + link.removeprefix(BASE), headers=HTML)
        assert response.status_code in {200, 302, 303}, link
        ANSWERED.add(link)


def test_the_overview_shows_each_text_with_its_sponsorships(client: FlaskClient) -> None:
    text = page(client, "")
    assert f'href="{BASE}resolution/dprk-hrc-46"' in text
    assert f'<a class="status status-non-sponsor" href="{BASE}sponsorship/KOR-dprk-hrc-46">non-sponsor</a>' in text
    assert f'href="{BASE}administration/KOR-moon-jae-in"' in text
    assert "Version of the dataset" in text


def test_a_thing_is_shown_by_labels_with_its_iri_below_the_title(client: FlaskClient) -> None:
    text = page(client, "country/KOR.html")
    assert "<h1>Republic of Korea</h1>" in text
    assert f"<code>{BASE}country/KOR</code>" in text
    assert f'<a href="{BASE}ontology#m49">M49 code</a>' in text
    assert "according to" in text
    assert f'href="{BASE}graph/reference"' in text


def test_many_incoming_links_are_counted_and_lead_to_a_query(client: FlaskClient) -> None:
    text = page(client, "body/HRC.html")
    links = [link for link in Page(text).links if link.startswith(f"{BASE}sparql?query=")]
    assert links
    answer = client.get("/" + links[0].removeprefix(BASE), headers={"Accept": "text/csv"})
    count = len(answer.text.splitlines()) - 1
    assert f"All {count}, as a query" in text


def test_a_sponsorship_shows_stages_stances_and_administration(client: FlaskClient) -> None:
    text = page(client, "sponsorship/KOR-dprk-hrc-46.html")
    assert "No source says that." in text
    assert f'href="{BASE}claim/koreaherald-2021-03-24/14"' in text
    assert f'href="{BASE}administration/KOR-moon-jae-in"' in text
    assert '<time datetime="2021-03-23">2021-03-23</time>' in text


def test_a_claim_shows_its_evidence_and_what_follows(client: FlaskClient) -> None:
    text = page(client, "claim/koreaherald-2021-03-24/14.html")
    assert "The gist is in our own words." in text
    assert "SHA-256" in text
    assert "#:~:text=" in text
    assert f'href="{BASE}stance/koreaherald-2021-03-24/14/KOR-dprk-hrc-46"' in text
    assert f'href="{BASE}rule/source/stances"' in text


@pytest.mark.parametrize("source", ["koreaherald-2021-03-24", "keia-2020-12-09"])
def test_a_source_lists_its_claims_in_the_order_of_the_text(client: FlaskClient, app: Flask, source: str) -> None:
    query = f"""SELECT ?claim ?start {{ ?claim a cosp:Claim ; cosp:statedIn <{BASE}source/{source}> ;
        cosp:evidence/oa:hasSelector/oa:start ?start }}"""
    starts = {claim.iri.rpartition("/")[2]: int(start.text) for claim, start in rows(app, query)}
    text = page(client, f"source/{source}.html")
    shown = re.findall(r'<article class="claim" id="claim-([^"]+)">', text)
    assert sorted(shown) == sorted(starts)
    assert [starts[claim] for claim in shown] == sorted(starts.values())
    assert set(re.findall(r'href="#claim-([^"]+)"', text)) == set(shown)  # the contents lead to every claim


def test_claims_on_one_passage_stand_together(client: FlaskClient) -> None:
    text = page(client, "source/keia-2020-12-09.html")
    passages = re.findall(r'id="passage-\d+">.*?characters (\d+)–(\d+)', text)
    assert len(passages) < text.count('<article class="claim"')
    assert all(int(end) <= int(start) for (_, end), (start, _) in itertools.pairwise(passages))


def test_a_source_without_headline_or_author_says_so(client: FlaskClient) -> None:
    listed = page(client, "sources")
    assert listed.count("none printed") == listed.count("none named") == 2
    for source in ("upi-2025-11-12", "news1-2025-10-28"):
        text = page(client, f"source/{source}.html")
        assert "none printed" in text
        assert "none named" in text
        assert "not printed; the statements below say who dates it" in text


def test_a_claim_in_a_reading_says_why_and_leads_to_its_stances(client: FlaskClient) -> None:
    claim = (
        page(client, "source/foreignpolicy-2019-11-15.html").partition('id="claim-25"')[2].partition("</article>")[0]
    )
    assert "of likelihood 0.35" in claim
    assert f'href="{BASE}reading/foreignpolicy-2019-11-15/since-2008-began"' in claim
    assert f'href="{BASE}stance/foreignpolicy-2019-11-15/25/' in claim
    assert "The other reading of the passage" in page(client, "claim/foreignpolicy-2019-11-15/25.html")


def test_the_ontology_page_has_an_anchor_for_every_term(client: FlaskClient) -> None:
    anchors = set(Page(page(client, "ontology.html")).ids)
    assert {"Sponsorship", "claimedBy", "gist", "stage-tabled-list", "kind-scheme"} <= anchors


def kinds_in_order(text: str) -> list[str]:
    return re.findall(r'<h3 id="kind-([^"]+)">', text)


def test_disagreements_stand_by_kind_and_what_stays_open_comes_first(client: FlaskClient) -> None:
    text = page(client, "disagreements")
    found = kinds_in_order(text)
    assert found[:2] == ["contradiction", "reference"]
    assert len(found) == len(set(found)) > 5
    assert text.index('id="open"') < text.index('id="dissolving"') < text.index('<h2 id="agreements">Agreements</h2>')
    assert text.index('id="kind-reference"') < text.index('id="dissolving"')
    assert "All keys are equal and the values exclude each other." in text
    assert f'href="{BASE}disagreement/' in text


def test_every_disagreement_is_on_the_page_once(client: FlaskClient, app: Flask) -> None:
    known = {each.iri for (each,) in rows(app, "SELECT ?d { ?d a cosp:Disagreement }")}
    text = page(client, "disagreements").replace("&#39;", "'")
    shown = re.findall(rf'href="({BASE}disagreement/[^"]+)"', text)
    assert sorted(shown) == sorted(known)


def test_disagreements_are_counted_by_kind_and_filtered_by_kind_and_question(client: FlaskClient, app: Flask) -> None:
    query = """SELECT ?k (COUNT(DISTINCT ?d) AS ?n) { ?d cosp:disagreementKind ?k ; a cosp:Disagreement } GROUP BY ?k"""
    text = page(client, "disagreements")
    for kind, count in rows(app, query):
        name = kind.fragment.removeprefix("disagreement-")
        assert f'<a href="{BASE}disagreements?kind={name}">{kind.text}</a> ({count.text})' in text
        narrowed = page(client, f"disagreements?kind={name}")
        assert kinds_in_order(narrowed) == [name]
        assert len(re.findall(rf'href="{BASE}disagreement/', narrowed)) == int(count.text)
    narrowed = page(client, "disagreements?issue=tally")
    assert set(re.findall(rf'href="{BASE}disagreement/([^/]+)/', narrowed)) == {"tally"}


@pytest.mark.parametrize("query", ["kind=none", "issue=none", "kind=ambiguity&issue=none"])
def test_an_unknown_kind_or_question_is_404(client: FlaskClient, query: str) -> None:
    response = client.get(f"/disagreements?{query}")
    assert response.status_code == 404
    assert "there are: " in response.text


def test_agreements_are_counted_and_listed(client: FlaskClient, app: Flask) -> None:
    text = page(client, "disagreements").partition('<h2 id="agreements">')[2]
    ((total,),) = rows(app, "SELECT (COUNT(DISTINCT ?a) AS ?n) { ?a a cosp:Agreement }")
    assert f"{total.text} pairs in all" in text
    for issue, count in rows(app, "SELECT ?i (COUNT(?a) AS ?n) { ?a a cosp:Agreement ; cosp:issue ?i } GROUP BY ?i"):
        assert f'<a href="#agreed-{issue.fragment}">{issue.text}</a> ({count.text})' in text


def test_disagreements_are_answered_soon(client: FlaskClient) -> None:
    page(client, "disagreements")  # labels are collected once
    start = time.monotonic()
    text = page(client, "disagreements")
    assert time.monotonic() - start < 3  # 0.6 s on two cores; a guard against asking for each position by itself
    assert len(text) < 1_000_000


TENSION = """<{0}tension/t> a cosp:Tension ; rdfs:label "A rule and an exception"@en ;
    cosp:betweenClaim <{0}claim/keia-2020-12-09/02>, <{0}claim/upi-2025-11-12/90> ;
    cosp:disagreementKind cosp:disagreement-generic ; cosp:note "One speaks of every year."@en ."""


@pytest.fixture(scope="module")
def tense(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    path = tmp_path_factory.mktemp("tension") / "data.nq"
    added = tmp_path_factory.mktemp("tension") / "tension.ttl"
    prefixes = (f"@prefix {name}: <{IRIS[name]}> .\n" for name in ("cosp", "rdfs"))
    added.write_text("".join(prefixes) + TENSION.format(ORIGIN), "utf-8")
    path.write_bytes(published().read_bytes())
    app = create_app(Settings(BASE, (path, added), rebase_from=ORIGIN))
    app.testing = True
    return app.test_client()


def test_a_tension_is_shown_with_its_note_and_claims(tense: FlaskClient) -> None:
    for path in ("disagreements", "disagreements?kind=generic", "tension/t.html", "claim/upi-2025-11-12/90.html"):
        text = page(tense, path)
        assert (Page(text).wrong, Page(text).open) == ([], [])
        assert "One speaks of every year." in text
        assert f'href="{BASE}tension/t"' in text
        assert f'href="{BASE}claim/keia-2020-12-09/02"' in text
    assert "One speaks of every year." not in page(tense, "disagreements?kind=ambiguity")


def test_an_event_shows_who_says_what_of_it(client: FlaskClient) -> None:
    text = page(client, "event/open-letter-2025-10.html")
    said = text.partition('id="said"')[2].partition("</section>")[0]
    assert f'href="{BASE}source/upi-2025-11-12"' in said
    assert f'href="{BASE}source/news1-2025-10-28"' in said
    assert f'href="{BASE}position/' not in said
    differ = text.partition('id="differences"')[2].partition("</section>")[0]
    assert '<th scope="row">20</th>' in differ
    assert '<th scope="row">21</th>' in differ


def test_a_country_shows_its_sponsorships_by_series_and_year(client: FlaskClient) -> None:
    text = page(client, "country/KOR.html").partition('id="sponsorships"')[2].partition("</section>")[0]
    assert text.count("<table>") == 3
    line = text.partition(f'href="{BASE}resolution/dprk-ga-77"')[2].partition("</tr>")[0]
    assert "disputed" in line
    assert f'href="{BASE}source/upi-2025-11-12"' in line
    assert f'href="{BASE}administration/KOR-yoon-suk-yeol"' in line
    assert "No source here says whether it sponsored a text." in page(client, "country/FRA.html")


def test_an_administration_shows_what_falls_under_it_and_who_names_it(client: FlaskClient) -> None:
    text = page(client, "administration/KOR-yoon-suk-yeol.html")
    falls, named = text.partition('id="sponsorships"')[2].partition('id="stated"')[::2]
    assert f'href="{BASE}sponsorship/KOR-dprk-ga-77"' in falls
    assert "<caption>Claims that name it themselves, whatever the date says</caption>" in named


def test_a_text_shows_its_decisions_and_numbers(client: FlaskClient) -> None:
    text = page(client, "resolution/dprk-ga-80.html")
    decided = text.partition('id="decisions"')[2].partition("</section>")[0]
    assert decided.index("committee action") < decided.index("final action")
    numbers = text.partition('id="numbers"')[2].partition("</section>")[0]
    assert re.findall(r'<td class="number">(\d+)</td>', numbers) == ["41", "41", "20", "61"]


def test_a_sponsorship_tells_stated_and_dated_administration_apart(client: FlaskClient) -> None:
    text = page(client, "sponsorship/KOR-dprk-ga-77.html")
    part = text.partition('id="administration"')[2].partition("</section>")[0]
    dated, stated = part.partition("<table>")[::2]
    assert f'href="{BASE}administration/KOR-yoon-suk-yeol"' in dated
    assert f'href="{BASE}administration/KOR-moon-jae-in"' in stated


def test_comparisons_of_a_sponsorship_are_of_its_country(client: FlaskClient) -> None:
    text = (
        page(client, "sponsorship/USA-dprk-ga-80.html").partition('id="differences"')[2].partition('id="incoming"')[0]
    )
    assert f'href="{BASE}issue/sponsorship"' in text
    assert f'href="{BASE}issue/decision-date"' not in text


def test_the_overview_has_a_row_for_each_text_of_a_year(client: FlaskClient) -> None:
    year = page(client, "").partition(">2022</th>")[2].partition("</tbody>")[0]
    council, assembly = year.split("</tr>")[:2]
    assert "Human Rights Council" in council
    assert "General Assembly" in assembly
    assert f'href="{BASE}administration/KOR-moon-jae-in"' in council
    assert f'href="{BASE}administration/KOR-yoon-suk-yeol"' in assembly


@pytest.mark.parametrize("name", [question.name for question in questions()])
def test_every_question_has_a_page_and_its_rows(client: FlaskClient, name: str) -> None:
    assert "<caption>Answer</caption>" in page(client, f"questions/{name}")
    rows = list(csv.reader(io.StringIO(client.get(f"/questions/{name}.csv").text)))
    answer = client.get(f"/questions/{name}.json").get_json(force=True)
    assert rows[0] == answer["head"]["vars"]
    assert len(rows) - 1 == len(answer["results"]["bindings"])


@pytest.mark.parametrize("path", ["questions/none", "questions/none.csv", "questions/stance-by-text.pdf"])
def test_an_unknown_question_is_404(client: FlaskClient, path: str) -> None:
    assert client.get(f"/{path}").status_code == 404


def test_results_are_shown_to_browsers(client: FlaskClient) -> None:
    text = client.get("/sparql?query=SELECT * { ?s a cosp:Source }", headers=HTML).text
    assert f'href="{BASE}source/koreaherald-2021-03-24"' in text
    assert ">Yes</p>" in client.get("/sparql?query=ASK {}", headers=HTML).text
    assert "an empty graph" in client.get("/sparql?query=CONSTRUCT WHERE { <a:a> ?p ?o }", headers=HTML).text


def test_markup_in_a_query_is_text(client: FlaskClient) -> None:
    response = client.get("/sparql?query=<script>alert(1)</script>", headers=HTML)
    assert response.status_code == 400
    assert "<script>" not in response.text
    assert "&lt;script&gt;" in response.text


def test_the_shapes_are_shown_by_their_names(client: FlaskClient, app: Flask) -> None:
    data: Data = app.extensions["cosponsor"]
    assert client.get("/shapes").content_type == "text/turtle; charset=utf-8"
    assert "<h1>" in page(client, "shapes")
    name, graph = ox.NamedNode("http://www.w3.org/ns/shacl#name"), ox.NamedNode(BASE + "graph/shapes")
    named = list(data.store.quads_for_pattern(None, name, None, graph))
    assert {view(quad.subject, data).text for quad in named} <= {getattr(quad.object, "value", "") for quad in named}


def test_a_position_names_all_of_its_documents(client: FlaskClient, app: Flask) -> None:
    data: Data = app.extensions["cosponsor"]
    query = """SELECT ?comparison ?position ?one ?other WHERE { ?comparison cosp:betweenPosition ?position .
        ?position cosp:statedIn ?one, ?other FILTER(STR(?one) < STR(?other)) } LIMIT 1"""
    found = evaluate(query, data)
    assert isinstance(found, ox.QuerySolutions)
    comparison, position, *documents = [view(term, data).iri for term in next(found)]
    text = page(client, comparison.removeprefix(BASE) + ".html")
    row = text.partition(f'<a href="{position}">')[2].partition("</tr>")[0]
    assert len(documents) == 2
    assert all(f'<a href="{document}">' in row for document in documents)


def test_a_position_in_a_reading_shows_its_likelihood(client: FlaskClient) -> None:
    page = client.get("/disagreements").get_data(as_text=True)
    assert re.search(r"\(<a href=[^>]+/nineteen-years-consensus\">in a reading</a> of likelihood 0.6\)", page)


def test_a_reference_statement_shows_all_documents_that_it_cites(client: FlaskClient) -> None:
    page = client.get("/country/KOR.html").get_data(as_text=True)
    line = next(line for line in page.splitlines() if "according to" in line and "t2wml" in line)
    assert line.count("/citation/") == 4
