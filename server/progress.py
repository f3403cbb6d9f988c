"""How far a command is, on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(whole: int) -> Iterator[Callable[[str, int], None]]:
    """Give what is told a stage and how much of the ``whole`` is done: a bar if stderr is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda stage, done: None
        return
    with click.progressbar(length=whole, file=sys.stderr, show_eta=False) as bar:

        def report(stage: str, done: int) -> None:
            bar.label, bar.finished = stage, False  # a stage may begin at 0 again
            bar.make_step(done - bar.pos)
            bar.render_progress()

        yield report
