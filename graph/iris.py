"""IRIs of the dataset: the canonical base, the names of its graphs, and moving it to another base."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import AnyStr

BASE = "https://w3id.org/cosponsor/"
ONTOLOGY = BASE + "ontology#"
GRAPH = BASE + "graph/"

XSD = "http://www.w3.org/2001/XMLSchema#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDF_TYPE = RDF + "type"
RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"

# Prefixes of the house, in the order in which they are declared. Queries may use them undeclared.
PREFIXES = {
    "cosp": ONTOLOGY,
    "cosponsor": BASE,
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "oa": "http://www.w3.org/ns/oa#",
    "org": "http://www.w3.org/ns/org#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": RDF,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "http://schema.org/",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "time": "http://www.w3.org/2006/time#",
    "vann": "http://purl.org/vocab/vann/",
    "void": "http://rdfs.org/ns/void#",
    "xsd": XSD,
}

SLUG = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_BASE_IRI = re.compile(r"https?://[^\s/<>\"{}|^`\\?#]+/([^\s<>\"{}|^`\\?#]*/)?")


_SUBPACKAGES = {"ontology", "shapes", "server"}


def room(name: str) -> Traversable:
    """Return a room of the house as a folder: ``articles``, ``rules``, ``ontology``, ``shapes``."""
    return files(f"cosponsor.{name}") if name in _SUBPACKAGES else files("cosponsor").joinpath(name)


def graph_iri(name: str) -> str:
    """Return the IRI of the named graph ``name``, for example ``source/koreaherald-2021-03-24``."""
    return GRAPH + name


def check_base(iri: str) -> str:
    """Return ``iri`` if a dataset can live there: absolute, http(s), no query or fragment, ending in a slash.

    Raises ValueError with a sentence that says what is wrong.
    """
    if not _BASE_IRI.fullmatch(iri):
        raise ValueError(
            f"{iri!r} cannot be a base IRI: expected an absolute http or https IRI without query and "
            "fragment that ends in '/', for example https://example.org/cosponsor/"
        )
    return iri


def rebase(text: AnyStr, to: str, source: str = BASE) -> AnyStr:
    """Return ``text`` (N-Quads, Turtle, JSON-LD) with every IRI under ``source`` moved under ``to``.

    Literals that hold such IRIs (``void:uriSpace``, ``vann:preferredNamespaceUri``, stored queries) move too.
    """
    if to == source:
        return text
    return text.replace(source, to) if isinstance(text, str) else text.replace(source.encode(), to.encode())
