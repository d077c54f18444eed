"""What a download directory remembers of its job, in ``<directory>/.asyncdl/``.

For each service: the label under which the job's requests stand, what was asked
for and which download id it got, and for every wanted file how it ended and what
was proven about it. Everything is written before the act it speaks of, so after
any end the next run knows at least as much as has happened. Deleting it loses
nothing but that memory.

The pieces of unfinished files are noted beside these files, not here: the note
and the bytes it speaks of stay together, whatever becomes of this file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import anyio

from asyncdl.events import FileFinished
from asyncdl.job.database import Database, Row, Write, open_copy, open_database
from asyncdl.job.places.layout import Aim
from asyncdl.job.scene_records import SceneRecords
from asyncdl.job.schema import MIGRATIONS
from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer import Digest

JOURNAL_NAME = "journal.sqlite"
ENDED = ("complete", "incomplete")
"""How a run ends that has heard the end of everything it asked for."""


class Standing(StrEnum):
    """How far the journal knows a wanted file to be."""

    WANTED = "wanted"
    """Neither there nor given up: a run was cut short."""
    VERIFIED = "verified"
    UNPACKED = "unpacked"
    """A bundle whose tar was not kept; the files that came out of it are verified."""
    DAMAGED = "damaged"
    """It was verified once, and a later look found other bytes."""
    FAILED = "failed"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class FinishedFile:
    """A file that was verified and got its final name."""

    path: str
    """Below the download directory, with forward slashes."""
    kind: str
    """The product that wants it there."""
    scene: str
    """Display id of its scene."""
    size_bytes: int
    mtime_ns: int
    proof: str
    """What was checked, such as ``length+sha512+tiff``."""
    source: str = ""
    """Who promised the digest in the proof: ``m2m``, ``stac`` or ``host``; empty without one."""
    digests: tuple[Digest, ...] = ()
    """Of the whole file, as they were when it was verified."""
    asked_as: str = ""
    """The path it was wanted under, where its host gave it another name."""
    bundle: str = ""
    """Path of the bundle that it was unpacked from; empty for a file that was fetched."""
    held: tuple[str, ...] = ()
    """Names of all files in a bundle that was unpacked, wanted or not."""
    is_kept: bool = True
    """False for a bundle that was unpacked and whose tar is not there any more."""

    def is_at(self, path: Path) -> bool:
        """Tell whether it is there, and nobody has written to it since it was verified. Blocks."""
        try:
            stat = path.stat()
        except OSError:
            return False
        return (self.size_bytes, self.mtime_ns) == (stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the journal has it, whatever its state."""

    path: str
    kind: str
    scene: str
    state: str
    dataset: str
    """Alias; empty for a file of an older journal."""
    scene_id: str
    """Entity id of the scene; empty for a file of an older journal."""
    entity_id: str
    """The file's own; empty when the service never offered it."""
    size_bytes: int | None
    proof: str
    source: str
    attempts: int
    http_status: int | None
    reason: str
    error: str
    detail: str
    remedy: str


class KnownPath(NamedTuple):
    """Where a file is, or was to go."""

    kind: str
    scene: str
    path: str
    bundle: str
    """Path of the bundle that it was unpacked from; empty for a file that was fetched."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A download that the service has taken into its queue."""

    download_id: int
    label: str
    """The label it stands under, which may be that of an earlier job."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the journal knows of some paths."""

    finished: Mapping[str, FinishedFile]
    distrusted: frozenset[str]
    """Paths whose files do not count whatever they look like: those of another
    service, such as the sandbox, and those that were found damaged."""
    members: Mapping[str, tuple[FinishedFile, ...]] = field(default_factory=dict)
    """What came out of bundles that were unpacked and is verified, by the bundle's path."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run finds when it begins."""

    label: str
    """The job's label at the service."""
    is_first: bool
    """Whether nothing is known of earlier runs, so that only the service may know more."""
    is_changed: bool
    """Whether the config asks for other scenes or products than that of the last run
    that came to its end."""
    was_cut_short: bool = False
    """Whether the last run did not come to its end: a reply may have been lost with it,
    so the service may know of requests that the journal does not."""
    searched_at: float | None = None
    """When the last search for the same began that came to its end, in seconds since 1970."""

    @property
    def may_lack(self) -> bool:
        """Whether the service may have requests of this job that the journal does not know."""
        return self.is_first or self.was_cut_short


