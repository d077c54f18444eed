"""Requests at the service: what was requested, the download ids, and whether URLs were given."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence

from asyncdl.background import unhurried
from asyncdl.journal.database import Database, Write
from asyncdl.journal.records import Requested
from asyncdl.m2m.downloads.selection import WantedFile


class Requests:
    """The requests at one service in a journal; methods raise DiskError as the journal's do."""

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self._service = service

    async def note_requested(self, files: Iterable[WantedFile], label: str) -> None:
        """Record that files are about to be requested under a label."""
        now = time.time()
        rows = [(self._service, f.entity_id, f.product_id, label, now) for f in files]
        await self._database.write(Write(_NOTE_REQUESTED, rows))

    async def note_accepted(
        self, given: Iterable[tuple[WantedFile, Requested]], *, is_ready: bool
    ) -> None:
        """Record the download ids that the service gave, and whether with URLs."""
        await self._database.write(self._accepted(given, is_ready=is_ready))

    def note_accepted_later(self, file: WantedFile, to: Requested, *, is_ready: bool) -> None:
        """Note with the next commit the download id of a file that was waited for."""
        self._database.write_later(self._accepted([(file, to)], is_ready=is_ready))

    async def known(self, files: Sequence[WantedFile]) -> dict[tuple[str, str], Requested]:
        """Return the downloads of some files, by entity id and product id."""
        return await self._database.read(lambda connection: self._known(connection, files))

    async def count(self) -> int:
        """Return how many downloads of the job are in the service's queue."""
        query = "SELECT count(*) FROM download WHERE service = ?"
        row = await self._database.read(lambda c: c.execute(query, (self._service,)).fetchone())
        return int(row[0])

    async def ids(self) -> list[int]:
        """Return the download ids of the job."""
        rows = await self._database.read(
            lambda connection: connection.execute(_IDS, (self._service,)).fetchall()
        )
        return [download_id for (download_id,) in rows]

    async def labels(self) -> list[str]:
        """Return the labels of the job's downloads, those of other jobs included."""
        rows = await self._database.read(
            lambda connection: connection.execute(_LABELS, (self._service,)).fetchall()
        )
        return [label for (label,) in rows]

    async def sizes_of(self, download_ids: Iterable[int]) -> dict[int, int]:
        """Return the sizes in bytes of the verified files among some downloads, by id."""
        wanted = set(download_ids)
        rows = await self._database.read(
            lambda connection: connection.execute(_SIZES, (self._service,)).fetchall()
        )
        return {download_id: size for download_id, size in rows if download_id in wanted}

    async def forget_all(self) -> None:
        """Forget all downloads, once the service has removed them."""
        await self._database.write(Write(_FORGET_ALL, [(self._service,)]))

    def _accepted(self, given: Iterable[tuple[WantedFile, Requested]], *, is_ready: bool) -> Write:
        state, now = "ready" if is_ready else "preparing", time.time()
        return Write(
            _NOTE_ACCEPTED,
            [
                (
                    self._service,
                    f.entity_id,
                    f.product_id,
                    to.label,
                    state,
                    to.download_id,
                    now,
                    now,
                )
                for f, to in given
            ],
        )

    def _known(
        self, connection: sqlite3.Connection, files: Sequence[WantedFile]
    ) -> dict[tuple[str, str], Requested]:
        found = {}
        for wanted in unhurried(files):
            key = (wanted.entity_id, wanted.product_id)
            row = connection.execute(_KNOWN, (self._service, *key)).fetchone()
            if row is not None:
                found[key] = Requested(*row)
        return found


_NOTE_REQUESTED = """
INSERT INTO download (service, entity_id, product_id, label, state, asked_at)
VALUES (?, ?, ?, ?, 'asked', ?)
ON CONFLICT (service, entity_id, product_id) DO UPDATE SET label = excluded.label,
    state = 'asked', asked_at = excluded.asked_at
"""
_NOTE_ACCEPTED = """
INSERT INTO download (service, entity_id, product_id, label, state, download_id, asked_at, given_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (service, entity_id, product_id) DO UPDATE SET label = excluded.label,
    state = excluded.state, download_id = excluded.download_id, given_at = excluded.given_at
"""
_KNOWN = """
SELECT download_id, label FROM download
WHERE service = ? AND entity_id = ? AND product_id = ? AND download_id IS NOT NULL
"""
_SIZES = """
SELECT download_id, size_bytes FROM file JOIN download USING (service, entity_id, product_id)
WHERE service = ? AND file.state IN ('verified', 'unpacked') AND download_id IS NOT NULL
"""
_LABELS = """
SELECT DISTINCT label FROM download
WHERE service = ? AND download_id IS NOT NULL ORDER BY label
"""
_IDS = "SELECT download_id FROM download WHERE service = ? AND download_id IS NOT NULL"
_FORGET_ALL = "DELETE FROM download WHERE service = ?"
