"""What `cosponsor serve` does: the data, the address, and the HTTP server."""

import os
import sys
from pathlib import Path

import click

from .data import load
from .settings import Settings

STACK = 64 << 20  # bytes for each thread that evaluates queries; MAX_TOKENS was measured on an eighth of it


def address(host: str, port: int) -> str:
    """Return the address at which a browser on this machine reaches the server (RFC 3986, section 3.2.2)."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run(host: str, port: int, base_iri: str | None, rebase: str | None, data: tuple[Path, ...], workers: int) -> None:
    """Print the address and serve until interrupted.

    Raises ValueError if the base IRI cannot be one, or if the data cannot or may not be served.
    """
    from granian.constants import Interfaces
    from granian.server import Server

    settings = Settings(base_iri or address(host, port), data, rebase)
    load(settings)  # what cannot be served is said here, and not by a worker after the address
    os.environ |= settings.to_environment()  # the workers read it from there
    os.environ.setdefault("RUST_MIN_STACK", str(STACK))  # the threads of Granian are Rust's, by default with 2 MiB
    click.echo(address(host, port))
    sys.stdout.flush()
    Server(
        "cosponsor.server:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        # Threads that answer; Granian warns of more than two for a processor, which compete for Python's lock.
        blocking_threads=min(8, 2 * (os.cpu_count() or 1)),
        backpressure=64,  # requests that wait for Python; more wait in the socket
        respawn_failed_workers=True,  # a query that ends the process ends no more than its worker
        log_level="warning",  # type: ignore[arg-type]
    ).serve()