@dataclass(frozen=True, slots=True)
class _Job:
    """What the last run left."""

    label: str
    fingerprint: str
    run: int
    status: str
    searched_for: str
    searched_at: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What is known of a job as a whole."""

    label: str
    runs: int
    status: str
    """Of the last run: as in a summary; empty while it goes on, or after it was killed."""
    begun_at: float
    """Of the last run, in seconds since 1970."""
    ended_at: float | None
    files: Mapping[str, Mapping[str, int]]
    """Number of files by kind and :class:`Standing`."""
    size_bytes: int
    """Of all verified files."""
    downloads: Mapping[str, int]
    """Requests at the service: ``asked``, ``preparing``, or ``ready`` (a URL was given)."""


class Journal:
    """The memory of one download directory, for one service.

    Made by :func:`open_journal`. Rows of another service are never trusted: a
    sandbox's files must not pass for real ones. Every method raises DiskError when
    the journal can be neither read nor written.
    """

    def __init__(
        self, database: Database, service: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._service = service
        self._clock = clock
        self._run = 0
        self._fingerprint = ""
        self._searching = ""
        self.scenes = SceneRecords(database, service)
        """What is known of scenes as such."""

    # -- the run -----------------------------------------------------------------

    async def begin(self, *, label: str, fingerprint: str, searching: str = "") -> Beginning:
        """Note that a run begins.

        Args:
            label: For the job's requests, if this is its first run; a request repeated
                under the same label gives the same downloads, so the first one stays.
            fingerprint: Of what the config asks for.
            searching: By what a search that went through is known again.
        """
        known = await self._database.read(self._job)
        self._fingerprint, self._searching = fingerprint, searching
        self._run = known.run + 1 if known else 1
        kept = known.label if known else label
        row = (self._service, kept, fingerprint, self._run, self._clock(), "")
        await self._database.write(Write(_BEGIN, [row]))
        return Beginning(
            kept,
            is_first=known is None,
            is_changed=known is not None and known.fingerprint != fingerprint,
            was_cut_short=known is not None and known.status not in ENDED,
            searched_at=known.searched_at if known and known.searched_for == searching else None,
        )

    async def searched_at(self, searching: str) -> float | None:
        """Return when the last search of that mark began, as :attr:`Beginning.searched_at`."""
        known = await self._database.read(self._job)
        return known.searched_at if known and known.searched_for == searching else None

    async def end(self, status: str, *, is_whole: bool = True) -> int:
        """Note how the run ended.

        Args:
            status: As in a summary.
            is_whole: Whether it has looked at all that the config asks for.
        Returns: How many verified files it did not want any more.
        """
        writes = [Write(_END, [(self._clock(), status, self._service)])]
        if status in ENDED and is_whole:
            # Not before: the run that says what has changed may be the next one.
            row = (self._fingerprint, self._searching, self._service)
            writes.append(Write(_SETTLE, [row]))
        await self._database.write(*writes)
        return await self._database.read(self._count_left)

    async def overview(self) -> Overview | None:
        """Return what is known of the job as a whole; ``None`` before its first run."""
        return await self._database.read(self._overview)

    async def forget_unwanted(self) -> None:
        """Forget the endings of files that the config asked for once and no longer does."""
        await self._database.write(Write(_FORGET_UNWANTED, [(self._service, self._run)]))

    async def forget_not_offered(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Forget what was not offered before this run, and was not reported again in it.

        Args:
            pairs: Kinds and scenes that this run has looked at.
        """
        rows = [(self._service, kind, scene, self._run) for kind, scene in pairs]
        await self._database.write(Write(_FORGET_NOT_OFFERED, rows))

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
            size_bytes += bytes_there if state == Standing.VERIFIED else 0
        downloads = dict(connection.execute(_COUNT_DOWNLOADS, of_service).fetchall())
        label, runs, status, begun_at, ended_at = job
        return Overview(label, runs, status, begun_at, ended_at, files, size_bytes, downloads)

    def _count_left(self, connection: sqlite3.Connection) -> int:
        query = "SELECT count(*) FROM file WHERE service = ? AND state = 'verified' AND run < ?"
        return int(connection.execute(query, (self._service, self._run)).fetchone()[0])

    # -- files -------------------------------------------------------------------

    async def recall(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> Memory:
        """Return what is known of files that were finished before.

        Args:
            paths: Files below the download directory.
            folders: All files right in these are recalled, too.
        """
        return await self._database.read(lambda c: self._recall(c, paths, folders))

    async def paths_of(self, scenes: Iterable[str]) -> list[KnownPath]:
        """Return what is known of some scenes, in whatever state."""
        return await self._database.read(
            lambda connection: [
                KnownPath(*row)
                for scene in scenes
                for row in connection.execute(_PATHS_OF, (self._service, scene))
            ]
        )

    async def move(self, moves: Iterable[tuple[str, str]]) -> None:
        """Remember that files have other paths now: the old one, then the new one."""
        moves = list(moves)
        await self._database.write(
            Write(_FORGET_PATH, [(new, self._service) for _, new in moves]),
            Write(_MOVE, [(new, old, self._service) for old, new in moves]),
            Write(_MOVE_BUNDLE, [(new, old, self._service) for old, new in moves]),
        )

    async def note_scenes(
        self, dataset: str, entity_ids: Mapping[str, str], *, are_whole: bool = True
    ) -> None:
        """Remember which scenes the job takes.

        Args:
            dataset: Alias of their dataset.
            entity_ids: By display id.
            are_whole: Whether all their files are looked at, so that endings of earlier
                runs are open again. Else each counts until the file has another one.
        """
        rows = [
            (self._service, scene, dataset, id_, self._run) for scene, id_ in entity_ids.items()
        ]
        writes = [Write(_NOTE_SCENE, rows)]
        if are_whole:
            writes.append(Write(_REOPEN, [(self._service, s, self._run) for s in entity_ids]))
        await self._database.write(*writes)

    async def want(self, aims: Iterable[Aim]) -> None:
        """Remember files that are not there and have to be fetched, with their places."""
        rows = [
            (
                str(place.relative),
                self._service,
                place.kind,
                wanted.scene,
                wanted.entity_id,
                wanted.product_id,
                self._run,
                wanted.size_bytes,
            )
            for wanted, place in aims
        ]
        await self._database.write(Write(_WANT, rows))

    async def record(self, files: Iterable[FinishedFile]) -> None:
        """Remember finished files; they must be under their final names already."""
        files = list(files)
        renamed = [(f.asked_as, self._service) for f in files if f.asked_as not in ("", f.path)]
        await self._database.write(
            Write(_RECORD, [self._finished_row(file) for file in files]),
            Write(_OUST, [(file.path, self._service) for file in files]),
            Write(_FORGET_PATH, renamed),
        )

    def keep(self, files: Iterable[FinishedFile]) -> None:
        """Note that the job still wants finished files; known to the next commit."""
        rows = [(self._run, file.path, self._service) for file in files]
        self._database.write_later(Write(_KEEP, rows))

    def note_ending(self, event: FileFinished) -> None:
        """Note with the next commit how a file ended that is not there."""
        row = (
            event.file,
            self._service,
            event.kind,
            event.product_id,
            event.state.value,
            self._run,
            event.attempts,
            event.http_status,
            event.reason,
            event.error,
            event.detail,
            event.remedy,
            self._clock(),
        )
        self._database.write_later(Write(_NOTE_ENDING, [row]))

    async def files(self, states: Iterable[Standing]) -> list[KnownFile]:
        """Return all files in one of some states, in the order of their paths."""
        return await self._database.read(lambda c: self._files(c, [s.value for s in states]))

    async def finished(self, states: Iterable[Standing]) -> list[FinishedFile]:
        """Return the files that were verified once and are in one of some states now."""
        return await self._database.read(lambda c: self._finished(c, [s.value for s in states]))

    async def forget(self, paths: Iterable[str]) -> None:
        """Forget files, which are not there any more because nobody wants them."""
        await self._database.write(Write(_FORGET_PATH, [(path, self._service) for path in paths]))

    async def trust(self, paths: Iterable[str]) -> None:
        """Remember that files were found to be what they were when they were verified."""
        await self._database.write(Write(_TRUST, [(path, self._service) for path in paths]))

    async def doubt_last_run(self) -> None:
        """Have what the last run verified proven again by reading, as it may be torn."""
        await self._database.write(Write(_DOUBT, [(self._service, self._service)]))

    async def distrust(self, paths: Iterable[str]) -> None:
        """Remember that files were found damaged: what lies there does not count."""
        await self._database.write(Write(_DISTRUST, [(path, self._service) for path in paths]))

    def _finished_row(self, file: FinishedFile) -> Row:
        return (
            file.path,
            self._service,
            file.kind,
            file.scene,
            self._run,
            file.size_bytes,
            file.mtime_ns,
            file.proof,
            file.source,
            _encode_digests(file.digests),
            file.bundle,
            "/".join(file.held),
            (Standing.VERIFIED if file.is_kept else Standing.UNPACKED).value,
            self._clock(),
        )

    def _files(self, connection: sqlite3.Connection, states: Sequence[str]) -> list[KnownFile]:
        marks = ", ".join("?" * len(states))
        rows = connection.execute(_FILES.format(marks=marks), (self._service, *states))
        return [KnownFile(*row) for row in rows]

    def _finished(
        self, connection: sqlite3.Connection, states: Sequence[str]
    ) -> list[FinishedFile]:
        query = _IN_STATES.format(columns=FINISHED_COLUMNS, marks=", ".join("?" * len(states)))
        return [read_finished(row) for row in connection.execute(query, (self._service, *states))]

    def _recall(
        self, connection: sqlite3.Connection, paths: Iterable[str], folders: Iterable[str]
    ) -> Memory:
        finished, distrusted = {}, set()
        for service, state, *row in _rows_of_files(connection, paths, folders):
            if service == self._service and state in _TRUSTED:
                file = read_finished(row)
                finished[file.path] = file
            elif state in (Standing.VERIFIED, Standing.DAMAGED):
                distrusted.add(str(row[0]))
        members = {
            path: tuple(self._members_of(connection, path))
            for path, file in finished.items()
            if file.held
        }
        return Memory(finished, frozenset(distrusted - finished.keys()), members)

    def _members_of(self, connection: sqlite3.Connection, bundle: str) -> Iterator[FinishedFile]:
        return map(read_finished, connection.execute(_MEMBERS, (self._service, bundle)))

    # -- downloads ---------------------------------------------------------------

    async def ask(self, files: Iterable[WantedFile], label: str) -> None:
        """Remember that files are about to be requested under a label."""
        now = self._clock()
        rows = [(self._service, f.entity_id, f.product_id, label, now) for f in files]
        await self._database.write(Write(_ASK, rows))

    async def note_given(
        self, given: Iterable[tuple[WantedFile, Requested]], *, is_ready: bool
    ) -> None:
        """Remember which ids the service gave, and whether URLs came along."""
        await self._database.write(self._give(given, is_ready=is_ready))

    def note_ready(self, file: WantedFile, to: Requested) -> None:
        """Note with the next commit that there is a URL for what was in preparation."""
        self._database.write_later(self._give([(file, to)], is_ready=True))

    async def requested(self, files: Sequence[WantedFile]) -> dict[tuple[str, str], Requested]:
        """Return what the service has in its queue already, by entity id and product id."""
        return await self._database.read(lambda connection: self._requested(connection, files))

    async def request_count(self) -> int:
        """Return how much of the job stands in the service's queue."""
        query = "SELECT count(*) FROM download WHERE service = ?"
        row = await self._database.read(lambda c: c.execute(query, (self._service,)).fetchone())
        return int(row[0])

    async def sizes_of(self, download_ids: Iterable[int]) -> dict[int, int]:
        """Return the sizes in bytes of the verified files among some downloads, by id."""
        wanted = set(download_ids)
        rows = await self._database.read(
            lambda connection: connection.execute(_SIZES, (self._service,)).fetchall()
        )
        return {download_id: size for download_id, size in rows if download_id in wanted}

    async def forget_downloads(self) -> None:
        """Forget all ids; the service has forgotten them, too."""
        await self._database.write(Write(_FORGET_DOWNLOADS, [(self._service,)]))

    def _give(self, given: Iterable[tuple[WantedFile, Requested]], *, is_ready: bool) -> Write:
        state, now = "ready" if is_ready else "preparing", self._clock()
        return Write(
            _GIVE,
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

    def _requested(
        self, connection: sqlite3.Connection, files: Sequence[WantedFile]
    ) -> dict[tuple[str, str], Requested]:
        found = {}
        for wanted in files:
            key = (wanted.entity_id, wanted.product_id)
            row = connection.execute(_REQUESTED, (self._service, *key)).fetchone()
            if row is not None:
                found[key] = Requested(*row)
        return found


@asynccontextmanager
async def open_journal(
    folder: Path, service: str, *, durable: bool = False
) -> AsyncIterator[Journal]:
    """Open the journal in ``folder``, making it when there is none.

    Args:
        folder: The state folder; exists.
        service: Name of the service whose files this run may trust.
        durable: Whether a power cut may not cost the last rows. Without, the files they
            speak of are looked at again, and requests are found at the service.
    Raises: DiskError, when the file cannot be opened or made. A file that is
        no journal of ours is put aside and a new one begun.
    """
    async with open_database(folder / JOURNAL_NAME, MIGRATIONS, durable=durable) as database:
        yield Journal(database, service)


@asynccontextmanager
async def look_into_journal(folder: Path, service: str) -> AsyncIterator[Journal | None]:
    """Give what the journal in ``folder`` says at this moment; ``None`` if there is none.

    The journal itself is not touched, nor is a run that writes to it.

    Args:
        folder: The state folder; need not exist.
        service: As for :func:`open_journal`.
    Raises: DiskError, when it cannot be read.
    """
    path = folder / JOURNAL_NAME
    if not await anyio.Path(path).is_file():
        yield None
        return
    async with open_copy(path, MIGRATIONS) as copy:
        yield Journal(copy, service)


def read_finished(row: Sequence[Any]) -> FinishedFile:
    """Make a finished file of the columns :data:`FINISHED_COLUMNS`."""
    path, kind, scene, size_bytes, mtime_ns, proof, source, digests, bundle, held, is_kept = row
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
        held=tuple(held.split("/")) if held else (),
        is_kept=bool(is_kept),
    )


def _rows_of_files(
    connection: sqlite3.Connection, paths: Iterable[str], folders: Iterable[str]
) -> Iterator[Row]:
    query = f"SELECT service, state, {FINISHED_COLUMNS} FROM file"
    for path in paths:
        yield from connection.execute(f"{query} WHERE path = ?", (path,))
    for folder in folders:
        # All paths that begin with the folder and a slash; "0" is next after the slash.
        bounds = (f"{folder}/", f"{folder}0")
        yield from connection.execute(f"{query} WHERE path > ? AND path < ?", bounds)


def _encode_digests(digests: Iterable[Digest]) -> str:
    return " ".join(f"{digest.algorithm}={digest.value}" for digest in digests)


def _decode_digests(text: str) -> tuple[Digest, ...]:
    pairs = (word.partition("=") for word in text.split())
    return tuple(Digest(algorithm, value) for algorithm, _, value in pairs)


_FILES = """
SELECT path, kind, scene, state, coalesce(dataset, ''), coalesce(scene.entity_id, ''),
    file.entity_id, size_bytes, proof, source, attempts, http_status, reason, error, detail, remedy
FROM file LEFT JOIN scene USING (service, scene)
WHERE service = ? AND state IN ({marks}) ORDER BY path
"""
FINISHED_COLUMNS = (
    "path, kind, scene, size_bytes, mtime_ns, proof, source, digests, bundle, held,"
    " state <> 'unpacked'"
)
"""What :func:`read_finished` reads, of rows that are ``verified``, ``unpacked`` or ``damaged``."""
_TRUSTED = (Standing.VERIFIED, Standing.UNPACKED)

_MEMBERS = f"""
SELECT {FINISHED_COLUMNS} FROM file WHERE service = ? AND bundle = ? AND state = 'verified'
"""

_BEGIN = """
INSERT INTO job (service, label, fingerprint, run, begun_at, status) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (service) DO UPDATE SET run = excluded.run,
    begun_at = excluded.begun_at, ended_at = NULL, status = ''
"""
_JOB = """
SELECT label, run, status, coalesce(begun_at, 0), ended_at FROM job WHERE service = ?
"""
_LAST_RUN = """
SELECT label, fingerprint, run, status, searched_for, searched_at FROM job WHERE service = ?
"""
_COUNT_FILES = """
SELECT kind, state, count(*), coalesce(sum(size_bytes), 0) FROM file
WHERE service = ? GROUP BY kind, state ORDER BY kind, state
"""
_COUNT_DOWNLOADS = """
SELECT state, count(*) FROM download WHERE service = ? GROUP BY state ORDER BY state
"""
_END = "UPDATE job SET ended_at = ?, status = ? WHERE service = ?"
_SETTLE = """
UPDATE job SET fingerprint = ?, searched_for = ?, searched_at = begun_at WHERE service = ?
"""
_NOTE_SCENE = """
INSERT INTO scene (service, scene, dataset, entity_id, run) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (service, scene) DO UPDATE SET dataset = excluded.dataset,
    entity_id = excluded.entity_id, run = excluded.run, superseded_by = '', withdrawn = ''
"""
_REOPEN = """
DELETE FROM file
WHERE service = ? AND scene = ? AND run < ? AND state NOT IN ('verified', 'unpacked', 'damaged')
"""
_FORGET_UNWANTED = """
DELETE FROM file WHERE service = ? AND run < ? AND state NOT IN ('verified', 'unpacked', 'damaged')
"""
_FORGET_NOT_OFFERED = """
DELETE FROM file WHERE service = ? AND kind = ? AND scene = ? AND run < ? AND entity_id = ''
    AND state IN ('failed', 'unresolved')
"""
_WANT = """
INSERT INTO file (path, service, kind, scene, entity_id, product_id, state, run, size_bytes)
VALUES (?, ?, ?, ?, ?, ?, 'wanted', ?, ?)
ON CONFLICT (path, service) DO UPDATE SET kind = excluded.kind, scene = excluded.scene,
    entity_id = excluded.entity_id, product_id = excluded.product_id, run = excluded.run,
    size_bytes = CASE state WHEN 'damaged' THEN size_bytes ELSE excluded.size_bytes END,
    state = CASE WHEN state IN ('damaged', 'failed', 'unresolved') THEN state ELSE 'wanted' END
"""
_RECORD = """
INSERT INTO file (path, service, kind, scene, run, size_bytes, mtime_ns, proof, source,
    digests, bundle, held, state, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET state = excluded.state, run = excluded.run,
    size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, proof = excluded.proof,
    source = excluded.source, digests = excluded.digests, ended_at = excluded.ended_at,
    bundle = excluded.bundle, held = excluded.held,
    reason = '', error = '', detail = '', remedy = '', http_status = NULL
"""
_OUST = "DELETE FROM file WHERE path = ? AND service <> ?"
_FORGET_PATH = "DELETE FROM file WHERE path = ? AND service = ?"
_PATHS_OF = "SELECT kind, scene, path, bundle FROM file WHERE service = ? AND scene = ?"
_MOVE = "UPDATE file SET path = ? WHERE path = ? AND service = ?"
_MOVE_BUNDLE = "UPDATE file SET bundle = ? WHERE bundle = ? AND service = ?"
_KEEP = "UPDATE file SET run = ? WHERE path = ? AND service = ?"
_NOTE_ENDING = """
INSERT INTO file (path, service, kind, scene, state, run, attempts, http_status, reason, error,
    detail, remedy, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET state = CASE state WHEN 'damaged' THEN state
    ELSE excluded.state END, run = excluded.run, attempts = excluded.attempts,
    http_status = excluded.http_status, reason = excluded.reason, error = excluded.error,
    detail = excluded.detail, remedy = excluded.remedy, ended_at = excluded.ended_at
"""
_IN_STATES = """
SELECT {columns} FROM file
WHERE service = ? AND state IN ({marks}) AND mtime_ns IS NOT NULL ORDER BY path
"""
_TRUST = "UPDATE file SET state = 'verified' WHERE path = ? AND service = ? AND state = 'damaged'"
_DOUBT = """
UPDATE file SET mtime_ns = 0 WHERE service = ? AND state = 'verified'
    AND ended_at >= (SELECT begun_at FROM job WHERE service = ?)
"""
_DISTRUST = "UPDATE file SET state = 'damaged' WHERE path = ? AND service = ?"
_ASK = """
INSERT INTO download (service, entity_id, product_id, label, state, asked_at)
VALUES (?, ?, ?, ?, 'asked', ?)
ON CONFLICT (service, entity_id, product_id) DO UPDATE SET label = excluded.label,
    state = 'asked', asked_at = excluded.asked_at
"""
_GIVE = """
INSERT INTO download (service, entity_id, product_id, label, state, download_id, asked_at, given_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (service, entity_id, product_id) DO UPDATE SET label = excluded.label,
    state = excluded.state, download_id = excluded.download_id, given_at = excluded.given_at
"""
_REQUESTED = """
SELECT download_id, label FROM download
WHERE service = ? AND entity_id = ? AND product_id = ? AND download_id IS NOT NULL
"""
_SIZES = """
SELECT download_id, size_bytes FROM file JOIN download USING (service, entity_id, product_id)
WHERE service = ? AND file.state IN ('verified', 'unpacked') AND download_id IS NOT NULL
"""
_FORGET_DOWNLOADS = "DELETE FROM download WHERE service = ?"
