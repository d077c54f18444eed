"""What a download directory remembers: one SQLite file in ``<directory>/.asyncdl/``.

It holds the label under which the job's requests stand at the service, and for
every finished file what was proven about it. Deleting it loses nothing but
that memory. All access goes through one worker thread, off the event loop.
"""

from __future__ import annotations

import errno
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from asyncdl.errors import DiskError

T = TypeVar("T")

JOURNAL_NAME = "journal.sqlite"
SCHEMA_VERSION = 1
LABEL_BYTES = 8
"""Random part of a label; with its prefix a label stays far below the 50 characters allowed."""

_SCHEMA = """
CREATE TABLE job (
    service TEXT PRIMARY KEY,
    label   TEXT NOT NULL
) STRICT;
CREATE TABLE file (
    path       TEXT PRIMARY KEY,
    service    TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    proof      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class FinishedFile:
    """A file that was verified and got its final name."""

    path: str
    """Below the download directory, with forward slashes."""
    size_bytes: int
    mtime_ns: int
    proof: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the journal knows of some paths."""

    finished: Mapping[str, FinishedFile]
    foreign: frozenset[str]
    """Paths that hold another service's files."""


class Journal:
    """The memory of one download directory, for one service.

    Made by :func:`open_journal`. Rows of another service are never trusted:
    a sandbox's files must not pass for real ones. Every method raises DiskError
    when the journal can be neither read nor written.
    """

    def __init__(self, connection: sqlite3.Connection, service: str, path: Path) -> None:
        self._connection = connection
        self._service = service
        self._path = path
        # One thread at a time: SQLite connections are not for sharing.
        self._thread = anyio.CapacityLimiter(1)

    async def label(self) -> str:
        """Return the job's label; the first call in a directory makes one and keeps it.

        A request repeated under the same label gives the same downloads and
        spends no quota twice, so the label outlives the run.
        """
        return await self._run(self._label)

    async def recall(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> Memory:
        """Return what is known of files that were finished before.

        Args:
            paths: Files below the download directory.
            folders: All files right in these are recalled, too.
        """
        return await self._run(lambda: self._recall(paths, folders))

    async def record(self, files: Iterable[FinishedFile]) -> None:
        """Remember finished files; they must be under their final names already."""
        rows = [(f.path, self._service, f.size_bytes, f.mtime_ns, f.proof) for f in files]
        await self._run(lambda: self._record(rows))

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._thread)
        except sqlite3.Error as error:
            raise _disk_error(self._path, error) from error

    def _label(self) -> str:
        fresh = f"asyncdl-{secrets.token_hex(LABEL_BYTES)}"
        with self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO job (service, label) VALUES (?, ?)", (self._service, fresh)
            )
        row = self._connection.execute(
            "SELECT label FROM job WHERE service = ?", (self._service,)
        ).fetchone()
        return str(row[0])

    def _recall(self, paths: Iterable[str], folders: Iterable[str]) -> Memory:
        finished, foreign = {}, set()
        for service, *row in self._rows(paths, folders):
            file = FinishedFile(*row)
            if service == self._service:
                finished[file.path] = file
            else:
                foreign.add(file.path)
        return Memory(finished, frozenset(foreign))

    def _rows(self, paths: Iterable[str], folders: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        columns = "SELECT service, path, size_bytes, mtime_ns, proof FROM file"
        for path in paths:
            yield from self._connection.execute(f"{columns} WHERE path = ?", (path,))
        for folder in folders:
            # All paths that begin with the folder and a slash; "0" is next after the slash.
            bounds = (f"{folder}/", f"{folder}0")
            yield from self._connection.execute(f"{columns} WHERE path > ? AND path < ?", bounds)

    def _record(self, rows: list[tuple[str, str, int, int, str]]) -> None:
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)", rows)


@asynccontextmanager
async def open_journal(folder: Path, service: str) -> AsyncIterator[Journal]:
    """Open the journal in ``folder``, making it when there is none.

    Args:
        folder: The state folder; exists.
        service: Name of the service whose files this run may trust.
    Raises: DiskError, when the file cannot be opened or made. A file that is
        no journal of ours is put aside and a new one begun.
    """
    path = folder / JOURNAL_NAME
    connection = await anyio.to_thread.run_sync(_connect, path)
    try:
        yield Journal(connection, service, path)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(connection.close)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _open(path)
    except sqlite3.OperationalError as error:
        raise _disk_error(path, error) from error
    except sqlite3.DatabaseError:
        return _begin_anew(path)


def _begin_anew(path: Path) -> sqlite3.Connection:
    """Put aside a file that was torn by a crash or written by something else.

    The files it spoke of are checked again, so nothing is lost but time.
    """
    try:
        path.replace(path.with_suffix(".damaged"))
        return _open(path)
    except OSError as error:
        raise DiskError(path, error) from error
    except sqlite3.Error as error:
        raise _disk_error(path, error) from error


def _disk_error(path: Path, error: sqlite3.Error) -> DiskError:
    is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return DiskError(path, OSError(errno.ENOSPC if is_full else errno.EIO, str(error)))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # WAL with NORMAL survives a killed process whole; a power cut may cost
        # the last rows, and then the files they speak of are checked again.
        connection.execute("PRAGMA synchronous = NORMAL")
        version = _first_value(connection, "PRAGMA user_version")
        if version == 0:
            connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        elif version > SCHEMA_VERSION:
            raise DiskError(path, OSError(errno.EINVAL, "was written by a newer asyncdl"))
        elif _first_value(connection, "PRAGMA quick_check(1)") != "ok":
            raise sqlite3.DatabaseError("torn pages")
    except BaseException:
        connection.close()
        raise
    return connection


def _first_value(connection: sqlite3.Connection, query: str) -> Any:
    with closing(connection.execute(query)) as cursor:
        return cursor.fetchone()[0]
