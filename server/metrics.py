"""What is counted, for Prometheus (text format 0.0.4).

Several workers give totals where PROMETHEUS_MULTIPROC_DIR names a folder, as ``cosponsor serve`` sees to: each
writes its numbers there. ``looked`` is called for every request and so counts here alone; ``publish`` adds that.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from flask import Flask
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from .. import __version__

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REGISTRY = CollectorRegistry()
QUERIES = Counter("cosponsor_queries", "Queries, by form and outcome.", ["form", "outcome"], registry=REGISTRY)
DURATION = Histogram(
    "cosponsor_query_seconds", "Until the answer was whole.", ["form"], buckets=_SECONDS, registry=REGISTRY
)
REFUSED = Counter("cosponsor_refused", "Requests that were not looked at, by status.", ["status"], registry=REGISTRY)
CACHE = Counter("cosponsor_cache", "Requests that the cache could answer, or not.", ["result"], registry=REGISTRY)
_SUM = {"registry": REGISTRY, "multiprocess_mode": "livesum"}
BUSY = Gauge("cosponsor_evaluators_busy", "Queries that are evaluated.", **_SUM)  # type: ignore[arg-type]
WAITING = Gauge("cosponsor_queries_waiting", "Queries that wait for an evaluator.", **_SUM)  # type: ignore[arg-type]
WORKERS = Gauge("cosponsor_workers", "Processes that accept requests.", **_SUM)  # type: ignore[arg-type]
_ONE = {"registry": REGISTRY, "multiprocess_mode": "livemax"}
DATASET = Gauge("cosponsor_dataset_info", "Version of what is served.", ["version"], **_ONE)  # type: ignore[arg-type]
BUILD = Gauge("cosponsor_build_info", "Version of this program.", ["version"], **_ONE)  # type: ignore[arg-type]


@dataclass
class _Looked:
    hits: int = 0
    misses: int = 0


_looked, _published = _Looked(), _Looked()
_counting, _publishing = Lock(), Lock()


def looked(*, found: bool) -> None:
    """Count a request that the cache could answer, or not."""
    with _counting:
        _looked.hits += found
        _looked.misses += not found


def publish(app: Flask, version: str, accepts: bool = True) -> None:
    """Make known what this process does at present, and what its cache has done."""
    with _publishing:
        now = replace(_looked)
        CACHE.labels("hit").inc(now.hits - _published.hits)
        CACHE.labels("miss").inc(now.misses - _published.misses)
        _published.hits, _published.misses = now.hits, now.misses
    WORKERS.set(accepts)
    DATASET.labels(version).set(1)
    BUILD.labels(__version__).set(1)
    places = getattr(app.extensions["cosponsor.engine"], "places", None)
    if places:
        BUSY.set(len(places.quick) + len(places.slow))
        WAITING.set(len(places.queue) + len(places.elsewhere))


def text() -> bytes:
    """Return all numbers, of all processes where they share a folder."""
    registry = REGISTRY
    if os.environ.get(FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget(pid: int) -> None:
    """Drop what a process that has ended did at its end; what it counted stays."""
    if Path(os.environ.get(FOLDER, "")).is_dir():
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
