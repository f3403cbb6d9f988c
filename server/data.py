"""The data that the server publishes: loaded once, moved to the base IRI, never written."""

import gzip
import hashlib
import json
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any

import pyoxigraph as ox

from .. import __version__, iris, stores
from ..dataset import checked, published, shapes_hash
from ..files import rdf_format, unreadable
from ..stores import About, OnDisk
from .behind import authorization
from .elsewhere import Elsewhere
from .settings import DEFAULT_BASE, Settings
from .statements import Statements, Stored, in_memory

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
FRESH = 60  # seconds that labels and graphs of data without a version are remembered
REMEMBERED = 100_000  # labels
POINTING = 20_000  # statements that point to a thing, read for its document


@dataclass(frozen=True)
class Described:
    """What is described at one address: the thing of that IRI and its fragments, the thing first.

    ``about`` is what is said of these nodes, ``incoming`` what points to them, of which no more than POINTING is read:
    ``more`` says whether there may be more.
    """

    nodes: list[ox.NamedNode]
    about: list[ox.Quad]
    incoming: list[ox.Quad]

    @property
    def more(self) -> bool:
        """Whether there may be statements that point here and were not read."""
        return len(self.incoming) >= POINTING


class Labels:
    """One label for each labelled node, looked up in batches and remembered, those without one as well.

    English comes before untagged before any other language, then the properties in the order of LABELS.
    """

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._known: dict[str, str] = {}
        self._lock = Lock()

    def get(self, iri: str) -> str:
        """Return the label of a node, nothing if it has none."""
        known = self._known.get(iri)
        return self._ask([iri])[iri] if known is None else known

    def look_up(self, nodes: Iterable[str]) -> None:
        """Remember the labels of ``nodes``, asking once for all that are not known."""
        unknown = [iri for iri in nodes if iri not in self._known]
        if unknown:
            self._ask(unknown)

    def _ask(self, nodes: list[str]) -> dict[str, str]:
        """Ask for labels, even if another thread has asked since; remember and return them."""
        found = _labels(nodes, self._statements.about(map(ox.NamedNode, nodes), LABELS))
        with self._lock:
            if len(self._known) + len(found) > REMEMBERED:
                self._known = {}
            self._known.update(found)
        return found


def _labels(nodes: Iterable[str], quads: Iterable[ox.Quad]) -> dict[str, str]:
    best: dict[str, tuple[int, int, str]] = {}
    for quad in quads:
        if isinstance(quad.object, ox.Literal) and isinstance(quad.subject, ox.NamedNode):
            language = {"en": 0, None: 1}.get(quad.object.language, 2)
            candidate = (language, LABELS.index(quad.predicate), quad.object.value)
            best[quad.subject.value] = min(candidate, best.get(quad.subject.value, candidate))
    return {iri: best[iri][2] if iri in best else "" for iri in nodes}


