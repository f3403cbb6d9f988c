"""What `cosponsor check` does: this project, its passages against texts, or any RDF files against shapes."""

from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox
from rdflib import Graph

from ..build import build
from ..check import graph_of, validate, validate_ours
from ..findings import Finding, InputError
from ..iris import room
from ..records import verify_folder


def check_project(report: Callable[[str], None]) -> tuple[list[Finding], list[Finding]]:
    """Build this project in memory; return what is wrong with it, and what it warns of."""
    try:
        built = build(report)
    except InputError as error:
        return error.findings, []
    return [], [warning.finding(built.places) for warning in built.warnings]


def check_texts(folder: Path) -> list[Finding]:
    """Return what is wrong with the passages of this project's articles against the texts in ``folder``."""
    return verify_folder(room("articles"), folder)


def check_files(data: list[Path], shapes_files: list[Path]) -> list[Finding]:
    """Return the violations of the RDF files ``data`` against the shapes files, or against this project's.

    Quads count as the union of their graphs. Raises InputError for a file that cannot be read or holds nothing.
    """
    quads = [quad for file in data for quad in _read(file)]
    results = validate(graph_of(quads), _shapes(shapes_files)) if shapes_files else validate_ours(quads, "union")
    return [result.finding({}) for result in results if result.is_violation]


def _read(file: Path) -> list[ox.Quad]:
    """Return the quads of an RDF file, the format by its name; nothing to check is an error, not a success."""
    format_ = ox.RdfFormat.from_extension(file.suffix.removeprefix("."))
    if format_ is None:
        raise InputError.at(str(file), f"{file.suffix!r} is not the suffix of an RDF format; use .ttl, .nt, .nq …")
    try:
        quads = list(ox.parse(path=file, format=format_, base_iri=file.resolve().as_uri()))
    except (SyntaxError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError.at(str(file), f"this cannot be read as RDF ({reason}); correct it or its suffix.") from None
    if not quads:
        raise InputError.at(str(file), "there is no triple in it, so nothing was checked; name a file with data.")
    return [quad if isinstance(quad, ox.Quad) else ox.Quad(*quad) for quad in quads]


def _shapes(files: list[Path]) -> Graph:
    graph = Graph()
    for file in files:
        try:
            graph.parse(file)
        except Exception as error:  # rdflib's parsers raise whatever their libraries do
            reason = " ".join(str(error).split())[:200]
            raise InputError.at(str(file), f"this cannot be read as RDF ({reason}); correct it.") from None
    return graph
