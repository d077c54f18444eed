"""A file that one task of one process has open at a time. All of it blocks."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

_fcntl: ModuleType | None
try:
    import fcntl as _fcntl
except ImportError:
    _fcntl = None

LOCK = ".lock"
"""Behind the name of a file, for the one that is locked in its place on Windows."""

_log = logging.getLogger("asyncdl.system")


@dataclass(frozen=True, slots=True)
class Held:
    """A file that is open, and ours alone."""

    fd: int
    lock: BaseFileLock | None = None
    """Locked in the file's place; ``None`` where the lock goes with the descriptor."""

    def let_go(self) -> None:
        """Let go of a lock that does not go with the descriptor, which is closed already.

        May be called twice.
        """
        if self.lock is None or not self.lock.is_locked:
            return
        self.lock.release()
        if not isinstance(self.lock, SoftFileLock):  # which is a file that is there, and goes
            with suppress(OSError):  # another has it by now
                Path(self.lock.lock_file).unlink(missing_ok=True)


def open_alone(path: Path, open_file: Callable[[Path], int]) -> Held | None:
    """Open a file and lock it; ``None`` if another has it.

    A lock on Windows keeps even its owner from reading the file by its name, so there a file
    beside it is locked, called as it with :data:`LOCK` behind.

    Args:
        path: The file; its folder is there.
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
        # The one who had it finished between our open and our lock, and what
        # we hold has another name by now.
        os.close(fd)


def _by_another_file(path: Path, open_file: Callable[[Path], int]) -> Held | None:
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
        _log.warning("%s: this file system has no locks; one run at a time, please", path)
    return True


def is_still(fd: int, path: Path) -> bool:
    """Tell whether a name is still that of the file that is open."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def kinds_of_locks() -> dict[str, Callable[[int], None]]:
    """Return what locks an open file at once, by the name of the call.

    Returns: Nothing on Windows, whose locks every volume knows.
    """
    if _fcntl is None:
        return {}
    flock, lockf, how = _fcntl.flock, _fcntl.lockf, _fcntl.LOCK_EX | _fcntl.LOCK_NB
    return {"flock": lambda fd: flock(fd, how), "fcntl": lambda fd: lockf(fd, how)}


def share_lock(fd: int) -> None:
    """Take the lock on an open file that others may have, too, at once; as SQLite does.

    Raises: OSError, if another has it alone, or the volume knows no locks.
    """
    if _fcntl is not None:
        _fcntl.lockf(fd, _fcntl.LOCK_SH | _fcntl.LOCK_NB)
