"""Pipelines: whose queries follow each other in an evaluator, and what becomes of those that are given up."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.exceptions import InternalServerError, ServiceUnavailable

from cosponsor.server.engine import Engine, Spooled
from cosponsor.server.evaluator import GROWN, Inbox
from cosponsor.server.pipeline import Pipeline, Pipelines, Sent
from cosponsor.server.places import QUICK

from .test_server_engine import starting


@pytest.fixture
def warm() -> Iterator[Callable[[int], Engine]]:
    """Give what makes an engine with as many idle evaluators as it has quick places."""
    with starting() as start:

        def make(size: int) -> Engine:
            engine = start(size)
            with ThreadPoolExecutor(size) as threads:
                list(
                    threads.map(lambda name: engine.run(request(sleep=0.2), str(name), threading.Event()), range(size))
                )
            assert len(engine._idle) == size
            return engine

        yield make


def request(**what: Any) -> dict[str, Any]:
    return {"query": "", "timeout": 5, **what}


async def send(pipelines: Pipelines, **what: Any) -> Sent:
    """Send a request, and return it when it is told."""
    loop = asyncio.get_running_loop()
    told = loop.create_future()
    sent = Sent(request(**what), "a", lambda: told.set_result(None))
    if getattr(pipelines, "loop", None) is not loop:
        pipelines.start(loop)
    pipelines.send(sent)
    await told
    return sent


async def ask(pipelines: Pipelines, **what: Any) -> Spooled:
    """Return the reply to a request, as the application does to one that lasts or has no evaluator."""
    engine, gone = pipelines.engine, threading.Event()
    sent = await send(pipelines, **what)
    if sent.reply or sent.asked:
        return await asyncio.to_thread(sent.finish, engine, gone)
    return await asyncio.to_thread(engine.run, sent.request, "a", gone)


def test_a_query_that_was_ended_is_not_finished(warm: Callable[[int], Engine]) -> None:
    async def end(pipelines: Pipelines) -> None:
        sent = await send(pipelines, sleep=1)
        assert sent.asked
        pipelines.end(sent)
        with pytest.raises(ServiceUnavailable):
            sent.finish(pipelines.engine, threading.Event())
        pipelines.end(sent)

    engine = warm(2)
    asyncio.run(end(Pipelines(engine)))
    assert engine.places.quick == []


def test_an_evaluator_that_has_grown_is_asked_nothing_more(warm: Callable[[int], Engine]) -> None:
    async def go_on(pipelines: Pipelines, number: int) -> list[int]:
        asked = [{"memory": GROWN + (16 << 20)} if number == 0 else {}, *[{}] * 9]
        return [(await ask(pipelines, **what)).message["pid"] for what in asked]

    async def all_of_them(pipelines: Pipelines) -> list[list[int]]:
        return await asyncio.gather(*(go_on(pipelines, number) for number in range(6)))

    found = asyncio.run(all_of_them(Pipelines(warm(1))))
    grown = found[0][0]
    assert sum(pids.count(grown) for pids in found) <= 6  # those that were sent before it replied


def test_what_goes_wrong_while_looking_ends_no_looking(
    warm: Callable[[int], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Pipeline) -> None:
        failed.append(True)
        monkeypatch.setattr(Pipeline, "stop", stop)
        raise ValueError

    async def ask_one(pipelines: Pipelines) -> Sent:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return await send(pipelines, sleep=1)

    stop, failed = Pipeline.stop, list[bool]()
    monkeypatch.setattr(Pipeline, "stop", fail)
    pipelines = Pipelines(warm(2))
    sent = asyncio.run(ask_one(pipelines))
    assert failed
    assert sent.asked  # it was stopped the next time
    pipelines.end(sent)


def test_a_reply_that_is_none_of_ours_ends_its_evaluator(
    warm: Callable[[int], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = Inbox.next

    def mangle(self: Inbox) -> tuple[Any, bytes]:
        message, body = hear(self)
        return {name: value for name, value in message.items() if name != "spent"}, body

    async def ask_one(pipelines: Pipelines) -> None:
        monkeypatch.setattr(Inbox, "next", mangle)
        with pytest.raises(InternalServerError):
            await ask(pipelines)
        monkeypatch.setattr(Inbox, "next", hear)
        assert (await ask(pipelines)).message["pid"]

    pipelines = Pipelines(warm(2))
    asyncio.run(ask_one(pipelines))
    assert (pipelines.open, pipelines.engine.places.quick) == ([], [])


def test_none_wait_behind_one_that_lasts_while_there_is_room_elsewhere(warm: Callable[[int], Engine]) -> None:
    async def together(pipelines: Pipelines) -> bool:
        lasting = asyncio.ensure_future(ask(pipelines, sleep=QUICK - 0.1))
        others = [asyncio.ensure_future(ask(pipelines, sleep=0.02)) for _ in range(4)]
        await asyncio.gather(*others)
        lasts = not lasting.done()
        await lasting
        return lasts

    assert asyncio.run(together(Pipelines(warm(3))))
