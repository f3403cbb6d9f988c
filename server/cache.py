"""Answers that are kept, so that the same request again does not reach the application.

The data do not change while they are served, so an answer stays right for as long as the process lives, whatever a
request says of its age (RFC 9111, section 5.2.1, is for caches that may be behind their origin; this is the origin).
An answer is found by all that the application sees of a request: what is no part of the key does not reach it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from sys import getsizeof
from threading import Lock
from typing import IO

from werkzeug.sansio.http import is_resource_modified

from .headers import LONGEST, OPEN, VERSION

Key = tuple[str, str, str, str | None, str | None, str | None, str | None, bytes]  # method, path, query, fields, body
Headers = list[tuple[str, str]]
Answered = tuple[int, Headers, bytes | IO[bytes]]  # status, fields, content

# The fields of a request that choose its answer; with method, path, query and body they are the key.
CHOOSING = ("accept", "accept-encoding", "content-type", "content-encoding")
# Those that only tell whether the client has the answer already: of an answer that is kept, it is seen here.
CONDITIONS = {"if-none-match", "if-modified-since"}
# Those of other conditions and of parts: such a request is for the application, and its answer is not kept.
PASSED_ON = {"if-match", "if-range", "if-unmodified-since", "range"}
# Those that choose no answer: where the body ends, and who asks, for a place in the queue.
FRAMING = {"content-length", "transfer-encoding"}
HARMLESS = {*FRAMING, "x-forwarded-for", "x-request-id"}
SEEN = {*CHOOSING, *CONDITIONS, *PASSED_ON, *HARMLESS}

_KEPT = {200, 301, 302, 303, 308}
_FIELD = 170  # bytes of the objects of a field: two strings and a pair in a list
_ANSWER = 1024  # bytes of the other objects of an answer
_METHODS = {"GET", "HEAD", "POST", "QUERY"}
# What 304 says (RFC 9110, section 15.4.5), with what every answer says; caches update what they have by it.
_OF_304 = {"cache-control", "content-location", "etag", "vary", VERSION.lower(), *map(str.lower, OPEN)}


def seen(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what the application sees of the fields of a request, with lower-case names; lists in one line."""
    found: dict[str, str] = {}
    for name, value in fields:
        if name in SEEN:
            found[name] = f"{found[name]},{value}" if name in found else value
    return found


def key(method: str, path: str, query: str, fields: Mapping[str, str], body: bytes) -> Key | None:
    """Return by what the answer to a request is found, None if it is not to be looked for."""
    long = max(map(len, fields.values()), default=0) > LONGEST  # the application refuses it
    if long or method not in _METHODS or not PASSED_ON.isdisjoint(fields):
        return None
    accept, accept_encoding, content_type, content_encoding = map(fields.get, CHOOSING)
    return method, path, query, accept, accept_encoding, content_type, content_encoding, body


@dataclass(eq=False)
class Kept:
    """An answer that is kept: status, fields and content, the validators among its fields, and about how many bytes."""

    status: int
    fields: Headers
    content: bytes
    etag: str | None
    modified: str | None
    size: int

    @cached_property
    def of_304(self) -> Headers:
        """The fields of a 304 in its place."""
        return [(name, value) for name, value in self.fields if name in _OF_304]

    def to(self, fields: Mapping[str, str]) -> tuple[int, Headers, bytes]:
        """Return the answer to a request with these fields: 304 if the client has it (section 13.2.2)."""
        if CONDITIONS.isdisjoint(fields) or self.status != 200 or not self._has(fields):
            return self.status, self.fields, self.content
        return 304, self.of_304, b""

    def _has(self, fields: Mapping[str, str]) -> bool:
        none_match = fields.get("if-none-match")
        return self.etag is not None and (
            none_match == self.etag
            or not is_resource_modified(
                http_if_none_match=none_match,
                http_if_modified_since=fields.get("if-modified-since"),
                etag=self.etag,
                last_modified=self.modified,
            )
        )


class Cache:
    """Answers up to ``limit`` bytes, their keys and fields included; those go that were not asked for longest.

    Threads may use it at the same time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.kept: OrderedDict[Key, Kept] = OrderedDict()
        self.lock = Lock()

    def get(self, key: Key | None) -> Kept | None:
        """Return the answer that is kept by a key, if any."""
        if key is None:
            return None
        with self.lock:
            kept = self.kept.get(key)
            if kept:
                self.kept.move_to_end(key)
        return kept

    def keep(self, key: Key | None, status: int, fields: Headers, content: bytes | IO[bytes]) -> None:
        """Keep an answer, unless it may not be kept, is in a file, or takes more than an eighth of the room."""
        said = dict(fields)
        forbidden = status not in _KEPT or "no-store" in said.get("cache-control", "")
        if not key or forbidden or not isinstance(content, bytes):
            return
        if "x-request-id" in said:  # that is of one request
            fields = [field for field in fields if field[0] != "x-request-id"]
        size = _size(key, fields, content)
        if size > self.limit // 8:
            return
        kept = Kept(status, fields, content, said.get("etag"), said.get("last-modified"), size)
        with self.lock:
            before = self.kept.pop(key, None)
            self.kept[key] = kept
            self.size += size - (before.size if before else 0)
            while self.size > self.limit:
                self.size -= self.kept.popitem(last=False)[1].size


def _size(key: Key, fields: Headers, content: bytes) -> int:
    """Return about how many bytes an answer takes with its key."""
    said = sum(map(len, chain.from_iterable(fields)))
    return sum(map(getsizeof, key)) + len(content) + said + len(fields) * _FIELD + _ANSWER
