"""How a file is written to the tables and read back, and which rows of others are accepted.

A journal travels with its folder, in archives and on shared disks, so whoever wrote it may
mean harm. A row whose path leads out of the folder, or whose values are of other types than
ours, counts as not there.

A statement and the row that goes with it are both here, as they agree on the columns.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from asyncdl.events import FileFinished
from asyncdl.journal.database import Row, Write
from asyncdl.journal.records import Aim, FileStatus, FinishedFile
from asyncdl.journal.state_location import STATE_FOLDER
from asyncdl.transfer import Digest
from asyncdl.transfer.verification.digests import ALGORITHMS


@dataclass(slots=True)
class Stamp:
    """The stamp of one opened journal; all its parts use the same one."""

    service: str
    """Name of the service that the rows are of."""
    run: int = 0
    """Number of the run that goes on; 0 before it begins, and for who only looks."""


MAX_PATH_CHARS = 4096
_HEX = re.compile(r"[0-9a-f]{1,128}")
_INT64 = range(-(2**63), 2**63)


def is_below(path: object) -> bool:
    """Tell whether a path names a file below the download directory, and none of the state's."""
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_CHARS or "\0" in path:
        return False
    parts = path.split("/")
    return parts[0] != STATE_FOLDER and all(part not in ("", ".", "..") for part in parts)


def is_name(text: object) -> bool:
    """Tell whether a text can be the name of a file, such as that of a scene's item."""
    return is_below(text) and "/" not in str(text)


def are_texts(values: Sequence[Any]) -> bool:
    """Tell whether all values are texts."""
    return all(isinstance(value, str) for value in values)


def is_size(value: object) -> bool:
    """Tell whether a value is a whole number as SQLite and file systems have them."""
    return isinstance(value, int) and value in _INT64


def is_hex(text: str) -> bool:
    """Tell whether a text may be the value of a digest."""
    return _HEX.fullmatch(text) is not None


def write_of_wanted(aims: Iterable[Aim], stamp: Stamp) -> Write:
    """Make the write that notes files to be fetched; an ending that one has already stays."""
    rows = [
        (
            str(place.relative),
            stamp.service,
            place.kind,
            wanted.scene,
            wanted.entity_id,
            wanted.product_id,
            stamp.run,
            wanted.size_bytes,
        )
        for wanted, place in aims
    ]
    return Write(_WANT, rows)


def write_of_ending(event: FileFinished, stamp: Stamp) -> Write:
    """Make the write that notes how a file ended that is not there; a damaged one stays so."""
    row = (
        event.file,
        stamp.service,
        event.kind,
        event.product_id,
        event.state.value,
        stamp.run,
        event.attempts,
        event.http_status,
        event.reason,
        event.error,
        event.detail,
        event.remedy,
        time.time(),
    )
    return Write(_ENDING, [row])


def write_of_finished(files: Iterable[FinishedFile], stamp: Stamp) -> Write:
    """Make the write that notes files that are there, and what was proven about them."""
    return Write(_FINISHED, [_finished_row(file, stamp) for file in files])


def _finished_row(file: FinishedFile, stamp: Stamp) -> Row:
    return (
        file.path,
        stamp.service,
        file.kind,
        file.scene,
        stamp.run,
        file.size_bytes,
        file.mtime_ns,
        file.proof,
        file.source,
        _encode_digests(file.digests),
        file.bundle,
        _encode_held(file.held),
        (FileStatus.VERIFIED if file.is_kept else FileStatus.UNPACKED).value,
        time.time(),
    )


def read_finished(row: Sequence[Any]) -> FinishedFile | None:
    """Make a finished file of the columns :data:`FINISHED_COLUMNS`.

    Returns: ``None`` for a row that is not to be believed.
    """
    path, kind, scene, size_bytes, mtime_ns, proof, source, digests, bundle, held, is_kept = row
    is_ours = are_texts((kind, scene, proof, source, digests, bundle, held))
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
        held=read_held(held),
        is_kept=bool(is_kept),
    )


def _encode_held(names: Iterable[str]) -> str:
    # No safe name has the mark in it. It comes first, too: earlier versions wrote names
    # without folders, with a slash between them.
    return "".join(f"{_HELD_MARK}{name}" for name in names)


def read_held(text: str) -> tuple[str, ...]:
    """Return the names of what a bundle held; none for what was not unpacked."""
    if text.startswith(_HELD_MARK):
        return tuple(text[1:].split(_HELD_MARK))
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


_HELD_MARK = "|"

FINISHED_COLUMNS = (
    "path, kind, scene, size_bytes, mtime_ns, proof, source, digests, bundle, held,"
    " state <> 'unpacked'"
)
"""What :func:`read_finished` reads, of rows that are ``verified``, ``unpacked`` or ``damaged``."""
_WANT = """
INSERT INTO file (path, service, kind, scene, entity_id, product_id, state, run, size_bytes)
VALUES (?, ?, ?, ?, ?, ?, 'wanted', ?, ?)
ON CONFLICT (path, service) DO UPDATE SET kind = excluded.kind, scene = excluded.scene,
    entity_id = excluded.entity_id, product_id = excluded.product_id, run = excluded.run,
    size_bytes = CASE state WHEN 'damaged' THEN size_bytes ELSE excluded.size_bytes END,
    state = CASE WHEN state IN ('damaged', 'failed', 'unresolved') THEN state ELSE 'wanted' END
"""
_ENDING = """
INSERT INTO file (path, service, kind, scene, state, run, attempts, http_status, reason, error,
    detail, remedy, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET state = CASE state WHEN 'damaged' THEN state
    ELSE excluded.state END, run = excluded.run, attempts = excluded.attempts,
    http_status = excluded.http_status, reason = excluded.reason, error = excluded.error,
    detail = excluded.detail, remedy = excluded.remedy, ended_at = excluded.ended_at
"""
_FINISHED = """
INSERT INTO file (path, service, kind, scene, run, size_bytes, mtime_ns, proof, source,
    digests, bundle, held, state, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path, service) DO UPDATE SET state = excluded.state, run = excluded.run,
    size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, proof = excluded.proof,
    source = excluded.source, digests = excluded.digests, ended_at = excluded.ended_at,
    bundle = excluded.bundle, held = excluded.held,
    reason = '', error = '', detail = '', remedy = '', http_status = NULL
"""
