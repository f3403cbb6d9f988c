"""Which format an answer takes (RFC 9110, section 12): offers in our order of preference, weighed by Accept.

A parameter ``format``, ``output`` or ``results`` that names an offer wins over Accept: people add it to an address
where they cannot set the field. SPARQLWrapper always sends all three, for any form of query; so a name that does not
fit the kind of result, or that nobody knows, is ignored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from xml.parsers import expat

import pyoxigraph as ox
from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header


@dataclass(frozen=True)
class Format:
    """A format that is offered: file extension, name, media type, other types and short names that ask for it."""

    extension: str
    name: str
    media_type: str
    aliases: tuple[str, ...] = ()
    short: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """What a parameter may call it."""
        return {self.extension, self.media_type, *self.aliases, *self.short}

    @property
    def content_type(self) -> str:
        """The media type as it goes into Content-Type; text says its character set (RFC 9110, section 8.3)."""
        text = self.media_type.startswith("text/") and "charset" not in self.media_type
        return f"{self.media_type}; charset=utf-8" if text else self.media_type


HTML = Format("html", "HTML", "text/html")
# What asks for N3 reads Turtle, which is a part of it (RDF 1.1 Turtle, section 6.1, and SPARQLWrapper's list).
_N3 = ("text/n3", "text/rdf+n3", "application/n3")
TURTLE = Format("ttl", "Turtle", "text/turtle", ("application/x-turtle", "application/turtle", *_N3), ("turtle", "n3"))
# text/plain is what rdflib asks for when it wants N-Triples.
N_TRIPLES = Format("nt", "N-Triples", "application/n-triples", ("text/plain",), ("ntriples", "n-triples", "text"))
JSON_LD = Format(
    "jsonld", "JSON-LD", "application/ld+json", ("application/json", "application/x-json+ld"), ("json", "json-ld")
)
RDF_XML = Format(
    "rdf", "RDF/XML", "application/rdf+xml", ("application/xml", "text/xml"), ("xml", "rdfxml", "rdf+xml", "rdf/xml")
)
TRIG = Format("trig", "TriG", "application/trig", ("application/x-trig",))
N_QUADS = Format("nq", "N-Quads", "application/n-quads", ("text/x-nquads",), ("nquads", "n-quads"))

# On a tie Turtle and N-Triples go before JSON-LD: EasyRdf asks for all three alike and cannot read the last.
GRAPHS = (TURTLE, N_TRIPLES, JSON_LD, RDF_XML, TRIG, N_QUADS)
DOCUMENTS = (TURTLE, N_TRIPLES, JSON_LD, RDF_XML, HTML)
ROWS = (
    Format("srj", "SPARQL JSON", "application/sparql-results+json", ("application/json",), ("json",)),
    Format("srx", "SPARQL XML", "application/sparql-results+xml", ("application/xml", "text/xml"), ("xml",)),
    Format("csv", "CSV", "text/csv"),
    Format("tsv", "TSV", "text/tab-separated-values"),
)
SERIALIZERS = {
    TURTLE: ox.RdfFormat.TURTLE,
    N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    JSON_LD: ox.RdfFormat.JSON_LD,
    RDF_XML: ox.RdfFormat.RDF_XML,
    TRIG: ox.RdfFormat.TRIG,
    N_QUADS: ox.RdfFormat.N_QUADS,
}
RESULTS = dict(
    zip(
        ROWS,
        (
            ox.QueryResultsFormat.JSON,
            ox.QueryResultsFormat.XML,
            ox.QueryResultsFormat.CSV,
            ox.QueryResultsFormat.TSV,
        ),
        strict=True,
    )
)

_ACCEPT = 8192  # characters of Accept that are looked at


def best(offers: Sequence[Format]) -> Format | None:
    """Return the offer that the request prefers, None if it accepts none; the first if it does not say.

    Werkzeug takes seconds for a long field or one of many spaces, so it gets neither.
    """
    return preferred(request.headers.get("Accept", ""), tuple(offers))


def preferred(accept: str, offers: tuple[Format, ...]) -> Format | None:
    """Return the best of the offers by a field Accept; the first if it is empty."""
    return _preferred(" ".join(accept.split())[:_ACCEPT], offers)


@lru_cache(maxsize=1024)  # clients send the same few fields again and again
def _preferred(field: str, offers: tuple[Format, ...]) -> Format | None:
    """Return the best of the offers by a field Accept, of which parameters such as charset or profile do not count."""
    ranges = parse_accept_header(field, MIMEAccept)
    accept = MIMEAccept([(value.partition(";")[0].strip(), quality) for value, quality in ranges])
    if not accept:
        return offers[0]
    named = {offer.media_type: offer for offer in offers}
    named |= {alias: offer for offer in offers for alias in offer.aliases}
    return named.get(accept.best_match(list(named)) or "")


@dataclass(frozen=True)
class Choice:
    """The formats that one request would take for rows and for graphs (SPARQL 1.1 Protocol, section 2.1.6).

    It is made before the query is evaluated, when the kind of its result is not known yet; None is none acceptable.
    """

    rows: Format | None
    graphs: Format | None


def choice(names: Iterable[str] = ()) -> Choice:
    """Return what the request prefers by ``names``, the values of the parameters that override, or by Accept."""
    asked = [_name(value) for value in names]
    return Choice(_named((*ROWS, HTML), asked), _named((*GRAPHS, HTML), asked))


def _named(offers: Sequence[Format], asked: Sequence[str]) -> Format | None:
    named = (offer for name in asked for offer in offers if name in offer.names)
    return next(named, None) or best(offers)


def _name(value: str) -> str:
    """Return the name in a parameter; in an address a plus sign that is not encoded arrives as a space."""
    return value.partition(";")[0].strip().replace(" ", "+").lower()


def acceptable(chosen: Format | None, offers: Sequence[Format]) -> Format:
    """Return ``chosen``; raise 406 that names the offers if it is none (RFC 9110, section 15.5.7)."""
    if chosen is None:
        names = ", ".join(offer.media_type for offer in offers)
        asked = request.headers.get("Accept", "")
        raise NotAcceptable(f"Nothing that is offered here is acceptable to 'Accept: {asked}'. Offered are {names}.")
    return chosen


def negotiate(offers: Sequence[Format]) -> Format:
    """Return the offer that the request prefers; raise 406 if there is none."""
    return acceptable(best(offers), offers)


def sound(body: bytes, written: Format, offers: Sequence[Format]) -> bytes:
    """Return ``body``; raise 406 if it should be XML and is not."""
    if "xml" in written.media_type:
        refuse_unsound_xml([body], written, offers)
    return body


def refuse_unsound_xml(chunks: Iterable[bytes], written: Format, offers: Sequence[Format]) -> None:
    """Raise 406 if what was written as XML is none, as Oxigraph writes what XML cannot say.

    A property needs a local name (RDF 1.1 XML Syntax, section 7.2.14), text the characters of XML 1.0, section 2.2.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    try:
        for chunk in chunks:
            parser.Parse(chunk)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        problem = f"a property has no local name, or a text a character that XML forbids ({error})"
        raise unsayable(written, offers, problem) from None


def unsayable(written: Format, offers: Sequence[Format], problem: str) -> NotAcceptable:
    """Return 406 for what a format has no words for, naming the other offers."""
    names = ", ".join(offer.media_type for offer in offers if offer is not written)
    return NotAcceptable(f"This cannot be written as {written.name}: {problem}. Ask for one of {names}.")


def by_extension(extension: str) -> Format | None:
    """Return the format of documents whose name ends in ``extension``."""
    return next((offer for offer in DOCUMENTS if offer.extension == extension), None)
