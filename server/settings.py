"""Settings of the server, given by the command line or, in a worker process, by the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..iris import check_base

DEFAULT_BASE = "http://127.0.0.1:8000/"


@dataclass(frozen=True)
class Settings:
    """What the server publishes, and at which address.

    ``base_iri`` is where the things dereference. ``data`` are RDF files; none means the dataset of this project.
    ``rebase_from`` is the base that is moved to ``base_iri``: by default the canonical one for the project's own
    dataset and none for other data, which is served as it is. ``prefixes`` says whether queries may use the
    well-known prefixes undeclared, which SPARQL does not allow (SPARQL 1.1 Query, section 4.1.1).
    """

    base_iri: str = DEFAULT_BASE
    data: tuple[Path, ...] = ()
    rebase_from: str | None = None
    prefixes: bool = True

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
        )

    def to_environment(self) -> dict[str, str]:
        """Return the settings as environment variables; paths are joined as in PATH."""
        return {
            "COSPONSOR_BASE_IRI": self.base_iri,
            "COSPONSOR_SERVE_DATA": os.pathsep.join(str(path.resolve()) for path in self.data),
            "COSPONSOR_REBASE": self.rebase_from or "",
            "COSPONSOR_PREFIXES": "1" if self.prefixes else "0",
        }
