"""The tables: one row a thing, the same bytes every time, every column described, every description true."""

import csv
import io
import json
import random
import re
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cosponsor import tables
from cosponsor.build import Built
from cosponsor.dataset import published
from cosponsor.files import files_of, read_text
from cosponsor.findings import InputError
from cosponsor.iris import BASE, ONTOLOGY, RDF_TYPE, room
from cosponsor.records import load
from cosponsor.server.cli import main
from cosponsor.tables import DICTIONARY, Table, dictionary, fold, make, names, write

from .house import ROOT

TABLES = ("claims", "counts", "stances")
DATATYPES = {
    "anyURI": re.compile(r"https://w3id\.org/cosponsor/\S+"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "decimal": re.compile(r"-?\d+(\.\d+)?"),
    "integer": re.compile(r"-?\d+"),
    "nonNegativeInteger": re.compile(r"\d+"),
    "string": re.compile(r".+"),
}
# What pandas and R read as a missing value unless they are told otherwise.
MISSING = {"NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A", "#NA", "-nan", "-NaN", "NAN"}


@pytest.fixture(scope="module")
def store() -> ox.Store:
    store = ox.Store()
    store.bulk_load(path=str(published()), format=ox.RdfFormat.N_QUADS)
    return store


@pytest.fixture(scope="module")
def made(store: ox.Store) -> dict[str, Table]:
    return {table.name: table for table in make(store)}


@pytest.fixture(scope="module")
def rows(made: dict[str, Table]) -> dict[str, list[dict[str, str]]]:
    """Return the rows of each table as a reader of its CSV sees them."""
    return {name: list(csv.DictReader(io.StringIO(table.csv, newline=""))) for name, table in made.items()}


def solutions(store: ox.Store, table: str) -> ox.QuerySolutions:
    query = read_text(room("tables") / f"{table}.rq", table)
    found = store.query(query, use_default_graph_as_union=True)
    assert isinstance(found, ox.QuerySolutions)
    return found


def subjects(store: ox.Store, predicate: str, value: str | None) -> set[str]:
    object_ = None if value is None else ox.NamedNode(value)
    found = store.quads_for_pattern(None, ox.NamedNode(predicate), object_, None)
    return {quad.subject.value for quad in found if isinstance(quad.subject, ox.NamedNode)}


# --- Rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "predicate", "value"),
    [
        ("stances", RDF_TYPE, f"{ONTOLOGY}Stance"),
        ("claims", RDF_TYPE, f"{ONTOLOGY}Claim"),
        ("counts", f"{ONTOLOGY}count", None),
    ],
)
def test_there_is_one_row_for_each_thing_and_no_other(
    store: ox.Store, made: dict[str, Table], table: str, predicate: str, value: str | None
) -> None:
    keys = [row[0] for row in made[table].rows]
    assert Counter(keys) == Counter(subjects(store, predicate, value))
    assert len(keys) > 50


def test_claims_stand_in_the_order_of_the_articles_and_their_texts(rows: dict[str, list[dict[str, str]]]) -> None:
    places = [
        (row["source_number"], int(row["passage_start"]), int(row["passage_end"]), row["claim"])
        for row in rows["claims"]
    ]
    assert places == sorted(places)


def test_speakers_stand_in_the_order_of_the_chain(store: ox.Store, rows: dict[str, list[dict[str, str]]]) -> None:
    def values(subject: ox.NamedNode, predicate: str) -> list[ox.Literal | ox.NamedNode]:
        quads = store.quads_for_pattern(subject, ox.NamedNode(predicate), None, None)
        return [quad.object for quad in quads if isinstance(quad.object, ox.Literal | ox.NamedNode)]

    def chain(claim: str) -> list[str]:
        found = []
        for attribution in values(ox.NamedNode(claim), "http://www.w3.org/ns/prov#qualifiedAttribution"):
            assert isinstance(attribution, ox.NamedNode)
            (agent,) = values(attribution, "http://www.w3.org/ns/prov#agent")
            (order,) = values(attribution, f"{ONTOLOGY}order")
            assert isinstance(agent, ox.NamedNode)
            labels = values(agent, "http://www.w3.org/2000/01/rdf-schema#label")
            found += [(int(order.value), label.value) for label in labels if getattr(label, "language", "") == "en"]
        return [name for _, name in sorted(found)]

    assert {row["claim_iri"]: row["speakers"].split(" > ") for row in rows["claims"]} == {
        row["claim_iri"]: chain(row["claim_iri"]) for row in rows["claims"]
    }
    assert max(row["speakers"].count(" > ") for row in rows["claims"]) == 2


