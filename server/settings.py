"""Settings of the server, given by the command line or, in a worker process, by the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..iris import check_base

DEFAULT_BASE = "http://127.0.0.1:8000/"


def default_evaluators() -> int:
    """Return how many processes for queries fit this machine: one for each processor, and one for others."""
    return (os.cpu_count() or 1) + 1


@dataclass(frozen=True)
class Settings:
    """What the server publishes, and at which address.

    ``base_iri`` is where the things dereference. ``data`` are RDF files; none means the dataset of this project.
    ``rebase_from`` is the base that is moved to ``base_iri``: by default the canonical one for the project's own
    dataset and none for other data, which is served as it is. ``prefixes`` says whether queries may use the
    well-known prefixes undeclared, which SPARQL does not allow (SPARQL 1.1 Query, section 4.1.1).

    Queries have ``timeout`` seconds and ``memory`` MiB, their answers ``answer`` MiB; ``evaluators`` processes answer
    them. ``services`` are the addresses that SERVICE may name. ``proxies`` is how many proxies before this server add
    the address of their client to X-Forwarded-For.
    """

    base_iri: str = DEFAULT_BASE
    data: tuple[Path, ...] = ()
    rebase_from: str | None = None
    prefixes: bool = True
    timeout: float = 10.0
    memory: int = 1024
    answer: int = 256
    evaluators: int = field(default_factory=default_evaluators)
    services: tuple[str, ...] = ()
    proxies: int = 0

    def __post_init__(self) -> None:
        check_base(self.base_iri)
        if self.rebase_from:
            check_base(self.rebase_from)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings that ``to_environment`` wrote, for a worker process that is given no arguments."""
        paths = environ.get("COSPONSOR_SERVE_DATA", "").split(os.pathsep)
        return cls(
            base_iri=environ.get("COSPONSOR_BASE_IRI") or DEFAULT_BASE,
            data=tuple(Path(path) for path in paths if path),
            rebase_from=environ.get("COSPONSOR_REBASE") or None,
            prefixes=environ.get("COSPONSOR_PREFIXES", "1") != "0",
            timeout=float(environ.get("COSPONSOR_TIMEOUT") or cls.timeout),
            memory=int(environ.get("COSPONSOR_MEMORY") or cls.memory),
            answer=int(environ.get("COSPONSOR_ANSWER") or cls.answer),
            evaluators=int(environ.get("COSPONSOR_EVALUATORS") or default_evaluators()),
            services=tuple(environ.get("COSPONSOR_SERVICES", "").split()),
            proxies=int(environ.get("COSPONSOR_PROXIES") or cls.proxies),
        )

    def to_environment(self) -> dict[str, str]:
        """Return the settings as environment variables; paths are joined as in PATH."""
        return {
            "COSPONSOR_BASE_IRI": self.base_iri,
            "COSPONSOR_SERVE_DATA": os.pathsep.join(str(path.resolve()) for path in self.data),
            "COSPONSOR_REBASE": self.rebase_from or "",
            "COSPONSOR_PREFIXES": "1" if self.prefixes else "0",
            "COSPONSOR_TIMEOUT": str(self.timeout),
            "COSPONSOR_MEMORY": str(self.memory),
            "COSPONSOR_ANSWER": str(self.answer),
            "COSPONSOR_EVALUATORS": str(self.evaluators),
            "COSPONSOR_SERVICES": " ".join(self.services),
            "COSPONSOR_PROXIES": str(self.proxies),
        }
