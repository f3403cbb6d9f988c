"""The data that the server publishes: loaded once, moved to the base IRI, never written."""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from flask import current_app

from .. import iris
from ..dataset import checked, published
from .settings import Settings

GATE = (
    "{path} has no receipt of a check with today's shapes; "
    "run cosponsor build, or serve it unchecked with --data {path}."
)
LABELS = tuple(
    ox.NamedNode(iri)
    for iri in (
        iris.RDFS_LABEL,
        iris.PREFIXES["skos"] + "prefLabel",
        iris.PREFIXES["schema"] + "name",
        iris.PREFIXES["dcterms"] + "title",
        iris.PREFIXES["foaf"] + "name",
        iris.PREFIXES["sh"] + "name",
    )
)


@dataclass
class Data:
    """A dataset at its base IRI.

    ``origin`` is the base under which the dataset was built: canonical IRIs in queries are understood as local
    ones. ``source`` is the dataset as it was read, in N-Quads. ``predefined`` says whether queries may use the
    prefixes without declaring them, and ``services`` are the addresses that SERVICE may name.
    """

    base: str
    origin: str
    source: str
    checked: bool
    predefined: bool = True
    services: tuple[str, ...] = ()
    store: ox.Store = field(default_factory=ox.Store)

    def __post_init__(self) -> None:
        text = iris.rebase(self.source, self.base, self.origin)
        self.store.load(text.encode(), format=ox.RdfFormat.N_QUADS)

    def local(self, text: str) -> str:
        """Return ``text`` with the IRIs of the origin moved to the base."""
        return iris.rebase(text, self.base, self.origin)

    def canonical(self, iri: str) -> str:
        """Return the canonical IRI of a local one."""
        return self.origin + iri.removeprefix(self.base) if iri.startswith(self.base) else iri

    @cached_property
    def prefixes(self) -> dict[str, str]:
        """Prefixes that queries may use undeclared, and that Turtle declares."""
        return {prefix: self.local(iri) for prefix, iri in iris.PREFIXES.items()}

    @cached_property
    def context(self) -> dict[str, Any]:
        """The project's JSON-LD context at the base IRI."""
        loaded: dict[str, Any] = json.loads(self.local((iris.room("ontology") / "context.jsonld").read_text("utf-8")))
        return loaded

    @cached_property
    def described(self) -> dict[str, list[ox.NamedNode]]:
        """The nodes described in each document: the thing of that IRI and its fragments, the thing first."""
        nodes = {quad.subject for quad in self.store if isinstance(quad.subject, ox.NamedNode)}
        documents: dict[str, list[ox.NamedNode]] = defaultdict(list)
        for node in sorted(nodes, key=lambda node: node.value):
            documents[node.value.partition("#")[0]].append(node)
        return dict(documents)

    @cached_property
    def labels(self) -> dict[str, str]:
        """One label for each labelled node: English before untagged before any other language."""
        best: dict[str, tuple[int, int, str]] = {}
        for rank, predicate in enumerate(LABELS):
            for quad in self.store.quads_for_pattern(None, predicate, None, None):
                if isinstance(quad.object, ox.Literal) and isinstance(quad.subject, ox.NamedNode):
                    language = {"en": 0, None: 1}.get(quad.object.language, 2)
                    candidate = (language, rank, quad.object.value)
                    best[quad.subject.value] = min(candidate, best.get(quad.subject.value, candidate))
        return {iri: text for iri, (_, _, text) in best.items()}

    @cached_property
    def graphs(self) -> list[str]:
        """The IRIs of the named graphs, sorted."""
        return sorted(graph.value for graph in self.store.named_graphs() if isinstance(graph, ox.NamedNode))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the dataset as it was read."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    @cached_property
    def version(self) -> str:
        """What changes when the data change: the version that the own dataset says it has, else their digest."""
        return (self._said("dcat", "version") if self.checked else "") or self.digest

    @cached_property
    def modified(self) -> datetime | None:
        """When the own dataset was modified, as it says: a day starts at midnight UTC; of others it is not known."""
        said = self._said("dcterms", "modified") if self.checked else ""
        return datetime.fromisoformat(said).replace(tzinfo=UTC) if said else None

    def _said(self, prefix: str, name: str) -> str:
        """Return a literal that the dataset says of itself, nothing if it does not."""
        dataset, predicate = ox.NamedNode(self.base + "dataset"), ox.NamedNode(iris.PREFIXES[prefix] + name)
        found = self.store.quads_for_pattern(dataset, predicate, None, None)
        return next((quad.object.value for quad in found if isinstance(quad.object, ox.Literal)), "")

    @cached_property
    def dump(self) -> bytes:
        """The dataset as it was read, gzipped; without a time stamp, so that the same data give the same bytes."""
        return gzip.compress(self.source.encode(), mtime=0)


def gate() -> str:
    """Return the project's own dataset; refuse it unless its receipt says that it was checked (DESIGN, section 2).

    Raises ValueError with a sentence that says what to do.
    """
    path = published()
    if not path.exists():
        raise ValueError(f"there is no dataset at {path}; run cosponsor build.")
    if checked(path) is None:
        raise ValueError(GATE.format(path=path))
    return path.read_text("utf-8")


def source(settings: Settings) -> str:
    """Return in N-Quads what ``settings`` name: the project's own dataset, or files of any RDF format.

    The gate is in here because every server comes by, ours or another that calls ``create_app``. Raises ValueError
    with a sentence if something cannot be read or may not be served.
    """
    return _as_n_quads(settings.data, settings.rebase_from or settings.base_iri) if settings.data else gate()


def load(settings: Settings) -> Data:
    """Load what ``settings`` name; raise ValueError as ``source`` does."""
    origin = settings.rebase_from or (settings.base_iri if settings.data else iris.BASE)
    return Data(settings.base_iri, origin, source(settings), not settings.data, settings.prefixes, settings.services)


def _as_n_quads(paths: Iterable[Path], base: str) -> str:
    store = ox.Store()
    for path in paths:
        file_format = ox.RdfFormat.from_extension(path.suffix.removeprefix("."))
        if file_format is None:
            raise ValueError(f"{path.name}: the extension {path.suffix!r} is not of an RDF format; use .ttl, .nq …")
        try:
            # Relative IRIs resolve against the base: the path of a file is nobody's business.
            store.load(path=path, format=file_format, base_iri=base)
        except (SyntaxError, OSError, ValueError) as error:
            raise ValueError(_unreadable(path, file_format.name, error)) from None
    return (ox.serialize(store, format=ox.RdfFormat.N_QUADS) or b"").decode()


def _unreadable(path: Path, name: str, error: Exception) -> str:
    """Return a sentence that names the file, the line and the problem."""
    line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
    problem = (getattr(error, "msg", None) or str(error)).removesuffix(".")
    return f"{path}: {line}{problem}; it cannot be read as {name}."


def current() -> Data:
    """Return the data of the running application."""
    data: Data = current_app.extensions["cosponsor"]
    return data
