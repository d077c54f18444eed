"""Changes to files and folders that can be flushed to stable storage.

A file system keeps changes in memory first and writes them to the disk in any order. A power cut
may lose whatever was not flushed. The bytes of a file are safe once its descriptor is flushed,
its name once its folder is, and the folder's own name once its parent is. All functions block.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from asyncdl.system import files
from asyncdl.system.files import is_of_others, open_unfollowed, replace
from asyncdl.system.volumes import flush, flush_folder

_CHUNK_BYTES = 256 * 1024
"""Read and written at once when a file is copied."""


def open_regular_file(path: Path, flags: int) -> int:
    """Open a regular file. Symbolic links are not followed, and pipes not waited for.

    Args:
        path: The file.
        flags: Whether to read or write, and what to do if it is missing.
    Raises: OSError, with :data:`errno.EEXIST` for a link, folder, pipe or device, and for a
        file that has a second name or belongs to another user.
    """
    is_emptied = flags & os.O_TRUNC
    try:
        fd = open_unfollowed(path, flags & ~os.O_TRUNC)
    except FileNotFoundError:
        raise  # links are not followed, so nothing has this name
    except OSError as error:
        if error.errno == errno.ENXIO or path.is_symlink() or path.is_dir():
            raise not_regular_file(path) from error
        raise
    try:
        _check_found(os.fstat(fd), path)
        if is_emptied:
            os.ftruncate(fd, 0)  # not by open(): it might have been another file
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_own(path: Path) -> None:
    """Check that a path is free, or a regular file of ours. Blocks.

    For files that a library opens for us, such as SQLite, which follows links.

    Raises: OSError, as :func:`open_regular_file`.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    _check_found(found, path)


def _check_found(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise not_regular_file(path)
    if found.st_nlink > 1:
        text = f"{path.name} exists and has a second name (a hard link)"
        raise FileExistsError(errno.EEXIST, text)
    if is_of_others(found, path):
        text = f"{path.name} exists and belongs to another user ({found.st_uid})"
        raise FileExistsError(errno.EEXIST, text)


def is_within(path: Path, folder: Path) -> bool:
    """Return whether a file lies in a folder or below it, with links resolved. Blocks."""
    real, top = os.path.realpath(path.parent), os.path.realpath(folder)
    try:
        return os.path.commonpath([real, top]) == top
    except ValueError:  # drives of Windows
        return False


def not_regular_file(path: Path) -> OSError:
    """Return the error for a path that is something other than a regular file."""
    return FileExistsError(errno.EEXIST, f"{path.name} exists and is not a regular file")


def write_at(fd: int, offset: int, chunks: Sequence[bytes | memoryview]) -> int:
    """Write ``chunks`` one after the other from ``offset`` on, and return where they end.

    Raises: OSError; what was written until then stays.
    """
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            written = files.write_at(fd, rest, offset)
            if written == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            offset += written
            rest = rest[written:]
    return offset


def write_file(
    path: Path, chunks: Iterable[bytes | memoryview], *, durable: bool, is_new: bool = False
) -> None:
    """Write a file from its beginning; what it held before is gone.

    Args:
        path: The file; made if it is missing. Symbolic links are not followed.
        chunks: Its bytes in order.
        durable: Whether they are on stable storage afterwards; the name is not.
        is_new: Whether a file that is there already is an error.
    Raises: OSError, also if only closing it reports that something was not stored.
    """
    file = FileWriter(path, is_new=is_new)
    try:
        for chunk in chunks:
            file.write(chunk)
    except BaseException:
        file.abandon()
        raise
    file.close(durable=durable)


class FileWriter:
    """Writes a file from its beginning to its end; what it held before is gone.

    Args:
        path: The file; made if it is missing. Symbolic links are not followed.
        is_new: Whether a file that is there already is an error.
    Raises: OSError.
    """

    def __init__(self, path: Path, *, is_new: bool = False) -> None:
        how = os.O_EXCL if is_new else os.O_TRUNC
        self._fd = open_regular_file(path, os.O_WRONLY | os.O_CREAT | how)
        self._at_byte = 0

    def write(self, data: bytes | memoryview) -> None:
        """Write the next bytes. Raises: OSError."""
        self._at_byte = write_at(self._fd, self._at_byte, (data,))

    def close(self, *, durable: bool) -> None:
        """Finish the file.

        Args:
            durable: Whether the bytes are on stable storage afterwards; the name is not.
        Raises: OSError, also if only closing it reports that something was not stored.
        """
        try:
            if durable:
                flush(self._fd)
        except BaseException:
            self.abandon()
            raise
        fd, self._fd = self._fd, -1
        os.close(fd)

    def abandon(self) -> None:
        """Close the file without flushing it; may be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)


def read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file from its current position, in bounded chunks."""
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def rename(source: Path, target: Path, *, durable: bool) -> None:
    """Rename a file or a folder within its folder; a file of the new name is replaced.

    Args:
        source: Its bytes are on stable storage already, if they should be.
        target: The new name.
        durable: Whether the name is on stable storage afterwards.
    Raises: OSError.
    """
    replace(source, target)
    if durable:
        fsync_dir(target.parent)


def make_folders(folder: Path) -> None:
    """Make a folder and its parents, if they are missing. Raises: OSError."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _fsync_name.cache_clear()


def fsync_dir(folder: Path) -> None:
    """Flush the names in a folder to stable storage, and the folder's own name too.

    Raises: OSError.
    """
    flush_folder(folder)
    _fsync_name(os.path.realpath(folder))


@lru_cache(maxsize=4096)
def _fsync_name(folder: str) -> None:
    """Flush the name of a folder, and of those above it, to stable storage.

    Remembered until the next folder is made. It is flushed once before a file in it is reported
    as safe, even if the folder was made by a process that was killed.
    """
    if os.path.ismount(folder):
        return
    above = os.path.dirname(folder)  # noqa: PTH120 - a key of the cache, and called often
    try:
        flush_folder(Path(above))
    except PermissionError:
        return  # a folder that we may not read was not made by us
    _fsync_name(above)
