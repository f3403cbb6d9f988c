"""What stands between granian and the Flask application (RSGI, granian's own interface).

A WSGI application holds a thread for as long as its client takes to send and to read. Here a request is read whole
before it gets a thread, within a time and a size, and its answer is sent without one. What is kept is sent in granian's
own thread, most other answers from the event loop. And here it is seen when a client goes away: ``cosponsor.gone`` in
the environ is set, and the engine stops the query.
"""

import asyncio
import ctypes
import gc
import io
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import IO, TYPE_CHECKING, Any, TypeGuard

from granian._granian import RSGIProtocolClosed as ProtocolClosed
from werkzeug.exceptions import BadRequest, HTTPException, LengthRequired, RequestTimeout, ServiceUnavailable
from werkzeug.wsgi import FileWrapper

from . import metrics
from .cache import FRAMING, SEEN, Answered, Cache, Kept, Key, key, seen
from .delivery import deliver
from .errors import bare
from .evaluator import INLINE
from .gate import Gate, network
from .headers import VERSION
from .places import PAUSE
from .quick import Begun, Quick
from .settings import Settings
from .sparql import MAX_BODY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

THREADS = 192  # requests that are worked on at a time; most of them wait for an evaluator
SPARE = 32  # of operators, who ask most when there is most to do
BODY_SECONDS = 20  # for the body of a request
ARRIVING = 64 << 20  # bytes of bodies that have not arrived whole; one client may have a quarter
UNREAD = 4 << 30  # bytes of answers in files that wait for their readers; one client may have half
PR_SET_PDEATHSIG = 1  # prctl(2)
Run = Callable[[Coroutine[Any, Any, None]], object]
_BODILESS = {"GET", "HEAD"}  # unless they say a length
_VARIABLES = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in SEEN} | {
    "content-type": "CONTENT_TYPE",
    "content-length": "CONTENT_LENGTH",
}


@dataclass(eq=False)
class Request:
    """A request, with those of its fields that the application sees.

    What answers it on the event loop is ``run``; by its ``key`` its answer is kept, if it may be.
    """

    scope: "Scope"
    protocol: "HTTPProtocol"
    fields: dict[str, str]
    run: Run
    key: Key | None = None


