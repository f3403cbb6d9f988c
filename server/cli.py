"""The command line: build, check, serve, query.

Data goes to stdout, messages to stderr. Exit status: 0 fine, 1 findings, 2 could not.
"""

import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..findings import Finding, InputError
from ..iris import check_base
from .progress import progress
from .settings import DEFAULT_BASE, FILE, FOLDER, Settings, options

if TYPE_CHECKING:
    from ..build import Built
    from ..stores import OnDisk

OUT = click.Path(dir_okay=False, path_type=Path)
STAGES = 4  # that a build reports
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Cannot(click.ClickException):
    """What a command could not do, as a sentence: exit status 2."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="cosponsor")
def main() -> None:
    r"""Who sponsors United Nations human-rights resolutions, according to which source.

    \b
    cosponsor query years-declined        ask a question by its name
    cosponsor serve                       publish the graph at http://127.0.0.1:8000/
    cosponsor check --texts FOLDER        verify every passage against the articles
    cosponsor build                       make the dataset anew from the files

    Options can be set in the environment, as the help of each command says. COSPONSOR_DATA names the dataset
    that build writes and that query and serve read.
    """


@contextmanager
def _stages() -> Iterator[Callable[[str], None]]:
    """Give what is told each stage of a build as it begins, and shows it."""
    numbers = count(1)
    with progress(STAGES) as report:
        yield lambda stage: report(stage, next(numbers))


def _print_findings(findings: list[Finding], err: bool = True, as_json: bool = False) -> None:
    for finding in findings:
        click.echo(json.dumps(asdict(finding), ensure_ascii=False) if as_json else str(finding), err=err)
    click.echo(f"{len(findings)} finding{'s' if len(findings) != 1 else ''}", err=True)


def _print_warnings(warnings: list[Finding]) -> None:
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


@main.command()
@click.option("--out", type=OUT, help="Where to write the dataset [default: where serve looks].")
@click.option(
    "--store",
    envvar="COSPONSOR_STORE",
    show_envvar=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Make an on-disk store, too, as the current one in this folder.",
)
@click.option(
    "--base-iri",
    envvar="COSPONSOR_BASE_IRI",
    show_envvar=True,
    default=DEFAULT_BASE,
    metavar="IRI",
    help="Where the IRIs of the store dereference; serve --store takes it from there.",
)
@click.option(
    "--data",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="RDF file to make the store of, unchecked, instead of building the dataset; may be repeated.",
)
@click.option("--rebase", metavar="FROM", help="Base of the IRIs in --data that are moved to --base-iri.")
def build(out: Path | None, store: Path | None, base_iri: str, data: tuple[Path, ...], rebase: str | None) -> None:
    """Build the dataset: read, derive, check, pack. Prints its version.

    Beside the dataset it writes the tables stances.csv, claims.csv and counts.csv, and tables.json, which says what
    their columns mean.

    If a check fails, what is there stays as it is, the findings are printed, and the exit status is 1.

    A store is a new folder in DIR, to which the link DIR/current is moved when it is whole. The one before is kept
    for servers that read it; older ones are deleted that nobody reads.
    """
    _check_store_options(out, store, base_iri, data, rebase)
    if store and data:
        from .storing import store_files

        with _storing(store):
            _tell(store_files(store, data, base_iri, rebase))
        click.echo("these data were not checked, and no dataset was built", err=True)
        return
    built = _build_dataset(out)
    if store:
        from .storing import store_dataset

        with _storing(store):
            _tell(store_dataset(store, built.text, built.version, base_iri))
    click.echo(built.version)


def _check_store_options(
    out: Path | None, store: Path | None, base_iri: str, data: tuple[Path, ...], rebase: str | None
) -> None:
    if data and not store:
        raise click.UsageError("--data needs --store: of other data only a store can be built.")
    if data and out:
        raise click.UsageError("--out is where the dataset goes, and with --data none is built; leave one of them.")
    if rebase and not data:
        raise click.UsageError("--rebase is of --data; the IRIs of the dataset are moved by --base-iri alone.")
    for iri in filter(None, (base_iri, rebase)):
        try:
            check_base(iri)
        except ValueError as error:
            raise Cannot(str(error)) from None


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    """Turn what cannot be stored into a sentence."""
    try:
        yield
    except ValueError as error:
        raise Cannot(str(error)) from None
    except (OSError, RuntimeError) as error:
        raise Cannot(f"a store cannot be written to {folder} ({error}); make room or choose another.") from None


def _tell(store: "OnDisk") -> None:
    if store.about:
        click.echo(f"{store.about.quads} quads in {store.path.parent}, for {store.about.base}", err=True)


def _build_dataset(out: Path | None) -> "Built":
    """Build and write the dataset and its tables; end with 1 if a check finds something."""
    from .. import tables
    from ..build import build as build_dataset
    from ..dataset import location, write

    target = out or location()
    if target.name in tables.names():
        raise Cannot(f"{target} would be overwritten by a table of that name; choose another name for the dataset.")
    try:
        with _stages() as report:
            built = build_dataset(report)
    except InputError as error:
        _print_findings(error.findings)
        click.echo(f"nothing was written; {target} is as it was", err=True)
        sys.exit(1)
    with _writing(f"{target} cannot be written"):
        write(built.text, target, len(built.warnings))
    with _writing(f"{target} was written, but the tables beside it cannot be"):
        tables.write(built.tables, built.version, target.parent)
    _print_warnings([warning.finding(built.places) for warning in built.warnings])
    rows = ", ".join(f"{len(table.rows)} {table.name}" for table in built.tables)
    click.echo(f"{built.text.count(chr(10))} quads in {target}", err=True)
    click.echo(f"{rows} in tables beside it; {tables.DICTIONARY} says what their columns mean", err=True)
    return built


@contextmanager
def _writing(failure: str) -> Iterator[None]:
    """Turn what the system says when a file cannot be written into a sentence that starts with ``failure``."""
    try:
        yield
    except OSError as error:
        raise Cannot(f"{failure}: {error.strerror}; make room or choose another --out.") from None


@main.command()
@click.argument("data", nargs=-1, type=FILE)
@click.option(
    "--shapes",
    envvar="COSPONSOR_SHAPES",
    show_envvar=True,
    multiple=True,
    type=FILE,
    help="Shapes to check DATA with [default: those of this project].",
)
@click.option(
    "--texts",
    envvar="COSPONSOR_TEXTS",
    show_envvar=True,
    type=FOLDER,
    help="Verify offsets and hashes against the articles' texts in this folder.",
)
@click.option(
    "--format",
    "format_",
    envvar="COSPONSOR_CHECK_FORMAT",
    show_envvar=True,
    type=click.Choice(["text", "json"]),
    default="text",
    help="One line a finding, as text or as JSON with the keys where and message.",
)
def check(data: tuple[Path, ...], shapes: tuple[Path, ...], texts: Path | None, format_: str) -> None:
    """Check DATA (any RDF files) with SHACL shapes; without DATA, this project.

    Prints one line a finding to stdout, and of this project what it warns of to stderr. Exit status: 0 no violation,
    1 violations, 2 could not check.
    """
    from .checking import check_files, check_project, check_texts

    if shapes and not data:
        raise click.UsageError("--shapes needs DATA to check; name a file.")
    try:
        with _stages() as report:
            findings, warnings = (check_files(list(data), list(shapes)), []) if data else check_project(report)
        findings += check_texts(texts) if texts and not findings else []
    except InputError as error:
        raise Cannot(str(error)) from None
    _print_warnings(warnings)
    if findings:
        _print_findings(findings, err=False, as_json=format_ == "json")
        sys.exit(1)
    click.echo("no findings", err=True)


@main.command()
@click.option(
    "--host",
    envvar="COSPONSOR_HOST",
    show_envvar=True,
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    envvar="COSPONSOR_PORT",
    show_envvar=True,
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 picks a free port.",
)
@click.option(
    "--workers",
    envvar="COSPONSOR_WORKERS",
    show_envvar=True,
    default=1,
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Processes that talk to clients; they share the memory of the data.",
)
@options
def serve(host: str, port: int, workers: int, base_iri: str | None, **others: Any) -> None:
    """Serve the dataset: SPARQL at /sparql, and a document for every IRI.

    The first line printed is the address. Only a dataset that was checked is served, unless it is given by --data.
    """
    from .serving import address, run

    base_iri = _base(base_iri, others["store"])
    if host not in LOOPBACK and not base_iri:
        raise Cannot(f"--host {host} needs --base-iri: IRIs must name the address at which others reach this server.")
    port = port or _free_port(host)
    _refuse_taken(host, port)
    given = {name: value for name, value in others.items() if value is not None}
    try:
        run(host, port, Settings(base_iri or address(host, port), **given), workers)
    except ValueError as error:
        raise Cannot(str(error)) from None


def _base(base_iri: str | None, store: Path | None) -> str | None:
    """Return the base given, else that of the store; refuse one that is not the store's."""
    from ..stores import find

    try:
        about = find(store).about if store else None
        return about.check_base(base_iri, store) if about and store else base_iri
    except ValueError as error:
        raise Cannot(str(error)) from None


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=_family(host)) as server:
        return int(server.getsockname()[1])


def _refuse_taken(host: str, port: int) -> None:
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        raise Cannot(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --port.") from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


FORMATS = ("json", "csv", "tsv", "xml", "ttl", "nt", "table")


@main.command()
@click.argument("query")
@click.option(
    "--format",
    "format_",
    envvar="COSPONSOR_QUERY_FORMAT",
    show_envvar=True,
    type=click.Choice(FORMATS),
    help="[default: table in a terminal, else csv or ttl]",
)
def query(query: str, format_: str | None) -> None:
    r"""Ask the built dataset, without a server. QUERY is SPARQL, a file, - for stdin, or a question's name.

    \b
    cosponsor query years-declined
    cosponsor query "SELECT ?c { ?s cosp:country ?c }" --format json
    """
    from .asking import answer, find_query

    try:
        text = find_query(query)
        result = answer(text, format_ or ("table" if sys.stdout.isatty() else ""))
    except (ValueError, OSError) as error:
        raise Cannot(str(error)) from None
    sys.stdout.buffer.write(result if result.endswith(b"\n") else result + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":  # pragma: no cover
    main()