def test_a_stance_has_its_claim_text_and_administration_in_one_row(rows: dict[str, list[dict[str, str]]]) -> None:
    found = [row for row in rows["stances"] if (row["text"], row["source_number"]) == ("dprk-hrc-46", "002")]
    found = [row for row in found if row["country"] == "KOR"]
    assert {(row["country"], row["polarity"], row["layer"], row["administration"]) for row in found} == {
        ("KOR", "not-sponsoring", "source", "KOR-moon-jae-in")
    }
    assert {(row["body"], row["series"], row["session"], row["year"], row["symbol"]) for row in found} == {
        ("HRC", "dprk-hrc", "hrc-46", "2021", "A/HRC/RES/46/17")
    }
    assert "opted out" in {row["term"] for row in found}


def test_a_stance_of_several_documents_is_one_row(rows: dict[str, list[dict[str, str]]]) -> None:
    several = [row for row in rows["stances"] if " " in row["source"]]
    assert several
    for row in several:
        assert row["layer"] == "reference"
        assert row["source"].split() == sorted(set(row["source"].split()))
        assert [f"{BASE}citation/{slug}" for slug in row["source"].split()] == row["source_iri"].split()


def test_the_numbers_of_organisations_behind_the_letter_are_both_there(rows: dict[str, list[dict[str, str]]]) -> None:
    found = {
        (row["source_number"], row["number"])
        for row in rows["counts"]
        if row["counted"] == "signatories" and row["event"] == "open-letter-2025-10"
    }
    assert found == {("001", "21"), ("003", "20")}


def test_a_count_names_the_countries_that_it_includes(rows: dict[str, list[dict[str, str]]]) -> None:
    (row,) = [row for row in rows["counts"] if row["claim"] == "koreaherald-2021-03-24/39"]
    assert (row["number"], row["operator"], row["text"]) == ("43", "exactly", "dprk-hrc-46")
    assert len(row["includes"].split()) > 1
    assert "KOR" not in row["includes"].split()


# --- Files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_the_file_is_csv_as_rfc_4180_says(made: dict[str, Table], table: str) -> None:
    text = made[table].csv
    header, *found = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert text.endswith("\r\n")
    assert text.replace("\r\n", "").count("\n") == text.replace("\r\n", "").count("\r") == 0
    assert header == [column["name"] for column in made[table].columns]
    assert found == made[table].rows
    assert text.count("\r\n") == len(found) + 1


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_cell_is_the_only_missing_value(made: dict[str, Table], table: str) -> None:
    cells = {cell for row in made[table].rows for cell in row}
    assert "" in cells
    assert cells & MISSING == set()
    assert not any(cell != cell.strip() for cell in cells)


def test_quads_in_any_order_give_the_same_bytes(store: ox.Store, made: dict[str, Table]) -> None:
    quads = list(store)
    random.Random(7).shuffle(quads)
    shuffled = ox.Store()
    shuffled.extend(quads)
    assert {table.name: table.csv for table in make(shuffled)} == {name: table.csv for name, table in made.items()}


@pytest.mark.parametrize("table", TABLES)
def test_a_query_takes_less_than_a_third_of_a_second(store: ox.Store, table: str) -> None:
    def seconds() -> float:
        begin = time.process_time()
        fold(solutions(store, table))
        return time.process_time() - begin

    assert min(seconds() for _ in range(3)) < 0.3


@given(st.lists(st.tuples(st.text(min_size=1), st.none() | st.text()), max_size=5))
def test_whatever_literals_hold_comes_back_from_the_file_without_line_breaks(values: list[tuple[str, str]]) -> None:
    found = fold([(ox.Literal(key), None if value is None else ox.Literal(value)) for key, value in values])
    table = Table("t", "T: a row.", [{"name": "key"}, {"name": "value"}], found)
    assert list(csv.reader(io.StringIO(table.csv, newline=""))) == [["key", "value"], *found]
    assert all(len(cell.splitlines()) <= 1 for row in found for cell in row)


