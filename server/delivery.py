"""How an answer that lies in a file is sent: through a pipe, of which granian reads the other end.

Granian would send a file itself, but would not say when it has been read. From a pipe it takes what its client takes:
so it is seen how far the client is, and a client that takes too little or goes away is let go.
"""

import array
import asyncio
import fcntl
import os
import termios
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import IO

PIPE = 1 << 18  # bytes that wait in a pipe, where the system allows
STALL = 30  # seconds in which a client must take some of its answer


async def deliver(hand_over: Callable[[str], None], file: IO[bytes], size: int) -> None:
    """Send ``size`` bytes of a file to who reads the path that is handed over; close the file.

    If the reader takes nothing for too long or leaves, it finds an early end: granian then breaks the connection,
    because the answer is shorter than its Content-Length said.
    """
    with ExitStack() as files, suppress(TimeoutError, BrokenPipeError):
        files.enter_context(file)
        reading, writing = os.pipe()
        ours, sink = files.enter_context(os.fdopen(reading, "rb", 0)), files.enter_context(os.fdopen(writing, "wb", 0))
        _prepare(writing)
        hand_over(f"/dev/fd/{reading}")
        sent = 0
        while sent < size:
            with suppress(BlockingIOError):
                moved = os.sendfile(writing, file.fileno(), sent, size - sent)
                if not moved:  # it has become shorter
                    break
                sent += moved
                continue
            await asyncio.wait_for(_writable(writing), STALL)
            ours.close()  # who made room has opened the other end
        if not ours.closed:
            await asyncio.wait_for(_taken(reading), STALL)
        sink.close()


def _prepare(writing: int) -> None:
    os.set_blocking(writing, False)
    with suppress(AttributeError, OSError):  # not everywhere, and not for everybody
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE)


async def _writable(writing: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(writing, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(writing)


async def _taken(reading: int) -> None:
    """Wait until the pipe is empty: only then our end may be closed, as before nobody may have opened the other."""
    left, pause = array.array("i", [1]), 0.001
    while left[0]:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.1)
        fcntl.ioctl(reading, termios.FIONREAD, left)
