"""The connection to another engine, by the SPARQL 1.1 Protocol, and what its failures mean for our clients.

An outage is 502 or 504 with a sentence and never 404, and a part of an answer is never taken for the whole. Clients
are told nothing of the engine's whereabouts; the log says more.
"""

import json
import logging
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import NoReturn
from urllib.parse import urlencode, urlsplit

from werkzeug.exceptions import BadGateway, GatewayTimeout, ServiceUnavailable
from werkzeug.exceptions import HTTPException as Problem

from .. import __version__
from .behind import IT, LESS
from .operation import FORM
from .places import PAUSE

WORDS = 300  # characters of what the engine says of a query
_READ = 1 << 16  # bytes that are read at a time, and of an error at most
_START = 512  # bytes of an answer that may tell its format

# How Virtuoso names blank nodes in JSON, which nobody else could read; and what it says of a query that it cannot
# evaluate, under status 500: a state of SQL, S1T00 if time was up.
_BLANK, _NAMED = b'"bnode", "value": "nodeID://', b'"bnode", "value": "'
_VIRTUOSO = re.compile(r"Virtuoso ([0-9A-Z]{5}) Error.*")
log = logging.getLogger(__name__)

Parameters = list[tuple[str, str]]


class Refused(Exception):
    """The engine answers 400, with these words."""


class Answer:
    """What the engine answers, as a file that is read once; ``problem`` is what went wrong on the way."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._ready = self._held = b""
        self._offset = 0
        self.problem: Problem | None = None
        self.media_type = self.field("Content-Type").partition(";")[0].strip().lower()

    @property
    def is_virtuoso(self) -> bool:
        """Whether Virtuoso says that it answers."""
        return self.field("Server").startswith("Virtuoso")

    @property
    def says_its_end(self) -> bool:
        """Whether the end of the answer can be told from the end of the connection (RFC 9112, section 8)."""
        return self._response.chunked or self._response.length is not None

    def field(self, name: str) -> str:
        """Return a header field, nothing if there is none."""
        return self._response.headers.get(name, "").strip()

    def start(self) -> bytes:
        """Return the first bytes, which are still to be read."""
        self._fill()
        return self._ready[:_START].lstrip()

    def read(self, size: int) -> bytes:
        """Return more of the answer; raise 502 or 504 where it breaks off."""
        if self._offset == len(self._ready):
            self._fill()
        found = self._ready[self._offset : self._offset + size]
        self._offset += len(found)
        return found

    def _fill(self) -> None:
        """Get more from the connection, blank nodes of Virtuoso renamed, with nothing held back but half a name."""
        self._ready, self._offset = b"", 0
        while not self._ready:
            found = self._read(_READ)
            text = (self._held + found).replace(_BLANK, _NAMED)
            unsure = next((n for n in range(len(_BLANK) - 1, 0, -1) if text.endswith(_BLANK[:n])), 0) if found else 0
            self._ready, self._held = text[: len(text) - unsure], text[len(text) - unsure :]
            if not found:
                return

    def _read(self, size: int) -> bytes:
        try:
            with _translated():
                found = self._response.read(size)
                if not found and self._response.length:  # which http.client lets pass
                    raise IncompleteRead(b"", self._response.length)
                return found
        except Problem as problem:
            self.problem = problem  # because Oxigraph may pass it on as another error
            raise

    def finish(self) -> None:
        """Read what is left behind what was parsed."""
        while self.read(_READ):
            pass

    def words(self) -> str:
        """Return the first lines of an error, if they are plain text or a member of a JSON object."""
        with _translated():
            text = self._response.read(_READ).decode("utf-8", "replace")
        if self.media_type.endswith("json"):
            text = _message(text)
        elif self.media_type != "text/plain":
            return ""
        said = " ".join(text.strip().partition("\n\n")[0].split())
        said = "".join(character if character.isprintable() else "?" for character in said)
        return f"{said[:WORDS]}…" if len(said) > WORDS else said


def _message(text: str) -> str:
    try:
        found = json.loads(text)
    except (RecursionError, ValueError):
        return ""
    members = found if isinstance(found, dict) else {}
    said = (members.get(name) for name in ("exception", "message", "detail", "error"))
    return next((each for each in said if isinstance(each, str)), "")


@dataclass
class Upstream:
    """An engine at an address, and the credentials that it wants. The connection is of the process that asks first."""

    url: str
    authorization: str = field(default="", repr=False)

    @contextmanager
    def ask(self, parameters: Parameters, accept: str, seconds: float) -> Iterator[Answer]:
        """Give the answer to a query operation, to be read; raise what a client is to be told where there is none.

        Raises ``Refused`` at 400. Only if an answer was read to its end is the connection used again.
        """
        try:
            with _translated():
                response = self._send(urlencode(parameters).encode(), accept, seconds)
            answer = Answer(response)
            _check(answer, response.status)
            yield answer
            answer.finish()
        except BaseException:
            self._connection.close()
            raise

    def warm_up(self) -> None:
        """Read from files what asking needs."""
        _ = self._tls

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """The certificates that are trusted, None without TLS."""
        return ssl.create_default_context() if urlsplit(self.url).scheme == "https" else None

    @cached_property
    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return HTTPSConnection(host, parts.port, context=self._tls) if self._tls else HTTPConnection(host, parts.port)

    def _send(self, body: bytes, accept: str, seconds: float) -> HTTPResponse:
        """Send a form (SPARQL 1.1 Protocol, section 2.1.2), once more if the engine had closed the connection."""
        connection = self._connection
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
            try:
                return self._exchange(body, accept)
            except ConnectionError:
                connection.close()
        return self._exchange(body, accept)

    def _exchange(self, body: bytes, accept: str) -> HTTPResponse:
        fields = {"Content-Type": FORM, "Accept": accept, "User-Agent": f"cosponsor/{__version__}"}
        if self.authorization:
            fields["Authorization"] = self.authorization
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection.request("POST", target, body, fields)
        return self._connection.getresponse()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what goes wrong with a connection into what a client is told."""
    try:
        yield
    except TimeoutError:
        raise GatewayTimeout(f"{IT} did not answer in time. {LESS}") from None
    except ssl.SSLError as error:
        failed(f"cannot be reached: TLS: {error}", "cannot be reached safely; whoever runs this server can see why.")
    except IncompleteRead as error:
        failed(f"broke off: {error}", "broke off its answer, and a part is not passed on. Try again, or ask for less.")
    except OSError as error:
        failed(f"cannot be reached: {error}", "cannot be reached, or broke the connection; try again later.")
    except HTTPException as error:
        failed(f"does not speak HTTP: {error!r}", "does not answer as HTTP wants it; whoever runs it can see why.")


