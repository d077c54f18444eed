"""What volumes can do, and how they are flushed."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_UNLIMITED = 2**31
_BLOCK_BYTES = 512
"""What ``st_blocks`` counts, whatever the volume's own blocks are."""
_LONGEST_PATH_ON_WINDOWS = 259
"""In characters, where long paths are not switched on."""


def free_bytes(existing: Path) -> int | None:
    """Return what may still be written on the volume of a file or folder that is there.

    A quota of the directory is in it where the file system reports it there.

    Returns: ``None`` where it counts nothing, as some network mounts do.
    Raises: OSError.
    """
    if not hasattr(os, "statvfs"):
        usage = shutil.disk_usage(existing)
        return usage.free if usage.total else None
    system = os.statvfs(existing)
    return system.f_bavail * system.f_frsize if system.f_blocks else None


def is_read_only(existing: Path) -> bool:
    """Tell whether nobody can write on a volume; False where the system does not tell."""
    flag: int = getattr(os, "ST_RDONLY", 0)
    return hasattr(os, "statvfs") and bool(os.statvfs(existing).f_flag & flag)


def held_bytes(found: os.stat_result) -> int:
    """Return the room that a file takes; its length where the system does not tell."""
    blocks: int | None = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * _BLOCK_BYTES


def longest_name(folder: Path) -> int:
    """Return how many bytes a name may take in a folder; a lot if nobody knows."""
    if not hasattr(os, "pathconf"):
        return 255  # of characters on Windows and macOS, which are no more than bytes
    try:
        limit = os.pathconf(folder, "PC_NAME_MAX")
    except OSError:
        return _UNLIMITED
    return limit if limit > 0 else _UNLIMITED


def longest_path() -> int | None:
    """Return how many characters a path may have; ``None`` if there is no limit worth naming.

    Windows takes 259 unless long paths are switched on for it
    (``LongPathsEnabled`` in its registry).
    """
    return _LONGEST_PATH_ON_WINDOWS if os.name == "nt" and not _has_long_paths() else None


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
"""File systems that cannot flush a folder say so, and keep its entries in their own way."""


def flush(fd: int) -> None:
    """Bring the bytes of an open file to stable storage.

    On macOS the usual call leaves them in the memory of the disk, and another one does not;
    some volumes there have only the usual one.

    Raises: OSError.
    """
    whole: int | None = getattr(_fcntl, "F_FULLFSYNC", None)
    if _fcntl is not None and whole is not None:
        with suppress(OSError):
            _fcntl.fcntl(fd, whole)
            return
    os.fsync(fd)


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to stable storage, where the system can.

    On Windows nobody can: NTFS keeps a log of names by itself, and after a power cut the
    last of them may be missing.

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
