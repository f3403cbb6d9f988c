"""Bad input: one sentence with file, claim and remedy, exit status 1, and the last good dataset as it was."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from cosponsor.build import Built
from cosponsor.server.cli import main

from .house import ARTICLE, House

GOOD = "# a dataset that was good\n"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.dataset.parent.mkdir()
    house.dataset.write_text(GOOD, "utf-8")
    return house


def refused(house: House) -> str:
    """Build; assert that it fails with findings, no stack trace, and nothing written; return what it said."""
    done = house.run("build")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "nothing was written" in done.stderr
    assert done.stdout == ""
    assert house.dataset.read_text("utf-8") == GOOD
    assert [path.name for path in house.dataset.parent.iterdir()] == ["dataset.nq"]
    return done.stderr


def test_malformed_toml_names_file_line_and_column(house: House) -> None:
    house.edit(ARTICLE, 'kind = "bibliographic"', "kind = bibliographic")
    said = refused(house)
    assert "graph/articles/koreaherald-2021-03-24.toml: this is not TOML: Invalid value (at line 20, column 8)" in said
    assert "correct the syntax there" in said


def test_an_unknown_key_names_the_claim_and_the_nearest_key(house: House) -> None:
    house.edit(ARTICLE, 'polarity = "not-sponsoring"', 'polarty = "not-sponsoring"')
    assert "claim 06: key 'polarty' is not known; did you mean 'polarity'? See ontology/context.jsonld." in refused(
        house
    )


def test_an_unknown_table_names_the_nearest_table(house: House) -> None:
    house.edit("issues/sponsorship.toml", "[[issue]]", "[[isue]]\nid = 'x'\n[[issue]]")
    assert "table 'isue' is not known in graph/issues/; did you mean 'issue'?" in refused(house)


def test_an_unknown_country_and_an_unknown_concept_name_the_claim_and_where_such_are_described(house: House) -> None:
    house.edit(ARTICLE, 'country = "KOR"\npolarity', 'country = "KOS"\npolarity')
    house.edit(ARTICLE, 'stage = "unspecified"', 'stage = "tabled"')
    said = refused(house)
    assert "claim 06: country points to 'country/KOS', which is not described; did you mean 'country/" in said
    assert "claim 06: stage points to 'ontology#stage-tabled', which is not described" in said


def test_a_reversed_range_and_an_offset_past_the_end_name_the_claim_and_what_was_found(house: House) -> None:
    house.edit(ARTICLE, "firstYear = 2009", "firstYear = 2019")
    house.edit(ARTICLE, "end = 378", "end = 99378")
    said = refused(house).splitlines()
    assert any("koreaherald-2021-03-24.toml, claim 18: " in line and "2019" in line for line in said)
    assert any("koreaherald-2021-03-24.toml, claim 06: " in line and "99378" in line for line in said)


def test_a_duplicate_id_names_both_places(house: House) -> None:
    house.edit(ARTICLE, 'id = "02"', 'id = "01"')
    said = refused(house)
    assert "claim 01: the id is used already by graph/articles/koreaherald-2021-03-24.toml, claim 01" in said
    assert "ids are never reused" in said


def test_an_id_described_in_two_files_names_both(house: House) -> None:
    path = house.package / "reference" / "zz.toml"
    path.write_text('[[person]]\nid = "ahn-sung-mi"\nlabel = "Another"\n', "utf-8")
    said = refused(house)
    assert "graph/reference/zz.toml, person ahn-sung-mi: the id is used already by graph/reference/persons.toml" in said


def test_a_wrong_encoding_names_the_byte(house: House) -> None:
    path = house.package / ARTICLE
    path.write_bytes(path.read_bytes().replace(b"2021 being the last", b"2021 b\xe9ing the last"))
    assert "is not UTF-8 (invalid continuation byte); save the file in UTF-8." in refused(house)


def test_a_reference_fact_without_citation_names_the_record(house: House) -> None:
    path = house.package / "reference" / "zz.toml"
    path.write_text('[[body]]\nid = "ECOSOC"\nlabel = "Council"\nplace = "New York"\n', "utf-8")
    said = refused(house)
    assert "graph/reference/zz.toml, body ECOSOC: without cites and confidence: place" in said
    assert "name the evidence" in said


def test_a_rule_with_a_syntax_error_names_the_file_and_the_position(house: House) -> None:
    house.edit("rules/source/30-stances.rq", "WHERE {", "WHERE {{")
    said = refused(house)
    assert "graph/rules/source/30-stances.rq: this is not SPARQL: error at " in said
    assert "correct the query there" in said


def test_a_rule_that_constructs_nothing_is_refused(house: House) -> None:
    path = house.package / "rules" / "across" / "99-select.rq"
    path.write_text("# A rule that only looks.\n\nSELECT * { ?s ?p ?o } LIMIT 1\n", "utf-8")
    assert "graph/rules/across/99-select.rq: a rule is a CONSTRUCT query" in refused(house)


def test_all_findings_are_told_at_once(house: House) -> None:
    house.edit(ARTICLE, 'polarity = "not-sponsoring"', 'polarty = "not-sponsoring"')
    house.edit("issues/decision.toml", 'kind = "decision"', 'knd = "decision"')
    said = refused(house)
    assert "'polarty'" in said
    assert "'knd'" in said
    assert "2 findings" in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("start = 338", 'start = "abc"', "claim 06: key 'passageStart' takes a whole number from 0 up"),
        ("start = 338", "start = 338.0", "claim 06: key 'passageStart' takes a whole number from 0 up"),
        ("firstYear = 2009", "firstYear = true", "claim 18: key 'firstYear' takes a whole number from 0 up"),
        ("firstYear = 2009", 'firstYear = "MMIX"', "claim 18: key 'firstYear' takes a whole number from 0 up"),
        ("count = 43", "count = -43", "claim 39: key 'count' takes a whole number from 0 up"),
        ("count = 43", "count = 99999999999999999999999999", "claim 39: key 'count' takes a whole number from 0 up"),
        (
            "published = 2021-03-24",
            "published = 2021-03-24T13:59:00",
            "key 'published' takes a date such as 2021-03-24",
        ),
        ("published = 2021-03-24", 'published = "March"', "key 'published' takes a date such as 2021-03-24"),
        ("likelihood = 0.6", "likelihood = inf", "key 'likelihood' takes a decimal such as 0.85"),
        ('term = "opted out"', "term = 3", "claim 14: key 'term' takes text in quotation marks"),
        (
            'term = "opted out"',
            'term = "opted\\u0000out"',
            "claim 14: key 'term' takes text in quotation marks without",
        ),
        ('first = "South Korea"', "first = 5", "claim 06: first and last take words in quotation marks"),
        ('first = "South Korea"', 'first = "one two three four five"', "print 4 words of the passage at most"),
        ("start = 338", "begin = 338", "evidence has the keys ['begin', 'end', 'first', 'last', 'sha256']"),
        ("[claim.scope]\nseries", '[claim.scope]\nid = "http://evil.example/x"\nseries', "has an id of its own"),
        ("[source]", "[[source]]", "a table [source] with an id (the slug of the article) is missing"),
        ("[source]", "source = 3\n[other]", "a table [source] with an id (the slug of the article) is missing"),
    ],
)
def test_a_value_of_the_wrong_type_names_the_key_and_what_it_takes(
    house: House, old: str, new: str, expected: str
) -> None:
    house.edit(ARTICLE, old, new)
    assert expected in refused(house)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("body = 3", "'body' is no table; write its records as [[body]] with keys."),
        ('[[table]]\nof = "body"', "[[table]] of 'body' lacks columns or rows"),
        ('[[table]]\nof = "body"\ncolumns = ["id"]\nrows = [3]', "row 3 is not a list of 1 cells"),
        ('[[table]]\nof = "claim"\ncolumns = []\nrows = []', "[[table]] of 'claim' is not a known table"),
        ('[[body]]\nid = "x"\nlabel = "X"\nfact = "y"', "body x: fact is 'y'; write groups of facts as [[body.fact]]."),
        ("\ufeff[[body]]", "starts with a byte order mark"),
    ],
)
def test_a_malformed_reference_file_is_a_sentence(house: House, content: str, expected: str) -> None:
    (house.package / "reference" / "zz.toml").write_text(content, "utf-8")
    assert f"graph/reference/zz.toml{'' if 'body x' in expected else ': '}" in (said := refused(house))
    assert expected in said


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("rules/across/99-x.rq", b"CONSTRUCT { ?s a <urn:\xe9> } WHERE { ?s a ?t }", "99-x.rq: byte 22 is not UTF-8"),
        (
            "rules/across/99-x.rq",
            b"CONSTRUCT { ?s a ?t } WHERE { ?s a ?t FILTER(<urn:f>(?t)) }",
            "99-x.rq: this cannot be evaluated",
        ),
        ("shapes/union/x.ttl", b"this is no Turtle", "shapes/union/x.ttl: this is not Turtle"),
        ("ontology/cosponsor.ttl", b"@prefix", "ontology/cosponsor.ttl: this is not Turtle"),
    ],
)
def test_a_malformed_rule_shape_or_ontology_is_named(house: House, file: str, content: bytes, expected: str) -> None:
    (house.package / file).write_bytes(content)
    assert expected in refused(house)


def test_a_malformed_article_is_a_sentence_for_check_with_texts_too(house: House, tmp_path: Path) -> None:
    house.edit(ARTICLE, 'kind = "bibliographic"', "kind = bibliographic")
    done = house.run("check", "--texts", str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "this is not TOML" in done.stdout


def test_a_target_that_is_no_regular_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = Built("<urn:a> <urn:b> <urn:c> .\n", "v1", [], {}, [])
    monkeypatch.setattr("cosponsor.build.build", lambda _: built)
    os.mkfifo(tmp_path / "pipe")
    done = CliRunner().invoke(main, ["build", "--out", str(tmp_path / "pipe")])
    assert done.exit_code == 2
    assert "pipe cannot be written: it is there and is not a regular file" in done.stderr.replace("\n", " ")
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
