"""Where the verified files of a job are placed, and which of them are there.

The stages name a file by its path below the top of the layout. What is behind such a path
is a :class:`Placer`'s business: a folder today, :class:`FolderPlacer`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from asyncdl.background import unhurried
from asyncdl.config import Config
from asyncdl.errors import DiskError
from asyncdl.journal import FinishedFile
from asyncdl.system import volumes
from asyncdl.transfer.names import COPY
from asyncdl.transfer.parts.durable import is_within, make_folders, read_chunks, rename, write_file
from asyncdl.transfer.parts.part_file import remove_part_files


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file as it is at its place; a later change shows in one of these."""

    size_bytes: int
    mtime_ns: int

    @classmethod
    def on_disk(cls, path: Path) -> Self:
        """Return a file as it is on a disk. Blocks. Raises: DiskError."""
        try:
            stat = path.stat()
        except OSError as error:
            raise DiskError(path, error) from error
        return cls(stat.st_size, stat.st_mtime_ns)


class Placer(Protocol):
    """The places of a job's files. All methods block.

    A path has forward slashes and starts below the top of the layout.
    """

    def work_path(self, path: str) -> Path:
        """Return where on a local disk the file for a path is received and unpacked."""

    def place(self, source: Path, path: str) -> PlacedFile:
        """Place a verified file; one that was received at its place stays there.

        Args:
            source: The file on a local disk. It stays: it may have to go to other places, too.
            path: Its place. It has the name as soon as all of the file is there.
        Raises: DiskError.
        """

    def unchanged(self, files: Iterable[FinishedFile]) -> frozenset[str]:
        """Return the paths of those files that are there as they were when they were verified.

        All files of a batch come in one call, so that one listing of each folder is enough.
        """

    def remove(self, files: Iterable[FinishedFile]) -> list[FinishedFile]:
        """Remove the files that nobody has changed, and folders that are empty afterwards.

        Returns: Those that are not there any more.
        """

    def free_bytes(self) -> int | None:
        """Return how much more may be placed; ``None`` where that is not known."""


class FolderPlacer:
    """Places files in a folder, where they are also received.

    Args:
        directory: The folder.
        durable: Whether a copy and its name are on stable storage when it is placed.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self._directory = directory
        self._durable = durable

    def work_path(self, path: str) -> Path:
        """Return the place itself."""
        return self._directory.joinpath(*path.split("/"))

    def place(self, source: Path, path: str) -> PlacedFile:
        """Copy a file to its place, unless it is there already. Raises: DiskError.

        A copy and not a hard link: tools that write into a raster must not change
        another product's file.
        """
        target = self.work_path(path)
        if target != source:
            _copy(source, target, self._durable)
        return PlacedFile.on_disk(target)

    def unchanged(self, files: Iterable[FinishedFile]) -> frozenset[str]:
        """Return the paths of the files that have the size and time that they had."""
        return frozenset(
            file.path for file in unhurried(files) if file.is_at(self._directory / file.path)
        )

    def remove(self, files: Iterable[FinishedFile]) -> list[FinishedFile]:
        """Remove files that nobody has changed; nothing behind a link is touched."""
        return [file for file in files if self._remove(file)]

    def _remove(self, file: FinishedFile) -> bool:
        path = self._directory / file.path
        if not is_within(path, self._directory):
            return False  # a folder on the way is a link
        if path.exists() and not file.is_at(path):
            return False  # somebody has worked on it
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return False
        with suppress(OSError):
            _remove_empty(path.parent, self._directory)
        return True

    def free_bytes(self) -> int | None:
        """Return what is free on the folder's volume."""
        return free_bytes(self._directory)


def placer_of(config: Config) -> Placer:
    """Return where the files of a job are placed."""
    return FolderPlacer(config.directory, durable=config.download.durable)


def free_bytes(directory: Path) -> int | None:
    """Return what may still be written on a directory's volume, as far as that is known. Blocks.

    A quota of the directory is included where the file system reports it.

    Returns: ``None`` where the volume counts nothing, as some network mounts do.
    """
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    return volumes.free_bytes(existing)


def _copy(source: Path, target: Path, durable: bool) -> None:
    # Not the name of a download under way: a state file may lie beside that and describe it.
    partial = target.with_name(f"{target.name}{COPY}")
    try:
        make_folders(target.parent)
        with source.open("rb", buffering=0) as file:
            write_file(partial, read_chunks(file), durable=durable)
        rename(partial, target, durable=durable)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise DiskError(target, error) from error
    # Of an earlier run, whose config had the file fetched to here: the copy replaces it.
    with suppress(OSError):
        remove_part_files(target)


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
