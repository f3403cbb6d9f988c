"""The engine behind an endpoint: its address, what it wants to know of who asks, and how clients are told of it."""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

AUTHORIZATION = "COSPONSOR_ENDPOINT_AUTHORIZATION"
IT = "The engine behind this endpoint"
LESS = "Ask for less: fewer patterns, a narrower one first, or LIMIT."


def check_endpoint(url: str) -> str:
    """Return the address of an engine; raise ValueError with a sentence if it cannot be one."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"--endpoint has credentials in it, where others can see them; put them into {AUTHORIZATION}.")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment or not _has_port(url):
        raise ValueError(f"{url!r} is no address of an engine: expected one as http://127.0.0.1:7878/query.")
    return url


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def authorization(environ: Mapping[str, str] = os.environ) -> str:
    """Return the field Authorization for the engine, which stands in the environment alone; nothing if there is none.

    Raises ValueError that does not quote it.
    """
    found = environ.get(AUTHORIZATION, "").strip()
    if found and not re.fullmatch(r"[!-~]+ [ -~]+", found):
        raise ValueError(f"{AUTHORIZATION} is a scheme and credentials in ASCII, as in 'Basic …' or 'Bearer …'.")
    return found
