"""The journal as a whole: start and end of each run, and an overview of the job."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from asyncdl.journal.database import Database, Write, open_copy, open_database
from asyncdl.journal.file_rows import Files
from asyncdl.journal.records import FileStatus, LastSearch, Overview, RunStart
from asyncdl.journal.request_rows import Requests
from asyncdl.journal.scene_rows import FoundScenes, SceneRows
from asyncdl.journal.schema import MIGRATIONS, RunKey
from asyncdl.journal.state_location import JOURNAL_NAME, StatePlaces

BY_SERVICE = "service"
"""The clock of a recorded time, if it is the service's."""
ENDED = ("complete", "incomplete")
"""Statuses of runs that reached an outcome for every file."""


@dataclass(frozen=True, slots=True)
class _Job:
    """The job as the last run left it."""

    label: str
    fingerprint: str
    run: int
    status: str
    searched_for: str
    searched_at: float | None
    searched_by: str

    def last_search(self, mark: str) -> LastSearch | None:
        """Return the last search with this mark; ``None`` if it had another one."""
        if self.searched_at is None or self.searched_for != mark:
            return None
        return LastSearch(self.searched_at, self.searched_by == BY_SERVICE)


class Journal:
    """The memory of one download directory, for one service.

    Made by :func:`open_journal`. Rows of another service are never trusted: a
    sandbox's files must not count as real ones. Every method, those of the parts
    included, raises DiskError when the journal can be neither read nor written.
    """

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self._service = service
        self._run_key = RunKey(service)
        self._fingerprint = ""
        self._search_mark = ""
        self.search_started_at: float | None = None
        """When this run's search starts by the service's clock, in seconds since 1970; ``None``
        if the service does not say. Times of this machine's clock are never recorded here."""
        self.moved_reason = ""
        """Why it is not in the download directory, if no other place was chosen."""
        self.files = Files(database, self._run_key)
        """Files that are wanted, there, or failed."""
        self.scenes = SceneRows(database, self._run_key)
        """Scenes of the job, and their state."""
        self.found_scenes = FoundScenes(database, self._run_key)
        """Scenes as a search found them, kept for their STAC items."""
        self.requests = Requests(database, service)
        """Requests at the service."""

    @property
    def was_recreated(self) -> bool:
        """Whether there was one that could not be read and was put aside."""
        return self._database.was_recreated

    async def services(self) -> list[str]:
        """Return the names of all services for which runs have begun in this directory."""
        rows = await self._database.read(lambda c: c.execute(_SERVICES).fetchall())
        return [str(name) for (name,) in rows]

    async def begin(self, *, label: str, fingerprint: str, search_mark: str = "") -> RunStart:
        """Note that a run begins.

        Args:
            label: For the job's requests, if this is its first run; a request repeated
                under the same label gives the same downloads, so the first one is kept.
            fingerprint: Of the config's search and products.
            search_mark: Identifies a search for the same, if it reached its end.
        """
        known = await self._database.read(self._job)
        self._fingerprint, self._search_mark = fingerprint, search_mark
        self._run_key.run = known.run + 1 if known else 1
        kept = known.label if known else label
        row = (self._service, kept, fingerprint, self._run_key.run, time.time(), "")
        await self._database.write(Write(_BEGIN, [row]))
        return RunStart(
            kept,
            is_first=known is None,
            is_changed=known is not None and known.fingerprint != fingerprint,
            was_interrupted=known is not None and known.status not in ENDED,
            last_search=known.last_search(search_mark) if known else None,
        )

    async def last_search(self, search_mark: str) -> LastSearch | None:
        """Return the last search of that mark, as :attr:`RunStart.last_search`."""
        known = await self._database.read(self._job)
        return known.last_search(search_mark) if known else None

    async def end(self, status: str, *, is_whole: bool = True) -> int:
        """Note how the run ended.

        Args:
            status: As in a summary.
            is_whole: Whether it has checked all that the config asks for.
        Returns: How many verified files it no longer wanted.
        """
        writes = [Write(_END, [(time.time(), status, self._service)])]
        if status in ENDED and is_whole:
            # Only then: otherwise the next run has to report what has changed.
            writes.append(self._search_done())
        await self._database.write(*writes)
        return await self.files.count_unwanted()

    def _search_done(self) -> Write:
        of_run = (self._fingerprint, self._search_mark)
        if self.search_started_at is None:
            # An earlier time is right, too: the next run finds some scenes again.
            return Write(_RECORD_UNTIMED_SEARCH, [(*of_run, self._search_mark, self._service)])
        return Write(_RECORD_SEARCH, [(*of_run, self.search_started_at, BY_SERVICE, self._service)])

    async def overview(self) -> Overview | None:
        """Return what is known of the job as a whole; ``None`` before its first run."""
        return await self._database.read(self._overview)

    def _job(self, connection: sqlite3.Connection) -> _Job | None:
        row = connection.execute(_LAST_RUN, (self._service,)).fetchone()
        return _Job(*row) if row else None

    def _overview(self, connection: sqlite3.Connection) -> Overview | None:
        of_service = (self._service,)
        job = connection.execute(_JOB, of_service).fetchone()
        if job is None:
            return None
        files: dict[str, dict[str, int]] = {}
        size_bytes = 0
        for kind, state, count, bytes_there in connection.execute(_COUNT_FILES, of_service):
            files.setdefault(kind, {})[state] = count
            size_bytes += bytes_there if state == FileStatus.VERIFIED else 0
        downloads = dict(connection.execute(_COUNT_DOWNLOADS, of_service).fetchall())
        label, runs, status, begun_at, ended_at = job
        return Overview(label, runs, status, begun_at, ended_at, files, size_bytes, downloads)


