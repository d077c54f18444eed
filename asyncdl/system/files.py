"""Files: opened, written by position, renamed and given attributes, the same on every system."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVarTuple

Ts = TypeVarTuple("Ts")


def set_attribute(file: int | Path, name: str, value: bytes) -> None:
    """Set an extended attribute of a file, if it can have any.

    Linux has them on most volumes. Those of Windows and macOS cannot be reached from Python.
    """
    call: Callable[[int | Path, str, bytes], None] | None = getattr(os, "setxattr", None)
    if call is not None:
        with suppress(OSError):
            call(file, name, value)


def get_attribute(path: Path, name: str) -> bytes | None:
    """Return an extended attribute of a file; ``None`` if it has none, or cannot have any."""
    call: Callable[[Path, str], bytes] | None = getattr(os, "getxattr", None)
    if call is not None:
        with suppress(OSError):
            return call(path, name)
    return None


Data = bytes | memoryview


def write_at(fd: int, data: Data, offset: int) -> int:
    """Write some of ``data`` at ``offset`` and return how many bytes it was.

    If the system has no call for that (Windows), the descriptor is moved there first, so only one
    thread at a time may use it.

    Raises: OSError.
    """
    call: Callable[[int, Data, int], int] | None = getattr(os, "pwrite", None)
    if call is not None:
        return call(fd, data, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)


TAKES_OPEN_FILES = os.name != "nt"
"""Whether a file may be renamed or removed while this process has it open."""

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""A virus scanner or an indexer opens each new file for a moment."""


def replace(source: Path, target: Path) -> None:
    """Rename a file or folder on its volume; a file of the new name is replaced.

    Raises: OSError.
    """
    _patiently(os.replace, source, target)


def remove(path: Path | str) -> None:
    """Remove a file, if it is there. Raises: OSError."""
    with suppress(FileNotFoundError):
        _patiently(os.unlink, path)


def _patiently(call: Callable[[*Ts], object], *args: *Ts) -> None:
    """Make a call; on Windows, repeat it for two seconds while another process has the file."""
    if not TAKES_OPEN_FILES:
        for pause_s in _PAUSES_S:
            try:
                call(*args)
                return
            except PermissionError:
                time.sleep(pause_s)
    call(*args)


_NO_FOLLOW: int | None = getattr(os, "O_NOFOLLOW", None)
_ALWAYS = (
    getattr(os, "O_CLOEXEC", 0)
    # Without it, opening a pipe waits until a process writes to it. Windows has no such pipes.
    | getattr(os, "O_NONBLOCK", 0)
    # Without it, Windows translates line ends.
    | getattr(os, "O_BINARY", 0)
)


def open_unfollowed(path: Path, flags: int) -> int:
    """Open a file in binary mode, without waiting; symbolic links are not followed.

    If the system cannot refuse links itself (Windows), the path is checked before and after. A
    process that swaps it twice in between has its link followed; on Windows it needs the right to
    make links for that.

    Args:
        path: The file.
        flags: As of ``os.open``.
    Raises: OSError, with ELOOP for a link.
    """
    if _NO_FOLLOW is not None:
        return os.open(path, flags | _NO_FOLLOW | _ALWAYS, 0o666)
    if path.is_symlink():
        raise _link()
    fd = os.open(path, flags | _ALWAYS, 0o666)
    try:
        if not os.path.samestat(os.fstat(fd), path.lstat()):
            raise _link()
    except BaseException:
        os.close(fd)
        raise
    return fd


def _link() -> OSError:
    return OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def effective_user() -> int | None:
    """Return the effective user id of this process; ``None`` on systems without any."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def is_of_others(found: os.stat_result, path: Path) -> bool:
    """Return whether the file at a path belongs to neither us nor the owner of its folder.

    Some mounts give all files to one user, and the owner of the folder may do anything anyway.
    Windows has no user ids: there the result is False, and access lists decide who may write.
    """
    us = effective_user()
    return us is not None and found.st_uid != us and found.st_uid != path.parent.stat().st_uid
