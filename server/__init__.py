"""The window: SPARQL, dereferencing, pages, command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from .settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the application that publishes what ``settings`` name, by default those of the environment.

    The imports are in here because the command line lives in this package and has no use for Flask.
    """
    from flask import Flask

    from . import data, documents, errors, headers, pages, sparql
    from .settings import Settings

    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = sparql.MAX_BODY
    app.url_map.merge_slashes = False  # a redirect by the router would name the host of the request
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["cosponsor"] = data.load(settings or Settings.from_environment())
    for module in (sparql, pages, documents):
        app.register_blueprint(module.blueprint)
    for module in (errors, headers):
        module.register(app)
    return app
