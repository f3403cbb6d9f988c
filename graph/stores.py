"""Stores: datasets on disk, as Oxigraph reads them, for graphs larger than memory.

A folder of stores holds a folder for each version, and ``current``, a symbolic link to the one to serve:

    current -> 0f3c52d1a9e7-2
    0f3c52d1a9e7-2/store/         what Oxigraph reads, at the base IRI
    0f3c52d1a9e7-2/dump.nq.gz     the dataset as it was before it was moved to the base IRI
    0f3c52d1a9e7-2/counts.nt      what the description of the service counts, which takes long
    0f3c52d1a9e7-2/about.json     an ``About``

A version is written whole and flushed to the disk before the link is moved to it, so ``current`` is always whole.
"""

import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Self, cast

import pyoxigraph as ox

from . import iris
from .files import rdf_format, unreadable

FORMAT = 1  # of this layout
CURRENT, ABOUT, COUNTS, DUMP, STORE = "current", "about.json", "counts.nt", "dump.nq.gz", "store"
LOCK = ".lock"
PART = ".part-"  # begins the name of a version that is being written
CHUNK = 1 << 20  # bytes of lines that are moved to another base at a time
_VERSION = re.compile(r"[0-9a-f]{12}-([0-9]+)")

Report = Callable[[str, int, int], object]  # a stage, what is done of it, and the whole of it
Content = Callable[["Dump"], object]  # writes N-Quads
Count = Callable[[ox.Store, "About"], bytes]  # what a store is said to hold, in N-Triples


@dataclass(frozen=True)
class About:
    """What is known of a store: the base IRI to which it was moved from its ``origin``, and its dataset.

    ``version`` is the one that the dataset says it has, else its digest; ``digest`` the SHA-256 of the dataset as it
    was read. ``shapes`` is the hash of those with which it was checked: this is the receipt, None if it was not
    checked.
    """

    base: str
    origin: str
    version: str = ""
    digest: str = ""
    shapes: str | None = None
    quads: int = 0
    format: int = FORMAT

    def check_base(self, wanted: str | None, folder: Path) -> str:
        """Return the base IRI, raise ValueError with a sentence if another is wanted."""
        if wanted not in {None, self.base}:
            raise ValueError(
                f"the store in {folder} is for {self.base}; leave out --base-iri, or make it anew with cosponsor build "
                f"--store: as it is, it can be served for its own base, not for {wanted}."
            )
        return self.base


@dataclass(frozen=True)
class OnDisk:
    """A store that can be opened: the folder that Oxigraph reads, and what is known of it, if we made it."""

    path: Path
    about: About | None

    def beside(self, name: str) -> Path:
        """Return the file of this name that was made with the store, if we made it."""
        return self.path.parent / name


def find(folder: Path) -> OnDisk:
    """Return the store of a folder: the current one of those that ``build`` made, or one that others made there.

    Raises ValueError with a sentence if there is none, or none that this version of the program knows.
    """
    try:
        if (folder / "CURRENT").is_file() and not (folder / CURRENT).is_symlink():  # RocksDB's own
            return OnDisk(folder, None)
        version = (folder / CURRENT).resolve(strict=True)
        return OnDisk(version / STORE, _about(version))
    except FileNotFoundError as error:
        found = "there is no current store" if Path(error.filename).name == CURRENT else f"{error.filename} is missing"
        raise ValueError(f"{folder}: {found}; make one with cosponsor build --store.") from None
    except OSError as error:
        raise ValueError(f"{folder} cannot be read as a store ({error.strerror}); give it to this user.") from None


def _about(version: Path) -> About:
    text = (version / ABOUT).read_text("utf-8")
    try:
        found = json.loads(text)
        if found.get("format") == FORMAT:
            return About(**found)
        reason = f"its format is {found.get('format')!r}, and {FORMAT} is read"
    except (ValueError, TypeError, AttributeError):
        reason = f"{ABOUT} is not as it was written"
    raise ValueError(f"{version} cannot be served ({reason}); make it anew with cosponsor build --store.")


