"""The log: a line of JSON on stderr for each query, and for each trouble.

Whatever a client sends is inside a JSON string of ASCII characters, so a line is one entry and no more.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

QUERIES = logging.getLogger("cosponsor.server.queries")


class Line(logging.Formatter):
    """Writes an entry as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time (RFC 3339), level, process and event, then what the entry says."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "pid": record.process,
            "event": record.getMessage(),
            **getattr(record, "said", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


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
