"""Who comes in: the address of a client, and how many requests it may send."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import TYPE_CHECKING, Any

import click
from werkzeug.exceptions import TooManyRequests

if TYPE_CHECKING:
    from throttled import Throttled

ADDRESSES = 1 << 16  # clients that are counted; the one that has been away longest is forgotten for another
_WITH_PORT = re.compile(r"(?:\[(.*)\]|([0-9.]+)):[0-9]+")  # as some proxies write an address
EXEMPT = ("/healthz", "/readyz", "/metrics")  # what an operator asks


class Rate(click.ParamType):  # type: ignore[type-arg]  # which the lowest version of click does not take
    """A number of requests in a time, as 600/minute or 10/s."""

    name = "rate"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the rate as it was written, or fail with a sentence."""
        from throttled.exceptions import DataError

        try:
            _throttled(value)
        except DataError as error:
            self.fail(f"{str(error).removesuffix('.')}; write a rate as 600/minute.", param, ctx)
        return value


class TooMany(TooManyRequests):
    """More requests than a client may send; the fields are those of draft-ietf-httpapi-ratelimit-headers-10."""

    def __init__(self, quota: int, window: int, wait: float) -> None:
        self.seconds = max(1, ceil(wait))
        super().__init__(
            f"{quota} requests in {window} seconds are answered to one address; try again in {self.seconds} seconds.",
            retry_after=self.seconds,
        )
        self.fields = [
            ("RateLimit-Policy", f'"client";q={quota};w={window}'),
            ("RateLimit", f'"client";r=0;t={self.seconds}'),
        ]

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Return the fields of the error with these."""
        return [*super().get_headers(*args, **kwargs), *self.fields]


@dataclass
class Gate:
    """Lets requests in: at most ``rate`` from one client, as far as this process sees them; all if there is none.

    ``proxies`` is the number of those whose X-Forwarded-For is believed; ``path`` is that of the base, where what an
    operator asks is found, too.
    """

    rate: str | None = None
    proxies: int = 0
    path: str = ""
    exempt: frozenset[str] = field(init=False)
    throttled: "Throttled | None" = field(init=False)

    def __post_init__(self) -> None:
        self.exempt = frozenset(place + each for place in {"", self.path} for each in EXEMPT)
        self.throttled = _throttled(self.rate) if self.rate else None

    def client(self, remote: str, forwarded: str) -> str:
        """Return the address of who asks, as Werkzeug's ProxyFix finds it: what the outermost proxy has seen."""
        if not self.proxies or not forwarded:
            return remote
        seen = [each.strip() for each in forwarded.split(",")]
        return seen[-self.proxies] if len(seen) >= self.proxies else remote

    def admit(self, client: str, path: str) -> None:
        """Count a request; raise 429 if the client has sent too many (RFC 6585, section 4)."""
        if self.throttled is None or path in self.exempt:
            return
        result = self.throttled.limit(network(client))
        if result.limited:
            rate = self.throttled._quota.rate
            raise TooMany(rate.limit, int(rate.period.total_seconds()), result.state.retry_after)


@lru_cache(4096)
def network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the 64 bits that an IPv6 network has in common."""
    if written := _WITH_PORT.fullmatch(address):
        address = written[1] or written[2]
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:  # an unknown one, or whatever a proxy says
        return address[:64]
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


def _throttled(rate: str) -> "Throttled":
    """Return what counts requests: GCRA, which lets ``rate`` in at once and then in even steps."""
    from throttled import MemoryStore, Throttled

    return Throttled(using="gcra", quota=rate, timeout=-1, store=MemoryStore(options={"MAX_SIZE": ADDRESSES}))