def hold(store: OnDisk) -> int:
    """Return a descriptor that keeps a store from being deleted by a build, in whatever process it is open."""
    try:
        descriptor = os.open(store.beside(ABOUT), os.O_RDONLY)
    except OSError as error:
        raise ValueError(
            f"{store.path} cannot be read ({error.strerror}); another build may have deleted it."
        ) from None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _is_held(version: Path) -> bool:
    """Return whether a process reads a store."""
    try:
        with (version / ABOUT).open() as about:
            fcntl.flock(about, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def opened(path: Path) -> ox.Store:
    """Open a store to read; raise ValueError with a sentence if it cannot be.

    A process that has opened one must not be forked to read on: what reads in the background is not forked with it.
    """
    try:
        return ox.Store.read_only(str(path))
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ValueError(
            f"{path} cannot be opened as a store of Oxigraph ({reason}); make it anew with cosponsor build --store, "
            "or give it to this user."
        ) from None


def problem(path: Path) -> str:
    """Return why a store cannot be opened, nothing if it can; it is opened in another process, for this may fork."""
    receiving, sending = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            next(iter(opened(path)), None)
        except Exception as error:
            os.write(sending, str(error).encode()[:4000])
        finally:
            os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(pid, 0)
    return said or (f"{path} cannot be opened: reading it ends the process; make it anew." if status else "")


def fingerprint(path: Path) -> str:
    """Return what changes when a store is written again: the SHA-256 of the names, sizes and times of its files."""
    files = sorted(file for pattern in ("*.sst", "*.log", "MANIFEST-*") for file in path.glob(pattern))
    told = "".join(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in files)
    return hashlib.sha256(told.encode()).hexdigest()


def build(folder: Path, content: Content, about: About, count: Count, report: Report) -> OnDisk:
    """Write a store of ``content`` in ``folder`` and make it the current one; the previous one is kept.

    Raises ValueError if the folder holds other things or is written already, OSError or RuntimeError if the disk does
    not take it; whatever is raised, the current store is as it was.
    """
    with _locked(folder), tempfile.TemporaryDirectory(dir=folder, prefix=PART) as part:
        made = _write(Path(part), content, about, count, report)
        for path in sorted(Path(part).rglob("*"), reverse=True):
            _flush(path)
        return _publish(folder, Path(part), made)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder alone, without what a build that was killed has left there; the system ends a lock at death."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / LOCK).exists():
        raise ValueError(f"{folder} holds other things than stores; choose an empty folder.")
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{folder} is being written by another build; wait until it has ended.") from None
        for left in folder.glob(f"{PART}*"):
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        yield


def _write(part: Path, content: Content, about: About, count: Count, report: Report) -> About:
    """Write all files of a version; return what is known of it then."""
    with Dump(part / DUMP) as dump:
        content(dump)
    store = ox.Store(str(part / STORE))
    with gzip.open(part / DUMP) as lines:
        moved = _Moved(cast(IO[bytes], lines), about, lambda done: report("loading", done, dump.size))
        store.bulk_load(io.BufferedReader(moved, CHUNK), ox.RdfFormat.N_QUADS)
    report("compacting", 0, 1)
    store.optimize()
    store.flush()
    report("compacting", 1, 1)
    digest = dump.digest.hexdigest()
    about = replace(about, digest=digest, version=about.version or digest, quads=len(store))
    report("counting", 0, 1)
    (part / COUNTS).write_bytes(count(store, about))
    report("counting", 1, 1)
    (part / ABOUT).write_text(json.dumps(asdict(about), indent=1) + "\n", "utf-8")
    part.chmod(0o755)
    return about


def _flush(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(folder: Path, part: Path, about: About) -> OnDisk:
    """Give a version its name, move ``current`` to it, and delete those older than the one before that nobody reads."""
    _flush(part)
    versions = {path: int(found[1]) for path in folder.iterdir() if (found := _VERSION.fullmatch(path.name))}
    name = f"{about.version[:12]}-{max(versions.values(), default=0) + 1}"
    with suppress(FileNotFoundError):
        versions.pop(folder / (folder / CURRENT).readlink(), None)
    part.rename(folder / name)
    link = folder / f"{PART}{CURRENT}"
    link.symlink_to(name)
    _flush(folder)
    link.replace(folder / CURRENT)
    _flush(folder)
    for older in (version for version in versions if not _is_held(version)):
        shutil.rmtree(older, ignore_errors=True)
    return OnDisk(folder / name / STORE, about)


class Dump:
    """Takes a dataset: a file of N-Quads as they come, compressed without a time stamp; knows size and SHA-256."""

    def __init__(self, path: Path) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._file = path.open("wb")
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, compresslevel=6, mtime=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()
        self._file.close()

    def write(self, content: bytes) -> int:
        """Take more lines, or parts of lines."""
        self.digest.update(content)
        self.size += len(content)
        return self._packed.write(content)

    def flush(self) -> None:
        """Do nothing; Oxigraph asks for it."""


class _Moved(io.RawIOBase):
    """Reads lines with the IRIs of the origin moved to the base; tells how much."""

    def __init__(self, lines: IO[bytes], about: About, report: Callable[[int], object]) -> None:
        self._lines = lines
        self._about = about
        self._report = report
        self._done = 0
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (typeshed has the type since Python 3.12 only)
        if not self._left:
            read = b"".join(self._lines.readlines(CHUNK))
            self._done += len(read)
            self._report(self._done)
            self._left = iris.rebase(read, self._about.base, self._about.origin)
        taken = min(len(buffer), len(self._left))
        buffer[:taken], self._left = self._left[:taken], self._left[taken:]
        return taken


def of_files(paths: Iterable[Path], base: str, report: Report) -> Content:
    """Return what writes the quads of RDF files, one after the other, never whole in memory.

    Relative IRIs resolve against ``base``; blank nodes of several files stay apart. What is returned raises ValueError
    with a sentence if a file cannot be read.
    """
    paths = list(paths)
    formats = [rdf_format(path) for path in paths]

    def write(dump: Dump) -> None:
        for path, format_ in zip(paths, formats, strict=True):
            with path.open("rb") as opened_file:
                read = cast(IO[bytes], _Told(opened_file, path, report))
                try:
                    quads = ox.parse(read, format_, base_iri=base, rename_blank_nodes=len(paths) > 1)
                    ox.serialize(quads, cast(IO[bytes], dump), ox.RdfFormat.N_QUADS)
                except (SyntaxError, ValueError) as error:
                    raise ValueError(unreadable(path, format_.name, error)) from None

    return write


class _Told:
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], path: Path, report: Report) -> None:
        self._file, self._stage, self._report = file, f"reading {path.name}", report
        self._size, self._done = path.stat().st_size, 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._done += len(content)
        self._report(self._stage, self._done, self._size)
        return content