def test_several_values_are_sorted_and_joined_in_the_row_that_came_first() -> None:
    values = [("b", "2"), ("a", "1"), ("b", "1"), ("b", "2"), ("b", None)]
    found = fold([tuple(term and ox.Literal(term) for term in pair) for pair in values])
    assert found == [["b", "1 2"], ["a", "1"]]


# --- Dictionary -------------------------------------------------------------------------------


def test_every_column_is_described_and_nothing_else_is(made: dict[str, Table]) -> None:
    described = load(room("tables") / "columns.toml", "columns.toml")
    used: dict[str, set[str]] = {}
    for table in made.values():
        for column in table.columns:
            used.setdefault(column["name"], set()).add(table.name)
    assert set(described) == set(used)
    for name, entry in described.items():
        assert set(entry) <= {"description", "datatype", "required", "several", "value"}
        assert {*entry.get("required", []), *entry.get("several", [])} <= used[name]
        assert entry["description"].endswith(".")


@pytest.mark.parametrize("table", TABLES)
def test_datatypes_and_required_are_true_of_every_cell(made: dict[str, Table], table: str) -> None:
    for column, *cells in zip(made[table].columns, *made[table].rows, strict=True):
        where = f"{table}.csv, {column['name']}"
        assert all(cells) or not column["required"], where
        assert (column["datatype"] == "anyURI") == column["name"].endswith("_iri"), where
        for cell in filter(None, cells):
            for value in cell.split(" ") if "separator" in column else [cell]:
                assert DATATYPES[column["datatype"]].fullmatch(value), f"{where}: {value}"
                assert column["datatype"] != "date" or date.fromisoformat(value), where


@pytest.mark.parametrize("table", TABLES)
def test_only_columns_that_say_so_hold_several_values(store: ox.Store, made: dict[str, Table], table: str) -> None:
    values: dict[tuple[object, str], set[str]] = {}
    for solution in solutions(store, table):
        for column, term in zip(made[table].columns, solution, strict=True):
            if term is not None:
                values.setdefault((solution[0], column["name"]), set()).add(str(getattr(term, "value", term)))
    single = {column["name"] for column in made[table].columns if "separator" not in column}
    assert {name for (_, name), found in values.items() if len(found) > 1} & single == set()
    several = [value for (_, name), found in values.items() if name not in single for value in found]
    assert not any(re.search(r"\s", value) for value in several)


@pytest.mark.parametrize("table", TABLES)
def test_a_value_names_something_that_is_described(store: ox.Store, made: dict[str, Table], table: str) -> None:
    for column, *cells in zip(made[table].columns, *made[table].rows, strict=True):
        if template := column.get("valueUrl"):
            assert re.findall(r"\{\+?(\w+)\}", template) == [column["name"]]
            for cell in set(filter(None, cells)):
                node = ox.NamedNode(re.sub(r"\{.*\}", cell, template))
                assert any(store.quads_for_pattern(node, None, None, None)), node


@pytest.mark.parametrize("table", TABLES)
def test_an_iri_in_a_cell_is_described(store: ox.Store, made: dict[str, Table], table: str) -> None:
    for column, *cells in zip(made[table].columns, *made[table].rows, strict=True):
        if column["datatype"] == "anyURI":
            for iri in {iri for cell in cells for iri in cell.split()}:
                assert any(store.quads_for_pattern(ox.NamedNode(iri), None, None, None)), iri


def test_the_dictionary_is_csvw(made: dict[str, Table]) -> None:
    """Metadata Vocabulary for Tabular Data, sections 5.2 to 5.6: what these objects must and may have."""
    found = json.loads(dictionary(made.values(), "abc"))
    assert found["@context"] == ["http://www.w3.org/ns/csvw", {"@language": "en"}]
    assert found["schema:version"] == "abc"
    assert [table["url"] for table in found["tables"]] == [f"{name}.csv" for name in TABLES]
    allowed = {"name", "titles", "dc:description", "datatype", "required", "separator", "valueUrl"}
    for table in found["tables"]:
        columns = table["tableSchema"]["columns"]
        assert table["tableSchema"]["primaryKey"] == columns[0]["name"]
        assert len({column["name"] for column in columns}) == len(columns)
        for column in columns:
            assert {"name", "titles", "dc:description", "datatype", "required"} <= set(column) <= allowed
            assert re.fullmatch(r"[a-z][a-z0-9_]*", column["name"])
            assert column["titles"] == column["name"]


