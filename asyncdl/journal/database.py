"""One SQLite file, off the event loop: one thread at a time, many writes in one commit."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias, TypeVar

import anyio
import anyio.to_thread

from asyncdl.background import unhurried
from asyncdl.errors import DiskError
from asyncdl.journal.state_location import LOCK_NAME, knows_locks, maps_files
from asyncdl.system.files import remove, replace
from asyncdl.transfer.parts.durable import check_own

T = TypeVar("T")

Row: TypeAlias = tuple[Any, ...]

_MOST_COPIES = 5
LOCK_TIMEOUT_S = 10.0
"""Another process, such as a backup, may hold the file for this long."""


@dataclass(frozen=True, slots=True)
class Write:
    """One statement, and the rows to run it with."""

    sql: str
    rows: Sequence[Row]


@dataclass(slots=True, eq=False)
class _Batch:
    """Writes of one commit."""

    writes: list[Write] = field(default_factory=list)
    is_done: bool = False
    error: DiskError | None = None


class Database:
    """An open file; made by :func:`open_database`.

    Every method raises DiskError when the file can be neither read nor written.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, *, was_recreated: bool = False
    ) -> None:
        self.was_recreated = was_recreated
        """Whether there was a file that could not be read, and was put aside."""
        self._connection = connection
        self._path = path
        self._batch = _Batch()
        # One at a time: SQLite connections must not be shared.
        self._lock = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)

    async def write(self, *writes: Write) -> None:
        """Run statements and return once they are committed.

        Callers that arrive during a commit share the next one, so its cost does not
        grow with their number.
        """
        batch = self._batch
        batch.writes += writes
        await self._commit(batch)

    def write_later(self, *writes: Write) -> None:
        """Add statements to the next commit; a crash before it loses them."""
        self._batch.writes += writes

    async def flush(self) -> None:
        """Commit what was written later."""
        if self._batch.writes:
            await self._commit(self._batch)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` on the connection; it sees everything written so far."""
        await self.flush()
        async with self._lock:
            return await self._in_thread(lambda: work(self._connection))

    async def _commit(self, batch: _Batch) -> None:
        async with self._lock:
            if not batch.is_done:
                self._batch = _Batch()
                await self._run(batch)
        if batch.error is not None:
            raise batch.error

    async def _run(self, batch: _Batch) -> None:
        try:
            await self._in_thread(lambda: _run_all(self._connection, batch.writes))
        except DiskError as error:
            batch.error = error
        batch.is_done = True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            # A cancelled caller must not drop the writes of others in its commit.
            with anyio.CancelScope(shield=True):
                result = await anyio.to_thread.run_sync(work, limiter=self._thread)
        except sqlite3.Error as error:
            raise _disk_error(self._path, error) from error
        return result


def _run_all(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
    with connection:
        for write in writes:
            # SQLite gives the interpreter away at each row, and takes it back at once.
            connection.executemany(write.sql, unhurried(write.rows))


@asynccontextmanager
async def open_database(
    path: Path, migrations: Sequence[str], *, durable: bool = False
) -> AsyncIterator[Database]:
    """Open a file, making it when there is none, and bring it up to date.

    Args:
        path: Its folder exists.
        migrations: Scripts; the n-th leads from version n to n + 1, the first from nothing.
        durable: Whether each commit is on stable storage when it returns. Without, a
            killed process loses nothing, and a power cut loses the last commits.
    Raises: DiskError, when it cannot be opened or made, or a newer version wrote it.
        A file that is damaged, or not ours, is put aside and a new one is made.
    """
    opened = await anyio.to_thread.run_sync(_connect, path, migrations, durable)
    database = Database(opened.connection, path, was_recreated=opened.was_recreated)
    async with _closing(database, opened.connection):
        yield database


@asynccontextmanager
async def open_copy(path: Path, migrations: Sequence[str]) -> AsyncIterator[Database]:
    """Open a copy of a file, in memory, as it is at this moment.

    The file stays as it is, even if it is damaged or of an older version, and may be
    written to meanwhile.

    Args:
        path: The file; exists.
        migrations: As for :func:`open_database`; they change the copy.
    Raises: DiskError, when it cannot be read, or a newer version wrote it.
    """
    connection = await anyio.to_thread.run_sync(_copy, path, migrations)
    database = Database(connection, path)
    async with _closing(database, connection):
        yield database


@asynccontextmanager
async def _closing(database: Database, connection: sqlite3.Connection) -> AsyncIterator[None]:
    try:
        yield
        await database.flush()
    except BaseException:
        # The block's own error is raised; it may be that the disk is full.
        with anyio.CancelScope(shield=True), suppress(DiskError):
            await database.flush()
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(connection.close)


def import_journal(old: Path, new: Path, migrations: Sequence[str]) -> None:
    """Copy the contents of a file in another place into a new one. Blocks.

    An old one that cannot be read is left as it is: its files are verified again.

    Raises: DiskError, when the new one cannot be written.
    """
    try:
        copy = _copy(old, migrations)
    except DiskError:
        return
    with closing(copy):
        fresh = new.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            with closing(sqlite3.connect(fresh)) as target:
                copy.backup(target)
            fresh.replace(new)
        except OSError as error:
            raise DiskError(new, error) from error
        except sqlite3.Error as error:
            raise _disk_error(new, error) from error


def copy_database(path: Path, new: Path) -> None:
    """Copy a file of this machine into a new one, as it is now, page by page. Blocks.

    Args:
        path: The file; it may be written to meanwhile.
        new: The copy; it appears whole.
    Raises: DiskError.
    """
    fresh = new.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        with closing(_open_to_read(path)) as original, closing(sqlite3.connect(fresh)) as target:
            # A backup would wait forever for a lock that it cannot get.
            _first_value(original, "PRAGMA schema_version")
            original.backup(target)
        fresh.replace(new)
    except OSError as error:
        raise DiskError(new, error) from error
    except sqlite3.Error as error:
        raise _disk_error(new, error) from error


class _OpenedFile(NamedTuple):
    connection: sqlite3.Connection
    was_recreated: bool


def _connect(path: Path, migrations: Sequence[str], durable: bool) -> _OpenedFile:
    _check_own(path)
    try:
        return _OpenedFile(_open(path, migrations, durable), was_recreated=False)
    except sqlite3.OperationalError as error:
        raise _disk_error(path, error) from error
    except sqlite3.DatabaseError:
        return _OpenedFile(_recreate(path, migrations, durable), was_recreated=True)


def _copy(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    _check_own(path)
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        _read_into(copy, path)
        _bring_up_to_date(copy, path, migrations)
    except sqlite3.Error as error:
        copy.close()
        raise _disk_error(path, error) from error
    except BaseException:
        copy.close()
        raise
    return copy


def _read_into(copy: sqlite3.Connection, path: Path) -> None:
    """Fill a new database with the contents of a file on any volume. Blocks."""
    try:
        with closing(_open_to_read(path)) as original:
            # A backup would wait forever for a lock that it cannot get.
            _first_value(original, "PRAGMA schema_version")
            original.backup(copy)
    except sqlite3.OperationalError:
        # Nothing may be written beside it, or its volume has neither locks nor shared memory.
        with TemporaryDirectory(prefix="asyncdl-") as folder:
            if not _copy_files(path, Path(folder)):
                raise
            with closing(sqlite3.connect(Path(folder, path.name))) as original:
                original.backup(copy)


def _copy_files(path: Path, folder: Path) -> bool:
    """Copy a database with its log, all as of one moment. Blocks.

    Returns: False, if it cannot be read, or changes all the time.
    """
    sides = [path.with_name(path.name + side) for side in ("", "-wal", "-journal")]
    for _ in range(_MOST_COPIES):
        before = [_version_of(side) for side in sides]
        try:
            for side, version in zip(sides, before, strict=True):
                Path(folder, side.name).unlink(missing_ok=True)
                if version is not None:
                    shutil.copyfile(side, folder / side.name)
        except OSError:
            return False
        if before == [_version_of(side) for side in sides]:
            return True
    return False


def _version_of(path: Path) -> tuple[int, int] | None:
    """Return a value that changes with a file; ``None`` if there is none. Blocks."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def _check_own(path: Path) -> None:
    """Make sure that SQLite, which follows links, opens nothing but files of ours."""
    for side in ("", "-wal", "-shm", "-journal"):
        try:
            check_own(path.with_name(path.name + side))
        except OSError as error:
            raise DiskError(path, error) from error


def _open_to_read(path: Path) -> sqlite3.Connection:
    # Without locks on the volume SQLite would wait in vain.
    timeout_s = LOCK_TIMEOUT_S if knows_locks(path.with_name(LOCK_NAME)) else 0
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=timeout_s)


def _recreate(path: Path, migrations: Sequence[str], durable: bool) -> sqlite3.Connection:
    """Put aside a file that was damaged by a crash or written by another program.

    The files in it are verified again, so nothing is lost but time.
    """
    try:
        replace(path, path.with_suffix(".damaged"))
        for side in ("-wal", "-shm"):
            remove(path.with_name(path.name + side))
        return _open(path, migrations, durable)
    except OSError as error:
        raise DiskError(path, error) from error
    except sqlite3.Error as error:
        raise _disk_error(path, error) from error


def _open(path: Path, migrations: Sequence[str], durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=LOCK_TIMEOUT_S)
    try:
        # The file may be from others: its views and triggers are not run.
        connection.execute("PRAGMA trusted_schema = OFF")
        _choose_log(connection, path)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        _bring_up_to_date(connection, path, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _choose_log(connection: sqlite3.Connection, path: Path) -> None:
    """Choose write-ahead logging, or a rollback journal where files cannot be mapped and shared.

    Source: sqlite.org/wal.html, "Use of WAL Without Shared-Memory".
    """
    if maps_files(path.parent):
        connection.execute("PRAGMA journal_mode = WAL")
        return
    # Otherwise a file with a write-ahead log from elsewhere could not even be opened.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA locking_mode = NORMAL")
    connection.execute("PRAGMA user_version").fetchall()


def _bring_up_to_date(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str]
) -> None:
    version = _first_value(connection, "PRAGMA user_version")
    if version > len(migrations):
        raise DiskError(path, OSError(errno.EINVAL, "was written by a newer asyncdl"))
    if version and _first_value(connection, "PRAGMA quick_check(1)") != "ok":
        raise sqlite3.DatabaseError("torn pages")
    for number, script in enumerate(migrations[version:], version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")


def _first_value(connection: sqlite3.Connection, query: str) -> Any:
    with closing(connection.execute(query)) as cursor:
        return cursor.fetchone()[0]


def _disk_error(path: Path, error: sqlite3.Error) -> DiskError:
    is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return DiskError(path, OSError(errno.ENOSPC if is_full else errno.EIO, str(error)))
