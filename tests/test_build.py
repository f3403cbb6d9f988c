"""Real builds: the same bytes in any folder, time zone, locale and hash seed, whatever an editor left behind."""

import re
from dataclasses import dataclass
from subprocess import CompletedProcess

import pyoxigraph as ox
import pytest

from cosponsor.build import build
from cosponsor.tables import DICTIONARY, dictionary, make

from .house import ROOT, House

COMMITTED = ROOT / "graph" / "dataset.nq"
# What the build warns of and lets pass: sources that differ, counts that do not add up, symbols that nobody saw.
WARNED = {
    "ContradictionShape",
    "CountedSponsorsShape",
    "CountedYearsShape",
    "StatedAdministrationShape-office",
    "SymbolSeenShape",
    "VoteShape",
}
ENVIRONMENTS = [
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "1"},
    {"TZ": "America/New_York", "LC_ALL": "C", "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0"},
]
LEFT = ("rules/across/.10.rq.swp", "rules/across/.DS_Store", "shapes/union/terms.ttl~", "articles/.x.toml")


@dataclass(frozen=True)
class Done:
    """A house elsewhere, and what its build said."""

    house: House
    build: CompletedProcess[str]


@pytest.fixture(scope="module", params=ENVIRONMENTS, ids=["Kiritimati", "New York"])
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    house = House(tmp_path_factory.mktemp("elsewhere"))
    for left in LEFT:
        (house.package / left).write_bytes(b"\xff\xfe")
    return Done(house, house.run("build", **request.param))


def test_the_committed_dataset_is_what_the_files_build() -> None:
    built = build()
    committed = COMMITTED.read_text("utf-8")
    assert built.text == committed, "graph/dataset.nq is not what the files build; run make dataset and commit it"
    assert {warning.shape.rpartition("#")[2] for warning in built.warnings} == WARNED


def test_what_an_editor_leaves_behind_is_not_read(elsewhere: Done) -> None:
    assert elsewhere.build.returncode == 0, elsewhere.build.stderr
    assert all((elsewhere.house.package / left).is_file() for left in LEFT)


def test_another_folder_time_zone_locale_and_hash_seed_build_the_same_bytes(elsewhere: Done) -> None:
    assert elsewhere.build.returncode == 0, elsewhere.build.stderr
    assert elsewhere.house.dataset.read_bytes() == COMMITTED.read_bytes()


def test_the_tables_beside_are_those_of_the_dataset_and_name_the_version_printed(elsewhere: Done) -> None:
    store = ox.Store()
    store.bulk_load(path=str(COMMITTED), format=ox.RdfFormat.N_QUADS)
    made = make(store)
    said = ", ".join(f"{len(table.rows)} {table.name}" for table in made)
    assert f"{said} in tables beside it" in elsewhere.build.stderr
    folder = elsewhere.house.dataset.parent
    for table in made:
        assert (folder / f"{table.name}.csv").read_bytes() == table.csv.encode(), table.name
    assert re.fullmatch(r"[0-9a-f]{64}\n", elsewhere.build.stdout)
    assert (folder / DICTIONARY).read_text("utf-8") == dictionary(made, elsewhere.build.stdout.strip())
