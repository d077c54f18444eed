"""The state folder of a download directory: its lock and its journal."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson
from filelock import FileLock, Timeout

from asyncdl.errors import DirectoryBusyError, DiskError
from asyncdl.journal.database import copy_database, import_journal
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
"""SQLite allows paths of 512 bytes, and needs some of them for a file beside its own."""


def check_directory(directory: Path) -> None:
    """Check that a directory is a folder or can be made, and is not too deep. Blocks.

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
    # Others may have made it, in an archive or a shared folder, to have its target written.
    text = "is a link, and the state of a job has to be in a real folder; remove it"
    return DiskError(folder, OSError(errno.ELOOP, text))


def _no_folder(at: Path, number: int, what: str) -> DiskError:
    wanted = "the state of a job" if at.name == STATE_FOLDER else "the download directory"
    text = f"{what}, and {wanted} has to be a folder there; choose another one"
    return DiskError(at, OSError(number, text))


def check_writable(directory: Path) -> None:
    """Check that a run may write to a directory, by its permissions. Blocks.

    Nothing is written, so a run may still fail to.

    Raises: DiskError, as :func:`check_directory`, and where nothing may be written.
    """
    check_directory(directory)
    folder = directory / STATE_FOLDER
    try:
        folder.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a name that is too long, or a folder that may not be read
        raise DiskError(directory, error) from error
    existing = next(at for at in (folder, *folder.parents) if os.path.lexists(at))
    if not os.access(existing, os.W_OK | os.X_OK):
        number = errno.EROFS if is_read_only(existing) else errno.EACCES
        raise DiskError(existing, OSError(number, os.strerror(number)))


@asynccontextmanager
async def open_state(
    directory: Path | StatePlaces,
    service: str,
    *,
    chosen: Path | None = None,
    durable: bool = False,
    prepare: Callable[[], None] | None = None,
) -> AsyncIterator[Journal]:
    """Lock a download directory for one run and open its journal.

    Args:
        directory: Made when it is not there; or all that is known of where its state may be.
        service: Name of the service whose files this run may trust.
        chosen: The user's folder for states; ``None`` keeps the state in the directory,
            or in the user's state folder if the directory's volume has no locks.
        durable: Whether the journal's last rows survive a power cut.
        prepare: Called in a thread once the directory is locked, before the journal is opened.
    Raises:
        DirectoryBusyError: Another run holds the directory.
        DiskError: The directory cannot be made or written to.
    """
    places = directory if isinstance(directory, StatePlaces) else StatePlaces(directory, chosen)
    lock = await anyio.to_thread.run_sync(_lock_directory, places, durable)
    try:
        if prepare is not None:
            await anyio.to_thread.run_sync(prepare)
        async with open_journal(lock.folder, service, durable=durable) as journal:
            journal.moved_reason = lock.moved_reason
            if durable:
                await anyio.to_thread.run_sync(lock.sync)
            if lock.machine_stopped:
                await journal.files.reverify_last_run()
            yield journal
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lock.release)


