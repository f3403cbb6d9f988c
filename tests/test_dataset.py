"""The dataset: same inputs, same bytes; nothing lost on the way into a store; whole after any interruption."""

import hashlib
import json
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosponsor import dataset
from cosponsor.dataset import checked, lines, version, write
from cosponsor.iris import BASE, SLUG, check_base, graph_iri, rebase

from .house import ROOT

COMMITTED = ROOT / "graph" / "dataset.nq"


def quads() -> list[ox.Quad]:
    return list(ox.parse(path=str(COMMITTED), format=ox.RdfFormat.N_QUADS))


def test_the_dataset_is_sorted_and_without_blank_nodes_and_repetitions() -> None:
    text = COMMITTED.read_text("utf-8").splitlines()
    assert text == sorted(set(text))
    assert not any("_:" in line.split('"')[0] for line in text)


def test_a_store_dumps_what_was_built() -> None:
    """Stores rewrite literals: the dataset uses only forms that survive."""
    store = ox.Store()
    store.bulk_load(path=str(COMMITTED), format=ox.RdfFormat.N_QUADS)
    dumped = (store.dump(format=ox.RdfFormat.N_QUADS) or b"").decode().splitlines()
    assert sorted(dumped) == COMMITTED.read_text("utf-8").splitlines()


def test_the_version_is_the_hash_of_the_quads_outside_metadata() -> None:
    outside = [line for line in COMMITTED.read_text("utf-8").splitlines(True) if "graph/metadata> ." not in line]
    expected = hashlib.sha256("".join(outside).encode()).hexdigest()
    assert version(quads()) == expected
    stated = {str(quad.object) for quad in quads() if quad.predicate.value.endswith("dcat#version")}
    assert stated == {f'"{expected}"'}


def test_counts_in_metadata_are_those_of_the_quads() -> None:
    outside = [quad for quad in quads() if quad.graph_name != dataset.METADATA]
    triples = {(quad.subject, quad.predicate, quad.object) for quad in outside}
    stated = {
        str(getattr(quad.object, "value", ""))
        for quad in quads()
        if quad.subject == dataset.DATASET and quad.predicate.value == dataset.VOID + "triples"
    }
    assert stated == {str(len(triples))}


def test_every_named_graph_has_a_layer_and_a_licence() -> None:
    store = ox.Store()
    store.extend(quads())
    for graph in store.named_graphs():
        assert isinstance(graph, ox.NamedNode)
        for predicate in ("https://w3id.org/cosponsor/ontology#layer", "http://purl.org/dc/terms/license"):
            assert list(store.quads_for_pattern(graph, ox.NamedNode(predicate), None, dataset.METADATA)), graph


def test_a_source_graph_holds_no_derived_and_no_editorial_statement() -> None:
    source = [quad for quad in quads() if getattr(quad.graph_name, "value", "").startswith(graph_iri("source/"))]
    used = {quad.predicate.value.rpartition("#")[2] for quad in source}
    assert len(source) > 1000
    assert used & {"derivedBy", "decidedOn", "administration", "likelihood", "coverage", "confidence"} == set()


def test_the_committed_receipt_is_that_of_the_committed_dataset() -> None:
    receipt = checked(COMMITTED)
    assert receipt is not None
    assert receipt.outcome == "conforms"


def test_a_dataset_without_a_matching_receipt_is_not_checked(tmp_path: Path) -> None:
    file = tmp_path / "dataset.nq"
    write("<urn:a> <urn:b> <urn:c> .\n", file, 0)
    assert checked(file) is not None
    file.write_text("<urn:a> <urn:b> <urn:changed> .\n", "utf-8")
    assert checked(file) is None
    (tmp_path / "dataset.receipts.json").write_text("{", "utf-8")
    assert checked(file) is None


