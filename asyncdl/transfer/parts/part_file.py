"""The ``.part`` file: locked, written by position, and given its final name by rename."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from anyio import CancelScope

from asyncdl.errors import DiskError, TransferError
from asyncdl.system.files import TAKES_OPEN_FILES, remove
from asyncdl.system.locks import Held, is_still, open_alone
from asyncdl.system.volumes import flush, flush_folder
from asyncdl.transfer.names import PART, PART_LOCK, SOURCE, STATE, STATE_TEMPORARY
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


class WriteBuffer:
    """Consecutive received bytes, collected until a write is worth its cost.

    Args:
        start: Their offset in the file.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.stop = start
        self.chunks: list[bytes | memoryview] = []

    @property
    def size_bytes(self) -> int:
        """How many bytes are buffered."""
        return self.stop - self.start

    def add(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view is borrowed until :meth:`copy_borrowed` or :meth:`clear`."""
        if chunk:
            self.chunks.append(chunk)
        self.stop += len(chunk)

    def copy_borrowed(self) -> None:
        """Copy borrowed views; they are small, or they would be written at once."""
        self.chunks = [bytes(chunk) for chunk in self.chunks]

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, or all if there are fewer."""
        head = b""
        for chunk in self.chunks:
            if len(head) >= count:
                break
            head += chunk[: count - len(head)]
        return head

    def clear(self) -> None:
        """Drop the bytes; the next ones follow them in the file."""
        self.start = self.stop
        self.chunks = []


def source_path(final: Path) -> Path:
    """Return the name under which the bytes that ``final`` is made of are received."""
    return final.with_name(f"{final.name}{SOURCE}")


def part_path(final: Path) -> Path:
    """Return the path of the ``.part`` file of ``final``."""
    return final.with_name(f"{final.name}{PART}")


def state_path(final: Path) -> Path:
    """Return the path of the state file of ``final``."""
    return final.with_name(f"{final.name}{STATE}")


def remove_part_files(final: Path) -> None:
    """Remove what a crash has left beside a finished file. Blocks.

    A run that is killed right after the rename leaves the state file, for instance.

    Raises: OSError.
    """
    state_file = state_path(final)
    source = source_path(final)
    of_source = (part_path(source), state_path(source), temporary_path(state_path(source)))
    for path in (part_path(final), state_file, temporary_path(state_file), *of_source):
        remove(path)
    if not TAKES_OPEN_FILES:
        with suppress(OSError):  # another process has it open
            final.with_name(f"{final.name}{PART_LOCK}").unlink(missing_ok=True)


def may_be_replaced(final: Path, mark: OwnershipMark) -> bool:
    """Return whether a name is free, or that of our own file from the same source. Blocks."""
    return not os.path.lexists(final) or is_ours(final, mark)


class PartFile:
    """An open and locked ``.part`` file. Made by :func:`begin_part`.

    Its calls run one at a time, in threads unless they are brief. If one is abandoned by a plain
    ``task.cancel()``, the next still waits for it, so that no late write reaches a file that has
    been closed, renamed or emptied.
    """

    def __init__(self, final: Path, path: Path, disk: Disk, held: Held, *, durable: bool) -> None:
        self.final = final
        self.path = path
        self._disk = disk
        self._held = held
        self._fd = held.fd
        self._durable = durable
        self._is_gone = False
        self._has_state_file = True
        """Whether one may be there; that it is not is known once :meth:`load` has looked."""
        self._is_name_flushed = False
        """Whether no power cut gives the ``.part`` name back to an earlier file."""
        self._one_at_a_time = threading.Lock()

    async def write(self, offset: int, chunks: Sequence[bytes | memoryview]) -> None:
        """Write all ``chunks``, one after the other, from ``offset`` on.

        Raises: DiskError.
        """
        await self._call_brief(lambda: write_at(self._fd, offset, chunks))

    async def fill(self, chunks: Callable[[], Iterable[bytes]]) -> int:
        """Replace all that is in the file; return its new length.

        Args:
            chunks: Yields the new content in a thread; what it raises leaves the file empty.
        Raises: DiskError.
        """
        return await self._call(lambda: self._fill(chunks))

    async def check_space(self, size_bytes: int) -> None:
        """Check that the disk has space for a file of ``size_bytes``.

        Raises: DiskError, if it has not; the bytes so far are kept.
        """
        await self._call_brief(lambda: disk.check_space(self._fd, self.path, size_bytes))

    async def preallocate(self, size_bytes: int) -> None:
        """Allocate the space of a file of ``size_bytes``, if the file system can.

        Raises: DiskError, if there is not enough; the bytes so far are kept.
        """
        await self._call(lambda: disk.preallocate(self._fd, size_bytes))

    async def reset(self) -> None:
        """Drop every byte, and the state file with them.

        Raises: DiskError.
        """
        await self._call(self._empty)

    async def load(self) -> PartState | None:
        """Return the state of the bytes on disk; ``None`` without a valid state file.

        Bytes that the state file does not cover are dropped.

        Raises: DiskError.
        """
        state = await self._call_brief(self._load)
        if state is None or state.done.spans:
            return state
        # It covers no bytes now and must not cover the ones to come.
        await self.reset()
        return None

    async def checkpoint(self, state: PartState) -> None:
        """Flush the bytes, and only then write the state file.

        Does nothing once the file is published or removed, or another file has its name.

        Raises: DiskError; the earlier state file is then still there and right.
        """
        await self._call(lambda: self._flush_and_save(state))

    async def publish(self, mark: OwnershipMark, *, replaces: bool) -> None:
        """Give the file its final name.

        Args:
            mark: Identifies the source of the file.
            replaces: Whether any file that has the name is replaced.
        Raises: DiskError, if a file has the name that must not be replaced and is not ours; the
            final name is then as it was, or the whole file is there and only its folder could
            not be flushed. Also if the ``.part`` file was removed or replaced, as what has its
            name now was never verified.
        """
        is_flushed = self._durable or self._has_state_file
        call = self._call if is_flushed else self._call_brief
        await call(lambda: self._rename(mark, replaces=replaces))

    async def remove(self) -> None:
        """Remove the file and its state file.

        Raises: DiskError.
        """
        await self._call_brief(self._remove)

    async def aclose(self) -> None:
        """Close and unlock the file; may be called twice. An empty file is removed.

        Raises: DiskError; it is closed all the same.
        """
        await self._call_brief(self._close)

    async def let_go(self) -> None:
        """Close and unlock the file, even if the caller is cancelled meanwhile."""
        with suppress(DiskError):
            if self._takes_turn():
                # Nothing is waited for, so nothing has to be shielded.
                self._call_now(self._close)
                return
            with CancelScope(shield=True):
                await self._call(self._close)

    async def _call_brief(self, call: Callable[[], T]) -> T:
        return self._call_now(call) if self._takes_turn() else await self._call(call)

    def _takes_turn(self) -> bool:
        """Take the turn for a brief call on the event loop, if that may be; then make the call."""
        # A thread may still be at work, flushing perhaps; then the call waits in another.
        return self._disk.is_quick and self._one_at_a_time.acquire(blocking=False)

    def _call_now(self, call: Callable[[], T]) -> T:
        try:
            return self._disk.run_inline(self.path, call)
        finally:
            self._one_at_a_time.release()

    async def _call(self, call: Callable[[], T]) -> T:
        return await self._disk.run(self.path, lambda: self._exclusively(call))

    def _exclusively(self, call: Callable[[], T]) -> T:
        with self._one_at_a_time:
            return call()

    @property
    def _state_path(self) -> Path:
        # Most files never have one.
        return state_path(self.final)

    @property
    def _is_here(self) -> bool:
        """Whether the ``.part`` name is still that of the open file. Blocks."""
        return not self._is_gone and self._fd >= 0 and is_still(self._fd, self.path)

    def _load(self) -> PartState | None:
        temporary = f"{self.final}{STATE_TEMPORARY}"
        try:
            remove(temporary)
        except OSError as error:  # for a folder its kind depends on the system
            if Path(temporary).is_dir():
                raise not_regular_file(Path(temporary)) from error
            raise
        size_bytes = os.fstat(self._fd).st_size
        self._has_state_file = os.path.lexists(f"{self.final}{STATE}")
        state = load_state(self._state_path, size_bytes) if self._has_state_file else None
        self._is_name_flushed = state is not None
        kept_bytes = state.done.end if state else 0
        if kept_bytes != size_bytes:
            os.ftruncate(self._fd, kept_bytes)
        return state

    def _empty(self) -> None:
        if self._state_path.exists():
            remove(self._state_path)
            # A state file that came back after a power cut would describe other bytes.
            flush_folder(self.path.parent)
        os.ftruncate(self._fd, 0)

    def _fill(self, chunks: Callable[[], Iterable[bytes]]) -> int:
        self._empty()
        offset = 0
        try:
            for chunk in chunks():
                write_at(self._fd, offset, (chunk,))
                offset += len(chunk)
        except BaseException:
            os.ftruncate(self._fd, 0)
            raise
        return offset

    def _flush_and_save(self, state: PartState) -> None:
        # Another process may have replaced the file; no state file may describe that one.
        if self._is_here:
            flush(self._fd)
            self._flush_name()
            self._has_state_file = True
            save_state(self._state_path, state)
            if self._durable:
                fsync_dir(self.path.parent)

    def _flush_name(self) -> None:
        """Make sure that the state file will be beside the file that it describes."""
        if not self._is_name_flushed:
            flush_folder(self.path.parent)
            self._is_name_flushed = True

    def _rename(self, mark: OwnershipMark, *, replaces: bool) -> None:
        if not (replaces or may_be_replaced(self.final, mark)):
            raise FileExistsError(errno.EEXIST, "another file has this name now")
        mark_ours(self._fd, mark)
        if self._durable:
            flush(self._fd)
        if not self._is_here:
            raise FileNotFoundError(errno.ENOENT, "it was removed or replaced while it was fetched")
        # A network mount may report only on close what it could not store.
        if TAKES_OPEN_FILES:
            os.close(os.dup(self._fd))  # the file itself stays open, and locked
        else:
            self._close_file()
        rename(self.path, self.final, durable=False)
        self._is_gone = True
        # In this order: a crash in between leaves a state file without bytes, which is harmless.
        # The other order could leave bytes without their state file.
        if self._has_state_file:
            remove(self._state_path)
        if self._durable:
            fsync_dir(self.final.parent)
        elif self._has_state_file:
            # If it came back after a power cut, it would describe the next file.
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
                    remove(self.path)  # before another process can take it
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


async def begin_part(final: Path, disk: Disk, url: str, *, durable: bool = False) -> PartFile:
    """Open the ``.part`` file of ``final`` for this task alone; to be let go at the end.

    Args:
        final: The path of the finished file; its folder is made if it is missing.
        disk: Runs the calls.
        url: What is fetched, for the error.
        durable: Whether state files, and the file with its name, are on stable storage once
            written.
    Raises: TransferError with reason :data:`BUSY`, if another task or process has it open;
        DiskError.
    """
    path = part_path(final)
    held = await disk.run_brief(final, lambda: _open_locked(path))
    if held is None:
        raise TransferError(url, f"{final} is being fetched already", reason=BUSY)
    return PartFile(final, path, disk, held, durable=durable)


@asynccontextmanager
async def open_part(
    final: Path, disk: Disk, url: str, *, durable: bool = False
) -> AsyncIterator[PartFile]:
    """Open the ``.part`` file of ``final`` while a block runs; see :func:`begin_part`."""
    part = await begin_part(final, disk, url, durable=durable)
    try:
        yield part
    finally:
        await part.let_go()


def _open_locked(path: Path) -> Held | None:
    try:
        return open_alone(path, _open_or_make)
    except FileNotFoundError:
        make_folders(path.parent)
        return open_alone(path, _open_or_make)


def _open_or_make(path: Path) -> int:
    """Open a file, made if it is missing. Symbolic links are not followed."""
    return open_regular_file(path, os.O_RDWR | os.O_CREAT)
