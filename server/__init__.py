"""The window: SPARQL, dereferencing, pages, command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from .settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the application that publishes what ``settings`` name, by default those of the environment.

    The imports are in here because the command line lives in this package and has no use for Flask.
    """
    from .application import assemble
    from .settings import Settings

    return assemble(settings or Settings.from_environment())