class Front:
    """Answers granian from what is kept, or by a WSGI application over data of a version.

    ``gate`` says who may ask, ``problem`` why the application cannot answer, if so, and ``publish`` is told at times
    whether this process takes requests. ``started`` is told the loop. When it is ``leaving``, connections are closed.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        cache: Cache | None = None,
        version: str = "",
        gate: Gate | None = None,
        problem: Callable[[], str] = str,
        publish: Callable[[bool], object] = bool,
    ) -> None:
        self.application = application
        self.cache = cache or Cache(0)
        self.version = version
        self.gate = gate or Gate()
        self.problem = problem
        self.leaving = False
        self.publish = lambda: publish(not self.leaving)
        self.started: Callable[[asyncio.AbstractEventLoop], object] = bool
        self.busy = 0
        self.arriving: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.threads = ThreadPoolExecutor(THREADS)
        self.quick: Quick | None = None
        self.spare = {path: ThreadPoolExecutor(1) for path in self.gate.exempt}

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say that there is a loop, before granian listens."""
        if self.quick:
            self.quick.pipelines.start(loop)
        self.started(loop)

    def begin(self, scope: "Scope", protocol: "HTTPProtocol", run: Run) -> None:
        """Answer a request: from what is kept, or with what is ``run`` on the event loop, now or later.

        All requests are begun in one thread, which need not be that of the loop.
        """
        fields, method = seen(scope.headers.items()), scope.method
        try:
            if self.gate.throttled:
                self.gate.admit(self._client(scope, fields), scope.path)
            if method not in _BODILESS or not FRAMING.isdisjoint(fields):
                request = Request(scope, protocol, fields, run)
                run(self._guarded(request, self._read_and_answer(request)))
                return
            found = key(method, scope.path, scope.query_string, fields, b"")
            kept = self._kept(found)
            if kept and len(kept.content) <= INLINE and not self.leaving:
                protocol.response_bytes(*kept.to(fields))
            else:
                self._begin(Request(scope, protocol, fields, run, found), kept)
        except HTTPException as error:
            self._refuse(protocol, error)
        except ProtocolClosed:
            pass  # nobody is there to be answered

    def _kept(self, found: Key | None) -> Kept | None:
        kept = self.cache.get(found)
        metrics.looked(found=kept is not None)
        return kept

    def _begin(self, request: "Request", kept: Kept | None) -> None:
        """Begin a request without a body, for which nothing is kept, or what cannot be sent at once."""
        if kept:
            request.run(self._guarded(request, self._send(request, kept.to(request.fields))))
            return
        client = self._client(request.scope, request.fields)
        if not (self.quick and self.quick.begin(request, client, partial(self._conclude, request))):
            request.run(self._guarded(request, self._answer(request, b"")))

    async def _read_and_answer(self, request: "Request") -> None:
        try:
            body = await asyncio.wait_for(self._body(request), BODY_SECONDS)
        except TimeoutError:
            said = f"The body of the request did not arrive within {BODY_SECONDS} seconds."
            raise RequestTimeout(said) from None
        scope = request.scope
        request.key = key(scope.method, scope.path, scope.query_string, request.fields, body)
        kept = self._kept(request.key)
        await (self._send(request, kept.to(request.fields)) if kept else self._answer(request, body))

    async def _answer(self, request: "Request", body: bytes, begun: Begun | None = None) -> None:
        """Send the answer of the application, to a query that may have begun."""
        try:
            answered = await self._by_application(request, environ(request.scope, request.fields, body, begun))
        finally:
            if self.quick and begun:
                self.quick.end(begun)
        if self.quick and begun:
            self.quick.learn(begun, *answered[:2])
        self.cache.keep(request.key, *answered)
        await self._send(request, answered)

    def _conclude(self, request: "Request", begun: Begun) -> None:
        try:
            self._answer_begun(request, begun)
        except Exception as error:  # granian logs it, and answers 500
            request.run(self._failed(begun, error))

    async def _failed(self, begun: Begun, error: Exception) -> None:
        if self.quick:
            self.quick.end(begun)
        raise error

    def _answer_begun(self, request: "Request", begun: Begun) -> None:
        """Answer a query whose reply has come; leave it to the application if it takes long or is not plain."""
        soon = self.quick.answer(begun) if self.quick else None
        if not soon:
            request.run(self._guarded(request, self._answer(request, b"", begun)))
            return
        status, fields, content = soon
        self.cache.keep(request.key, status, fields, content)
        if self.leaving or not _is_small(content):
            request.run(self._guarded(request, self._send(request, soon)))
        else:
            with suppress(ProtocolClosed):
                request.protocol.response_bytes(status, fields, content)

    async def _guarded(self, request: "Request", answering: Coroutine[Any, Any, None]) -> None:
        """Answer, or say what is wrong."""
        try:
            await answering
        except HTTPException as error:
            self._refuse(request.protocol, error)
        except ProtocolClosed:
            pass  # nobody is there to be answered

    def _client(self, scope: "Scope", fields: Mapping[str, str]) -> str:
        """Return the address of the client, as proxies tell it that are believed."""
        return self.gate.client(_address(scope.client), fields.get("x-forwarded-for", ""))

    def _refuse(self, protocol: "HTTPProtocol", error: HTTPException) -> None:
        metrics.REFUSED.labels(error.code).inc()
        status, fields, body = bare(error)
        if self.version:
            fields.append((VERSION.lower(), self.version))
        with suppress(ProtocolClosed):
            protocol.response_bytes(status, fields, body)

    async def _body(self, request: "Request") -> bytes:
        """Return the body, whole; nothing of one that is too long."""
        fields = request.fields
        if "transfer-encoding" in fields:  # granian does not tell one that broke off (RFC 9112, section 8)
            raise LengthRequired("Send the body with a Content-Length, not in chunks (RFC 9112, section 6.3).")
        length = int(fields.get("content-length", "0").partition(",")[0])
        if length > MAX_BODY:
            return b""  # the application refuses it by its length
        body, client = bytearray(), network(self._client(request.scope, request.fields))
        try:
            async for chunk in request.protocol:
                body += chunk
                self.arriving[client] += len(chunk)
                if self.arriving[client] > ARRIVING // 4 or self.arriving.total() > ARRIVING:
                    raise _busy()
        finally:
            self.arriving[client] -= len(body)
            self.arriving += Counter()  # forgets who has none
        if len(body) < length:
            raise BadRequest(f"The body ended after {len(body)} of {length} bytes.")
        return bytes(body)

    async def _by_application(self, request: "Request", asked: dict[str, Any]) -> Answered:
        threads = self.spare.get(request.scope.path, self.threads)
        if self.busy >= THREADS + SPARE * (threads is not self.threads):
            raise _busy()
        self.busy += 1
        watch = asyncio.ensure_future(request.protocol.client_disconnect())
        watch.add_done_callback(lambda _: asked["cosponsor.gone"].set())
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, self._run, asked)
        finally:
            watch.cancel()
            self.busy -= 1

    async def _send(self, request: "Request", answered: Answered) -> None:
        """Send an answer; raise 503 if too much of others, or of this client, waits to be read.

        Granian holds what it is given until its client has taken it, so it is given little.
        """
        status, fields, content = answered
        if self.leaving:
            fields = [*fields, ("connection", "close")]
        if _is_small(content):
            request.protocol.response_bytes(status, fields, content)
            return
        client, content = (
            network(self._client(request.scope, request.fields)),
            _file(content) if isinstance(content, bytes) else content,
        )
        size = os.fstat(content.fileno()).st_size
        if self.unread[client] + size > UNREAD // 2 or self.unread.total() + size > UNREAD:
            content.close()
            raise _busy()
        self.unread[client] += size
        try:
            await deliver(partial(request.protocol.response_file, status, fields), content, size)
        finally:
            self.unread[client] -= size
            self.unread += Counter()  # forgets who has none

    def _run(self, environ: dict[str, Any]) -> Answered:
        """Return the status, the fields and the content of the answer, which may be an open file."""
        start: list[Any] = []

        def start_response(*arguments: Any) -> Callable[[bytes], object]:
            start[:] = arguments
            return _no_write

        chunks = self.application(environ, start_response)
        status, fields = int(start[0].split()[0]), list(_joined(start[1]).items())
        if isinstance(chunks, FileWrapper):
            return status, fields, chunks.file.getvalue() if isinstance(chunks.file, io.BytesIO) else chunks.file
        with ExitStack() as stack:
            stack.callback(getattr(chunks, "close", int))
            return status, fields, b"".join(chunks)


