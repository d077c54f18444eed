"""Where the verified files of a job are placed, and which of them are there.

The stages name a file by its path below the top of the layout. What is behind such a path
is a :class:`Placer`'s business: a folder, :class:`FolderPlacer`, or an object store,
:class:`~asyncdl.job.places.store_placer.StorePlacer`.
"""

from __future__ import annotations

import errno
import filecmp
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from asyncdl.background import unhurried
from asyncdl.errors import DiskError
from asyncdl.job.places.provenance import Provenance
from asyncdl.journal import FinishedFile
from asyncdl.outside import read_at_most
from asyncdl.system import volumes
from asyncdl.transfer.names import COPY
from asyncdl.transfer.parts.durable import (
    fsync_dir,
    is_within,
    make_folders,
    read_chunks,
    rename,
    write_file,
)
from asyncdl.transfer.parts.part_file import remove_part_files
from asyncdl.transfer.verification.checks import Expected, Verification, verify_file
from asyncdl.transfer.verification.hashers import OnRead


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file as it is at its place; a later change shows in one of these."""

    size_bytes: int
    mtime_ns: int
    """0 in a store."""
    tag: str = ""
    """The store's mark of its bytes; empty in a folder."""

    @classmethod
    def on_disk(cls, path: Path) -> Self:
        """Return a file as it is on a disk. Blocks. Raises: DiskError."""
        try:
            stat = path.stat()
        except OSError as error:
            raise DiskError(path, error) from error
        return cls(stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Relocation:
    """A file that has to move."""

    old: str
    """Its path below the download directory, as is the new one."""
    new: str


class Placer(Protocol):
    """The places of a job's files. All methods block, and are for worker threads.

    A path has forward slashes and starts below the top of the layout. Methods raise DiskError
    or StoreError.
    """

    at_once: int | None
    """How many files are placed at once; ``None`` where that costs next to nothing."""
    spool_bytes: int | None
    """Limit of what is received and not placed yet; ``None`` for a folder, which has it all."""

    @property
    def work_directory(self) -> Path:
        """The folder on a local disk in which files are received and unpacked."""

    def work_path(self, path: str) -> Path:
        """Return where on a local disk the file for a path is received and unpacked."""

    def address_of(self, path: str) -> str:
        """Return where the file of a path is, as other programs take it."""

    # --- placed -----------------------------------------------------------------------------

    def place(self, source: Path, path: str, provenance: Provenance) -> PlacedFile:
        """Place a verified file; one that was received at its place stays there.

        Args:
            source: The file on a local disk. It stays: it may have to go to other places, too.
            path: Its place. It has the name as soon as all of the file is there.
            provenance: Kept with it, if the place can.
        """

    def note_placed(self, path: str, placed: PlacedFile) -> None:
        """Note that another process has placed a file; does not block."""

    def received(self, path: str) -> Path | None:
        """Return the whole file that an earlier run received for a path and could not place."""

    def fetch_back(self, path: str) -> Path:
        """Return the file of a path on a local disk, so that it can be placed elsewhere, too."""

    def release(self, paths: Iterable[Path]) -> None:
        """Remove received files, now that they are in all their places."""

    # --- there already ----------------------------------------------------------------------

    def is_empty(self) -> bool:
        """Return whether nothing is there."""

    def unchanged(self, files: Iterable[FinishedFile]) -> frozenset[str]:
        """Return the paths of those files that are there as they were when they were verified.

        All files of a batch come in one call, so that one listing of each folder is enough.
        """

    def copy_at(self, path: str, known: FinishedFile) -> PlacedFile | None:
        """Return the file at a path, if it has the bytes of a known file."""

    def verify(self, path: str, expected: Expected) -> tuple[PlacedFile, Verification]:
        """Verify a file that is there though nothing is known of it.

        Raises: TransferError, OSError or StoreError, if it is not there, or not right.
        """

    def check(
        self, file: FinishedFile, expected: Expected, on_read: OnRead, *, reads: bool
    ) -> tuple[str, ...]:
        """Compare a file with what was verified; return the checks that it passed.

        Args:
            file: As the journal has it.
            expected: What its bytes have to be.
            on_read: Called with the size of what is read.
            reads: Whether all bytes are read; without, a store is taken at its word.
        Raises: TransferError, OSError or StoreError.
        """

    def gone(self, paths: Iterable[str]) -> list[str]:
        """Return the paths that have no file."""

    # --- moved, removed ---------------------------------------------------------------------

    def move(
        self, moves: Sequence[Relocation], finished: Mapping[str, FinishedFile]
    ) -> list[Relocation]:
        """Move files that nobody has changed; return those that are at their new place now."""

    def remove(self, files: Iterable[FinishedFile]) -> list[FinishedFile]:
        """Remove the files that nobody has changed, and folders that are empty afterwards.

        Returns: Those that are not there any more.
        """

    def free_bytes(self) -> int | None:
        """Return how much more may be placed; ``None`` where that is not known."""

    # --- small files beside them ------------------------------------------------------------

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; it can be positioned. Raises: OSError, StoreError."""

    def read_text(self, path: str, max_bytes: int) -> bytes | None:
        """Return a small file of ours; ``None`` if there is none.

        Raises: OSError; ValueError, if it is larger.
        """

    def write_text(self, path: str, data: bytes) -> None:
        """Write a small file of ours, completely or not at all. Raises: OSError, StoreError."""

    def remove_text(self, path: str) -> None:
        """Remove a small file of ours, if it is there and can be removed."""


class FolderPlacer:
    """Places files in a folder, where they are also received.

    Args:
        directory: The folder.
        durable: Whether a copy and its name are on stable storage when it is placed.
    """

    at_once: int | None = None
    spool_bytes: int | None = None

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self._directory = directory
        self._durable = durable

    @property
    def work_directory(self) -> Path:
        """The folder itself."""
        return self._directory

    def work_path(self, path: str) -> Path:
        """Return the place itself."""
        return self._directory.joinpath(*path.split("/"))

    def address_of(self, path: str) -> str:
        """Return the whole path."""
        return self.work_path(path).absolute().as_posix()

    def place(
        self,
        source: Path,
        path: str,
        provenance: Provenance = Provenance(),  # noqa: B008 - frozen
    ) -> PlacedFile:
        """Copy a file to its place, unless it is there already. Raises: DiskError.

        A copy and not a hard link: tools that write into a raster must not change
        another product's file.
        """
        target = self.work_path(path)
        if target != source:
            _copy(source, target, self._durable)
        return PlacedFile.on_disk(target)

    def note_placed(self, path: str, placed: PlacedFile) -> None:
        """Note nothing: a folder is always looked at."""

    def received(self, path: str) -> Path | None:
        """Return ``None``: what was received is in its place."""
        return None

    def fetch_back(self, path: str) -> Path:
        """Return the place itself."""
        return self.work_path(path)

    def release(self, paths: Iterable[Path]) -> None:
        """Remove nothing: the files are in their places."""

    def is_empty(self) -> bool:
        """Return whether the folder holds nothing or does not exist."""
        try:
            return next(self._directory.iterdir(), None) is None
        except FileNotFoundError:
            return True
        except OSError:
            return False  # the run reports it

    def unchanged(self, files: Iterable[FinishedFile]) -> frozenset[str]:
        """Return the paths of the files that have the size and time that they had."""
        return frozenset(
            file.path for file in unhurried(files) if file.is_at(self._directory / file.path)
        )

    def copy_at(self, path: str, known: FinishedFile) -> PlacedFile | None:
        """Compare two files byte by byte."""
        copy = self.work_path(path)
        try:
            if not filecmp.cmp(self._directory / known.path, copy, shallow=False):
                return None
        except OSError:
            return None
        return PlacedFile.on_disk(copy)

    def verify(self, path: str, expected: Expected) -> tuple[PlacedFile, Verification]:
        """Read a file. Raises: TransferError, OSError."""
        target = self.work_path(path)
        stat = target.stat()
        proof = verify_file(target, expected, url=path)
        return PlacedFile(stat.st_size, stat.st_mtime_ns), proof

    def check(
        self, file: FinishedFile, expected: Expected, on_read: OnRead, *, reads: bool
    ) -> tuple[str, ...]:
        """Read a file: only its bytes say that a disk still has them."""
        path = self._directory / file.path
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file")
        return verify_file(path, expected, url=file.path, on_read=on_read).checks

    def gone(self, paths: Iterable[str]) -> list[str]:
        """Return the paths that have neither a file nor a link."""
        return [path for path in paths if not _is_there(self._directory / path)]

    def move(
        self, moves: Sequence[Relocation], finished: Mapping[str, FinishedFile]
    ) -> list[Relocation]:
        """Rename files; nothing at a new place is replaced."""
        return [move for move in moves if self._move(move, finished.get(move.old))]

    def _move(self, move: Relocation, file: FinishedFile | None) -> bool:
        old, new = self._directory / move.old, self._directory / move.new
        if file is None or not is_within(old, self._directory):
            return False  # a folder on the way is a link
        if not file.is_kept:
            return True  # only its members are there, and they move as well
        if file.is_at(old) and not new.exists():
            move_file(old, new, durable=self._durable)
            with suppress(OSError):
                _remove_empty(old.parent, self._directory)
        # A run that was killed may have moved it already.
        return file.is_at(new) and not old.exists()

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

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        target = self.work_path(path)
        if not target.is_file():  # a pipe in its place would block
            raise FileNotFoundError(target)
        return target.open("rb")

    def read_text(self, path: str, max_bytes: int) -> bytes | None:
        """Read a file."""
        if not self.work_path(path).is_file():
            return None
        with self.open(path) as file:
            return read_at_most(file, max_bytes)

    def write_text(self, path: str, data: bytes) -> None:
        """Write a file beside its name, and rename it."""
        target = self.work_path(path)
        make_folders(target.parent)
        partial = target.with_name(f"{target.name}.part")
        write_file(partial, [data], durable=False)
        rename(partial, target, durable=False)

    def remove_text(self, path: str) -> None:
        """Remove a file."""
        with suppress(OSError):
            self.work_path(path).unlink(missing_ok=True)


def free_bytes(directory: Path) -> int | None:
    """Return what may still be written on a directory's volume, as far as that is known. Blocks.

    A quota of the directory is included where the file system reports it.

    Returns: ``None`` where the volume counts nothing, as some network mounts do.
    """
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    return volumes.free_bytes(existing)


def move_file(old: Path, new: Path, *, durable: bool) -> None:
    """Rename a file, into another folder perhaps; if that fails, it stays. Blocks."""
    with suppress(OSError):
        make_folders(new.parent)
        rename(old, new, durable=durable)
        if durable:
            fsync_dir(old.parent)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


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
