"""The query operation that a request asks for (SPARQL 1.1 Protocol, section 2.1): read, not yet evaluated.

HTTP QUERY (RFC 10008) takes the bodies of POST. Parameters that nobody knows are ignored: clients send their own.
"""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import pyoxigraph as ox
from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, Forbidden, UnsupportedMediaType

from .data import Data
from .query import READ_ONLY

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
BODIES = (QUERY, FORM)
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_OVERRIDES = ("format", "output", "results")
_VERSIONS = ("1.1", "1.2", "1.2-basic")  # RDF 1.2 Concepts, section 2.1; the engine reads all of them alike
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # RFC 3986, section 3.1

_MOST = 1000  # parameters of a request


class NotUnderstood(UnsupportedMediaType):
    """A body that is not read, with the field that says what would be (RFC 9110, section 15.5.16)."""

    def __init__(self, description: str, field: str, value: str) -> None:
        super().__init__(description)
        self.field = (field, value)

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Return the fields of the error with this one."""
        return [*super().get_headers(*args, **kwargs), self.field]


@dataclass(frozen=True)
class Operation:
    """A query operation: the query, the dataset that the request names, if any, and how to answer.

    ``formats`` are the values of the parameters that override Accept, ``timeout`` the seconds that the client waits.
    """

    query: str
    default: list[ox.NamedNode]
    named: list[ox.NamedNode]
    formats: tuple[str, ...] = ()
    timeout: float | None = None


def operation(data: Data) -> Operation:
    """Return what the request asks for; raise 400, 403 or 415 where it is no query operation."""
    refuse_encoding(request.query_string)
    parameters = MultiDict(request.args)
    if request.method in {"POST", "QUERY"}:
        _add_body(parameters)
    if "update" in parameters:
        raise Forbidden(READ_ONLY)
    query = _single("query", parameters)
    if query is None:
        raise BadRequest("Exactly one parameter 'query' is expected, none was sent.")
    _refuse_version(_single("version", parameters))
    default, named = (
        [graph(iri, data) for iri in parameters.getlist(name)] for name in ("default-graph-uri", "named-graph-uri")
    )
    formats = tuple(value for name in _OVERRIDES for value in parameters.getlist(name))
    return Operation(query, default, named, formats, _timeout(_single("timeout", parameters)))


def _single(name: str, parameters: "MultiDict[str, str]") -> str | None:
    """Return the parameter ``name`` or None; raise 400 if it was sent twice, as in the address and in the body."""
    values = parameters.getlist(name)
    if len(values) > 1:
        raise BadRequest(f"Exactly one parameter {name!r} is expected, {len(values)} were sent.")
    return values[0] if values else None


def _add_body(parameters: "MultiDict[str, str]") -> None:
    """Add what the body of a POST or QUERY says, by its media type (RFC 9110, section 15.5.16)."""
    _refuse_coding()
    if request.mimetype == FORM:
        refuse_encoding(request.get_data())
        parameters.update(request.form)
    elif request.mimetype == QUERY:
        parameters.add("query", _text(request.get_data()))
        if "version" in request.mimetype_params:  # SPARQL 1.2 Protocol, section 2.2.3
            parameters.add("version", request.mimetype_params["version"])
    elif request.mimetype == UPDATE:
        raise Forbidden(READ_ONLY)
    elif request.method == "QUERY" and not request.mimetype:  # RFC 10008, section 2
        raise BadRequest(f"A QUERY says its Content-Type, {QUERY} or {FORM}; found none.")
    else:
        found = request.mimetype or "no Content-Type"
        raise NotUnderstood(f"A query is sent as {FORM} or {QUERY}; found {found}.", "Accept", ", ".join(BODIES))


def _refuse_coding() -> None:
    """Refuse a body that is compressed or in another character set than UTF-8 (SPARQL 1.2 Protocol, section 2.2.3)."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity":
        sentence = f"The body is encoded as {coding}; send it as it is, without Content-Encoding."
        raise NotUnderstood(sentence, "Accept-Encoding", "identity")
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in _UTF_8:
        sentence = f"The Content-Type says charset={charset}; a query is sent in UTF-8."
        raise NotUnderstood(sentence, "Accept", ", ".join(BODIES))


def refuse_encoding(parameters: bytes) -> None:
    """Refuse parameters that are not UTF-8 (SPARQL 1.1 Protocol, section 2.1.1), which Werkzeug would let through.

    And so many that reading them would hold up others.
    """
    if parameters.count(b"&") >= _MOST:
        raise BadRequest(f"There are {parameters.count(b'&') + 1} parameters; {_MOST} are read.")
    try:
        unquote_to_bytes(parameters).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(
            "The parameters hold percent-encoded bytes that are not UTF-8; encode them in UTF-8."
        ) from None


def _text(body: bytes) -> str:
    """Return the query in a body, without the byte order mark that some editors write."""
    try:
        return body.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"Byte {error.start} of the query is not UTF-8; send it in UTF-8.") from None


def _refuse_version(label: str | None) -> None:
    """Refuse a version of SPARQL that nobody defined (SPARQL 1.2 Protocol, section 2.1)."""
    if label is not None and label not in _VERSIONS:
        known = ", ".join(_VERSIONS)
        raise BadRequest(f"'version' is that of the query language, one of {known}; found {label!r}.")


def _timeout(text: str | None) -> float | None:
    """Return the seconds that a client gives a query; it may shorten the server's deadline, not lengthen it."""
    if text is None:
        return None
    if not _SECONDS.fullmatch(text) or not float(text):
        raise BadRequest(f"'timeout' is a number of seconds above 0, as 2 or 0.5; found {text!r}.")
    return float(text)


def graph(iri: str, data: Data) -> ox.NamedNode:
    """Return the graph that a parameter names, a canonical IRI as the local one; raise 400 if it is not absolute."""
    if not _ABSOLUTE.match(iri):
        raise BadRequest(f"A graph is named by an absolute IRI; found {iri!r}.")
    try:
        return ox.NamedNode(data.local(iri))
    except ValueError as error:
        raise BadRequest(f"{iri!r} is not an IRI: {error}.") from None
