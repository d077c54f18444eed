"""Opening files that others may have planted. All of it blocks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

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
