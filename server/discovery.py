"""Where programs find what the server offers: OpenAPI, the API catalog, well-known addresses, and links to them."""

import json
from functools import cache

from flask import Blueprint, Response, redirect, request
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as BaseResponse

from .. import iris
from . import __name__ as package
from .data import current
from .documents import answer
from .negotiation import DOCUMENTS, HTML, negotiate
from .service import current_service

OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
_CATALOG = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'

blueprint = Blueprint("discovery", package)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the description of the interface (OpenAPI 3.1) at the base."""
    text = (iris.room("server") / "openapi.json").read_text("utf-8")
    return answer(json.dumps({**json.loads(text), "servers": [{"url": _base()}]}, indent=1).encode(), OPENAPI)


@blueprint.get("/.well-known/api-catalog")
def api_catalog() -> Response:
    """Return the links of each interface, as a linkset (RFC 9727, section 4; RFC 9264, section 4.2)."""
    described = {relation: [{"href": href, "type": kind}] for relation, href, kind in _described()}
    described["service-desc"].append({"href": f"{_base()}sparql", "type": "text/turtle"})
    linkset = [{"anchor": f"{_base()}sparql", **described}]
    return answer(json.dumps({"linkset": linkset}, indent=1).encode(), _CATALOG)


@blueprint.get("/.well-known/sparql-examples")
def sparql_examples() -> BaseResponse:
    """Return the questions in RDF, and lead browsers to their page (w3c-cg/sparql-dev, issue 61)."""
    chosen = negotiate(DOCUMENTS)
    return redirect(_base() + "questions", 302) if chosen is HTML else current_service().gallery(chosen)


def _base() -> str:
    return _ascii(current().base)


@cache
def _ascii(base: str) -> str:
    return iri_to_uri(base)


def _described() -> list[tuple[str, str, str]]:
    """Return relation, address and media type of what describes the endpoint (RFC 8631, section 4)."""
    return [
        ("service-desc", f"{_base()}openapi.json", OPENAPI),
        ("service-doc", f"{_base()}sparql", "text/html"),
        ("service-meta", f"{_base()}void", "text/turtle"),
    ]


@blueprint.after_app_request
def _link(response: Response) -> Response:
    """Add the links to answers of the endpoint and of the landing page, and the catalog's own (RFC 9727, section 3)."""
    if request.endpoint in {"sparql.sparql", "pages.home"}:
        for relation, href, kind in _described():
            response.headers.add("Link", f'<{href}>; rel="{relation}"; type="{kind}"')
    if request.endpoint in {"sparql.sparql", "pages.home", "discovery.api_catalog"}:
        response.headers.add("Link", f'<{_base()}.well-known/api-catalog>; rel="api-catalog"')
    return response
