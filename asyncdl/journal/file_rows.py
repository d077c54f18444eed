"""What the journal knows of files: wanted, finished, failed, or damaged.

A statement and the row that goes with it are both here, as they agree on the columns.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from functools import partial
from itertools import starmap
from typing import Any

from asyncdl.background import off_loop, unhurried
from asyncdl.events import FileFinished
from asyncdl.journal.database import Database, Row, Write
from asyncdl.journal.records import (
    FilePlace,
    FileStatus,
    FinishedFile,
    KnownFile,
    KnownPath,
    RecordedFiles,
)
from asyncdl.journal.schema import RunKey, are_texts, is_below, is_hex, is_name, is_size
from asyncdl.transfer import Digest
from asyncdl.transfer.verification.digests import ALGORITHMS

PAGE_ROWS = 500
"""Files in memory at once where all of them are looked at; each takes about a kilobyte."""


class Files:
    """The files of one service in a journal; methods raise DiskError as the journal's do."""

    def __init__(self, database: Database, run_key: RunKey) -> None:
        self._database = database
        self._service = run_key.service
        self._run_key = run_key

    async def recorded(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> RecordedFiles:
        """Return what is recorded of some paths.

        Args:
            paths: Files below the download directory.
            folders: All files directly in these are included.
        """
        return await self._database.read(lambda c: self._recorded(c, paths, folders))

    async def paths_of(self, scenes: Iterable[str]) -> list[KnownPath]:
        """Return the paths of all files of some scenes, whatever their state."""
        return await self._database.read(
            lambda connection: [
                KnownPath(kind, scene_of_row, path, bundle, decode_names(member_names), window)
                for scene in unhurried(scenes, 10)
                for kind, scene_of_row, path, bundle, member_names, window in connection.execute(
                    _PATHS_OF, (self._service, scene)
                )
                if is_below(path)
                and (not bundle or is_below(bundle))
                and are_texts((bundle, member_names, window))
            ]
        )

    async def known(self, states: Iterable[FileStatus]) -> list[KnownFile]:
        """Return all files in one of some states, in the order of their paths."""
        return await self._database.read(lambda c: self._known(c, [s.value for s in states]))

    async def finished(self, states: Iterable[FileStatus]) -> list[FinishedFile]:
        """Return the files that were verified once and are now in one of some states."""
        return await self._database.read(lambda c: self._finished(c, [s.value for s in states]))

    async def count_finished(self, states: Iterable[FileStatus]) -> tuple[int, int]:
        """Return how many files :meth:`finished` would return at most, and their bytes."""
        values = [state.value for state in states]
        query = _COUNT_FINISHED.format(marks=", ".join("?" * len(values)))
        files, size_bytes = await self._database.read(
            lambda c: c.execute(query, (self._service, *values)).fetchone()
        )
        return int(files), int(size_bytes)

    async def finished_pages(
        self, states: Iterable[FileStatus], size: int = PAGE_ROWS
    ) -> AsyncGenerator[list[FinishedFile]]:
        """Yield the files of :meth:`finished` page by page, in the order of their paths.

        Args:
            states: Not changed by the caller between two pages.
            size: Rows in a page, 1 or more; pages may be shorter, and empty.
        """
        values = [state.value for state in states]
        after: Any = ""  # of a file that others wrote a path may be of any type
        while True:
            page = await self._database.read(
                partial(self._finished_page, states=values, after=after, size=size)
            )
            if not page:
                return
            after = page[-1][0]
            yield [file for file in map(read_finished, page) if file is not None]

    async def note_wanted(self, file_places: Iterable[FilePlace]) -> None:
        """Record files that have to be fetched, with their places."""
        file_places = list(file_places)
        write = await off_loop(len(file_places), write_of_wanted, file_places, self._run_key)
        await self._database.write(write)

    async def record(self, files: Iterable[FinishedFile]) -> None:
        """Record finished files; they must have their final names already."""
        files = list(files)
        renamed = [
            (f.requested_as, self._service) for f in files if f.requested_as not in ("", f.path)
        ]
        await self._database.write(
            write_of_finished(files, self._run_key),
            Write(_OUST, [(file.path, self._service) for file in files]),
            Write(_FORGET_PATH, renamed),
        )

    def keep_wanted(self, files: Iterable[FinishedFile]) -> None:
        """Note with the next commit that the job still wants finished files."""
        rows = [(self._run_key.run, file.path, self._service) for file in files]
        self._database.write_later(Write(_KEEP, rows))

    def note_failure(self, event: FileFinished) -> None:
        """Note with the next commit that a file failed, or is unresolved."""
        self._database.write_later(write_of_failure(event, self._run_key))

    async def move(self, moves: Iterable[tuple[str, str]]) -> None:
        """Record new paths of files: pairs of the old one and the new one."""
        moves = list(moves)
        await self._database.write(
            Write(_FORGET_PATH, [(new, self._service) for _, new in moves]),
            Write(_MOVE, [(new, old, self._service) for old, new in moves]),
            Write(_MOVE_BUNDLE, [(new, old, self._service) for old, new in moves]),
        )

    async def mark_verified(self, paths: Iterable[str]) -> None:
        """Record that damaged files were found to be right again."""
        await self._database.write(Write(_TRUST, [(path, self._service) for path in paths]))

    async def mark_damaged(self, paths: Iterable[str]) -> None:
        """Record that files were found damaged: they do not count as there."""
        await self._database.write(Write(_DISTRUST, [(path, self._service) for path in paths]))

    async def reverify_last_run(self) -> None:
        """Have the files of the last run verified again by reading, as they may be torn."""
        await self._database.write(Write(_DOUBT, [(self._service, self._service)]))

    async def count_unwanted(self) -> int:
        """Return how many verified files the current run has not wanted."""
        row = (self._service, self._run_key.run)
        found = await self._database.read(lambda c: c.execute(_COUNT_UNWANTED, row).fetchone())
        return int(found[0])

    async def forget(self, paths: Iterable[str]) -> None:
        """Forget files that were removed."""
        await self._database.write(Write(_FORGET_PATH, [(path, self._service) for path in paths]))

    async def forget_unwanted(self) -> None:
        """Forget files that are not there and that the config no longer asks for."""
        await self._database.write(Write(_FORGET_UNWANTED, [(self._service, self._run_key.run)]))

    async def forget_not_offered(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Forget what was not offered before this run and was not reported again in it.

        Args:
            pairs: Kinds and scenes that this run has checked.
        """
        rows = [(self._service, kind, scene, self._run_key.run) for kind, scene in pairs]
        await self._database.write(Write(_FORGET_NOT_OFFERED, rows))

    def _known(self, connection: sqlite3.Connection, states: Sequence[str]) -> list[KnownFile]:
        marks = ", ".join("?" * len(states))
        rows = connection.execute(_KNOWN.format(marks=marks), (self._service, *states))
        return [file for file in starmap(KnownFile, rows) if is_below(file.path)]

    def _finished(
        self, connection: sqlite3.Connection, states: Sequence[str]
    ) -> list[FinishedFile]:
        query = _GET_FINISHED.format(columns=FINISHED_COLUMNS, marks=", ".join("?" * len(states)))
        rows = connection.execute(query, (self._service, *states))
        return [file for file in map(read_finished, rows) if file is not None]

    def _finished_page(
        self, connection: sqlite3.Connection, *, states: Sequence[str], after: Any, size: int
    ) -> list[Row]:
        query = _GET_PAGE.format(columns=FINISHED_COLUMNS, marks=", ".join("?" * len(states)))
        return connection.execute(query, (self._service, *states, after, size)).fetchall()

    def _recorded(
        self, connection: sqlite3.Connection, paths: Iterable[str], folders: Iterable[str]
    ) -> RecordedFiles:
        finished, untrusted = {}, set()
        for service, state, *row in _rows_of_files(connection, paths, folders):
            if service == self._service and state in _TRUSTED:
                if (file := read_finished(row)) is not None:
                    finished[file.path] = file
            elif state in (FileStatus.VERIFIED, FileStatus.DAMAGED):
                untrusted.add(str(row[0]))
        members = {
            path: tuple(self._members_of(connection, path))
            for path, file in finished.items()
            if file.member_names
        }
        return RecordedFiles(finished, frozenset(untrusted - finished.keys()), members)

    def _members_of(self, connection: sqlite3.Connection, bundle: str) -> Iterator[FinishedFile]:
        rows = connection.execute(_MEMBERS, (self._service, bundle))
        return (file for file in map(read_finished, rows) if file is not None)


def _rows_of_files(
    connection: sqlite3.Connection, paths: Iterable[str], folders: Iterable[str]
) -> Iterator[Row]:
    query = f"SELECT service, state, {FINISHED_COLUMNS} FROM file"
    for path in unhurried(paths):
        yield from connection.execute(f"{query} WHERE path = ?", (path,))
    for folder in folders:
        # All paths that begin with the folder and a slash; "0" is next after the slash.
        bounds = (f"{folder}/", f"{folder}0")
        yield from connection.execute(f"{query} WHERE path > ? AND path < ?", bounds)


# --- rows ---------------------------------------------------------------------------------


def write_of_wanted(file_places: Iterable[FilePlace], run_key: RunKey) -> Write:
    """Return the write for files to be fetched; a failure that is recorded stays."""
    rows = [
        (
            str(place.relative),
            run_key.service,
            place.kind,
            wanted.scene,
            wanted.entity_id,
            wanted.product_id,
            run_key.run,
            wanted.size_bytes,
            wanted.window,
        )
        for wanted, place in unhurried(file_places)
    ]
    return Write(_WANT, rows)


def write_of_failure(event: FileFinished, run_key: RunKey) -> Write:
    """Return the write for a file that is not there; a damaged one stays damaged."""
    row = (
        event.file,
        run_key.service,
        event.kind,
        event.product_id,
        event.state.value,
        run_key.run,
        event.attempts,
        event.http_status,
        event.reason,
        event.error,
        event.detail,
        event.remedy,
        time.time(),
    )
    return Write(_SET_FAILED, [row])


def write_of_finished(files: Iterable[FinishedFile], run_key: RunKey) -> Write:
    """Return the write for finished files, with their proofs."""
    return Write(_SET_FINISHED, [_finished_row(file, run_key) for file in files])


def _finished_row(file: FinishedFile, run_key: RunKey) -> Row:
    return (
        file.path,
        run_key.service,
        file.kind,
        file.scene,
        run_key.run,
        file.size_bytes,
        file.mtime_ns,
        file.proof,
        file.source,
        _encode_digests(file.digests),
        file.bundle,
        _encode_names(file.member_names),
        file.window,
        file.cut,
        (FileStatus.VERIFIED if file.is_kept else FileStatus.UNPACKED).value,
        time.time(),
        file.tag,
    )


def read_finished(row: Sequence[Any]) -> FinishedFile | None:
    """Return a finished file from the columns :data:`FINISHED_COLUMNS`.

    Returns: ``None`` for a row with values that are not accepted.
    """
    (
        path,
        kind,
        scene,
        size_bytes,
        mtime_ns,
        proof,
        source,
        digests,
        bundle,
        member_names,
        window,
        cut,
        tag,
        is_kept,
    ) = row
    texts = (kind, scene, proof, source, digests, bundle, member_names, window, cut, tag)
    is_ours = are_texts(texts)
    is_sound = (
        is_ours
        and (not scene or is_name(scene))
        and is_below(path)
        and (not bundle or is_below(bundle))
    )
    if not is_sound or not is_size(size_bytes) or not is_size(mtime_ns) or size_bytes < 0:
        return None
    return FinishedFile(
        path,
        kind,
        scene,
        size_bytes,
        mtime_ns,
        proof,
        source,
        _decode_digests(digests),
        bundle=bundle,
        member_names=decode_names(member_names),
        tag=tag,
        is_kept=bool(is_kept),
        window=window,
        cut=cut,
    )


def _encode_names(names: Iterable[str]) -> str:
    # No safe name contains the mark. It also comes first: earlier versions wrote names
    # without folders, separated by slashes.
    return "".join(f"{_NAME_MARK}{name}" for name in names)


def decode_names(text: str) -> tuple[str, ...]:
    """Return the names of all files in a bundle; none for a file that was not unpacked."""
    if text.startswith(_NAME_MARK):
        return tuple(text[1:].split(_NAME_MARK))
    return tuple(text.split("/")) if text else ()


def _encode_digests(digests: Iterable[Digest]) -> str:
    return " ".join(f"{digest.algorithm}={digest.value}" for digest in digests)


def _decode_digests(text: str) -> tuple[Digest, ...]:
    pairs = (word.partition("=") for word in text.split())
    return tuple(
        Digest(algorithm, value)
        for algorithm, _, value in pairs
        if algorithm in ALGORITHMS and (is_hex(value) or value.isdigit())
    )


# --- statements ---------------------------------------------------------------------------

_NAME_MARK = "|"

FINISHED_COLUMNS = (
    "path, kind, scene, size_bytes, mtime_ns, proof, source, digests, bundle, held,"
    " window, cut, tag, state <> 'unpacked'"
)
"""What :func:`read_finished` reads, of rows that are ``verified``, ``unpacked`` or ``damaged``."""
_WANT = """
INSERT INTO file (path, service, kind, scene, entity_id, product_id, state, run, size_bytes,
    window)
VALUES (?, ?, ?, ?, ?, ?, 'wanted', ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET kind = excluded.kind, scene = excluded.scene,
    entity_id = excluded.entity_id, product_id = excluded.product_id, run = excluded.run,
    window = excluded.window,
    size_bytes = CASE state WHEN 'damaged' THEN size_bytes ELSE excluded.size_bytes END,
    state = CASE WHEN state IN ('damaged', 'failed', 'unresolved') THEN state ELSE 'wanted' END
"""
_SET_FAILED = """
INSERT INTO file (path, service, kind, scene, state, run, attempts, http_status, reason, error,
    detail, remedy, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET state = CASE state WHEN 'damaged' THEN state
    ELSE excluded.state END, run = excluded.run, attempts = excluded.attempts,
    http_status = excluded.http_status, reason = excluded.reason, error = excluded.error,
    detail = excluded.detail, remedy = excluded.remedy, ended_at = excluded.ended_at
"""
_SET_FINISHED = """
INSERT INTO file (path, service, kind, scene, run, size_bytes, mtime_ns, proof, source,
    digests, bundle, held, window, cut, state, ended_at, tag)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET state = excluded.state, run = excluded.run,
    size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, proof = excluded.proof,
    source = excluded.source, digests = excluded.digests, ended_at = excluded.ended_at,
    bundle = excluded.bundle, held = excluded.held, tag = excluded.tag,
    window = excluded.window, cut = excluded.cut,
    reason = '', error = '', detail = '', remedy = '', http_status = NULL
"""
_TRUSTED = (FileStatus.VERIFIED, FileStatus.UNPACKED)
_KNOWN = """
SELECT path, kind, scene, state, coalesce(dataset, ''), coalesce(scene.entity_id, ''),
    file.entity_id, size_bytes, proof, source, attempts, http_status, reason, error, detail, remedy
FROM file LEFT JOIN scene USING (service, scene)
WHERE service = ? AND state IN ({marks}) ORDER BY path
"""
_GET_FINISHED = """
SELECT {columns} FROM file
WHERE service = ? AND state IN ({marks}) AND mtime_ns IS NOT NULL ORDER BY path
"""
_GET_PAGE = """
SELECT {columns} FROM file
WHERE service = ? AND state IN ({marks}) AND mtime_ns IS NOT NULL AND path > ?
ORDER BY path LIMIT ?
"""
_COUNT_FINISHED = """
SELECT count(*), coalesce(sum(size_bytes), 0) FROM file
WHERE service = ? AND state IN ({marks}) AND mtime_ns IS NOT NULL
"""
_MEMBERS = f"""
SELECT {FINISHED_COLUMNS} FROM file WHERE service = ? AND bundle = ? AND state = 'verified'
"""
_PATHS_OF = (
    "SELECT kind, scene, path, bundle, held, window FROM file WHERE service = ? AND scene = ?"
)
_OUST = "DELETE FROM file WHERE path = ? AND service <> ?"
_KEEP = "UPDATE file SET run = ? WHERE path = ? AND service = ?"
_MOVE = "UPDATE file SET path = ? WHERE path = ? AND service = ?"
_MOVE_BUNDLE = "UPDATE file SET bundle = ? WHERE bundle = ? AND service = ?"
_TRUST = "UPDATE file SET state = 'verified' WHERE path = ? AND service = ? AND state = 'damaged'"
_DISTRUST = "UPDATE file SET state = 'damaged' WHERE path = ? AND service = ?"
_DOUBT = """
UPDATE file SET mtime_ns = 0 WHERE service = ? AND state = 'verified'
    AND ended_at >= (SELECT begun_at FROM job WHERE service = ?)
"""
_COUNT_UNWANTED = "SELECT count(*) FROM file WHERE service = ? AND state = 'verified' AND run < ?"
_FORGET_PATH = "DELETE FROM file WHERE path = ? AND service = ?"
_FORGET_UNWANTED = """
DELETE FROM file WHERE service = ? AND run < ? AND state NOT IN ('verified', 'unpacked', 'damaged')
"""
_FORGET_NOT_OFFERED = """
DELETE FROM file WHERE service = ? AND kind = ? AND scene = ? AND run < ? AND entity_id = ''
    AND state IN ('failed', 'unresolved')
"""
