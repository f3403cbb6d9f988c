"""The Flask application, put together."""

from urllib.parse import unquote, urlsplit

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.urls import iri_to_uri

from . import (
    codings,
    data,
    discovery,
    documents,
    errors,
    graph_store,
    headers,
    operations,
    pages,
    service,
    sparql,
    validators,
)
from .gate import Gate
from .settings import Settings


def assemble(settings: Settings) -> Flask:
    """Return the application that publishes what ``settings`` name."""
    app = Flask(__package__)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = sparql.MAX_BODY
    app.url_map.merge_slashes = app.url_map.strict_slashes = False  # its redirects would name the host of the request
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["cosponsor"] = loaded = data.load(settings)
    sparql.register(app, loaded, settings)
    service.register(app, loaded, settings)  # after the engine has forked: it starts a thread
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, settings.proxies, x_proto=0)  # type: ignore[method-assign]
    operations.register(app, Gate(settings.rate, settings.proxies, _mount(app, loaded.base)))
    for module in (operations, sparql, graph_store, discovery, errors, pages, documents):
        app.register_blueprint(module.blueprint)
    for module in (errors, headers, codings, validators):  # what an answer passes last is registered first
        module.register(app)
    return app


def _mount(app: Flask, base: str) -> str:
    """Answer below the path of the base, and at the root for a proxy that has taken the path away; return the path.

    Links come from the base alone, so it does not matter which of the two was asked.
    """
    # PATH_INFO has each byte as a character (PEP 3333, Unicode Issues).
    path = unquote(urlsplit(iri_to_uri(base)).path, "latin-1").rstrip("/")
    if path:
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {path: app.wsgi_app})  # type: ignore[method-assign]
    return path
