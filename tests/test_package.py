"""The wheel: one name in site-packages, everything inside, runs from any folder."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from cosponsor.tables import names

from .house import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what a clean checkout has, outside of it."""
    source = tmp_path_factory.mktemp("source") / "cosponsor"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", "tests")
    shutil.copytree(ROOT, source, ignore=ignored)
    for name in names():
        (source / "graph" / name).write_text("what a build left here", "utf-8")
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel as an installer would; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("site-packages")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_the_wheel_adds_one_name_to_site_packages(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"cosponsor"}


def test_the_wheel_holds_every_data_file_of_the_rooms(installed: Path) -> None:
    for room, folder in {"graph": "", "ontology": "ontology", "server": "server", "shapes": "shapes"}.items():
        tracked = subprocess.run(["git", "ls-files", room], cwd=ROOT, capture_output=True, text=True, check=True)
        names = {str(Path(name).relative_to(room)) for name in tracked.stdout.split()}
        missing = {name for name in names if not (installed / "cosponsor" / folder / name).exists()}
        assert missing == set()


def test_the_wheel_holds_how_tables_are_made_and_no_table(installed: Path) -> None:
    found = {path.name for path in (installed / "cosponsor" / "tables").iterdir()}
    assert found == {"claims.rq", "columns.toml", "counts.rq", "stances.rq"}
    assert not any((installed / "cosponsor" / name).exists() for name in names())


def test_the_wheel_says_its_licence_and_that_it_is_typed(installed: Path) -> None:
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text("utf-8")
    assert "License-Expression: MIT AND CC-BY-4.0" in metadata
    assert (installed / "cosponsor" / "py.typed").exists()


def test_the_lowest_versions_tested_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = {*project["dependencies"], *project["optional-dependencies"]["test"]}
    _, ours, others = re.split("^#.*\n", (ROOT / "constraints-lowest.txt").read_text("utf-8"), flags=re.MULTILINE)
    assert {bound.replace(">=", "==") for bound in bounds} == set(ours.splitlines())
    assert not {line.partition("=")[0] for line in others.splitlines()} & {bound.partition(">")[0] for bound in bounds}


@pytest.mark.parametrize("words", [["query", "years-declined"], ["--version"], ["build", "--help"]])
def test_the_installed_package_runs_from_any_folder(installed: Path, tmp_path: Path, words: list[str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-m", "cosponsor.server.cli", *words]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
