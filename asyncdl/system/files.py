"""Files: opened, named, read by position and renamed, the same on every system.

Linux has them on most volumes; Windows and macOS have their own, which Python does not reach.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def keep(file: int | Path, name: str, value: bytes) -> None:
    """Let a file carry a note, if it can."""
    call: Callable[[int | Path, str, bytes], None] | None = getattr(os, "setxattr", None)
    if call is not None:
        with suppress(OSError):
            call(file, name, value)


def kept(path: Path, name: str) -> bytes | None:
    """Return the note of a file; ``None`` if it has none, or cannot have one."""
    call: Callable[[Path, str], bytes] | None = getattr(os, "getxattr", None)
    if call is not None:
        with suppress(OSError):
            return call(path, name)
    return None


Data = bytes | memoryview


def write_at(fd: int, data: Data, offset: int) -> int:
    """Write some of ``data`` at ``offset`` and return how many bytes it was.

    Where the system has no call for that (Windows), the descriptor is moved there first: so
    one thread at a time may use a descriptor.

    Raises: OSError.
    """
    call: Callable[[int, Data, int], int] | None = getattr(os, "pwrite", None)
    if call is not None:
        return call(fd, data, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)


TAKES_OPEN_FILES = os.name != "nt"
"""Whether a file may be renamed or removed while we have it open ourselves."""

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""A scanner of viruses, or an indexer, looks at each new file for a moment."""


def replace(source: Path, target: Path) -> None:
    """Give a file or folder another name on its volume; a file of that name is replaced.

    Raises: OSError.
    """
    _patiently(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises: OSError."""
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(call: Callable[[], object]) -> None:
    """Make a call; on Windows again for two seconds while another has the file open."""
    if TAKES_OPEN_FILES:
        call()
        return
    for pause_s in _PAUSES_S:
        try:
            call()
            return
        except PermissionError:
            time.sleep(pause_s)
    call()


_NO_FOLLOW: int | None = getattr(os, "O_NOFOLLOW", None)
_ALWAYS = (
    getattr(os, "O_CLOEXEC", 0)
    # Without it a pipe is waited for until somebody writes into it; Windows keeps its pipes
    # elsewhere.
    | getattr(os, "O_NONBLOCK", 0)
    # Windows turns line ends into others where nobody objects.
    | getattr(os, "O_BINARY", 0)
)


def open_unfollowed(path: Path, flags: int) -> int:
    """Open a file in binary, without waiting for anybody; a link is not followed.

    Where the system cannot refuse links by itself (Windows), the name is looked at before and
    after: whoever swaps it twice in between has it followed, for which Windows wants the right
    to make links.

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
    """Return the number of the user that this process acts as; ``None`` where there are none."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def is_of_others(found: os.stat_result, folder: Path) -> bool:
    """Tell whether a file belongs to neither us nor the owner of its folder.

    Some mounts give all files to one user; whoever owns the folder could do anything anyway.
    Windows has no such numbers: there nothing is of others, and who may write what is up to
    the access lists.
    """
    us = effective_user()
    return us is not None and found.st_uid not in (us, folder.stat().st_uid)
