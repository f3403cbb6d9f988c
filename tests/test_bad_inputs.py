"""Bad input: one sentence with file, claim and remedy, exit status 1, and the last good dataset as it was."""

from pathlib import Path

import pytest

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


def test_an_unknown_country_names_the_claim_and_where_countries_are_described(house: House) -> None:
    house.edit(ARTICLE, 'country = "KOR"\npolarity', 'country = "KOS"\npolarity')
    said = refused(house)
    assert "claim 06: country points to 'country/KOS', which is not described; did you mean 'country/" in said


def test_an_unknown_concept_names_the_claim(house: House) -> None:
    house.edit(ARTICLE, 'stage = "unspecified"', 'stage = "tabled"')
    assert "claim 06: stage points to 'ontology#stage-tabled', which is not described" in refused(house)


def test_a_reversed_range_names_the_claim_and_both_years(house: House) -> None:
    house.edit(ARTICLE, "firstYear = 2009", "firstYear = 2019")
    said = refused(house)
    assert "koreaherald-2021-03-24.toml, claim 18: " in said
    assert "2019" in said


def test_an_offset_past_the_end_names_the_claim(house: House) -> None:
    house.edit(ARTICLE, "end = 378", "end = 99378")
    said = refused(house)
    assert "koreaherald-2021-03-24.toml, claim 06: " in said
    assert "99378" in said


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
    assert "graph/reference/zz.toml, body ECOSOC: place stand without cites and confidence" in said
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