@dataclass(eq=False)
class Data:
    """A dataset at its base IRI.

    ``origin`` is the base under which the dataset was built: canonical IRIs in queries are understood as local
    ones. ``digest`` is the SHA-256 of what was read, nothing if it is not known, and ``source`` gives the dataset as
    it was read, in N-Quads, where there is a dump of it. ``predefined`` says whether queries may use the prefixes
    without declaring them, and ``services`` are the addresses that SERVICE may name. ``counts`` is what was counted for
    the description of the endpoint when the data were stored. ``on_disk`` is the store, if it is on a disk.
    """

    base: str
    origin: str
    statements: Statements
    checked: bool
    digest: str = ""
    source: Callable[[], bytes] | None = None
    predefined: bool = True
    services: tuple[str, ...] = ()
    counts: Sequence[ox.Triple] | None = None
    on_disk: OnDisk | None = None
    made: float = field(default_factory=time.monotonic, init=False)

    @property
    def store(self) -> ox.Store:
        """The store on which the engine evaluates queries; raises TypeError if the statements are elsewhere."""
        if not isinstance(self.statements, Stored):
            raise TypeError("these data are in no store of ours")
        return self.statements.store

    @property
    def is_ours(self) -> bool:
        """Whether the statements are in a store of ours, rather than in another engine."""
        return isinstance(self.statements, Stored)

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
    def served(self) -> str:
        """What answers depend on besides the request."""
        return repr((__version__, self.version, self.modified, self.base, self.origin, self.predefined))

    @cached_property
    def predefines(self) -> tuple[tuple[str, str, str], ...]:
        """What names begin with, prefix and namespace of those that queries may use undeclared."""
        return tuple((f"{prefix}:", prefix, iri) for prefix, iri in self.prefixes.items() if self.predefined)

    @cached_property
    def context(self) -> dict[str, Any]:
        """The project's JSON-LD context at the base IRI."""
        loaded: dict[str, Any] = json.loads(self.local((iris.room("ontology") / "context.jsonld").read_text("utf-8")))
        return loaded

    @cached_property
    def labels(self) -> Labels:
        """The labels of nodes."""
        return Labels(self.statements)

    @cached_property
    def graphs(self) -> list[str]:
        """The IRIs of the named graphs, sorted."""
        return self.statements.graphs()

    def described(self, iri: str) -> Described:
        """Return what is described at the address ``iri``; no nodes if nothing is.

        Fragments are found by links: what the thing or another fragment points to, and what points to the thing.
        """
        thing = ox.NamedNode(iri)
        incoming = self.statements.pointing_to([thing], POINTING)
        about: list[ox.Quad] = []
        seen: set[ox.NamedNode] = set()
        new = {thing} | _below(iri, (quad.subject for quad in incoming))
        while new:
            found = self.statements.about(new)
            about += found
            seen |= new
            new = _below(iri, (quad.object for quad in found)) - seen
        subjects = {quad.subject for quad in about if isinstance(quad.subject, ox.NamedNode)}
        nodes = sorted(subjects, key=lambda node: node.value)
        parts = [node for node in nodes if node != thing]
        if parts:
            incoming += self.statements.pointing_to(parts, max(0, POINTING - len(incoming)))
        return Described(nodes, about, incoming)

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
        found = self.statements.about([dataset], [predicate])
        return next((quad.object.value for quad in found if isinstance(quad.object, ox.Literal)), "")

    @cached_property
    def dump(self) -> bytes:
        """The dataset as it was read, gzipped; without a time stamp, so that the same data give the same bytes.

        Raises 404 where there is no dump.
        """
        from werkzeug.exceptions import NotFound

        if self.source is None:
            raise NotFound(f"These data have no dump; ask for parts of them by queries to {self.base}sparql.")
        return gzip.compress(self.source(), mtime=0)


def _below(iri: str, terms: Iterable[object]) -> set[ox.NamedNode]:
    """Return those of ``terms`` that are fragments of ``iri``."""
    start = iri + "#"
    return {term for term in terms if isinstance(term, ox.NamedNode) and term.value.startswith(start)}


def gate() -> tuple[bytes, str]:
    """Return the project's own dataset, and its SHA-256; refuse it unless its receipt says that it was checked.

    See DESIGN, section 2. Raises ValueError with a sentence that says what to do.
    """
    path = published()
    if not path.exists():
        raise ValueError(f"there is no dataset at {path}; run cosponsor build.")
    receipt = checked(path)
    if receipt is None:
        raise ValueError(GATE.format(path=path))
    return path.read_bytes(), receipt.dataset


_preloaded: dict[tuple[tuple[str, str], ...], Data] = {}


def preload(settings: Settings) -> None:
    """Load what ``settings`` name for the processes that will be forked from this one; raise ValueError as ``load``.

    They have the same data until this is called again, whatever has become of the files.
    """
    loaded = _read(settings)
    _preloaded.clear()
    _preloaded[tuple(settings.to_environment().items())] = loaded


