"""What `cosponsor serve` does: the gate, the address, and the HTTP server."""

import os
import sys
from pathlib import Path

import click

from ..dataset import checked, published
from .settings import Settings

GATE = (
    "{path} has no receipt of a check with today's shapes; "
    "run cosponsor build, or serve it unchecked with --data {path}."
)


def gate() -> None:
    """Refuse the project's own dataset unless its receipt says that it was checked (DESIGN, section 2).

    Raises ValueError with a sentence that says what to do.
    """
    path = published()
    if not path.exists():
        raise ValueError(f"there is no dataset at {path}; run cosponsor build.")
    if checked(path) is None:
        raise ValueError(GATE.format(path=path))


def address(host: str, port: int) -> str:
    """Return the address at which a browser on this machine reaches the server (RFC 3986, section 3.2.2)."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run(host: str, port: int, base_iri: str | None, rebase: str | None, data: tuple[Path, ...], workers: int) -> None:
    """Print the address and serve until interrupted.

    Raises ValueError if the base IRI cannot be one, or if the dataset may not be served.
    """
    from granian.constants import Interfaces
    from granian.server import Server

    settings = Settings(base_iri or address(host, port), data, rebase)
    if not data:
        gate()
    os.environ |= settings.to_environment()  # the workers read it from there
    click.echo(address(host, port))
    sys.stdout.flush()
    Server(
        "cosponsor.server:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        backpressure=64,  # requests that wait for Python; more wait in the socket
        log_level="warning",  # type: ignore[arg-type]
    ).serve()
