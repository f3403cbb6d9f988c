"""Every question is answered as its file of answers says, and notices what it is about."""

import csv
import io
import re
from pathlib import Path

import pyoxigraph as ox
import pytest

from cosponsor.dataset import published
from cosponsor.iris import BASE
from cosponsor.questions import Question, questions

ANSWERS = Path(__file__).parent / "answers"
MUTATIONS = Path(__file__).parent / "mutations"
QUESTIONS = {question.name: question for question in questions()}
ON_REFERENCE_ALONE = {"closest-votes", "decisions-by-method", "weakly-known-facts"}
every_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)


@pytest.fixture(scope="module")
def quads() -> list[ox.Quad]:
    return list(ox.parse(path=str(published()), format=ox.RdfFormat.N_QUADS))


@pytest.fixture(scope="module")
def store(quads: list[ox.Quad]) -> ox.Store:
    return loaded(quads)


@pytest.fixture(scope="module")
def unclaimed(quads: list[ox.Quad]) -> ox.Store:
    """Return the dataset without claims, stances and readings: ontology and reference."""
    kept = {f"{BASE}graph/ontology", f"{BASE}graph/reference"}
    return loaded([quad for quad in quads if getattr(quad.graph_name, "value", "") in kept])


def loaded(quads: list[ox.Quad]) -> ox.Store:
    store = ox.Store()
    store.bulk_extend(quads)
    return store


def answer(store: ox.Store, question: Question) -> str:
    """Return the answer as CSV; the file declares its prefixes, so nothing is declared for it.

    As at our endpoint, the union of the graphs is asked only where the question names no dataset.
    """
    union = "\nFROM " not in question.query
    results = store.query(question.query, base_iri=BASE, use_default_graph_as_union=union)
    assert isinstance(results, ox.QuerySolutions)
    return (results.serialize(format=ox.QueryResultsFormat.CSV) or b"").decode().replace("\r\n", "\n")


def expected(question: Question) -> str:
    return (ANSWERS / f"{question.name}.csv").read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    header, *found = csv.reader(io.StringIO(text))
    return [header, *sorted(found)]


@every_question
def test_the_answer_is_the_expected_one(question: Question, store: ox.Store) -> None:
    assert rows(answer(store, question)) == rows(expected(question))


def test_every_question_has_an_answer_and_every_answer_a_question() -> None:
    assert set(QUESTIONS) == {file.stem for file in ANSWERS.glob("*.csv")}
    assert len(QUESTIONS) >= 34


@every_question
def test_the_first_line_is_the_question_in_english(question: Question) -> None:
    assert question.query.startswith("# ")
    assert question.english.endswith("?")


@every_question
def test_the_answer_has_an_order(question: Question) -> None:
    """One row needs none; more rows without an order would be others on another engine."""
    assert "\nORDER BY " in question.query or len(rows(expected(question))) == 2


@every_question
def test_an_answer_that_is_empty_is_explained(question: Question) -> None:
    assert len(rows(expected(question))) > 1 or question.query.splitlines()[1].startswith("# ")


@every_question
def test_the_answer_is_empty_without_the_claims(question: Question, unclaimed: ox.Store, store: ox.Store) -> None:
    """Answers come from the graph: where claims, stances and readings are taken away, nothing is left.

    Only what is asked of reference alone is answered as before.
    """
    left = rows(answer(unclaimed, question))
    assert left == rows(answer(store, question)) if question.name in ON_REFERENCE_ALONE else len(left) == 1


@every_question
def test_the_answer_changes_when_what_it_rests_on_changes(question: Question, quads: list[ox.Quad]) -> None:
    mutated = loaded(quads)
    mutated.update((MUTATIONS / f"{question.name}.ru").read_text("utf-8"))
    assert rows(answer(mutated, question)) != rows(expected(question))


def test_every_question_has_a_mutation_and_every_mutation_a_question() -> None:
    assert set(QUESTIONS) == {file.stem for file in MUTATIONS.glob("*.ru")}


@pytest.mark.parametrize("file", sorted(MUTATIONS.glob("*.ru")), ids=lambda file: file.stem)
def test_the_first_line_of_a_mutation_says_what_changes(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".")


def test_the_readme_asks_questions_that_exist() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    asked = re.findall(r"\$ cosponsor query ([a-z0-9-]+)", readme)
    assert asked
    assert set(asked) <= {question.name for question in questions()}
