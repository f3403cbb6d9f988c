"""The dataset: one file of sorted N-Quads, its version, what it says of itself, and where it lives.

The version is the SHA-256 of the sorted quads outside graph/metadata (DESIGN, section 2). There is no clock and no
blank node: the same inputs give the same bytes.
"""

import errno
import hashlib
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import pyoxigraph as ox

from .files import files_of
from .iris import BASE, GRAPH, ONTOLOGY, RDF_TYPE, RDFS_LABEL, XSD, graph_iri, room

DATASET = ox.NamedNode(BASE + "dataset")
METADATA = ox.NamedNode(graph_iri("metadata"))
VOID = "http://rdfs.org/ns/void#"
LICENCE = ox.NamedNode("https://creativecommons.org/licenses/by/4.0/")
FILE = "dataset.nq"
SHAPES = ("source", "style", "union")  # the sets of shapes, a folder each

# First word of a graph's name -> its layer.
LAYERS = {
    "derived": "derived",
    "editorial": "editorial",
    "metadata": "metadata",
    "ontology": "vocabulary",
    "reference": "reference",
    "rules": "vocabulary",
    "shapes": "vocabulary",
    "source": "source",
}


def lines(quads: Iterable[ox.Quad]) -> list[str]:
    """Return quads as sorted lines of N-Quads (in the canonical form of RDF 1.1 N-Quads, section 4)."""
    text = ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b""
    return sorted({line.decode("utf-8") for line in text.split(b"\n")} - {""})  # splitlines would cut at U+2028


def version(quads: Iterable[ox.Quad]) -> str:
    """Return the version of a dataset: the SHA-256 of its sorted quads outside graph/metadata."""
    return _digest(lines(quad for quad in quads if quad.graph_name != METADATA))


def _digest(content: list[str]) -> str:
    digest = hashlib.sha256()
    for line in content:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def pack(quads: list[ox.Quad]) -> tuple[str, str]:
    """Return the text of the dataset of ``quads``, with graph/metadata, and its version."""
    content = lines(quads)
    digest = _digest(content)
    content += lines(describe(quads, digest))
    content.sort()
    return "\n".join([*content, ""]), digest


def describe(quads: list[ox.Quad], digest: str) -> Iterator[ox.Quad]:
    """Yield graph/metadata: the committed description, the version, and counts by class, property and graph.

    The counts follow VoID, section 4.6 (partitions); they are of the quads given, those outside graph/metadata.
    """
    for triple in ox.parse(room("metadata.ttl").read_bytes(), format=ox.RdfFormat.TURTLE):
        yield ox.Quad(triple.subject, triple.predicate, triple.object, METADATA)
    yield _metadatum(DATASET, "http://www.w3.org/ns/dcat#version", ox.Literal(digest))
    triples = {(quad.subject, quad.predicate, quad.object) for quad in quads}
    yield from _counts(DATASET, triples)
    types = (value for _, predicate, value in triples if predicate.value == RDF_TYPE)
    yield from _partition("class", Counter(value for value in types if isinstance(value, ox.NamedNode)), "entities")
    yield from _partition("property", Counter(predicate for _, predicate, _ in triples), "triples")
    for graph, number in Counter(quad.graph_name for quad in quads).items():
        if isinstance(graph, ox.NamedNode):
            yield from _named_graph(graph, number)
    yield from _named_graph(METADATA, None)


Triple = tuple[
    ox.NamedNode | ox.BlankNode | ox.Triple,
    ox.NamedNode,
    ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple,
]


def _metadatum(subject: ox.NamedNode, predicate: str, value: ox.NamedNode | ox.Literal) -> ox.Quad:
    return ox.Quad(subject, ox.NamedNode(predicate), value, METADATA)


def _number(number: int) -> ox.Literal:
    return ox.Literal(str(number), datatype=ox.NamedNode(XSD + "integer"))


def _counts(subject: ox.NamedNode, triples: set[Triple]) -> Iterator[ox.Quad]:
    yield _metadatum(subject, VOID + "triples", _number(len(triples)))
    yield _metadatum(subject, VOID + "distinctSubjects", _number(len({triple[0] for triple in triples})))
    yield _metadatum(subject, VOID + "distinctObjects", _number(len({triple[2] for triple in triples})))


def _partition(kind: str, counts: "Counter[ox.NamedNode]", unit: str) -> Iterator[ox.Quad]:
    """Yield one void:classPartition or void:propertyPartition for each class or property counted."""
    for number, (iri, count) in enumerate(sorted(counts.items(), key=lambda item: item[0].value), start=1):
        part = ox.NamedNode(f"{DATASET.value}#{kind}-{number}")
        yield _metadatum(DATASET, f"{VOID}{kind}Partition", part)
        yield _metadatum(part, VOID + kind, iri)
        yield _metadatum(part, VOID + unit, _number(count))
        yield _metadatum(part, RDFS_LABEL, ox.Literal(f"{kind} {re.split('[/#]', iri.value)[-1]}", language="en"))