@pytest.mark.parametrize("step", [0, 1, 2])
def test_an_interruption_at_any_step_leaves_a_whole_attested_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    file = tmp_path / "dataset.nq"
    write("<urn:old> <urn:b> <urn:c> .\n", file, 0)
    original, calls = dataset.replace_file, iter(range(9))

    def interrupted(path: Path, content: bytes) -> None:
        if next(calls) == step:
            raise KeyboardInterrupt
        original(path, content)

    monkeypatch.setattr(dataset, "replace_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write("<urn:new> <urn:b> <urn:c> .\n", file, 0)
    assert checked(file) is not None
    assert file.read_text("utf-8") in ("<urn:old> <urn:b> <urn:c> .\n", "<urn:new> <urn:b> <urn:c> .\n")


def test_a_full_disk_leaves_the_last_dataset_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dataset.nq"
    write("<urn:old> <urn:b> <urn:c> .\n", file, 0)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write("<urn:new> <urn:b> <urn:c> .\n", file, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset.nq", "dataset.receipts.json"]
    assert checked(file) is not None


def test_a_second_write_forgets_the_receipts_of_older_datasets(tmp_path: Path) -> None:
    file = tmp_path / "dataset.nq"
    for content in ("a", "b", "c"):
        write(f"<urn:{content}> <urn:b> <urn:c> .\n", file, 0)
    assert len(json.loads((tmp_path / "dataset.receipts.json").read_text("utf-8"))) == 1


NAMES = st.from_regex(r"[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,3}", fullmatch=True)
BASES = st.builds("http://{}.example:{}/{}/".format, NAMES, st.integers(1, 65535), NAMES)


@given(NAMES, NAMES, BASES)
def test_rebasing_moves_every_iri_and_back_is_where_it_was(room: str, name: str, base: str) -> None:
    quad = f'<{BASE}{room}/{name}> <{BASE}ontology#x> "{BASE} is the base" <{BASE}graph/x> .'
    moved = rebase(quad, base)
    assert BASE not in moved
    assert moved.count(base) == 4
    assert rebase(moved, BASE, base) == quad


@given(BASES)
def test_every_absolute_iri_that_ends_in_a_slash_can_be_a_base(base: str) -> None:
    assert check_base(base) == base


@pytest.mark.parametrize(
    "base",
    ["", "example.org/", "http://example.org", "http://x/?q=/", "http://x/#/", "ftp://x/", "http://x y/", "http:///"],
)
def test_what_cannot_be_a_base_is_refused_with_an_example(base: str) -> None:
    with pytest.raises(ValueError, match="for example https://example"):
        check_base(base)


@given(NAMES)
def test_a_slug_is_letters_digits_and_single_hyphens(name: str) -> None:
    assert SLUG.fullmatch(name)
    assert not SLUG.fullmatch(f"{name}-")
    assert not SLUG.fullmatch(f"-{name}")
    assert not SLUG.fullmatch(f"{name}--{name}")
    assert not SLUG.fullmatch(f"{name}.ttl")


def test_slugs_of_the_dataset_never_change() -> None:
    """Every slug that was ever published is still described: see tests/slugs.txt, which only grows."""
    known = (Path(__file__).parent / "slugs.txt").read_text("utf-8").split()
    described = {str(getattr(quad.subject, "value", "")).removeprefix(BASE) for quad in quads()}
    assert len(known) > 500
    assert set(known) - described == set()


def test_lines_are_the_same_in_any_order() -> None:
    some = quads()[:50]
    assert lines(some) == lines(reversed(some))


@given(st.text())
def test_a_line_is_a_quad_whatever_its_literals_hold(text: str) -> None:
    """Line separators of Unicode stand in literals as they are; only a line feed ends a line of N-Quads."""
    quad = ox.Quad(ox.NamedNode("urn:a"), ox.NamedNode("urn:b"), ox.Literal(text), ox.NamedNode("urn:g"))
    packed = lines([quad])
    assert len(packed) == 1
    assert list(ox.parse(packed[0], format=ox.RdfFormat.N_QUADS)) == [quad]


def test_a_receipt_of_other_shapes_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dataset.nq"
    write("<urn:a> <urn:b> <urn:c> .\n", file, 0)
    monkeypatch.setattr(dataset, "shapes_hash", lambda: "0" * 64)
    assert checked(file) is None


def test_two_datasets_in_one_folder_keep_their_receipts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(f"<urn:{name}> <urn:b> <urn:c> .\n", tmp_path / f"{name}.nq", 0)
    assert checked(tmp_path / "a.nq")
    assert checked(tmp_path / "b.nq")
