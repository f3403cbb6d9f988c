"""What a document says in RDF: its thing, what points there, and the document itself."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox

from .. import iris
from .data import LABELS, POINTING, Data, Described
from .negotiation import GRAPHS, JSON_LD, SERIALIZERS, Format, sound

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
RDF_TYPE = ox.NamedNode(iris.RDF_TYPE)
# Information resources, and the named graph whose triples each of them gives.
_INFORMATION = {"ontology": "ontology", "shapes": "shapes", "void": "metadata", "dataset": "metadata"}
WHOLE = 100_000  # triples of a graph that its document gives; a greater one leads to the graph store
COMPACTED = 10_000  # triples; PyLD takes 0.2 ms for each
SOME = f"Of the statements that point to the topic these are {POINTING}; there may be more. A query gives all."
_SAFE = "/:@!$&'()*+,;=~%"  # in a path (RFC 3986, section 3.3), and what is encoded already


@dataclass(frozen=True)
class Document:
    """A document about ``topic``; ``graph`` is set if it is that named graph's content, none for a thing.

    ``path`` is the address below the base, without the extension of a format. ``described`` is what was read of a
    thing.
    """

    topic: ox.NamedNode
    path: str
    graph: ox.NamedNode | None
    described: Described

    def address(self, data: Data, file_format: Format) -> str:
        """Return the address of the document in one format."""
        return f"{data.base}{quote(self.path, safe=_SAFE)}.{file_format.extension}"


class TooGreat(Exception):
    """A graph has more triples than a document gives."""


def find(data: Data, path: str) -> Document | None:
    """Return the document at ``path`` below the base, or None if nothing is described there."""
    iri = data.base + path
    topic = _node(iri)
    if topic is None:
        return None
    is_version = path.startswith("ontology/") and iri == ontology_version(data)
    name = "ontology" if is_version else _INFORMATION.get(path)
    graph = f"{data.base}graph/{name}" if name else iri
    if data.statements.has_graph(ox.NamedNode(graph)):
        return Document(topic, path, ox.NamedNode(graph), Described([], data.statements.about([topic], [RDF_TYPE]), []))
    described = None if name else data.described(iri)
    return Document(topic, path, None, described) if described and described.nodes else None


def _node(iri: str) -> ox.NamedNode | None:
    with suppress(ValueError):
        return ox.NamedNode(iri)
    return None


def ontology_version(data: Data) -> str:
    """Return the version IRI of the ontology, which gives the same document; nothing if there is none."""
    ontology, version = ox.NamedNode(data.base + "ontology"), ox.NamedNode(iris.PREFIXES["owl"] + "versionIRI")
    found = data.statements.about([ontology], [version])
    return next((quad.object.value for quad in found if isinstance(quad.object, ox.NamedNode)), "")


def types(document: Document) -> list[str]:
    """Return the IRIs of the classes of a document's topic, sorted."""
    found = (quad for quad in document.described.about if quad.subject == document.topic and quad.predicate == RDF_TYPE)
    return sorted({quad.object.value for quad in found if isinstance(quad.object, ox.NamedNode)})


def triples(data: Data, document: Document, file_format: Format) -> list[ox.Triple]:
    """Return what the document says, without duplicates, its topic first; raise ``TooGreat`` of a great graph."""
    content = _graph(data, document.graph) if document.graph else _thing(data, document.described)
    about = _about_itself(data, document, file_format)
    return sorted({*content, *about}, key=lambda triple: _order(triple, document.topic.value))


def _order(triple: ox.Triple, topic: str) -> tuple[bool, bool, str, bool, str]:
    subject = getattr(triple.subject, "value", "")
    is_part = subject.partition("#")[0] == topic
    return subject != topic, not is_part, subject, triple.predicate != RDF_TYPE, str(triple)


def _graph(data: Data, graph: ox.NamedNode) -> set[ox.Triple]:
    quads = data.statements.within(graph, WHOLE + 1)
    if len(quads) > WHOLE:
        raise TooGreat(graph.value)
    return {quad.triple for quad in quads}


def _thing(data: Data, described: Described) -> set[ox.Triple]:
    """Return the triples of a thing and its fragments, those that point to them, and labels of all they mention."""
    own = {quad.triple for quad in (*described.about, *described.incoming)}
    mentioned = {term for triple in own for term in (triple.subject, triple.predicate, triple.object)}
    named = [term for term in mentioned if isinstance(term, ox.NamedNode)]
    return own | {quad.triple for quad in data.statements.about(named, LABELS[:2])}


def _about_itself(data: Data, document: Document, file_format: Format) -> Iterator[ox.Triple]:
    """Yield the description of the document: its topic, dataset and licence (VoID, section 6.2)."""
    prefixes = data.prefixes
    itself = document.topic if document.graph else ox.NamedNode(document.address(data, file_format))
    statements = [("void", "inDataset", data.base + "dataset")]
    if not document.graph:
        statements += [
            ("rdf", "type", prefixes["foaf"] + "Document"),
            ("foaf", "primaryTopic", document.topic.value),
        ]
    if data.checked:  # of other data the licence is not known
        statements.append(("dcterms", "license", LICENCE))
    for prefix, name, value in statements:
        yield ox.Triple(itself, ox.NamedNode(prefixes[prefix] + name), ox.NamedNode(value))
    if document.described.more:
        yield ox.Triple(itself, ox.NamedNode(prefixes["rdfs"] + "comment"), ox.Literal(SOME, language="en"))


def serialize(
    data: Data, content: Iterable[ox.Triple], file_format: Format, offers: Sequence[Format] = GRAPHS
) -> bytes:
    """Return triples in one of the RDF formats; Turtle declares the prefixes that occur, JSON-LD is compacted.

    What a format cannot say is 406 that names the other ``offers``. JSON-LD of more than COMPACTED triples stays
    expanded: it is the same graph, and compacting takes longer than most questions.
    """
    listed = list(content)
    if file_format is JSON_LD:
        return compact(data, listed) if len(listed) <= COMPACTED else expand(listed)
    text = " ".join(map(str, listed))
    prefixes = {name: iri for name, iri in data.prefixes.items() if f"<{iri}" in text}
    body = ox.serialize(listed, format=SERIALIZERS[file_format], prefixes=prefixes) or b""
    return sound(body, file_format, offers)


def compact(data: Data, content: Iterable[ox.Triple]) -> bytes:
    """Return triples as JSON-LD compacted with the project's context, which is included (JSON-LD 1.1 API, 5.1)."""
    from pyld import jsonld  # in here, because it imports much that few answers need

    options = {"documentLoader": _load_nothing, "graph": True}
    return _json(jsonld.compact(_expanded(content), data.context, options))


def expand(content: Iterable[ox.Triple]) -> bytes:
    """Return triples as expanded JSON-LD."""
    return _json(_expanded(content))


def _json(document: object) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _expanded(content: Iterable[ox.Triple]) -> list[dict[str, Any]]:
    """Return triples as JSON-LD nodes; Oxigraph writes rdf:type as a property like any other, where @type is meant."""
    document: list[dict[str, Any]] = json.loads(ox.serialize(content, format=ox.RdfFormat.JSON_LD) or b"[]")
    for node in document:
        types = node.pop(iris.RDF_TYPE, [])
        if types and all("@id" in value for value in types):
            node["@type"] = [value["@id"] for value in types]
        elif types:
            node[iris.RDF_TYPE] = types
    return document


def _load_nothing(url: str, *_: object) -> None:
    raise ValueError(f"{url} is not loaded: everything that JSON-LD needs is included")
