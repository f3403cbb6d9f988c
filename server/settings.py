"""Settings of the server: each is an option of ``cosponsor serve`` and a variable of the environment."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from ..iris import check_base
from .behind import AUTHORIZATION, check_endpoint
from .gate import Rate

WAITING = 16  # evaluators that wait for another engine, which costs this machine little
DEFAULT_BASE = "http://127.0.0.1:8000/"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
Command = TypeVar("Command", bound=Callable[..., Any])


def _setting(
    option: str, variable: str, type_: "click.ParamType[Any]", help_: str, default: object, metavar: str = ""
) -> Any:  # noqa: ANN401
    """Return the field of a setting: the option and the variable that give it, its type, and what it is."""
    told = {"option": option, "variable": f"COSPONSOR_{variable}", "type": type_, "help": help_, "metavar": metavar}
    return field(metadata=told, default=default)


@dataclass(frozen=True)
class Settings:
    """What the server publishes, at which address, and what it may use.

    No ``data``, ``store`` or ``endpoint`` means the dataset of this project. ``rebase_from`` is the base that is moved
    to ``base_iri``: by default the canonical one for the project's own dataset and none for other data, which is
    served as it is. A store has a base of its own. That ``prefixes`` may be used undeclared is not SPARQL (SPARQL 1.1
    Query, section 4.1.1).
    """

    base_iri: str = _setting(
        "--base-iri",
        "BASE_IRI",
        click.STRING,
        "Where every IRI dereferences [default: the address printed].",
        DEFAULT_BASE,
        "IRI",
    )
    data: tuple[Path, ...] = _setting(
        "--data",
        "SERVE_DATA",
        FILE,
        "RDF file to serve instead of the built dataset, unchecked; may be repeated.",
        (),
        "FILE",
    )
    endpoint: str | None = _setting(
        "--endpoint",
        "ENDPOINT",
        click.STRING,
        f"SPARQL 1.1 engine to stand before; {AUTHORIZATION} is what it wants as Authorization.",
        None,
        "URL",
    )
    data_version: str = _setting(
        "--data-version",
        "DATA_VERSION",
        click.STRING,
        "Version of the data behind --endpoint, to be changed with them; without one no answer is kept.",
        "",
        "TEXT",
    )
    rebase_from: str | None = _setting(
        "--rebase", "REBASE", click.STRING, "Base of the IRIs in --data that are moved to --base-iri.", None, "FROM"
    )
    prefixes: bool = _setting(
        "--prefixes/--no-prefixes", "PREFIXES", click.BOOL, "Let queries use well-known prefixes undeclared.", True
    )
    timeout: float = _setting(
        "--timeout",
        "TIMEOUT",
        click.FloatRange(0, min_open=True),
        "Time for a query; a client may ask for less.",
        10.0,
        "SECONDS",
    )
    memory: int = _setting(
        "--memory", "MEMORY", click.IntRange(64), "Memory for a query, on top of the data.", 1024, "MIB"
    )
    answer: int = _setting(
        "--answer", "ANSWER", click.IntRange(1), "Size of an answer; a greater one is refused whole.", 256, "MIB"
    )
    evaluators: int | None = _setting(
        "--evaluators",
        "EVALUATORS",
        click.IntRange(1),
        f"Processes that answer queries, for each worker [default: one more than processors; {WAITING} that wait for "
        "--endpoint].",
        None,
        "NUMBER",
    )
    services: tuple[str, ...] = _setting(
        "--service", "SERVICES", click.STRING, "Address that SERVICE may name in queries; may be repeated.", (), "IRI"
    )
    cache: int = _setting(
        "--cache", "CACHE", click.IntRange(0), "Memory for answers that are kept, in each worker.", 64, "MIB"
    )
    proxies: int = _setting(
        "--proxies",
        "PROXIES",
        click.IntRange(0),
        "Proxies in front whose X-Forwarded-For is believed, so that clients are told apart.",
        0,
        "NUMBER",
    )
    store: Path | None = _setting(  # noqa: RUF009 (a field)
        "--store",
        "STORE",
        FOLDER,
        "Folder of on-disk stores by cosponsor build --store, to serve the current one; or a store of Oxigraph.",
        None,
        "DIR",
    )

    rate: str | None = _setting(
        "--rate", "RATE", Rate(), "Requests of one client, as 600/minute [default: any number].", None, "RATE"
    )
    log: bool = _setting("--log/--no-log", "LOG", click.BOOL, "Write a line on stderr for each query.", True)

    def __post_init__(self) -> None:
        check_base(self.base_iri)
        if self.rebase_from:
            check_base(self.rebase_from)
        if self.store and (self.data or self.rebase_from):
            other = "--data" if self.data else "--rebase"
            raise ValueError(f"--store and {other} exclude each other: a store is of data that were moved already.")
        if self.endpoint:
            check_endpoint(self.endpoint)
            self._refuse_beside_endpoint()
            if not re.fullmatch("[!-~]*", self.data_version):  # a header field tells it
                raise ValueError(f"--data-version is {self.data_version!r}; write it in ASCII without spaces.")
        elif self.data_version:
            raise ValueError("--data-version is of the data behind --endpoint; what is read here has its own version.")

    def _refuse_beside_endpoint(self) -> None:
        if self.data or self.store:
            other = "--data" if self.data else "--store"
            raise ValueError(f"--endpoint and {other} exclude each other: the engine behind has the data.")
        if self.rebase_from:
            raise ValueError(
                "--rebase does not go with --endpoint: its IRIs are served as they are. Give them as --base-iri."
            )

    @property
    def processes(self) -> int:
        """How many processes answer queries: as said, or as many as fit this machine, or as wait for another."""
        return self.evaluators or (WAITING if self.endpoint else (os.cpu_count() or 1) + 1)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings of the environment; raise ValueError that names the variable that cannot be read."""
        found = {each: environ.get(each.metadata["variable"], "") for each in fields(cls)}
        return cls(**{each.name: _read(each, text) for each, text in found.items() if text})

    def to_environment(self) -> dict[str, str]:
        """Return the settings as ``from_environment`` reads them: several paths are joined as in PATH, words by spaces.

        A setting that is none is an empty variable.
        """
        return {each.metadata["variable"]: _written(each, getattr(self, each.name)) for each in fields(self)}


def _read(setting: "Field[Any]", text: str) -> Any:  # noqa: ANN401
    type_: click.ParamType[Any] = setting.metadata["type"]
    try:
        if setting.default == ():
            return tuple(type_.convert(part, None, None) for part in type_.split_envvar_value(text))
        return type_.convert(text, None, None)
    except click.BadParameter as error:
        raise ValueError(f"{setting.metadata['variable']}: {error.message}") from None


def _written(setting: "Field[Any]", value: Any) -> str:  # noqa: ANN401
    if isinstance(value, tuple):
        parts = [str(part.resolve()) if isinstance(part, Path) else part for part in value]
        return (os.pathsep if setting.metadata["type"] is FILE else " ").join(parts)
    if isinstance(value, Path):
        return str(value.resolve())
    return "" if value is None else str(value)


def options(command: Command) -> Command:
    """Give a command an option for each setting; of what has no simple default the help says it."""
    for each in reversed(fields(Settings)):
        told = each.metadata
        command = click.option(
            told["option"],
            each.name,
            envvar=told["variable"],
            type=told["type"],
            help=told["help"],
            metavar=told["metavar"] or None,
            show_envvar=True,
            multiple=each.default == (),
            default=each.default if each.name != "base_iri" and isinstance(each.default, bool | int | float) else None,
        )(command)
    return command
