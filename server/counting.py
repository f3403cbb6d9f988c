"""What is counted of the data for the description of the endpoint: triples, and partitions by class and property.

It takes a quarter of a second of a small dataset and minutes of a great one. So no request waits for it: the engine
counts when the server has started, within the time of a query, or it was done when a store was built.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyoxigraph as ox
from werkzeug.exceptions import HTTPException

from .. import iris
from .data import Data
from .engine import Late

Construct = Callable[[str], bytes]  # answers a CONSTRUCT query in N-Triples; raises HTTPException if it cannot


@dataclass(frozen=True)
class Counts:
    """Triples that count, and what is to be said of them: nothing, or why there are none."""

    triples: Sequence[ox.Triple] = ()
    note: str = ""


BUSY = (1, 2, 5, 10, 30)  # seconds after which it is tried again, if there was no place for it
NOT_YET = Counts(note="The counts by class and property are being made; ask again in a few seconds.")
TOO_MANY = Counts(note="There are no counts by class and property: to count takes longer than a query may.")
ELSEWHERE = Counts(note="There are no counts by class and property: the data are in an engine that is not ours.")


def dataset(data: Data) -> ox.NamedNode:
    """Return the dataset: the one that our data describe, or the one that this endpoint has."""
    return ox.NamedNode(data.base + ("dataset" if data.checked else "sparql#dataset"))


def queries(data: Data) -> Iterator[str]:
    """Yield the queries that count; of our own dataset graph/metadata says the partitions.

    In them ``<dataset>`` stands for the dataset, and other relative IRIs are below the base. Counts are of distinct
    triples, at twice the time, only where several graphs may hold the same one.
    """
    for name in ("union", "nested") if data.checked else ("partitions", "union", "nested"):
        text = (iris.room("server") / "queries" / f"service-{name}.rq").read_text("utf-8")
        text = text.replace("<dataset>", str(dataset(data)))
        yield text if data.graphs else text.replace("SELECT DISTINCT", "SELECT")


def count(data: Data, construct: Construct) -> Counts:
    """Return what ``construct`` counts; raise what it raises: what was counted by then is not the whole."""
    answers = [construct(query) for query in queries(data)]
    return Counts([quad.triple for each in answers for quad in ox.parse(each, format=ox.RdfFormat.N_TRIPLES)])


class Counting:
    """Counts in a thread; ``then`` is called afterwards, whether it succeeded or not."""

    def __init__(self, data: Data, construct: Construct, then: Callable[[], object]) -> None:
        self._data, self._construct, self._then = data, construct, then
        self._counts = NOT_YET

    def start(self) -> None:
        """Start to count."""
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="counting", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for pause in BUSY:
            try:
                self._counts = count(self._data, self._construct)
                break
            except Late:
                self._counts = TOO_MANY
                break
            except HTTPException:  # there is no place, or the engine behind is down: that may pass
                time.sleep(pause)
        else:
            self._counts = TOO_MANY
        self._then()

    def wait(self, seconds: float) -> Counts:
        """Return the counts; ``seconds`` after the start say that there are none yet.

        A process that was forked since starts anew.
        """
        if self._counts is NOT_YET:
            if not self._thread.is_alive():
                self.start()
            self._thread.join(max(0, self._started + seconds - time.monotonic()))
        return self._counts
