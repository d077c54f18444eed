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
from asyncdl.job.journal.journal import JOURNAL_NAME, Journal, open_journal
from asyncdl.outside import read_at_most
from asyncdl.text import plain
from asyncdl.transfer.parts.stable import check_own, make_folders, open_plain, settle, write_anew

STATE_FOLDER = ".asyncdl"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LONGEST_HOLDER_BYTES = 4096
LONGEST_JOURNAL_BYTES = 504
"""SQLite takes paths of 512 bytes, and needs some of them for a file beside its own."""


def has_state(directory: Path) -> bool:
    """Tell whether a run has ever begun in a directory. Blocks for a moment."""
    return (directory / STATE_FOLDER / JOURNAL_NAME).is_file()


def check_directory(directory: Path) -> None:
    """Make sure that a directory is a folder or can become one, and not too deep. Blocks.

    Raises: DiskError, saying what is wrong with it.
    """
    length = len(os.fsencode((directory / STATE_FOLDER / JOURNAL_NAME).absolute()))
    if length > LONGEST_JOURNAL_BYTES:
        text = f"too deep: the journal's path takes {length} of {LONGEST_JOURNAL_BYTES} bytes"
        raise DiskError(directory, OSError(errno.ENAMETOOLONG, text))
    for at in (directory / STATE_FOLDER, directory, *directory.parents):
        if not os.path.lexists(at):
            continue
        if at.is_symlink() and not at.exists():
            raise _no_folder(at, errno.ENOENT, "is a link to nothing")
        if not at.is_dir():
            raise _no_folder(at, errno.ENOTDIR, "is a file")
        return


def _no_folder(at: Path, number: int, what: str) -> DiskError:
    wanted = "the state of a job" if at.name == STATE_FOLDER else "the download directory"
    text = f"{what}, and {wanted} has to be a folder there; choose another one"
    return DiskError(at, OSError(number, text))


def check_right_to_write(directory: Path) -> None:
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
        is_for_reading = os.statvfs(existing).f_flag & os.ST_RDONLY
        number = errno.EROFS if is_for_reading else errno.EACCES
        raise DiskError(existing, OSError(number, os.strerror(number)))


@asynccontextmanager
async def open_state(
    directory: Path, service: str, *, durable: bool = False
) -> AsyncIterator[Journal]:
    """Take hold of a download directory and open its journal.

    Args:
        directory: Made when it is not there.
        service: Name of the service whose files this run may trust.
        durable: Whether a power cut may not cost the journal its last rows.
    Raises:
        DirectoryBusyError: Another run holds the directory.
        DiskError: The directory cannot be made or written to.
    """
    folder = directory / STATE_FOLDER
    hold = _Hold(directory, folder, durable=durable)
    await anyio.to_thread.run_sync(hold.take)
    try:
        async with open_journal(folder, service, durable=durable) as journal:
            if durable:
                await anyio.to_thread.run_sync(hold.settle)
            if hold.was_cut_off:
                await journal.files.doubt_last_run()
            yield journal
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(hold.drop)


class _Hold:
    """One run's hold on a directory; used in threads."""

    def __init__(self, directory: Path, folder: Path, *, durable: bool) -> None:
        self.was_cut_off = False
        """Whether the machine stopped in the midst of the last run, which flushed nothing."""
        self._directory = directory
        self._durable = durable
        self._folder = folder
        self._holder = folder / "holder.json"
        self._lock_file = folder / "lock"
        self._lock = FileLock(self._lock_file, timeout=0, thread_local=False)

    def take(self) -> None:
        """Take the directory, or say who has it. Raises: DirectoryBusyError, DiskError."""
        try:
            check_directory(self._directory)
            make_folders(self._folder)
            for file in (self._lock_file, self._holder):
                check_own(file)
            self._lock.acquire()
            self.was_cut_off = _was_cut_off(self._holder)
            self._sign()
        except Timeout as error:
            raise DirectoryBusyError(self._directory, _describe(self._holder)) from error
        except OSError as error:
            raise DiskError(Path(error.filename or self._folder), error) from error

    def _sign(self) -> None:
        try:
            told = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "boot": boot_id(),
                "durable": self._durable,
            }
            self._holder.unlink(missing_ok=True)
            write_anew(self._holder, [orjson.dumps(told)], durable=False, is_new=True)
        except BaseException:
            self.drop()
            raise

    def settle(self) -> None:
        """Bring the names of the folder's files, and its own, to stable storage.

        Raises: DiskError.
        """
        try:
            settle(self._folder)
        except OSError as error:
            raise DiskError(self._folder, error) from error

    def drop(self) -> None:
        """Let go of the directory."""
        with suppress(OSError):
            self._holder.unlink(missing_ok=True)
        self._lock.release()


def boot_id() -> str:
    """Return what changes with every start of the machine; empty where it cannot be known."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _was_cut_off(holder: Path) -> bool:
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
        with open(open_plain(holder, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - it is open
            told = orjson.loads(read_at_most(file, LONGEST_HOLDER_BYTES))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
