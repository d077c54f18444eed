"""The state folder of a download directory: its lock and its journal."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson
from filelock import FileLock, Timeout

from asyncdl.errors import DirectoryBusyError, DiskError
from asyncdl.journal.database import import_journal
from asyncdl.journal.journal import Journal, open_journal
from asyncdl.journal.schema import MIGRATIONS
from asyncdl.journal.state_location import (
    JOURNAL_NAME,
    LOCK_NAME,
    NO_LOCKS,
    OTHER_PLACE,
    STATE_FOLDER,
    NoLocksError,
    StatePlaces,
    check_locks,
)
from asyncdl.outside import read_at_most
from asyncdl.system.volumes import is_read_only
from asyncdl.text import plain
from asyncdl.transfer.parts.durable import (
    check_own,
    fsync_dir,
    make_folders,
    open_regular_file,
    write_file,
)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LONGEST_HOLDER_BYTES = 4096
LONGEST_JOURNAL_BYTES = 504
"""SQLite takes paths of 512 bytes, and needs some of them for a file beside its own."""


def check_directory(directory: Path) -> None:
    """Make sure that a directory is a folder or can become one, and not too deep. Blocks.

    Raises: DiskError, saying what is wrong with it.
    """
    length = len(os.fsencode((directory / STATE_FOLDER / JOURNAL_NAME).absolute()))
    if length > LONGEST_JOURNAL_BYTES:
        text = f"too deep: the journal's path takes {length} of {LONGEST_JOURNAL_BYTES} bytes"
        raise DiskError(directory, OSError(errno.ENAMETOOLONG, text))
    state = directory / STATE_FOLDER
    for at in (state, directory, *directory.parents):
        if not os.path.lexists(at):
            continue
        if at is state and at.is_symlink():
            raise _linked(at)
        if at.is_symlink() and not at.exists():
            raise _no_folder(at, errno.ENOENT, "is a link to nothing")
        if not at.is_dir():
            raise _no_folder(at, errno.ENOTDIR, "is a file")
        return


def _linked(folder: Path) -> DiskError:
    # Whoever put it there, in an archive or a shared folder, says what would be written to.
    text = "is a link, and the state of a job has to be a folder there; remove it"
    return DiskError(folder, OSError(errno.ELOOP, text))


def _no_folder(at: Path, number: int, what: str) -> DiskError:
    wanted = "the state of a job" if at.name == STATE_FOLDER else "the download directory"
    text = f"{what}, and {wanted} has to be a folder there; choose another one"
    return DiskError(at, OSError(number, text))


def check_writable(directory: Path) -> None:
    """Make sure that a run could begin in a directory, as far as rights tell. Blocks.

    Nothing is written, so that a disk may refuse all the same.

    Raises: DiskError, as :func:`check_directory`, and where nothing may be written.
    """
    check_directory(directory)
    folder = directory / STATE_FOLDER
    try:
        folder.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a name too long, or a folder that may not be looked into
        raise DiskError(directory, error) from error
    existing = next(at for at in (folder, *folder.parents) if os.path.lexists(at))
    if not os.access(existing, os.W_OK | os.X_OK):
        number = errno.EROFS if is_read_only(existing) else errno.EACCES
        raise DiskError(existing, OSError(number, os.strerror(number)))


@asynccontextmanager
async def open_state(
    directory: Path, service: str, *, chosen: Path | None = None, durable: bool = False
) -> AsyncIterator[Journal]:
    """Take hold of a download directory and open its journal.

    Args:
        directory: Made when it is not there.
        service: Name of the service whose files this run may trust.
        chosen: The user's folder for such states; ``None`` keeps the state in the directory,
            or in the user's state folder where the directory's volume knows no locks.
        durable: Whether a power cut may not cost the journal its last rows.
    Raises:
        DirectoryBusyError: Another run holds the directory.
        DiskError: The directory cannot be made or written to.
    """
    places = StatePlaces(directory, chosen)
    lock = await anyio.to_thread.run_sync(_lock_directory, places, durable)
    try:
        async with open_journal(lock.folder, service, durable=durable) as journal:
            journal.moved_reason = lock.moved_reason
            if durable:
                await anyio.to_thread.run_sync(lock.settle)
            if lock.machine_stopped:
                await journal.files.reverify_last_run()
            yield journal
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lock.drop)


def _lock_directory(places: StatePlaces, durable: bool) -> _DirectoryLock:
    """Take a directory in the first place that can hold its state.

    Raises: as :func:`open_state`.
    """
    check_directory(places.directory)
    refusal: NoLocksError | None = None
    for folder in places.in_order:
        lock = _DirectoryLock(places.directory, folder, durable=durable)
        try:
            lock.take(places.known())
        except NoLocksError as error:
            refusal = refusal or error
            continue
        if refusal is not None:
            lock.moved_reason = f"{refusal}; its state is in {folder}"
        return lock
    if refusal is None:
        raise RuntimeError("no place for a state")
    raise NoLocksError(refusal.path, OSError(refusal.errno, f"{refusal.detail}; {OTHER_PLACE}"))


class _DirectoryLock:
    """One run's hold on a directory; used in threads."""

    def __init__(self, directory: Path, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        """Holds its state."""
        self.moved_reason = ""
        """Why that is not in the directory itself; empty if it is, or the user chose."""
        self.machine_stopped = False
        """Whether the machine stopped in the midst of the last run, which flushed nothing."""
        self._directory = directory
        self._durable = durable
        self._holder = folder / "holder.json"
        self._lock_file = folder / LOCK_NAME
        self._lock = FileLock(self._lock_file, timeout=0, thread_local=False)

    def take(self, known: Path | None) -> None:
        """Take the directory, or say who has it.

        Args:
            known: Folder with the journal of the last run, which is taken over.
        Raises: DirectoryBusyError; NoLocksError; DiskError.
        """
        try:
            make_folders(self._directory)
            make_folders(self.folder)
            if self.folder.is_symlink():
                raise _linked(self.folder)
            for file in (self._lock_file, self._holder):
                check_own(file)
            self._acquire()
            try:
                if known is not None and not (self.folder / JOURNAL_NAME).exists():
                    import_journal(known / JOURNAL_NAME, self.folder / JOURNAL_NAME, MIGRATIONS)
                self.machine_stopped = _machine_stopped(self._holder)
                self._sign()
            except BaseException:
                self.drop()
                raise
        except Timeout as error:
            raise DirectoryBusyError(self._directory, _describe(self._holder)) from error
        except OSError as error:
            raise DiskError(Path(error.filename or self.folder), error) from error

    def _acquire(self) -> None:
        """Take the lock, on a volume that has every kind that is needed."""
        try:
            check_locks(self.folder)
            self._lock.acquire()
        except OSError as error:
            self._lock.release()
            if error.errno not in NO_LOCKS:
                raise
            self._leave_nothing()
            raise NoLocksError(self.folder, error) from error

    def _leave_nothing(self) -> None:
        # Beside an earlier journal the lock file is what tells that there are no locks any more.
        if not (self.folder / JOURNAL_NAME).exists():
            with suppress(OSError):  # others are there
                self._lock_file.unlink(missing_ok=True)
                self.folder.rmdir()

    def _sign(self) -> None:
        told = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "boot": boot_id(),
            "durable": self._durable,
        }
        self._holder.unlink(missing_ok=True)
        write_file(self._holder, [orjson.dumps(told)], durable=False, is_new=True)

    def settle(self) -> None:
        """Bring the names of the folder's files, and its own, to stable storage.

        Raises: DiskError.
        """
        try:
            fsync_dir(self.folder)
        except OSError as error:
            raise DiskError(self.folder, error) from error

    def drop(self) -> None:
        """Let go of the directory."""
        with suppress(OSError):
            self._holder.unlink(missing_ok=True)
        self._lock.release()


def boot_id() -> str:
    """Return what changes with every start of the machine; empty where it cannot be known."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _machine_stopped(holder: Path) -> bool:
    """Tell whether the one who left its sign did not flush, and the machine stopped since."""
    told = _read(holder)
    return bool(told.get("boot")) and told["boot"] != boot_id() and not told.get("durable")


def _describe(holder: Path) -> str:
    told = _read(holder)
    pid, host = told.get("pid"), told.get("host")
    if not isinstance(pid, int):
        return ""
    return f"process {pid} on {plain(host)[:255]}" if isinstance(host, str) else f"process {pid}"


def _read(holder: Path) -> dict[str, Any]:
    try:
        with open(open_regular_file(holder, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - it is open
            told = orjson.loads(read_at_most(file, LONGEST_HOLDER_BYTES))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
