"""Passages against texts: offsets, hashes, printed words, gists."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosponsor.evidence import Passage, collapse, digest, find, shared_words, verify
from cosponsor.iris import room
from cosponsor.records import verify_folder

TEXT = "The council met on Monday.\n\nOur delegation, after a long debate,\nstayed away from the list.\n"
WORDS = "Our delegation, after a long debate,\nstayed away from the list"
START = TEXT.index("Our")
RIGHT = Passage(
    where="article, claim 01",
    gist="The delegation did not sponsor.",
    start=START,
    end=START + len(WORDS),
    sha256=digest(WORDS),
    first="Our delegation,",
    last="the list",
    term="stayed away",
)
TEXTS = Path(__file__).parents[2] / "shared" / "articles"


def messages(passage: Passage, text: str = TEXT) -> str:
    return "\n".join(str(finding) for finding in verify(passage, text))


def test_a_right_passage_has_no_findings() -> None:
    assert messages(RIGHT) == ""


def test_a_shifted_passage_is_off_by_so_much_and_says_where_it_is() -> None:
    shifted = replace(RIGHT, start=START + 3, end=RIGHT.end + 3)
    assert "article, claim 01: the passage is off by -3" in messages(shifted)
    assert f"found at {START}–{RIGHT.end}" in messages(shifted)


def test_an_offset_past_the_end_says_where_the_text_ends() -> None:
    assert f"ends at 9999, the text at {len(TEXT)}" in messages(replace(RIGHT, end=9999))


def test_a_reversed_passage_says_that_the_start_comes_first() -> None:
    assert "expected a start before the end" in messages(replace(RIGHT, start=50, end=20))


def test_a_wrong_hash_names_both_and_the_right_one() -> None:
    said = messages(replace(RIGHT, sha256="0" * 64))
    assert "recorded is 0000" in said
    assert "not found elsewhere" in said
    assert f"{START}–{RIGHT.end}, SHA-256 {digest(WORDS)}" in said


def test_a_passage_is_found_in_a_copy_with_other_white_space() -> None:
    copy = "Preface.\n\n" + TEXT.replace("\n", " \n\t ")
    found = find(RIGHT, copy)
    assert found is not None
    assert collapse(copy[slice(*found)]) == collapse(WORDS)


def test_a_passage_is_found_by_sliding_when_its_printed_words_are_wrong() -> None:
    assert find(replace(RIGHT, first="Their", last="nowhere"), "One more line. " + TEXT) == (
        START + 15,
        RIGHT.end + 15,
    )


def test_printed_words_that_are_not_the_ends_are_found() -> None:
    assert "are not the ends of the passage" in messages(replace(RIGHT, last="the roll"))


def test_a_term_that_the_passage_does_not_print_is_found() -> None:
    assert "'opted out' is not printed" in messages(replace(RIGHT, term="opted out"))


def test_a_gist_with_seven_words_of_the_article_in_a_row_is_refused() -> None:
    gist = "It is said that, after a long debate, stayed AWAY from the list."
    assert "shares 7 words in a row" in messages(replace(RIGHT, gist=gist))


def test_a_gist_with_six_words_of_the_article_in_a_row_is_accepted() -> None:
    assert shared_words("they stayed away from the list once more", TEXT + "stayed away from the list") == ""


@given(st.text())
def test_the_hash_does_not_depend_on_white_space(text: str) -> None:
    assert digest(text) == digest("\n ".join(["", *text.split(), ""]))


def test_every_passage_of_the_project_stands_in_its_article() -> None:
    if not TEXTS.is_dir():
        pytest.skip("the texts of the articles are not part of the project; put them at ../shared/articles")
    assert verify_folder(room("articles"), TEXTS) == []


def test_a_missing_text_is_a_finding(tmp_path: Path) -> None:
    findings = verify_folder(room("articles"), tmp_path)
    assert findings
    assert all("the evidence was not verified" in finding.message for finding in findings)


def test_another_copy_of_a_text_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "002_copy.txt").write_text("Another text.", encoding="utf-8")
    copies = [str(found) for found in verify_folder(room("articles"), tmp_path) if "another copy" in found.message]
    assert len(copies) == 1  # the other articles have no text there
    assert copies[0].startswith(
        "graph/articles/koreaherald-2021-03-24.toml, source: the text is another copy: it has 13"
    )
    assert hashlib.sha256(b"Another text.").hexdigest() in copies[0]