def load(settings: Settings) -> Data:
    """Return what ``settings`` name: the project's own dataset, or files of any RDF format; of an endpoint nothing.

    The gate is in here because every server comes by, ours or another that calls ``create_app``. Raises ValueError
    with a sentence if something cannot be read or may not be served.
    """
    return _preloaded.get(tuple(settings.to_environment().items())) or _read(settings)


def _read(settings: Settings) -> Data:
    if settings.store:
        return _on_disk(settings, settings.store)
    if settings.endpoint:
        authorization()
        return _data(settings, settings.base_iri, Elsewhere(), settings.data_version, None)
    return _others(settings) if settings.data else _own(settings)


def _on_disk(settings: Settings, folder: Path) -> Data:
    """Return the data of a store, which is not opened yet."""
    found, base = stores.find(folder), settings.base_iri
    about = found.about or About(base, base, digest=stores.fingerprint(found.path))
    about.check_base(None if base == DEFAULT_BASE else base, folder)
    if about.shapes not in {None, shapes_hash()}:
        raise ValueError(f"the store in {folder} was not checked with today's shapes; run cosponsor build --store.")
    made = found.about is not None
    data = Data(
        about.base,
        about.origin,
        Stored(partial(stores.opened, found.path)),
        about.shapes is not None,
        about.digest,
        partial(_unpacked, found.beside(stores.DUMP)) if made else None,
        settings.prefixes,
        settings.services,
        list(_triples(found.beside(stores.COUNTS))) if made else None,
        found,
    )
    if made:
        weakref.finalize(data, os.close, stores.hold(found))
    return data


def _unpacked(dump: Path) -> bytes:
    return gzip.decompress(dump.read_bytes())


def _triples(path: Path) -> Iterator[ox.Triple]:
    return (quad.triple for quad in ox.parse(path=path, format=ox.RdfFormat.N_TRIPLES))


def _own(settings: Settings) -> Data:
    source, digest = gate()
    base, origin = settings.base_iri, settings.rebase_from or iris.BASE
    statements = in_memory(iris.rebase(source, base, origin), lenient=True)
    return _data(settings, origin, statements, digest, lambda: source)


def _others(settings: Settings) -> Data:
    base, origin = settings.base_iri, settings.rebase_from or settings.base_iri
    store, digest = ox.Store(), hashlib.sha256()
    for path in settings.data:
        digest.update(_load(store, path, origin))
    if base == origin:
        return _data(settings, origin, Stored(lambda: store), digest.hexdigest(), lambda: _n_quads(store))
    source = _n_quads(store)
    return _data(settings, origin, in_memory(iris.rebase(source, base, origin)), digest.hexdigest(), lambda: source)


def _data(
    settings: Settings, origin: str, statements: Statements, digest: str, source: Callable[[], bytes] | None
) -> Data:
    own, base = not (settings.data or settings.endpoint), settings.base_iri
    return Data(base, origin, statements, own, digest, source, settings.prefixes, settings.services)


def _load(store: ox.Store, path: Path, base: str) -> bytes:
    """Load a file and return the SHA-256 of it; raise ValueError with a sentence if it cannot be read."""
    file_format = rdf_format(path)
    try:
        # Relative IRIs resolve against the base: the path of a file is nobody's business.
        store.load(path=path, format=file_format, base_iri=base)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (SyntaxError, OSError, ValueError) as error:
        raise ValueError(unreadable(path, file_format.name, error)) from None


def _n_quads(store: ox.Store) -> bytes:
    return ox.serialize(store, format=ox.RdfFormat.N_QUADS) or b""


def current() -> Data:
    """Return the data of the running application; of those without a version nothing is remembered for long."""
    from flask import current_app  # in here, because data are loaded while Flask is imported

    data: Data = current_app.extensions["cosponsor"]
    if not data.version and time.monotonic() > data.made + FRESH:
        data = current_app.extensions["cosponsor"] = replace(data)
    return data
