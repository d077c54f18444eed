"""Files for secrets, which only their owner may open."""

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
    """Return the content of a file, at most ``max_bytes`` plus one, and its status.

    Raises: AuthError, if it is not a regular file or (on POSIX) others than its owner may
        open it; OSError, if it cannot be read. Links are followed.
    """
    # Checked on the open file, so that it cannot be replaced in between; and opened
    # without blocking, because a pipe would wait for a writer.
    with open(path, "rb", opener=open_at_once) as file:
        found = os.fstat(file.fileno())
        _check_private(path, found)
        return SecretBytes(file.read(max_bytes + 1)), found


def read_own(path: Path, *, max_bytes: int) -> SecretBytes:
    """Return the content of one of our own files, like :func:`read_private`.

    Raises: AuthError, also if it is a symbolic link, has a hard link, or it or its folder
        belongs to another user, who may have put it there; OSError.
    """
    _check_folder(path.parent)
    with open(path, "rb", opener=_open_unlinked) as file:
        found = os.fstat(file.fileno())
        _check_private(path, found)
        if found.st_nlink > 1:
            raise account_error(f"{path} has a hard link")
        _check_owner(path, found)
        return SecretBytes(file.read(max_bytes + 1))


def _open_unlinked(path: str, flags: int) -> int:
    try:
        return open_at_once(path, flags | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise account_error(f"{path} is a symbolic link: remove it and log in again") from None
        raise


def _check_private(path: Path, found: os.stat_result) -> None:
    try:
        check_private(path, found)
    except NotPrivate as problem:
        raise account_error(str(problem)) from None


def _check_folder(folder: Path) -> None:
    """Check that a folder, if it exists, and its link are ours. Raises: AuthError."""
    try:
        for found in (folder.lstat(), folder.stat()):
            _check_owner(folder, found)
    except FileNotFoundError:
        return


def _check_owner(path: Path, found: os.stat_result) -> None:
    us = effective_user()
    if us is not None and found.st_uid not in (us, 0):
        raise account_error(f"{path} belongs to another user ({found.st_uid})")


def write_private(path: Path, content: SecretBytes) -> None:
    """Atomically write a file that only its owner may open; folders are created.

    Raises: AuthError, if the folder belongs to another user; DiskError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(path.parent)
        # mkstemp creates it private from the start.
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


def account_error(message: str) -> AuthError:
    """Return the error for credentials that are missing or not trusted."""
    return AuthError("login-token", message=message)
