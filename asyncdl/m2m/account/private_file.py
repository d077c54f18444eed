"""Files that only their owner may open, as a secret needs them."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from asyncdl.errors import AuthError, DiskError
from asyncdl.redact import SecretBytes


def read_private(path: Path, *, max_bytes: int) -> SecretBytes:
    """Return what a file holds, and one byte more than ``max_bytes`` of a longer one.

    Raises: AuthError, if it is no regular file or (on POSIX) may be opened by others
        than its owner; OSError, if it cannot be read. Of a link, the file it leads to counts.
    """
    # Asked of the open file, so that nobody can swap it in between; and opened
    # without waiting, for a pipe would wait for somebody to write into it.
    with open(path, "rb", opener=_open_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise refused(f"{path} is no regular file")
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise refused(f"{path} is open to others than its owner; run: chmod 600 {path}")
        return SecretBytes(file.read(max_bytes + 1))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def write_private(path: Path, content: SecretBytes) -> None:
    """Write a file that only its owner may open, whole or not at all; folders are made.

    Raises: DiskError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It is nobody else's from its first moment on.
        number, partial = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DiskError(path, error) from error


def refused(message: str) -> AuthError:
    """Return the error for credentials that are not to be had."""
    return AuthError("login-token", message=message)