@pytest.mark.parametrize("table", TABLES)
def test_the_first_lines_of_a_query_say_what_a_row_is(made: dict[str, Table], table: str) -> None:
    assert made[table].statement.startswith(f"{table.capitalize()}: one row a")


def test_a_query_that_makes_no_table_is_refused_with_its_file(
    store: ox.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "room", lambda _: tmp_path)
    (tmp_path / "columns.toml").write_text("[a]\ndescription = 'A.'\ndatatype = 'string'\n", "utf-8")
    for query, reason in {
        "SELECT ?a WHERE {{": "graph/tables/x.rq: this is not SPARQL: error at",
        "ASK {}": "graph/tables/x.rq: a table is a SELECT query, found another form",
        "SELECT (<urn:f>(1) AS ?a) {}": "graph/tables/x.rq: this cannot be evaluated: ",
        "SELECT ?a ?b {}": "graph/tables/x.rq: graph/tables/columns.toml does not describe b; describe it.",
    }.items():
        (tmp_path / "x.rq").write_text(query, "utf-8")
        with pytest.raises(InputError, match=re.escape(reason)):
            make(store)


# --- Writing ----------------------------------------------------------------------------------


def some() -> list[Table]:
    return [Table("stances", "Stances: one row.", [{"name": "stance_iri"}], [["urn:a"]])]


def test_files_are_whole_and_the_dictionary_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(some(), "old", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stances.csv", DICTIONARY]
    assert (tmp_path / "stances.csv").read_bytes() == b"stance_iri\r\nurn:a\r\n"
    assert json.loads((tmp_path / DICTIONARY).read_text("utf-8"))["schema:version"] == "old"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(some(), "new", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["stances.csv"]
    assert (tmp_path / "stances.csv").read_bytes() == b"stance_iri\r\nurn:a\r\n"


def test_the_names_written_are_those_that_git_ignores_and_the_readme_tells() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    readme = (ROOT / "README.md").read_text("utf-8")
    assert names() == [*(f"{name}.csv" for name in TABLES), DICTIONARY]
    assert {"graph/*.csv", f"graph/{DICTIONARY}"} <= set(ignored)
    assert all(f"`{name}`" in readme for name in names())
    assert [file.name for file in files_of(room("tables"), ".rq")] == [f"{name}.rq" for name in TABLES]


def test_the_readme_names_columns_that_are_there(made: dict[str, Table]) -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("## Tables\n")[1].split("\n## ")[0]
    columns = {column["name"] for column in made["stances"].columns}
    code = "\n".join(line for line in section.splitlines() if line.startswith("    "))
    named = set(re.findall(r'(?<=")\w+(?=")|(?<=kor\$)\w+|\w+(?= ==)|(?<=c\()\w+', code)) - {"character", "KOR"}
    assert named <= columns
    assert len(named) > 5


def built(rows: list[Table]) -> Built:
    return Built("<urn:a> <urn:b> <urn:c> .\n", "v1", [], {}, rows)


def run(monkeypatch: pytest.MonkeyPatch, target: Path) -> Result:
    monkeypatch.setattr("cosponsor.build.build", lambda _: built(some()))
    return CliRunner().invoke(main, ["build", "--out", str(target)])


def test_build_writes_the_tables_beside_the_dataset_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run(monkeypatch, tmp_path / "new" / "x.nq")
    assert (said.exit_code, said.stdout) == (0, "v1\n")
    assert "1 stances in tables beside it; tables.json says what their columns mean" in said.stderr
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "stances.csv",
        "tables.json",
        "x.nq",
        "x.receipts.json",
    ]


def test_a_table_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stances.csv").mkdir()
    said = run(monkeypatch, tmp_path / "x.nq")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "x.nq was written, but the tables beside it cannot be: stances.csv is there and is not a regular" in (
        said.stderr.replace("\n", " ")
    )
    assert "make room or choose another --out" in said.stderr


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "replace_file", full)
    said = run(monkeypatch, tmp_path / "x.nq")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "the tables beside it cannot be: No space left on device; make room or choose another --out." in said.stderr


@pytest.mark.parametrize("name", ["stances.csv", "claims.csv", "counts.csv", "tables.json"])
def test_a_dataset_cannot_have_the_name_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = run(monkeypatch, tmp_path / name)
    assert said.exit_code == 2
    assert "would be overwritten by a table of that name; choose another name" in said.stderr
    assert list(tmp_path.iterdir()) == []