def _lock_directory(places: StatePlaces, durable: bool) -> _DirectoryLock:
    """Lock a directory in the first place that can hold its state.

    Raises: as :func:`open_state`.
    """
    check_directory(places.directory)
    refusal: NoLocksError | None = None
    for folder in places.in_order:
        lock = _DirectoryLock(places, folder, durable=durable)
        try:
            lock.acquire(places.known())
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
    """The lock of one run on a directory, with its state folder; used in threads."""

    def __init__(self, places: StatePlaces, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        """The state folder."""
        self.moved_reason = ""
        """Why that is not in the directory itself; empty if it is, or the user chose it."""
        self.machine_stopped = False
        """Whether the machine stopped during the last run, which did not flush its files."""
        self._directory = places.directory
        self._store = places.store
        self._durable = durable
        self._holder = folder / "holder.json"
        self._lock_file = folder / LOCK_NAME
        self._lock = FileLock(self._lock_file, timeout=0, thread_local=False)

    def acquire(self, known: Path | None) -> None:
        """Lock the directory.

        Args:
            known: Folder with the journal of the last run, which is imported.
        Raises: DirectoryBusyError; NoLocksError; DiskError.
        """
        try:
            make_folders(self._directory)
            make_folders(self.folder)
            if self.folder.is_symlink():
                raise _linked(self.folder)
            for file in (self._lock_file, self._holder):
                check_own(file)
            self._acquire_file_lock()
            try:
                if known is not None and not (self.folder / JOURNAL_NAME).exists():
                    import_journal(known / JOURNAL_NAME, self.folder / JOURNAL_NAME, MIGRATIONS)
                self.machine_stopped = _machine_stopped(self._holder)
                self._write_holder()
            except BaseException:
                self.release()
                raise
        except Timeout as error:
            holder = _describe(self._holder)
            raise DirectoryBusyError(self._directory, holder, target=self._store) from error
        except OSError as error:
            raise DiskError(Path(error.filename or self.folder), error) from error

    def _acquire_file_lock(self) -> None:
        """Acquire the lock, if the volume has all kinds of locks that are needed."""
        try:
            check_locks(self.folder)
            self._lock.acquire()
        except OSError as error:
            self._lock.release()
            if error.errno not in NO_LOCKS:
                raise
            self._remove_lock_file()
            raise NoLocksError(self.folder, error) from error

    def _remove_lock_file(self) -> None:
        # Beside an earlier journal the lock file shows that the volume has no locks any more.
        if not (self.folder / JOURNAL_NAME).exists():
            with suppress(OSError):  # it is not empty
                self._lock_file.unlink(missing_ok=True)
                self.folder.rmdir()

    def _write_holder(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "boot": boot_id(),
            "durable": self._durable,
        }
        self._holder.unlink(missing_ok=True)
        write_file(self._holder, [orjson.dumps(holder)], durable=False, is_new=True)

    def sync(self) -> None:
        """Flush the folder, so that the names of its files are on stable storage.

        Raises: DiskError.
        """
        try:
            fsync_dir(self.folder)
        except OSError as error:
            raise DiskError(self.folder, error) from error

    def release(self) -> None:
        """Unlock the directory."""
        with suppress(OSError):
            self._holder.unlink(missing_ok=True)
        self._lock.release()


def copy_journal(folder: Path, target: Path) -> None:
    """Copy the journal of a state folder, as it is now, into a new file. Blocks.

    Raises: DiskError.
    """
    copy_database(folder / JOURNAL_NAME, target)


def replace_journal(folder: Path, source: Path) -> None:
    """Replace the journal of a locked state folder by a copy of another one. Blocks.

    One that cannot be read replaces nothing.

    Raises: DiskError.
    """
    readable = folder / f"{JOURNAL_NAME}.readable"
    import_journal(source, readable, MIGRATIONS)
    if not readable.exists():
        return
    journal = folder / JOURNAL_NAME
    try:
        # What was not yet in the old file must not be taken for changes of the new one.
        for ending in ("-wal", "-shm", "-journal"):
            journal.with_name(f"{journal.name}{ending}").unlink(missing_ok=True)
        readable.replace(journal)
    except OSError as error:
        raise DiskError(journal, error) from error


def boot_id() -> str:
    """Return an id that changes with every start of the machine; empty if it is not known."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _machine_stopped(holder: Path) -> bool:
    """Return whether the last holder did not flush, and the machine has restarted since."""
    last = _read(holder)
    return bool(last.get("boot")) and last["boot"] != boot_id() and not last.get("durable")


def _describe(holder: Path) -> str:
    last = _read(holder)
    pid, host = last.get("pid"), last.get("host")
    if not isinstance(pid, int):
        return ""
    return f"process {pid} on {plain(host)[:255]}" if isinstance(host, str) else f"process {pid}"


def _read(holder: Path) -> dict[str, Any]:
    try:
        with open(open_regular_file(holder, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - it is open
            found = orjson.loads(read_at_most(file, LONGEST_HOLDER_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
