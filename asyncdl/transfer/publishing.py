"""Where verified files are placed: in a folder, by rename.

The engine writes each file to a ``.part`` file on disk and verifies it there. Only then does it
get its final name. :class:`Publisher` is all that the engine knows about final names; an object
store would fulfil it by an upload of the ``.part`` file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from asyncdl.transfer.freshness import LocalCopy, read_local_copy
from asyncdl.transfer.parts.disk import Disk
from asyncdl.transfer.parts.ownership import OwnershipMark
from asyncdl.transfer.parts.part_file import PartFile, may_be_replaced


class Found(Struct, frozen=True):
    """What has a name."""

    size_bytes: int | None
    """Of a regular file; ``None`` for anything else."""
    is_folder: bool = False


class Publisher(Protocol):
    """Gives verified files their final names, and knows what has these names already."""

    async def find(self, final: Path) -> Found | None:
        """Return what has a name; ``None`` if nothing has.

        Raises: DiskError.
        """

    async def copy_at(self, final: Path) -> LocalCopy | None:
        """Return which version of its source has a name; ``None`` without a file.

        Raises: DiskError.
        """

    async def may_replace(self, final: Path, mark: OwnershipMark) -> bool:
        """Return whether a name is free, or that of our own file from the same source.

        Raises: DiskError.
        """

    async def publish(self, part: PartFile, mark: OwnershipMark, *, replaces: bool) -> None:
        """Give a verified file its final name, ``part.final``; its ``.part`` name is gone then.

        Args:
            part: Has all bytes.
            mark: Identifies the source of the file.
            replaces: Whether any file that has the name is replaced.
        Raises: DiskError; the final name is then as it was.
        """


class FolderPublisher:
    """Places files in the folder of their ``.part`` file, by rename.

    Args:
        disk: Runs the calls.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def find(self, final: Path) -> Found | None:
        """Return what is in the folder under a name, at the end of links."""
        return await self._disk.run_brief(final, lambda: _find(final))

    async def copy_at(self, final: Path) -> LocalCopy | None:
        """Return the version that a file records, or its time."""
        return await self._disk.run_brief(final, lambda: read_local_copy(final))

    async def may_replace(self, final: Path, mark: OwnershipMark) -> bool:
        """Return whether nothing has the name, or a file with the same mark."""
        return await self._disk.run_brief(final, lambda: may_be_replaced(final, mark))

    async def publish(self, part: PartFile, mark: OwnershipMark, *, replaces: bool) -> None:
        """Rename the ``.part`` file. Also fails if it was removed or replaced meanwhile.

        Raises: DiskError; the final name is then as it was, or the whole file is there
            and only its folder could not be flushed.
        """
        await part.publish(mark, replaces=replaces)


def _find(path: Path) -> Found | None:
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode) and path.exists():  # else it leads nowhere
            found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    is_file = stat.S_ISREG(found.st_mode)
    return Found(found.st_size if is_file else None, is_folder=stat.S_ISDIR(found.st_mode))
