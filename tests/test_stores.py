"""Stores on disk: what a build leaves, whatever happens amid it, and what is said of folders that are none."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox
import pytest

from cosponsor import stores
from cosponsor.stores import ABOUT, COUNTS, CURRENT, DUMP, STORE, About, Dump, OnDisk

from .serving import wait_until

OLD, NEW = "http://old.example/", "http://new.example/"
QUADS = '<http://old.example/a> <http://old.example/b> "see http://old.example/ü" <http://old.example/g> .\n'
KILLED = """
import sys, time
from pathlib import Path
from cosponsor import stores
folder = Path(sys.argv[1])
def content(file):
    file.write(b"<a:a> <a:b> <a:c> .\\n")
def count(store, about):
    (folder.parent / "amid").touch()
    time.sleep(60)
stores.build(folder, content, stores.About("http://new.example/", "http://new.example/"), count, print)
"""


def build(folder: Path, text: str = QUADS, base: str = NEW) -> OnDisk:
    def content(dump: Dump) -> None:
        dump.write(text.encode())

    return stores.build(folder, content, About(base, OLD), lambda store, _: b"counted", _silent)


def _silent(*_: object) -> None: ...


def read(folder: Path) -> list[str]:
    return sorted(map(str, ox.Store.read_only(str(stores.find(folder).path))))


def beside(store: OnDisk, name: str) -> bytes:
    return store.beside(name).read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "stores"


def test_a_store_is_at_its_base_literals_included_and_its_dump_as_it_was(folder: Path) -> None:
    made = build(folder)
    assert stores.find(folder) == made
    assert read(folder) == [QUADS.replace(OLD, NEW).strip().removesuffix(" .")]
    assert gzip.decompress(beside(made, DUMP)).decode() == QUADS
    assert beside(made, COUNTS) == b"counted"
    assert made.about
    assert (made.about.base, made.about.origin, made.about.quads, made.about.shapes) == (NEW, OLD, 1, None)


def test_what_is_great_is_moved_piece_by_piece_and_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "CHUNK", 1000)
    lines = [f'<{OLD}{number}> <{OLD}b> "{"x" * number}" .\n' for number in range(2000)]
    told: list[tuple[str, int, int]] = []

    def content(dump: Dump) -> None:
        dump.write("".join(lines).encode())

    stores.build(folder, content, About(NEW, OLD), lambda *_: b"", lambda *stage: told.append(stage))
    assert read(folder) == sorted(line.replace(OLD, NEW).strip().removesuffix(" .") for line in lines)
    assert {done <= whole == len("".join(lines)) for stage, done, whole in told if stage == "loading"} == {True}


def test_a_new_store_is_the_current_one_and_the_one_before_is_kept(folder: Path) -> None:
    made = [build(folder, f'<a:a> <a:b> "{number}" .\n') for number in range(3)]
    assert read(folder) == ['<a:a> <a:b> "2"']
    kept = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert kept == {CURRENT, *(each.path.parent.name for each in made[1:])}


def test_a_store_that_is_read_is_kept_until_it_is_not(folder: Path) -> None:
    first = build(folder)
    held = stores.hold(first)
    try:
        for number in range(3):
            build(folder, f'<a:a> <a:b> "{number}" .\n')
        assert first.path.is_dir()
    finally:
        os.close(held)
    build(folder)
    assert not first.path.exists()


def test_the_same_version_is_built_again_beside_itself(folder: Path) -> None:
    first, second = build(folder), build(folder, base="http://newer.example/")
    assert first.path != second.path
    assert first.about and second.about and first.about.version == second.about.version
    assert first.path.is_dir()


def test_a_build_that_fails_leaves_the_current_store_and_nothing_else(folder: Path) -> None:
    made = build(folder)
    with pytest.raises(SyntaxError):
        build(folder, "no quads\n")
    assert stores.find(folder) == made
    assert {path.name for path in folder.iterdir()} == {".lock", CURRENT, made.path.parent.name}


def test_a_build_that_is_killed_leaves_the_current_store_and_the_next_one_clears_up(folder: Path) -> None:
    made = build(folder)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.DEVNULL) as process:
        wait_until((folder.parent / "amid").exists)
        with pytest.raises(ValueError, match="is being written by another build"):
            build(folder)
        process.send_signal(signal.SIGKILL)
    assert stores.find(folder) == made
    assert any(path.name.startswith(stores.PART) for path in folder.iterdir())
    newer = build(folder)
    assert {path.name for path in folder.iterdir()} == {
        ".lock",
        CURRENT,
        made.path.parent.name,
        newer.path.parent.name,
    }


@pytest.mark.parametrize("step", ["fsync", "symlink", "replace"])
def test_a_build_that_ends_at_any_step_leaves_a_whole_store(
    folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(folder)

    def end(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, step, end)
        build(folder, "<a:a> <a:b> <a:c> .\n")
    assert stores.find(folder) == made
    build(folder, "<a:a> <a:b> <a:d> .\n")
    assert read(folder) == ["<a:a> <a:b> <a:d>"]


def test_a_folder_with_other_things_is_no_place_for_stores(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()
    with pytest.raises(ValueError, match="holds other things than stores"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def of_files(folder: Path, *paths: Path, base: str = OLD) -> list[str]:
    stores.build(folder, stores.of_files(paths, base, _silent), About(NEW, base), lambda *_: b"", _silent)
    return read(folder)


def test_files_of_several_formats_become_one_store_and_their_blank_nodes_stay_apart(tmp_path: Path) -> None:
    turtle, quads = tmp_path / "a.ttl", tmp_path / "b.nq"
    turtle.write_text("<a> <a:b> _:x .", "utf-8")
    quads.write_text("<a:a> <a:c> _:x <a:g> .\n", "utf-8")
    first, second = of_files(tmp_path / "stores", turtle, quads)
    assert second.startswith(f"<{NEW}a> <a:b> _:")
    assert first.startswith("<a:a> <a:c> _:")
    assert second.rpartition("_:")[2] not in first


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.nq", "<a:a> <a:b> <a:c> .\n<a:a> nothing .\n", r"a\.nq: line 2: .*cannot be read as N-Quads"),
        ("a.ttl", "<a:a> <a:b", r"a\.ttl: line 1: .*cannot be read as Turtle"),
        ("a.docx", "", r"a\.docx: the extension '\.docx' is not of an RDF format"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_no_store_is_made(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ValueError, match=said):
        of_files(tmp_path / "stores", tmp_path / name)
    assert not (tmp_path / "stores" / CURRENT).exists()


def test_a_store_that_others_made_is_found(tmp_path: Path) -> None:
    ox.Store(str(tmp_path)).add(ox.Quad(*[ox.NamedNode("a:a")] * 3))
    assert stores.find(tmp_path) == OnDisk(tmp_path, None)
    assert stores.problem(tmp_path) == ""


def _without(name: str) -> Callable[[Path], object]:
    return lambda version: (version / name).unlink()


def _with(name: str, text: str) -> Callable[[Path], object]:
    return lambda version: (version / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda version: (version.parent / CURRENT).unlink(), "there is no current store; make one with cosponsor"),
        (lambda version: version.rename(version.parent / "away"), "is missing; make one with cosponsor build --store"),
        (_without(ABOUT), r"about\.json is missing"),
        (_with(ABOUT, "{"), r"about\.json is not as it was written"),
        (_with(ABOUT, "[]"), r"about\.json is not as it was written"),
        (_with(ABOUT, '{"format": 1}'), r"about\.json is not as it was written"),
        (_with(ABOUT, '{"format": 2}'), "its format is 2, and 1 is read"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_a_sentence(
    folder: Path, harm: Callable[[Path], object], said: str
) -> None:
    harm(build(folder).path.parent)
    with pytest.raises(ValueError, match=said):
        stores.find(folder)


def test_an_empty_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no current store"):
        stores.find(tmp_path)


@pytest.mark.parametrize("name", ["CURRENT", "*.sst", "MANIFEST-*"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"x" * 100)])
def test_a_store_that_is_damaged_is_refused_in_a_sentence(
    folder: Path, name: str, harm: Callable[[Path], object]
) -> None:
    path = build(folder).path
    assert stores.problem(path) == ""
    for file in path.glob(name):
        harm(file)
    assert "cannot be opened as a store of Oxigraph" in stores.problem(path)
    assert stores.problem(path).count("\n") == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused_in_a_sentence(folder: Path) -> None:
    build(folder)
    folder.chmod(0)
    try:
        with pytest.raises(ValueError, match="cannot be read as a store"):
            stores.find(folder)
    finally:
        folder.chmod(0o755)


def test_what_is_known_of_a_store_is_one_file_of_json(folder: Path) -> None:
    made = build(folder)
    told = json.loads((folder / CURRENT / ABOUT).read_text("utf-8"))
    assert About(**told) == made.about
    assert (folder / CURRENT / STORE).is_dir()
    assert told["version"] == told["digest"]
