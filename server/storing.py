"""What `cosponsor build --store` does: a store of the built dataset, or of any RDF files."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pyoxigraph as ox

from .. import stores
from ..dataset import shapes_hash
from ..iris import BASE
from ..stores import About, OnDisk
from .counting import count
from .data import Data
from .progress import progress
from .statements import Stored

DISTINCT = 1_000_000  # quads; of more, triples are not remembered to count each once


def store_dataset(folder: Path, text: str, version: str, base: str) -> OnDisk:
    """Write a store of the dataset just built and checked, moved to ``base``; raise as ``stores.build`` does."""
    about = About(base, BASE, version, shapes=shapes_hash())
    with progress(100) as report:
        return stores.build(folder, lambda file: file.write(text.encode()), about, _count, _percent(report))


def store_files(folder: Path, paths: tuple[Path, ...], base: str, origin: str | None) -> OnDisk:
    """Write a store of RDF files, unchecked, moved from ``origin`` if there is one; raise as ``stores.build`` does."""
    about = About(base, origin or base)
    with progress(100) as bar:
        report = _percent(bar)
        return stores.build(folder, stores.of_files(paths, about.origin, report), about, _count, report)


def _percent(report: Callable[[str, int], object]) -> stores.Report:
    return lambda stage, done, whole: report(stage, 100 * done // max(whole, 1))


def _count(store: ox.Store, about: About) -> bytes:
    """Return in N-Triples what is counted; of great data a triple of two graphs counts twice, to save memory."""
    data = Data(about.base, about.origin, Stored(lambda: store), about.shapes is not None)

    def construct(query: str) -> bytes:
        query = query if about.quads <= DISTINCT else query.replace("SELECT DISTINCT", "SELECT")
        found = cast(ox.QueryTriples, store.query(query, base_iri=data.base, use_default_graph_as_union=True))
        return found.serialize(format=ox.RdfFormat.N_TRIPLES) or b""

    return ox.serialize(count(data, construct).triples, format=ox.RdfFormat.N_TRIPLES) or b""
