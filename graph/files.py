"""Reading the files of a room: only those of its kind, and what cannot be read named in a sentence."""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

import pyoxigraph as ox

from .findings import InputError

if TYPE_CHECKING:
    from rdflib import Graph


def files_of(folder: Traversable, suffix: str) -> list[Traversable]:
    """Return the files of ``folder`` that end in ``suffix``, by name: what an editor left there is not read."""
    found = (file for file in folder.iterdir() if file.name.endswith(suffix) and not file.name.startswith("."))
    return sorted(found, key=lambda file: file.name)


def read_text(file: Traversable, name: str) -> str:
    """Return the text of ``file``; raise InputError, naming ``name``, if it cannot be read or is not UTF-8."""
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8 ({error.reason}); save the file in UTF-8."
    except OSError as error:
        reason = f"it cannot be read ({error.strerror}); put a readable file there."
    raise InputError.at(name, reason)


def read_turtle(file: Traversable, name: str) -> "Graph":
    """Return the triples of a Turtle file; raise InputError, naming ``name``, if it is not Turtle."""
    from rdflib import Graph  # in here, because the server has no use for it

    try:
        return Graph().parse(data=read_text(file, name), format="turtle")
    except InputError:
        raise
    except Exception as error:  # rdflib's parser raises whatever its parts do
        reason = " ".join(str(error).split())[:200]
    raise InputError.at(name, f"this is not Turtle: {reason}; correct the syntax there.")


def rdf_format(path: Path) -> ox.RdfFormat:
    """Return the RDF format that the extension of a file tells; raise ValueError with a sentence if it tells none."""
    found = ox.RdfFormat.from_extension(path.suffix.removeprefix("."))
    if found is None:
        raise ValueError(f"{path.name}: the extension {path.suffix!r} is not of an RDF format; use .ttl, .nq …")
    return found


def unreadable(path: Path, name: str, error: Exception) -> str:
    """Return a sentence that names the file, the line and the problem."""
    line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
    problem = (getattr(error, "msg", None) or str(error)).removesuffix(".")
    return f"{path}: {line}{problem}; it cannot be read as {name}."
