"""Locks a file, so that only one task of one process has it open. All functions block."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from filelock import BaseFileLock

_fcntl: ModuleType | None
try:
    import fcntl as _fcntl
except ImportError:
    _fcntl = None

LOCK = ".lock"
"""Added to a file's name, for the file that is locked instead of it on Windows."""

_log = logging.getLogger("asyncdl.system")


class Held(Struct, frozen=True):
    """An open and locked file."""

    fd: int
    lock: BaseFileLock | None = None
    """Locked instead of the file; ``None`` if the lock belongs to the descriptor."""

    def let_go(self) -> None:
        """Release a lock that does not belong to the descriptor, which is closed already.

        May be called twice.
        """
        if self.lock is None or not self.lock.is_locked:
            return
        from filelock import SoftFileLock

        self.lock.release()
        if not isinstance(self.lock, SoftFileLock):  # that one removes its file itself
            with suppress(OSError):  # another process may have it by now
                Path(self.lock.lock_file).unlink(missing_ok=True)


def open_alone(path: Path, open_file: Callable[[Path], int]) -> Held | None:
    """Open a file and lock it; ``None`` if another task or process has it.

    On Windows a lock prevents even its owner from reading the file by name, so a file beside it is
    locked, with :data:`LOCK` added to its name.

    Args:
        path: The file; its folder must exist.
        open_file: Opens it.
    Raises: OSError.
    """
    if _fcntl is None:
        return _by_another_file(path, open_file)
    while True:
        fd = open_file(path)
        try:
            if not _lock(_fcntl, fd, path):
                os.close(fd)
                return None
            if is_still(fd, path):
                return Held(fd)
        except BaseException:
            os.close(fd)
            raise
        # Its former owner finished between our open and our lock, and the file that is locked
        # now has another name.
        os.close(fd)


def _by_another_file(path: Path, open_file: Callable[[Path], int]) -> Held | None:
    from filelock import FileLock, Timeout  # Slow to import, and needed on Windows alone.

    lock = FileLock(path.with_name(f"{path.name}{LOCK}"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    try:
        return Held(open_file(path), lock)
    except BaseException:
        Held(-1, lock).let_go()
        raise


def _lock(fcntl: ModuleType, fd: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        _log.warning("%s: this file system has no locks; run only one program at a time", path)
    return True


def is_still(fd: int, path: Path) -> bool:
    """Return whether a path is still that of the open file."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))  # noqa: PTH116 - often called
    except FileNotFoundError:
        return False


def kinds_of_locks() -> dict[str, Callable[[int], None]]:
    """Return functions that lock an open file without waiting, by the name of the call.

    Returns: Nothing on Windows, where every volume has locks.
    """
    if _fcntl is None:
        return {}
    flock, lockf, how = _fcntl.flock, _fcntl.lockf, _fcntl.LOCK_EX | _fcntl.LOCK_NB
    return {"flock": lambda fd: flock(fd, how), "fcntl": lambda fd: lockf(fd, how)}


def share_lock(fd: int) -> None:
    """Take a shared lock on an open file without waiting, as SQLite does.

    Raises: OSError, if another process has an exclusive one, or the volume has no locks.
    """
    if _fcntl is not None:
        _fcntl.lockf(fd, _fcntl.LOCK_SH | _fcntl.LOCK_NB)
