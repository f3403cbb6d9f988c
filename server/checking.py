"""What `cosponsor check` does: this project, its passages against texts, or any RDF files against shapes."""

from collections.abc import Callable
from pathlib import Path

from rdflib import Graph

from ..build import build
from ..check import shapes, validate
from ..evidence import verify_folder
from ..findings import Finding, InputError
from ..iris import room


def check_project(report: Callable[[str], None]) -> list[Finding]:
    """Build this project in memory and return what is wrong with it, warnings left out."""
    try:
        build(report)
    except InputError as error:
        return error.findings
    return []


def check_texts(folder: Path) -> list[Finding]:
    """Return what is wrong with the passages of this project's articles against the texts in ``folder``."""
    return verify_folder(room("articles"), folder)


def check_files(data: list[Path], shapes_files: list[Path]) -> list[Finding]:
    """Return the violations of the RDF files ``data`` against the shapes files, or against this project's."""
    graph = _parse(data)
    against = _parse(shapes_files) if shapes_files else shapes("union")
    results = validate(graph, against)
    places: dict[str, str] = {}
    return [result.finding(places) for result in results if result.is_violation]


def _parse(files: list[Path]) -> Graph:
    """Return the union of RDF files, the format by their names; raise InputError for one that cannot be read."""
    graph = Graph()
    for file in files:
        try:
            graph.parse(file)
        except Exception as error:  # rdflib's parsers raise whatever their libraries do
            reason = " ".join(str(error).split())[:200]
            raise InputError.at(
                str(file), f"this cannot be read as RDF ({reason}); correct it or its suffix."
            ) from None
    return graph
