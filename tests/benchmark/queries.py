"""Queries of the benchmark, one in a file, and what tells whether two answers say the same.

In a query PERSON stands for the number of a person of the dataset.
"""

import json
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pyoxigraph as ox

FOLDER = Path(__file__).with_name("queries")
ANOTHER = "\n# NUMBER"  # at the end of a query makes another one of it, with the same answer
JSON = "application/sparql-results+json"
TURTLE = "text/turtle"


def read(name: str) -> str:
    """Return the query of this name, or in this file."""
    named = FOLDER / f"{name}.rq"
    return (named if named.exists() else Path(name)).read_text("utf-8")


def of_kind(kind: str) -> list[str]:
    """Return the names of the queries of a kind."""
    return sorted(path.stem for path in FOLDER.glob(f"{kind}-*.rq"))


def path_of(endpoint: str, query: str) -> str:
    """Return the path of a query sent by GET to an endpoint at a path."""
    return f"{endpoint}?query={quote(query, safe='')}"


def said(body: bytes, media_type: str) -> Counter[str]:
    """Return what an answer says: its rows or triples, whatever their order, the spaces and the prefixes."""
    if media_type == TURTLE:
        return Counter(map(str, ox.parse(body, ox.RdfFormat.TURTLE)))
    found = json.loads(body)
    rows = found["results"]["bindings"] if "results" in found else [found["boolean"]]
    return Counter(json.dumps(row, sort_keys=True) for row in rows)
