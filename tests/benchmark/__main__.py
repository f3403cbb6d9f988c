"""What `make bench` measures: `python -m tests.benchmark [PART …]`."""

from collections.abc import Callable

import click

from . import build, disk, endpoint, front, profile, start, workloads
from .machine import print_machine
from .servers import Server, at, oxigraph
from .workloads import Run

PARTS: dict[str, Callable[[Run], None]] = {
    "build": lambda _: build.main(),
    "endpoint": lambda _: endpoint.main(),
    "start": start.main,
    "load": workloads.main,
    "front": front.main,
    "disk": disk.main,
    "profile": profile.main,
}
NAMED_ONLY = {
    "front": "measures serve --endpoint in front of oxigraph serve, for about ten minutes",
    "disk": "builds ten million triples on disk, once, for about ten minutes",
    "profile": "tells where the time goes",
}


def _servers(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[Server, ...]:
    """Return the endpoints given by NAME=URL."""
    if len(given) == 1:
        raise click.BadParameter("one endpoint has nothing to be compared with; give two, as NAME=URL.")
    return tuple(at(*each.split("=", 1)) if "=" in each.partition("?")[0] else at(each, each) for each in given)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--size", "sizes", multiple=True, default=[100_000, 1_000_000], show_default=True, help="Triples.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each server.")
@click.option("--seconds", default=3, show_default=True, help="Of one turn.")
@click.option("--only", default="", help="Workloads with this in their names.")
@click.option("--slow/--no-slow", default=True, help="With rdflib-endpoint or without.")
@click.option(
    "--query", "files", multiple=True, type=click.Path(exists=True), help="File with a query to measure instead."
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    callback=_servers,
    metavar="NAME=URL",
    help="Endpoint to measure instead: the first by the second.",
)
def main(parts: tuple[str, ...], **options: object) -> None:
    """Measure PARTS; without any, those that take minutes, not more."""
    run = Run(**options)  # type: ignore[arg-type]
    print_machine((oxigraph(), "--version"), ("wrk", "-v"))
    for name in parts or (["load"] if run.urls else PARTS):
        if name in parts or name not in NAMED_ONLY:
            print(f"\n== {name}", flush=True)
            PARTS[name](run)
        else:
            print(f"\n== {name}: skipped; python -m tests.benchmark {name} {NAMED_ONLY[name]}.")


if __name__ == "__main__":
    main()
