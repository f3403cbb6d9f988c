"""The pages: readable, linked, honest about what is missing."""

import csv
import io
from html.parser import HTMLParser

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.questions import questions
from cosponsor.server.data import Data
from cosponsor.server.query import evaluate
from cosponsor.server.terms import view

from .conftest import BASE

THINGS = [
    "sponsorship/KOR-dprk-hrc-46",
    "claim/koreaherald-2021-03-24/14",
    "source/koreaherald-2021-03-24",
    "country/KOR",
    "resolution/dprk-hrc-46",
    "rule/source/stances",
    "graph/reference",
]
PAGES = [
    "",
    "questions",
    "questions/stance-by-text",
    "sources",
    "disagreements",
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


def test_a_source_lists_its_claims_in_the_order_of_the_text(client: FlaskClient) -> None:
    text = page(client, "source/koreaherald-2021-03-24.html")
    table = text.partition("in the order of the text")[2].partition("</table>")[0]
    starts = [int(cell.partition("–")[0]) for cell in table.split('<td class="number">')[1:]]
    assert len(starts) > 40
    assert starts == sorted(starts)


def test_the_ontology_page_has_an_anchor_for_every_term(client: FlaskClient) -> None:
    anchors = set(Page(page(client, "ontology.html")).ids)
    assert {"Sponsorship", "claimedBy", "gist", "stage-tabled-list", "kind-scheme"} <= anchors


def test_disagreements_stand_by_kind_with_both_positions_and_controls(client: FlaskClient) -> None:
    text = page(client, "disagreements")
    assert '<h2 id="kind-1">' in text
    assert '<h2 id="agreements">Agreements</h2>' in text
    assert f'href="{BASE}position/' in text


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


def test_healthz(client: FlaskClient) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok")


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
    assert "(in a reading of likelihood 0.15)" in page


def test_a_reference_statement_shows_all_documents_that_it_cites(client: FlaskClient) -> None:
    page = client.get("/country/KOR.html").get_data(as_text=True)
    line = next(line for line in page.splitlines() if "according to" in line and "t2wml" in line)
    assert line.count("/citation/") == 4
