"""Files that only their owner may open, as a secret needs them."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from asyncdl.errors import AuthError, DiskError
from asyncdl.private_files import NotPrivate, check_private, open_at_once
from asyncdl.redact import SecretBytes
from asyncdl.system.files import effective_user


def read_private(path: Path, *, max_bytes: int) -> tuple[SecretBytes, os.stat_result]:
    """Return what a file holds, and one byte more than ``max_bytes`` of a longer one; and which.

    Raises: AuthError, if it is no regular file or (on POSIX) may be opened by others
        than its owner; OSError, if it cannot be read. Of a link, the file it leads to counts.
    """
    # Asked of the open file, so that nobody can swap it in between; and opened
    # without waiting, for a pipe would wait for somebody to write into it.
    with open(path, "rb", opener=open_at_once) as file:
        found = os.fstat(file.fileno())
        _check_private(path, found)
        return SecretBytes(file.read(max_bytes + 1)), found


def read_own(path: Path, *, max_bytes: int) -> SecretBytes:
    """Return what a file of ours holds, as :func:`read_private`.

    Raises: AuthError, also if it is a link, has another name (a hard link), or it or its folder
        belongs to somebody else, who may have put it there; OSError.
    """
    _check_folder(path.parent)
    with open(path, "rb", opener=_open_unlinked) as file:
        found = os.fstat(file.fileno())
        _check_private(path, found)
        if found.st_nlink > 1:
            raise refused(f"{path} has another name, too (a hard link)")
        _check_owner(path, found)
        return SecretBytes(file.read(max_bytes + 1))


def _open_unlinked(path: str, flags: int) -> int:
    try:
        return open_at_once(path, flags | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused(
                f"{path} is a link, and has to be a file: remove it and log in again"
            ) from None
        raise


def _check_private(path: Path, found: os.stat_result) -> None:
    try:
        check_private(path, found)
    except NotPrivate as problem:
        raise refused(str(problem)) from None


def _check_folder(folder: Path) -> None:
    """Make sure that a folder, if it is there, and what leads to it is ours. Raises: AuthError."""
    try:
        for found in (folder.lstat(), folder.stat()):
            _check_owner(folder, found)
    except FileNotFoundError:
        return


def _check_owner(path: Path, found: os.stat_result) -> None:
    us = effective_user()
    if us is not None and found.st_uid not in (us, 0):
        raise refused(f"{path} belongs to another user ({found.st_uid})")


def write_private(path: Path, content: SecretBytes) -> None:
    """Write a file that only its owner may open, whole or not at all; folders are made.

    Raises: AuthError, if the folder belongs to somebody else; DiskError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(path.parent)
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
