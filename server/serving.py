"""What `cosponsor serve` does: the data, the address, and the HTTP server."""

import os
import resource
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from tempfile import TemporaryDirectory

import click

from ..stores import find, problem
from .data import preload
from .journal import configuration
from .settings import Settings


def address(host: str, port: int) -> str:
    """Return the address at which a browser on this machine reaches the server (RFC 3986, section 3.2.2)."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run(host: str, port: int, settings: Settings, workers: int) -> None:
    """Print the address and serve until interrupted.

    Raises ValueError if the data cannot or may not be served.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until granian takes it: what is to be reloaded is just being loaded
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection takes one, and so does an answer
    with TemporaryDirectory(prefix="cosponsor-") as folder, ThreadPoolExecutor(1) as pool:
        # The workers read these from there; the last is to be there before prometheus_client is imported.
        os.environ |= settings.to_environment() | {"PROMETHEUS_MULTIPROC_DIR": folder}
        loading = pool.submit(preload, settings)
        _import()
        loading.result()  # what cannot be served is said here, and not by a worker after the address
        pool.shutdown()  # before there are other processes
        _refuse_unreadable(settings)
        _warn_of(settings.endpoint)
        click.echo(address(host, port))
        sys.stdout.flush()
        _serve(host, port, workers, settings)


def _serve(host: str, port: int, workers: int, settings: Settings) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    from . import metrics
    from .workers import Workers

    Workers(
        "cosponsor.server.front:create",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,  # a proxy in front speaks what browsers like
        websockets=False,  # who asks for one is answered as if he had not (RFC 9110, section 7.8)
        http1_settings=HTTP1Settings(header_read_timeout=10_000),  # milliseconds
        workers=workers,
        backlog=4096,  # connections that wait; and that are open, as most of a slow client's are
        backpressure=8192,
        workers_kill_timeout=10,  # seconds for queries to end when the server does
        respawn_failed_workers=True,
        log_level="warning",
        log_dictconfig=configuration(settings.log),
        prepare=partial(_prepare, settings),
        ended=metrics.forget,
    ).serve()


def _prepare(settings: Settings) -> None:
    """Load what new workers are forked with; raise ValueError if it cannot or may not be served."""
    preload(settings)
    _refuse_unreadable(settings)


def _refuse_unreadable(settings: Settings) -> None:
    """Raise ValueError if the store on a disk cannot be opened; it is not opened here, for this process forks."""
    said = problem(find(settings.store).path) if settings.store else ""
    if said:
        raise ValueError(said)


def _warn_of(endpoint: str | None) -> None:
    """Say on standard error if an engine does not answer; it may do so later, so that is no reason not to start."""
    from .remote import unanswered

    if endpoint and (problem := unanswered(endpoint)):
        click.echo(f"{problem} Until it does, queries and pages get this as an error.", err=True)


def _import() -> None:
    """Import what workers need, while the data are loaded: they are forked with both."""
    import granian.server
    from pyld import jsonld

    from . import discovery, front, graph_store, pages

    _ = granian.server, jsonld, discovery, front, graph_store, pages
