"""The log: a line of JSON on stderr for each query, and for each trouble.

Queries that were answered together are one entry, which ``said`` what the line of each says: an entry costs more than
a line.

Whatever a client sends is inside a JSON string of ASCII characters, so a line is one entry and no more.
"""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

QUERIES = logging.getLogger("cosponsor.server.queries")


class Line(logging.Formatter):
    """Writes an entry as lines of JSON: one, or as many as it has said."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time (RFC 3339), level, process and event, then what the entry says."""
        entry: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "pid": record.process,
            "event": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return "\n".join(_line(entry | said) for said in getattr(record, "said", [{}]))


def _line(entry: dict[str, Any]) -> str:
    try:
        return orjson.dumps(entry).decode("ascii")
    except (UnicodeDecodeError, TypeError):  # half of a surrogate pair is for json alone
        return json.dumps(entry, separators=(",", ":"))


def timestamp(seconds: float) -> str:
    """Return a time of ``time.time``, to the millisecond, as RFC 3339 writes it."""
    milliseconds = int(seconds * 1000)
    return f"{_until_second(milliseconds // 1000)}.{milliseconds % 1000:03}+00:00"


@lru_cache(maxsize=1)
def _until_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configuration(queries: bool) -> dict[str, Any]:
    """Return the settings of ``logging.config`` for granian and for us, with a line for each query or without."""
    told = {"handlers": ["stderr"], "propagate": False}
    return {
        "formatters": {"line": {"()": Line}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "loggers": {
            "_granian": {**told, "level": "WARNING"},
            "cosponsor": {**told, "level": "WARNING"},
            QUERIES.name: {"level": "INFO" if queries else "WARNING"},
        },
    }
