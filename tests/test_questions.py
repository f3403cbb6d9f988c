"""Every question is answered as its file of answers says."""

import csv
import io
from pathlib import Path

import pyoxigraph as ox
import pytest

from cosponsor.dataset import published
from cosponsor.iris import BASE
from cosponsor.questions import Question, questions

ANSWERS = Path(__file__).parent / "answers"


@pytest.fixture(scope="module")
def store() -> ox.Store:
    store = ox.Store()
    store.bulk_load(path=str(published()), format=ox.RdfFormat.N_QUADS)
    return store


def answer(store: ox.Store, question: Question) -> str:
    """Return the answer as CSV; the file declares its prefixes, so nothing is declared for it."""
    results = store.query(question.query, base_iri=BASE, use_default_graph_as_union=True)
    assert isinstance(results, ox.QuerySolutions)
    return (results.serialize(format=ox.QueryResultsFormat.CSV) or b"").decode().replace("\r\n", "\n")


def rows(text: str) -> list[list[str]]:
    header, *found = csv.reader(io.StringIO(text))
    return [header, *sorted(found)]


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_the_answer_is_the_expected_one(question: Question, store: ox.Store) -> None:
    assert rows(answer(store, question)) == rows((ANSWERS / f"{question.name}.csv").read_text("utf-8"))


def test_every_question_has_an_answer_and_every_answer_a_question() -> None:
    assert {question.name for question in questions()} == {file.stem for file in ANSWERS.glob("*.csv")}
    assert len(questions()) >= 10


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_the_first_line_is_the_question_in_english(question: Question) -> None:
    assert question.query.startswith("# ")
    assert "?" in question.english


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_the_answer_is_empty_without_the_claims(question: Question, store: ox.Store) -> None:
    """Answers come from the graph: where claims, stances and readings are taken away, nothing is left."""
    empty = ox.Store()
    kept = {f"{BASE}graph/ontology", f"{BASE}graph/reference"}
    empty.extend(quad for quad in store if getattr(quad.graph_name, "value", "") in kept)
    assert len(rows(answer(empty, question))) == 1
