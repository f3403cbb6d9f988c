"""Dereferencing: a thing answers 303 with its document, a document answers 200 (Cool URIs, section 4)."""

from pathlib import Path
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse
from werkzeug.wsgi import wrap_file

from .. import iris
from ..stores import DUMP
from .data import Data, current
from .description import LICENCE, Document, TooGreat, find, serialize, triples, types
from .negotiation import DOCUMENTS, HTML, JSON_LD, Format, by_extension, negotiate
from .views import document_page

blueprint = Blueprint("documents", __name__)


@blueprint.get("/dump.nq.gz")
def dump() -> Response:
    """Return the dataset as it was built, with its canonical IRIs: this is what the version counts for."""
    data = current()
    if data.on_disk and data.on_disk.about:
        return _sent(data.on_disk.beside(DUMP), data.digest)
    return answer(data.dump, "application/gzip")


def _sent(file: Path, digest: str) -> Response:
    """Return a file of a dump as it is on the disk, unread."""
    response = Response(content_type="application/gzip", direct_passthrough=True)
    response.set_etag(digest[:32])
    response.make_conditional(request)
    if response.status_code == 200:
        response.response = wrap_file(request.environ, file.open("rb"))
        response.content_length = file.stat().st_size
    return response


@blueprint.get("/context.jsonld")
def json_ld_context() -> Response:
    """Return the JSON-LD context at the base IRI."""
    text = (iris.room("ontology") / "context.jsonld").read_text("utf-8")
    return answer(current().local(text).encode(), JSON_LD.media_type)


@blueprint.get("/.well-known/void")
def well_known_void() -> BaseResponse:
    """Lead to the description of the dataset (VoID, section 7.2)."""
    return redirect(current().base + "void", 302)


@blueprint.get("/<path:path>")
def resource(path: str) -> BaseResponse:
    """Answer for any IRI below the base: a thing, its document in one format, or an information resource."""
    data = current()
    stem, _, extension = path.rpartition(".")
    document = _find(data, stem) if by_extension(extension) else None
    asked = by_extension(extension) if document else None
    document = document or _find(data, path)
    if document is None:
        raise NotFound(
            f"Nothing is described at {data.base}{path}. What there is can be found from {data.base} "
            f"or by a query to {data.base}sparql."
        )
    if asked is None and document.graph is None:
        return _see_other(data, document)
    try:
        return _document(data, document, asked or negotiate(DOCUMENTS))
    except TooGreat as great:  # the engine gives it, within its time and size
        return redirect(f"{data.base}graph-store?{urlencode({'graph': great})}", 302)


def _find(data: Data, path: str) -> Document | None:
    """Return the document at ``path``; IRIs may be percent-encoded, which the path of a request no longer is."""
    return find(data, path) or find(data, quote(path, safe="/:@!$&'()*+,;=~"))


def _see_other(data: Data, document: Document) -> BaseResponse:
    """Send the client on, in one hop, to the format that it prefers (RFC 9110, section 15.4.4)."""
    response = redirect(document.address(data, negotiate(DOCUMENTS)), 303)
    response.headers["Link"] = ", ".join(_alternates(data, document))
    return response


def _document(data: Data, document: Document, chosen: Format) -> Response:
    if chosen is HTML:
        body = document_page(data, document).encode()
    else:
        body = serialize(data, triples(data, document, chosen), chosen, DOCUMENTS)
    response = answer(body, chosen.content_type)
    # RFC 9110, section 8.7: which of the documents this is, whatever address was asked.
    response.headers["Content-Location"] = document.address(data, chosen)
    response.headers["Link"] = ", ".join([*_alternates(data, document), *_links(data, document)])
    return response


def answer(body: bytes, content_type: str) -> Response:
    """Return 200 with these bytes; validators are added to all answers alike."""
    return Response(body, content_type=content_type)


def _alternates(data: Data, document: Document) -> list[str]:
    """Return a link for each format (RFC 8288)."""
    return [f'<{document.address(data, offer)}>; rel="alternate"; type="{offer.media_type}"' for offer in DOCUMENTS]


def _links(data: Data, document: Document) -> list[str]:
    """Return links to what describes the document's terms, and to its type, licence and canonical IRI."""
    links = [f'<{iri}>; rel="type"' for iri in types(document)]
    links.append(f'<{data.base}ontology>; rel="describedby"')
    if data.checked:
        links.append(f'<{LICENCE}>; rel="license"')
    if data.origin != data.base or data.checked:
        links.append(f'<{data.canonical(document.topic.value)}>; rel="canonical"')
    return links