def _joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the fields of an answer with lower-case names, lists in one line; granian says the date itself."""
    found: dict[str, str] = {}
    for name, value in fields:
        lower = name.lower()
        found[lower] = f"{found[lower]}, {value}" if lower in found else value
    found.pop("date", None)
    return found


def environ(scope: "Scope", fields: Mapping[str, str], body: bytes, begun: Begun | None) -> dict[str, Any]:
    """Return a request as PEP 3333 wants it, with the fields that are seen, and with its query if that has begun."""
    host, _, port = scope.server.rpartition(":")
    return {_VARIABLES[name]: value for name, value in fields.items()} | {
        "CONTENT_LENGTH": fields.get("content-length", str(len(body))),
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),  # decoded by granian; PEP 3333 wants bytes as characters
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _address(scope.client),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,  # hands a file on unread
        "cosponsor.admitted": True,
        "cosponsor.gone": Event(),
        **({"cosponsor.begun": begun.sent, "cosponsor.began": begun.began} if begun else {}),
    }


def _is_small(content: bytes | IO[bytes]) -> TypeGuard[bytes]:
    """Return whether an answer may lie in granian's memory until its client has read it."""
    return isinstance(content, bytes) and len(content) <= INLINE


def _address(client: str) -> str:
    """Return the address of a client without its port."""
    return client.rpartition(":")[0].strip("[]")


def _file(content: bytes) -> IO[bytes]:
    """Return a file without a name that holds ``content``; raise 503 if there is no room for it."""
    with ExitStack() as files, suppress(OSError):
        file = files.enter_context(tempfile.TemporaryFile(buffering=0))
        file.write(content)
        files.pop_all()
        return file
    raise _busy()


def _busy() -> ServiceUnavailable:
    """Return a new error each time: one that is raised again keeps what every request before held."""
    return ServiceUnavailable("The server has its hands full; try again.", retry_after=PAUSE)


def _no_write(_: bytes) -> object:
    raise NotImplementedError("the application returns its answer; write() of PEP 3333 is for old ones")


def create() -> Front:
    """Return what granian serves in a worker process: the application of the environment's settings."""
    from . import create_app
    from .operations import WARMING, problem

    if sys.platform == "linux":  # if granian's own process is killed, this one is to end, too
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    app = create_app()
    settings: Settings = app.extensions["cosponsor.settings"]
    version = app.extensions["cosponsor"].version
    publish = partial(metrics.publish, app, version)
    check, gate = partial(problem, app, WARMING), app.extensions["cosponsor.gate"]
    front = Front(app, Cache(settings.cache << 20), version, gate, check, publish)
    front.quick = Quick(app, gate.path, front.threads)
    gc.freeze()  # what is there now stays as long as this process: collections need not look at it
    return front
