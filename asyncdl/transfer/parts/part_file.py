"""The partial file: locked, written by position, and published by rename.

Received bytes on their way to one write.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import accumulate, takewhile
from pathlib import Path
from typing import TypeVar

from anyio import CancelScope

from asyncdl.errors import DiskError, TransferError
from asyncdl.system.files import TAKES_OPEN_FILES, remove
from asyncdl.system.locks import Held, is_still, open_alone
from asyncdl.system.volumes import flush, flush_folder
from asyncdl.transfer.names import PART, PART_LOCK, STATE
from asyncdl.transfer.parts import disk
from asyncdl.transfer.parts.disk import Disk
from asyncdl.transfer.parts.durable import (
    fsync_dir,
    make_folders,
    not_regular_file,
    open_regular_file,
    rename,
    write_at,
)
from asyncdl.transfer.parts.ownership import OwnershipMark, is_ours, mark_ours
from asyncdl.transfer.parts.part_state import PartState, load_state, save_state, temporary_path

T = TypeVar("T")

BUSY = "busy"
"""Reason of the ``TransferError`` for a file that is being fetched already."""


def part_path(final: Path) -> Path:
    """Return where the unfinished bytes of ``final`` are."""
    return final.with_name(f"{final.name}{PART}")


def state_path(final: Path) -> Path:
    """Return where the note about them is."""
    return final.with_name(f"{final.name}{STATE}")


def remove_part_files(final: Path) -> None:
    """Remove what a crash has left beside a file that is there and right. Blocks.

    A run that is killed right after the rename leaves the note, for instance.

    Raises: OSError.
    """
    note = state_path(final)
    for path in (part_path(final), note, temporary_path(note)):
        remove(path)
    if not TAKES_OPEN_FILES:
        with suppress(OSError):  # another has it
            final.with_name(f"{final.name}{PART_LOCK}").unlink(missing_ok=True)


def may_be_replaced(final: Path, number: OwnershipMark) -> bool:
    """Tell whether a name is free, or that of our own file from the same place. Blocks."""
    return is_ours(final, number) or not os.path.lexists(final)


class PartFile:
    """An open and locked ``.part`` file. Made by :func:`open_part`.

    Its calls run one at a time, in threads unless they are brief: should one be
    abandoned by a rude cancellation, the next still waits for it, so that no late
    write reaches a file that has been closed, renamed or begun again.
    """

    def __init__(self, final: Path, disk: Disk, held: Held, *, durable: bool) -> None:
        self.final = final
        self.path = part_path(final)
        self._state_path = state_path(final)
        self._disk = disk
        self._held = held
        self._fd = held.fd
        self._durable = durable
        self._is_gone = False
        self._has_note = False
        self._one_at_a_time = threading.Lock()

    async def write(self, offset: int, pieces: Sequence[bytes | memoryview]) -> None:
        """Write ``pieces`` one behind the other from ``offset`` on, all or an error.

        Raises: DiskError.
        """
        await self._call_brief(lambda: write_at(self._fd, offset, pieces))

    async def check_room(self, size_bytes: int) -> None:
        """Look whether a file of ``size_bytes`` has room.

        Raises: DiskError, if it has not; the bytes so far are kept.
        """
        await self._call_brief(lambda: disk.check(self._fd, self.path, size_bytes))

    async def reserve(self, size_bytes: int) -> None:
        """Take the room for a file of ``size_bytes`` now, where the file system can.

        Raises: DiskError, if there is no such room; the bytes so far are kept.
        """
        await self._call(lambda: disk.reserve(self._fd, size_bytes))

    async def begin_again(self) -> None:
        """Drop every byte, and the note with them.

        Raises: DiskError.
        """
        await self._call(self._empty)

    async def load(self) -> PartState | None:
        """Return the note about the bytes; ``None`` if there is none to be believed.

        Bytes that no note speaks of are dropped.

        Raises: DiskError.
        """
        state = await self._call_brief(self._load)
        if state is None or state.done.spans:
            return state
        # Whatever it says, it must not speak for the bytes to come.
        await self.begin_again()
        return None

    async def checkpoint(self, state: PartState) -> None:
        """Flush the bytes, and only then note that they are there.

        Does nothing once the file is published or discarded, or another has its name.

        Raises: DiskError; the earlier note is then still there and true.
        """
        await self._call(lambda: self._flush_and_note(state))

    async def publish(self, *, number: OwnershipMark, replaces: bool) -> None:
        """Give the file its final name.

        Args:
            number: Stands for where the file comes from.
            replaces: Whether a file that has the name is replaced, whoever made it.
        Raises: DiskError, if there is one that is neither to be replaced nor ours;
            the final name is then as it was, or the whole file is there
            and only the folder could not be flushed. Also if somebody has removed or
            replaced the partial file, as what has its name now was never proved.
        """
        is_flushed = self._durable or self._has_note
        rename_ = self._call if is_flushed else self._call_brief
        await rename_(lambda: self._rename(number, replaces=replaces))

    async def discard(self) -> None:
        """Remove file and note.

        Raises: DiskError.
        """
        await self._call_brief(self._remove)

    async def aclose(self) -> None:
        """Close the file and let go of its lock; may be called twice.

        One that holds no byte is removed.

        Raises: DiskError; it is closed all the same.
        """
        await self._call_brief(self._close)

    async def _call_brief(self, call: Callable[[], T]) -> T:
        # A thread may still be at it, flushing perhaps; then this takes its turn in another.
        if self._disk.is_quick and self._one_at_a_time.acquire(blocking=False):
            try:
                return self._disk.on_the_spot(self.path, call)
            finally:
                self._one_at_a_time.release()
        return await self._call(call)

    async def _call(self, call: Callable[[], T]) -> T:
        return await self._disk.run(self.path, lambda: self._alone(call))

    def _alone(self, call: Callable[[], T]) -> T:
        with self._one_at_a_time:
            return call()

    @property
    def _is_here(self) -> bool:
        """Whether the partial name is still that of the file that is open. Blocks."""
        return not self._is_gone and self._fd >= 0 and is_still(self._fd, self.path)

    def _load(self) -> PartState | None:
        temporary = temporary_path(self._state_path)
        try:
            remove(temporary)
        except OSError as error:  # of several kinds for a folder, by the system
            if temporary.is_dir():
                raise not_regular_file(temporary) from error
            raise
        size_bytes = os.fstat(self._fd).st_size
        state = load_state(self._state_path, size_bytes)
        self._has_note = state is not None
        kept_bytes = state.done.end if state else 0
        if kept_bytes != size_bytes:
            os.ftruncate(self._fd, kept_bytes)
        return state

    def _empty(self) -> None:
        if self._state_path.exists():
            remove(self._state_path)
            # A note that came back after a power cut would speak for other bytes.
            flush_folder(self.path.parent)
        os.ftruncate(self._fd, 0)

    def _flush_and_note(self, state: PartState) -> None:
        # What has our name may be of somebody else by now; no note may speak for that.
        if self._is_here:
            flush(self._fd)
            self._has_note = True
            save_state(self._state_path, state)
            if self._durable:
                fsync_dir(self.path.parent)

    def _rename(self, number: OwnershipMark, *, replaces: bool) -> None:
        if not (replaces or may_be_replaced(self.final, number)):
            raise FileExistsError(errno.EEXIST, "another file has got this name meanwhile")
        mark_ours(self._fd, number)
        if self._durable:
            flush(self._fd)
        if not self._is_here:
            raise FileNotFoundError(errno.ENOENT, "it was removed or replaced while it was fetched")
        # A network mount may tell only now what it could not store.
        if TAKES_OPEN_FILES:
            os.close(os.dup(self._fd))  # the file itself stays open, and locked
        else:
            self._close_file()
        rename(self.path, self.final, durable=False)
        self._is_gone = True
        # In this order: a crash in between leaves a note without bytes, which
        # is harmless. The other order could leave bytes without their note.
        remove(self._state_path)
        if self._durable:
            fsync_dir(self.final.parent)
        elif self._has_note:
            # Should it come back after a power cut, it would speak for the next file.
            flush_folder(self.final.parent)

    def _remove(self) -> None:
        if self._is_here:
            if not TAKES_OPEN_FILES:
                self._close_file()
            remove(self._state_path)
            remove(self.path)
            self._is_gone = True

    def _close(self) -> None:
        try:
            if self._fd >= 0:
                is_empty = self._is_here and os.fstat(self._fd).st_size == 0
                if is_empty and TAKES_OPEN_FILES:
                    remove(self.path)  # before another can take it
                self._close_file()
                if is_empty and not TAKES_OPEN_FILES:
                    remove(self.path)
        finally:
            self._close_file()
            self._held.let_go()

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


@asynccontextmanager
async def open_part(
    final: Path, disk: Disk, url: str, *, durable: bool = False
) -> AsyncIterator[PartFile]:
    """Open the partial file of ``final``, made if missing, for this task alone.

    Args:
        final: Where the finished file goes; its folder is made if missing.
        disk: Runs the calls.
        url: What is fetched, for the error.
        durable: Whether notes, and the file with its name, are on stable storage once made.
    Raises: TransferError with reason :data:`BUSY`, if another task or process has
        it; DiskError, early, if ``final`` cannot become a file.
    """
    held = await disk.run_brief(final, lambda: _open_locked(final))
    if held is None:
        raise TransferError(url, f"{final} is being fetched already", reason=BUSY)
    part = PartFile(final, disk, held, durable=durable)
    try:
        yield part
    finally:
        with CancelScope(shield=True), suppress(DiskError):
            await part.aclose()


def _open_locked(final: Path) -> Held | None:
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        return open_alone(part_path(final), _open_made)
    except FileNotFoundError:
        make_folders(final.parent)
        return open_alone(part_path(final), _open_made)


def _open_made(path: Path) -> int:
    """Open a file, made if it is missing. A link is not followed."""
    return open_regular_file(path, os.O_RDWR | os.O_CREAT)


class WriteBuffer:
    """Bytes that follow each other, collected until a write is worth its price.

    Args:
        start: Where in the file they begin.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.stop = start
        self.pieces: list[bytes | memoryview] = []

    @property
    def size_bytes(self) -> int:
        """How many bytes are waiting."""
        return self.stop - self.start

    def add(self, piece: bytes | memoryview) -> None:
        """Append the next bytes; a view is borrowed until :meth:`own` or :meth:`clear`."""
        if piece:
            self.pieces.append(piece)
        self.stop += len(piece)

    def own(self) -> None:
        """Copy what was borrowed; there is little of it, or it would be written at once."""
        self.pieces = [bytes(piece) for piece in self.pieces]

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, fewer if there are not so many."""
        before = accumulate((len(piece) for piece in self.pieces), initial=0)
        needed = sum(1 for _ in takewhile(lambda size: size < count, before))
        return b"".join(self.pieces[:needed])[:count]

    def clear(self) -> None:
        """Begin anew behind the last byte."""
        self.start = self.stop
        self.pieces = []
