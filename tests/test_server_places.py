"""Places: whose query is next, who waits, who is shed."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from cosponsor.server.places import AWAITED, LASTING, PAUSE, QUICK, WAITING, Gone, Place, Places

from .serving import wait_until


class Client(threading.Thread):
    """Takes a place and keeps it until it is told to leave."""

    def __init__(self, places: Places, name: str, seconds: float = 60) -> None:
        super().__init__(name=name, daemon=True)
        self.places = places
        self.deadline = time.monotonic() + seconds
        self.leave = threading.Event()
        self.gone = threading.Event()
        self.place: Place | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            with self.places.hold(self.name, self.deadline, self.gone) as place:
                self.place = place
                self.leave.wait()
        except Exception as error:
            self.error = error

    def waits(self) -> bool:
        return self.place is None and self.is_alive()


@pytest.fixture
def enter() -> Iterator[Callable[..., Client]]:
    """Give what lets a client in and returns when it has a place, waits for one, or was refused."""
    clients: list[Client] = []

    def enter(places: Places, name: str, seconds: float = 60) -> Client:
        before = len(places.queue)
        client = Client(places, name, seconds)
        clients.append(client)
        wait_until(lambda: client.place or client.error or len(places.queue) > before)
        return client

    yield enter
    for client in clients:
        client.gone.set()
        client.leave.set()
        client.join()


def test_a_client_that_floods_leaves_a_place_to_others(enter: Callable[..., Client]) -> None:
    places = Places(3)
    flood = [enter(places, "flood") for _ in range(4)]
    assert [client.waits() for client in flood] == [False, False, True, True]
    assert not enter(places, "other").waits()
    assert enter(places, "third").waits()


def test_the_place_that_a_client_leaves_to_others_is_there_at_once_though_it_waits_itself(
    enter: Callable[..., Client],
) -> None:
    places, later = Places(2), time.monotonic() + 60
    flood = [enter(places, "flood") for _ in range(2)]
    assert [client.waits() for client in flood] == [False, True]
    assert places.take("flood", later, threading.Event()) is None
    place = places.take("other", later, threading.Event())
    assert place
    places.release(place)
    assert flood[1].waits()


def test_where_there_is_one_place_a_client_may_have_it(enter: Callable[..., Client]) -> None:
    places = Places(1)
    assert not enter(places, "only").waits()


def test_the_next_is_the_first_of_a_client_that_leaves_room(enter: Callable[..., Client]) -> None:
    places = Places(2)
    first, second = enter(places, "a"), enter(places, "a")
    other, third = enter(places, "b"), enter(places, "c")
    assert [client.waits() for client in (first, second, other, third)] == [False, True, False, True]
    first.leave.set()
    wait_until(lambda: not second.waits())  # it came before the third
    assert third.waits()


def test_a_client_that_fills_half_of_the_queue_is_429_and_all_of_it_503(enter: Callable[..., Client]) -> None:
    places = Places(1)
    for _ in range(1 + WAITING // 2):
        enter(places, "flood")
    refused = enter(places, "flood").error
    assert isinstance(refused, TooManyRequests)
    assert (refused.retry_after, "64 queries from your address" in str(refused)) == (PAUSE, True)
    for number in range(WAITING // 2):
        assert enter(places, f"other {number}").waits()
    busy = enter(places, "last").error
    assert isinstance(busy, ServiceUnavailable)
    assert (busy.retry_after, "128 queries are waiting" in str(busy)) == (PAUSE, True)


def test_a_query_that_waits_past_its_deadline_is_503(enter: Callable[..., Client]) -> None:
    places = Places(1)
    enter(places, "a")
    late = enter(places, "b", 0.1)
    late.join()
    assert isinstance(late.error, ServiceUnavailable)
    assert "Others' queries took all the time" in str(late.error)
    assert not places.queue


def test_a_client_that_goes_away_leaves_the_queue(enter: Callable[..., Client]) -> None:
    places = Places(1)
    enter(places, "a")
    going = enter(places, "b")
    going.gone.set()
    going.join()
    assert isinstance(going.error, Gone)
    assert not places.queue


def slowed(places: Places, client: Client) -> Place:
    """Return the place of a client after it has been moved to a slow one."""
    assert client.place
    client.place.began -= 60
    assert places.slow_down(client.place, 0)
    assert not places.slow_down(client.place, 1)
    return client.place


def test_a_query_that_lasts_goes_on_in_a_slow_place_and_frees_its_own(enter: Callable[..., Client]) -> None:
    places = Places(1)
    lasting, waiting = enter(places, "a"), enter(places, "a")
    assert waiting.waits()
    slowed(places, lasting)
    wait_until(lambda: not waiting.waits())
    lasting.leave.set()
    lasting.join()
    assert (len(places.quick), places.slow) == (1, [])


def test_what_counts_is_processor_time_or_a_long_while(enter: Callable[..., Client]) -> None:
    places = Places(2)
    place = enter(places, "a").place
    assert place
    assert not places.slow_down(place, QUICK / 2)
    assert places.slow_down(place, QUICK)
    other = enter(places, "a").place
    assert other
    other.began -= LASTING
    assert places.slow_down(other, 0)


def test_who_is_waited_for_is_moved_sooner(enter: Callable[..., Client]) -> None:
    places = Places(1)
    place = enter(places, "a").place
    assert place
    assert not places.slow_down(place, AWAITED)
    waiting = enter(places, "b")
    assert places.slow_down(place, AWAITED)
    wait_until(lambda: not waiting.waits())


def test_without_a_slow_place_the_oldest_of_who_has_most_is_stopped(enter: Callable[..., Client]) -> None:
    places = Places(2)
    clients = [enter(places, "few"), enter(places, "most")]
    held = [slowed(places, client) for client in clients]
    clients = [enter(places, "most"), enter(places, "few")]
    another = enter(places, "another")
    assert another.waits()
    held.append(slowed(places, clients[0]))
    wait_until(lambda: not another.waits())
    assert [place.stopped for place in held] == [False, True, False]
    with pytest.raises(ServiceUnavailable, match=r"stopped after 60.* because many queries are waiting"):
        held[1].check()
    held[0].check()
    assert enter(places, "one more").waits()
    held.append(slowed(places, clients[1]))
    assert [place.stopped for place in held].count(True) == 2  # the first has not left yet


def test_without_a_slow_place_nothing_is_stopped_for_queries_of_the_same_client(enter: Callable[..., Client]) -> None:
    places = Places(2)
    held = [slowed(places, enter(places, "one")) for _ in range(2)]
    staying = enter(places, "one")
    assert staying.place
    staying.place.began -= 60
    assert enter(places, "one").waits()
    assert not places.slow_down(staying.place, 60)
    other, another = enter(places, "other"), enter(places, "another")
    assert (other.waits(), another.waits()) == (False, True)
    assert places.slow_down(staying.place, 60)
    assert [place.stopped for place in (*held, staying.place)] == [True, False, False]


def test_those_whose_turn_it_is_are_woken(enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosponsor.server.places.GLANCE", 60)
    places = Places(2)
    first, second = enter(places, "a"), enter(places, "b")
    waiting = [enter(places, name) for name in "abcd"]
    first.leave.set()
    wait_until(lambda: not waiting[0].waits())
    slowed(places, second)
    wait_until(lambda: not waiting[1].waits())
    assert [client.waits() for client in waiting] == [False, False, True, True]
    waiting[0].leave.set()
    waiting[1].leave.set()
    wait_until(lambda: not any(client.waits() for client in waiting))
