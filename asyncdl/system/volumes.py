"""Properties of volumes, and flushing files and folders to stable storage."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_UNLIMITED = 2**31
_BLOCK_BYTES = 512
"""The unit of ``st_blocks``, whatever the volume's own blocks are."""
_MAX_PATH_ON_WINDOWS = 259
"""In characters, if long paths are not enabled."""


def free_bytes(existing: Path) -> int | None:
    """Return the free space on the volume of an existing file or folder.

    Includes a quota of the directory, if the file system reports one.

    Returns: ``None`` if the volume reports nothing, like some network mounts.
    Raises: OSError.
    """
    if not hasattr(os, "statvfs"):
        import shutil  # Imports every kind of compression.

        usage = shutil.disk_usage(existing)
        return usage.free if usage.total else None
    system = os.statvfs(existing)
    return system.f_bavail * system.f_frsize if system.f_blocks else None


def is_read_only(existing: Path) -> bool:
    """Return whether a volume is mounted read-only; False if the system does not report it."""
    flag: int = getattr(os, "ST_RDONLY", 0)
    return hasattr(os, "statvfs") and bool(os.statvfs(existing).f_flag & flag)


def held_bytes(found: os.stat_result) -> int:
    """Return the space that a file occupies; its length if the system does not report it."""
    blocks: int | None = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * _BLOCK_BYTES


def longest_name(folder: Path) -> int:
    """Return how many bytes a name may have in a folder; a large number if unknown."""
    if not hasattr(os, "pathconf"):
        return 255  # characters on Windows and macOS, which are never more than bytes
    try:
        limit = os.pathconf(folder, "PC_NAME_MAX")
    except OSError:
        return _UNLIMITED
    return limit if limit > 0 else _UNLIMITED


def longest_path() -> int | None:
    """Return how many characters a path may have; ``None`` without a relevant limit.

    Windows accepts 259, unless long paths are enabled (``LongPathsEnabled`` in its registry).
    """
    return _MAX_PATH_ON_WINDOWS if os.name == "nt" and not _has_long_paths() else None


def _has_long_paths() -> bool:
    try:
        import winreg
    except ImportError:
        return False
    open_key, query = (getattr(winreg, name) for name in ("OpenKey", "QueryValueEx"))
    machine: int = getattr(winreg, "HKEY_LOCAL_MACHINE")  # noqa: B009 - typed on Windows only
    try:
        with open_key(machine, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(query(key, "LongPathsEnabled")[0])
    except OSError:
        return False


_fcntl: ModuleType | None
try:
    import fcntl as _fcntl
except ImportError:
    _fcntl = None

_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP})
"""Errors of file systems that cannot flush a folder and store its entries in their own way."""


def flush(fd: int) -> None:
    """Flush the bytes of an open file to stable storage.

    On macOS ``fsync`` leaves them in the cache of the disk; ``F_FULLFSYNC`` does not, but some
    volumes there lack it.

    Raises: OSError.
    """
    whole: int | None = getattr(_fcntl, "F_FULLFSYNC", None)
    if _fcntl is not None and whole is not None:
        with suppress(OSError):
            _fcntl.fcntl(fd, whole)
            return
    os.fsync(fd)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to stable storage, if the system can.

    Windows cannot: NTFS keeps a log of names itself, and after a power cut the last of them may
    be missing.

    Raises: OSError.
    """
    as_folder: int | None = getattr(os, "O_DIRECTORY", None)
    if as_folder is None:
        return
    fd = os.open(folder, os.O_RDONLY | as_folder)
    try:
        flush(fd)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(fd)
