"""The graph store, its reading part (SPARQL 1.1 Graph Store HTTP Protocol, sections 4.2 and 5.2)."""

import pyoxigraph as ox
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, NotFound

from .data import Data, current
from .negotiation import GRAPHS, Choice, negotiate
from .operation import Operation, graph, refuse_encoding
from .sparql import answer

ALL = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"  # section 5.2

blueprint = Blueprint("graph_store", __name__)


@blueprint.get("/graph-store")
def graph_store() -> Response:
    """Return the graph that ``?graph=`` names, or with ``?default`` the union of all; writing is 405."""
    data = current()
    refuse_encoding(request.query_string)
    named = request.args.getlist("graph")
    if len(named) + ("default" in request.args) != 1:
        raise BadRequest(
            f"Either '?default' or exactly one '?graph=' is expected; found {request.query_string.decode() or 'none'}. "
            f"The whole dataset is at {data.base}dump.nq.gz."
        )
    graphs = [_existing(iri, data) for iri in named]
    response = answer(Operation(ALL, graphs, []), Choice(None, negotiate(GRAPHS)))
    for found in graphs:
        response.headers["Link"] = f'<{data.canonical(found.value)}>; rel="canonical"'
    return response


def _existing(iri: str, data: Data) -> ox.NamedNode:
    """Return the graph of an absolute IRI; raise 404 if there is none of that name (section 5.1)."""
    node = graph(iri, data)
    if not data.statements.has_graph(node):
        raise NotFound(f"There is no graph {iri}. The graphs are listed at {data.base}dataset.")
    return node