def _named_graph(graph: ox.NamedNode, triples: int | None) -> Iterator[ox.Quad]:
    """Yield what is said of one named graph: label, layer, licence, and its number of triples."""
    name = graph.value.removeprefix(GRAPH)
    yield _metadatum(graph, RDF_TYPE, ox.NamedNode("http://www.w3.org/ns/sparql-service-description#NamedGraph"))
    yield _metadatum(graph, RDFS_LABEL, ox.Literal(f"Graph {name}", language="en"))
    yield _metadatum(graph, ONTOLOGY + "layer", ox.NamedNode(f"{ONTOLOGY}layer-{LAYERS[name.split('/')[0]]}"))
    yield _metadatum(graph, "http://purl.org/dc/terms/license", LICENCE)
    yield _metadatum(graph, "http://purl.org/dc/terms/isPartOf", DATASET)
    if triples is not None:
        yield _metadatum(graph, VOID + "triples", _number(triples))


@dataclass(frozen=True)
class Receipt:
    """What a build attests: that the dataset with this hash was checked with the shapes of that hash."""

    dataset: str
    shapes: str
    outcome: str
    warnings: int


def shapes_hash() -> str:
    """Return the SHA-256 of all shapes files, by name and content."""
    result = hashlib.sha256()
    for folder in SHAPES:
        for file in files_of(room("shapes") / folder, ".ttl"):
            result.update(f"{folder}/{file.name}\n".encode() + file.read_bytes())
    return result.hexdigest()


def location() -> Path:
    """Return where the built dataset lives: $COSPONSOR_DATA, the package if writable, else the user's data folder."""
    if chosen := os.environ.get("COSPONSOR_DATA"):
        return Path(chosen)
    package = Path(str(room(FILE)))
    if os.access(package.parent, os.W_OK):
        return package
    return Path(click.get_app_dir("cosponsor")) / FILE


def published() -> Path:
    """Return the dataset to serve by default: the built one, or where none was built the one in the package.

    What $COSPONSOR_DATA names is returned even if it is not there: nothing else may take its place in silence.
    """
    built = location()
    chosen = bool(os.environ.get("COSPONSOR_DATA"))
    return built if chosen or built.exists() else Path(str(room(FILE)))


def receipts_file(dataset: Path) -> Path:
    """Return where the receipts of a dataset stand: beside it, under its name."""
    return dataset.with_suffix(".receipts.json")


def receipts(dataset: Path) -> list[Receipt]:
    """Return the receipts that stand beside a dataset; none if there is no readable file of receipts."""
    try:
        found = json.loads(receipts_file(dataset).read_text("utf-8"))
        return [Receipt(**entry) for entry in found]
    except (OSError, ValueError, TypeError):
        return []


def checked(dataset: Path) -> Receipt | None:
    """Return the receipt for the very bytes of ``dataset`` and today's shapes, or None if there is none."""
    digest = hashlib.sha256(dataset.read_bytes()).hexdigest()
    shapes = shapes_hash()
    return next((entry for entry in receipts(dataset) if (entry.dataset, entry.shapes) == (digest, shapes)), None)


def write(text: str, dataset: Path, warnings: int) -> None:
    """Put a checked dataset in its place so that at every moment the file there has its receipt.

    First the receipts of old and new, then the dataset, then the receipt of the new one alone: each step is an
    atomic rename, so an interruption leaves either dataset whole and attested.
    """
    if dataset.exists() and not dataset.is_file():
        raise OSError(errno.EINVAL, "it is there and is not a regular file")
    dataset.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8")
    receipt = Receipt(hashlib.sha256(content).hexdigest(), shapes_hash(), "conforms", warnings)
    known = [entry for entry in receipts(dataset) if entry != receipt]
    replace_file(receipts_file(dataset), _as_json([*known, receipt]))
    replace_file(dataset, content)
    replace_file(receipts_file(dataset), _as_json([receipt]))


def _as_json(entries: list[Receipt]) -> bytes:
    return (json.dumps([asdict(entry) for entry in entries], indent=1) + "\n").encode()


def replace_file(file: Path, content: bytes) -> None:
    """Write ``content`` beside ``file``, flush it to the disk, and rename it over ``file``."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as part:
        try:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:  # an interruption, too, leaves no litter
            Path(part.name).unlink(missing_ok=True)
            raise
    Path(part.name).chmod(0o644)
    Path(part.name).replace(file)
