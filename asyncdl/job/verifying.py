"""Read every finished file again and compare it with what was verified when it was fetched.

Works offline. Damaged files are recorded, so that no later run takes them for right, and
``scope.DAMAGED`` lets a run fetch them again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncdl.config import Config
from asyncdl.errors import DiskError, TransferError, ungrouped
from asyncdl.events import CheckProgress, Emit, FileChecked
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.target import placer_of
from asyncdl.journal import (
    FileStatus,
    FinishedFile,
    Journal,
    open_state,
    places_of,
    read_journal,
)
from asyncdl.transfer import Form, form_of
from asyncdl.transfer.verification.checks import Expected
from asyncdl.transfer.verification.hashers import OnRead
from asyncdl.units import count, size

CHECKED = (FileStatus.VERIFIED, FileStatus.DAMAGED)
"""Files that were verified once, and damaged ones, which may have been restored."""
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
Check: TypeAlias = Callable[[FinishedFile, OnRead], FileChecked]
SIZE_ONLY = frozenset({"length", "present", "chunked", "gzip", "unverified-length"})
"""Proofs that say nothing of the structure of a file."""


@dataclass(frozen=True, slots=True, repr=False)
class Checked:
    """The outcome for all files."""

    total: int
    damaged: Sequence[FileChecked]
    """In the order of their paths; files that are gone are among them."""
    read_bytes: int

    def __repr__(self) -> str:
        right = f"{self.total - len(self.damaged):,} of {count(self.total, 'file')} right"
        return f"<Checked: {right}; read {size(self.read_bytes)}>"


@dataclass(frozen=True, slots=True)
class NothingKnown:
    """Nothing could be verified, because no run for the service is known."""

    is_damaged: bool
    """Whether there was a journal that could not be read."""
    services: tuple[str, ...] = ()
    """Services for which there were runs."""


async def verify_job(
    config: Config, service: str, emit: Emit, *, reads: bool = False
) -> Checked | NothingKnown:
    """Check every finished file of a job, as :func:`verify_files`.

    A directory that is read-only is checked as well; outcomes are not recorded then.

    Args:
        config: Of the job.
        service: Name of the service.
        emit: As for :func:`verify_files`.
        reads: Whether files in a store are read, too.
    """
    places, placer = places_of(config), placer_of(config)
    if await anyio.to_thread.run_sync(places.known) is None:
        return NothingKnown(is_damaged=False)
    try:
        async with open_state(places, service) as journal:
            return await _verify_recorded(journal, placer, emit, reads)
    except DiskError as error:
        if error.errno not in READ_ONLY:
            raise
    async with read_journal(places, service) as copy:
        if copy is None:
            return NothingKnown(is_damaged=False)
        return await _verify_recorded(copy, placer, emit, reads)


async def _verify_recorded(
    journal: Journal, placer: Placer, emit: Emit, reads: bool
) -> Checked | NothingKnown:
    if await journal.overview() is None:
        return NothingKnown(journal.was_recreated, tuple(await journal.services()))
    return await verify_files(placer, journal, emit, reads=reads)


async def verify_files(
    placer: Placer,
    journal: Journal,
    emit: Emit,
    *,
    readers: int | None = None,
    reads: bool = True,
) -> Checked:
    """Check every file that the journal has as verified or damaged.

    Args:
        placer: Has the files.
        journal: Its journal, which records the outcome.
        emit: Takes a :class:`FileChecked` for each file, and :class:`CheckProgress`.
        readers: Files read at once; as many as there are processors by default.
        reads: Whether files in a store are read, too; otherwise it is taken at its word that
            size and tag are still those of the verified bytes.
    Raises: DiskError, when the journal cannot be read or written. A file that cannot
        be read counts as damaged.
    """
    check = partial(_check, placer, reads=reads)
    count = _Count(*await journal.files.count_finished(CHECKED), emit)
    # What was damaged before and is right now has to be recorded; that nothing has changed, not.
    were_damaged = {
        file.path
        async for page in journal.files.finished_pages([FileStatus.DAMAGED])
        for file in page
    }
    todo_out, todo_in = anyio.create_memory_object_stream[FinishedFile](0)
    with ungrouped():
        async with anyio.create_task_group() as tasks, todo_in:
            tasks.start_soon(_send_all, journal, todo_out)
            for _ in range(readers or os.cpu_count() or 1):
                tasks.start_soon(_check_all, check, todo_in.clone(), count)
    damaged = sorted(count.damaged, key=lambda checked: checked.file)
    await journal.files.mark_damaged([checked.file for checked in damaged])
    mended = were_damaged.difference(checked.file for checked in damaged)
    await journal.files.mark_verified(sorted(mended))
    return Checked(count.files, damaged, count.read_bytes)


async def forget_gone(placer: Placer, journal: Journal) -> int:
    """Forget damaged files that are gone, once a run has fetched those that are still wanted.

    Args:
        placer: Has the files.
        journal: Its journal.
    Returns: How many damaged files are still there; the config no longer wants them.
    """
    damaged = [file.path for file in await journal.files.known([FileStatus.DAMAGED])]
    gone = await anyio.to_thread.run_sync(placer.gone, damaged)
    await journal.files.forget(gone)
    return len(damaged) - len(gone)


class _Count:
    """How far the readers are; adds up the reports of threads."""

    def __init__(self, total_files: int, total_bytes: int, emit: Emit) -> None:
        self.read_bytes = 0
        self.files = 0
        self.damaged: list[FileChecked] = []
        self._total_files = total_files
        self._total_bytes = total_bytes
        self._emit = emit

    def read(self, size_bytes: int) -> None:
        """Count bytes. Called on the loop."""
        self.read_bytes += size_bytes
        self._report()

    def finish(self, checked: FileChecked) -> None:
        """Count a file."""
        self.files += 1
        if not checked.is_right:
            self.damaged.append(checked)
        self._emit(checked)
        self._report()

    def _report(self) -> None:
        self._emit(CheckProgress(self.files, self._total_files, self.read_bytes, self._total_bytes))


async def _send_all(journal: Journal, todo_out: MemoryObjectSendStream[FinishedFile]) -> None:
    async with todo_out, aclosing(journal.files.finished_pages(CHECKED)) as pages:
        async for page in pages:
            for file in page:
                await todo_out.send(file)


async def _check_all(
    check: Check,
    todo_in: MemoryObjectReceiveStream[FinishedFile],
    count: _Count,
) -> None:
    async with todo_in:
        async for file in todo_in:
            checked = await anyio.to_thread.run_sync(check, file, count.read)
            count.finish(checked)


def _check(placer: Placer, file: FinishedFile, on_read: OnRead, *, reads: bool) -> FileChecked:
    """Read one file. Blocks; stops when the caller is cancelled."""

    def read(size_bytes: int) -> None:
        anyio.from_thread.check_cancelled()
        anyio.from_thread.run_sync(on_read, size_bytes)

    try:
        checks = placer.check(file, expected_of(file), read, reads=reads)
    except TransferError as error:
        return FileChecked(file.path, False, error.reason, error.detail)
    except FileNotFoundError:
        return FileChecked(file.path, False, "missing", "the file is gone")
    except OSError as error:
        return FileChecked(file.path, False, "disk", error.strerror or str(error))
    return FileChecked(file.path, True, proof="+".join(("length", *checks)))


def expected_of(file: FinishedFile) -> Expected:
    """Return what a file has to match to be unchanged."""
    has_form = file.proof not in SIZE_ONLY
    form = form_of(file.path) if has_form else Form.ANY
    return Expected(form, file.size_bytes, file.digests)