def failed(detail: str, sentence: str) -> NoReturn:
    """Raise 502 with a sentence; the detail is for the log."""
    log.error("the engine %s", detail)
    raise BadGateway(f"{IT} {sentence}")


def _check(answer: Answer, status: int) -> None:
    """Raise what a client is to be told unless this is an answer, and not said to be a part."""
    if status != 200:
        _refuse(answer, status)
    coding = answer.field("Content-Encoding").lower()
    if coding not in {"", "identity"}:
        failed(f"sends {coding}", f"answered in the coding {coding}, for which nobody asked.")
    if answer.field("X-SQL-State"):  # of Virtuoso
        log.error("the engine stopped a query: %s", answer.field("X-SQL-Message"))
        raise GatewayTimeout(f"{IT} stopped the query and sent a part of the answer, which is not passed on. {LESS}")


def _refuse(answer: Answer, status: int) -> NoReturn:
    """Raise what a status of the engine means for a client of ours."""
    said = answer.words()
    if status == 400:
        raise Refused(said)
    log.error("the engine answers with status %s %s%s", status, answer.field("Location"), said)
    if status in {429, 503}:
        after = _seconds(answer.field("Retry-After"))
        raise ServiceUnavailable(f"{IT} has too much to do; try again.", retry_after=after)
    known = _VIRTUOSO.match(said)
    if status in {408, 504} or (known and known[1] == "S1T00"):
        raise GatewayTimeout(f"{IT} stopped the query for its time. {LESS}")
    if status in {401, 403}:
        raise BadGateway(f"{IT} does not let this server ask; whoever runs it can see why.")
    if 300 <= status < 400:
        raise BadGateway(f"{IT} sends this server elsewhere, where it does not go; whoever runs it can see where.")
    if known:
        raise BadGateway(f"{IT} cannot evaluate this query: {known[0]}")
    raise BadGateway(f"{IT} answered with status {status}, which is no answer to a query; whoever runs it can see why.")


def _seconds(after: str) -> int:
    """Return a Retry-After in seconds (RFC 9110, section 10.2.3), a guess if it says nothing."""
    if re.fullmatch(r"[0-9]{1,9}", after):  # int() refuses thousands of digits
        return int(after)
    try:
        return max(0, int(parsedate_to_datetime(after).timestamp() - time.time()))
    except ValueError:
        return PAUSE