@asynccontextmanager
async def open_journal(
    folder: Path, service: str, *, durable: bool = False
) -> AsyncIterator[Journal]:
    """Open the journal in ``folder``, making it when there is none.

    Args:
        folder: The state folder; exists.
        service: Name of the service whose files this run may trust.
        durable: Whether a power cut may not cost the last rows. Without, the files they
            describe are verified again, and requests are found at the service.
    Raises: DiskError, when the file cannot be opened or made. A file that is not a
        journal is put aside and a new one is made.
    """
    async with open_database(folder / JOURNAL_NAME, MIGRATIONS, durable=durable) as database:
        yield Journal(database, service)


@asynccontextmanager
async def read_journal(places: StatePlaces, service: str) -> AsyncIterator[Journal | None]:
    """Open a copy of a directory's journal as it is now; ``None`` if there is none.

    The journal and a run that writes to it are not disturbed, and nothing is written.

    Args:
        places: Where it may be.
        service: As for :func:`open_journal`.
    Raises: DiskError, when it cannot be read.
    """
    folder = await anyio.to_thread.run_sync(places.known)
    if folder is None:
        yield None
        return
    async with open_copy(folder / JOURNAL_NAME, MIGRATIONS) as copy:
        yield Journal(copy, service)


_BEGIN = """
INSERT INTO job (service, label, fingerprint, run, begun_at, status) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (service) DO UPDATE SET run = excluded.run,
    begun_at = excluded.begun_at, ended_at = NULL, status = ''
"""
_SERVICES = "SELECT service FROM job ORDER BY service"
_LAST_RUN = """
SELECT label, fingerprint, run, status, searched_for, searched_at, searched_by
FROM job WHERE service = ?
"""
_END = "UPDATE job SET ended_at = ?, status = ? WHERE service = ?"
_RECORD_SEARCH = """
UPDATE job SET fingerprint = ?, searched_for = ?, searched_at = ?, searched_by = ?
WHERE service = ?
"""
# The search is recorded, but not its time, which only this machine's clock knows.
_RECORD_UNTIMED_SEARCH = """
UPDATE job SET fingerprint = ?1, searched_for = ?2,
    searched_at = iif(searched_for = ?3, coalesce(searched_at, begun_at), begun_at),
    searched_by = iif(searched_for = ?3, searched_by, '')
WHERE service = ?4
"""
_JOB = """
SELECT label, run, status, coalesce(begun_at, 0), ended_at FROM job WHERE service = ?
"""
_COUNT_FILES = """
SELECT kind, state, count(*), coalesce(sum(size_bytes), 0) FROM file
WHERE service = ? GROUP BY kind, state ORDER BY kind, state
"""
_COUNT_DOWNLOADS = """
SELECT state, count(*) FROM download WHERE service = ? GROUP BY state ORDER BY state
"""
