"""The tables of the journal, version by version, and which of their values are accepted. Pure.

A landed script is never changed.

A journal travels with its folder, in archives and on shared disks, so its contents are not
trusted. A row is ignored if its path leads out of the folder, or if its values have other
types than ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncdl.journal.state_location import STATE_FOLDER

MAX_PATH_CHARS = 4096
_HEX = re.compile(r"[0-9a-f]{1,128}")
_INT64 = range(-(2**63), 2**63)

_FIRST = """
CREATE TABLE job (
    service TEXT PRIMARY KEY,
    label   TEXT NOT NULL
) STRICT;
CREATE TABLE file (
    path       TEXT PRIMARY KEY,
    service    TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    proof      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_SECOND = """
ALTER TABLE job ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN begun_at REAL;
ALTER TABLE job ADD COLUMN ended_at REAL;
ALTER TABLE job ADD COLUMN status TEXT NOT NULL DEFAULT '';

CREATE TABLE scene (
    service   TEXT NOT NULL,
    scene     TEXT NOT NULL,
    dataset   TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    PRIMARY KEY (service, scene)
) STRICT, WITHOUT ROWID;

ALTER TABLE file RENAME TO old_file;
CREATE TABLE file (
    path        TEXT NOT NULL,
    service     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    scene       TEXT NOT NULL,
    entity_id   TEXT NOT NULL DEFAULT '',
    product_id  TEXT NOT NULL DEFAULT '',
    state       TEXT NOT NULL,
    run         INTEGER NOT NULL,
    size_bytes  INTEGER,
    mtime_ns    INTEGER,
    proof       TEXT NOT NULL DEFAULT '',
    source      TEXT NOT NULL DEFAULT '',
    digests     TEXT NOT NULL DEFAULT '',
    attempts    INTEGER NOT NULL DEFAULT 0,
    http_status INTEGER,
    reason      TEXT NOT NULL DEFAULT '',
    error       TEXT NOT NULL DEFAULT '',
    detail      TEXT NOT NULL DEFAULT '',
    remedy      TEXT NOT NULL DEFAULT '',
    ended_at    REAL,
    PRIMARY KEY (path, service)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_by_scene ON file (service, scene);
INSERT INTO file (path, service, kind, scene, state, run, size_bytes, mtime_ns, proof)
    SELECT path, service, kind,
        CASE instr(rest, '/') WHEN 0 THEN replace(rest, '.tar', '')
        ELSE substr(rest, 1, instr(rest, '/') - 1) END,
        'verified', 0, size_bytes, mtime_ns, proof
    FROM (
        SELECT *, substr(path, 1, instr(path, '/') - 1) AS kind,
            substr(path, instr(path, '/') + 1) AS rest
        FROM old_file
    );
DROP TABLE old_file;

CREATE TABLE download (
    service     TEXT NOT NULL,
    entity_id   TEXT NOT NULL,
    product_id  TEXT NOT NULL,
    label       TEXT NOT NULL,
    state       TEXT NOT NULL,
    download_id INTEGER,
    asked_at    REAL NOT NULL,
    given_at    REAL,
    PRIMARY KEY (service, entity_id, product_id)
) STRICT, WITHOUT ROWID;
"""

_THIRD = """
ALTER TABLE file ADD COLUMN bundle TEXT NOT NULL DEFAULT '';
ALTER TABLE file ADD COLUMN held TEXT NOT NULL DEFAULT '';
CREATE INDEX file_by_bundle ON file (service, bundle) WHERE bundle <> '';
"""

_FOURTH = """
ALTER TABLE job ADD COLUMN searched_for TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN searched_at REAL;
ALTER TABLE scene ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scene ADD COLUMN superseded_by TEXT NOT NULL DEFAULT '';
ALTER TABLE scene ADD COLUMN withdrawn TEXT NOT NULL DEFAULT '';
"""

# Before, times of searches were by this machine's clock, which may have been wrong.
_FIFTH = """
ALTER TABLE job ADD COLUMN searched_by TEXT NOT NULL DEFAULT '';
"""

_SIXTH = """
CREATE TABLE namesake (
    service   TEXT NOT NULL,
    scene     TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    PRIMARY KEY (service, scene, entity_id)
) STRICT, WITHOUT ROWID;
"""

# Facts of found scenes for their STAC items, which are in no file on disk.
_SEVENTH = """
CREATE TABLE sight (
    service    TEXT NOT NULL,
    entity_id  TEXT NOT NULL,
    footprint  TEXT NOT NULL,
    browse_url TEXT NOT NULL,
    PRIMARY KEY (service, entity_id)
) STRICT, WITHOUT ROWID;
"""

_EIGHTH = """
ALTER TABLE file ADD COLUMN window TEXT NOT NULL DEFAULT '';
ALTER TABLE file ADD COLUMN cut TEXT NOT NULL DEFAULT '';
"""

# The version of a file in an object store.
_NINTH = """
ALTER TABLE file ADD COLUMN tag TEXT NOT NULL DEFAULT '';
"""

MIGRATIONS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH, _SEVENTH, _EIGHTH, _NINTH)
"""The n-th script leads from version n to version n + 1."""


@dataclass(slots=True)
class RunKey:
    """The service and run of one opened journal; all its parts share one."""

    service: str
    """Name of the service of the rows."""
    run: int = 0
    """Number of the current run; 0 before it begins, and for read-only journals."""


def is_below(path: object) -> bool:
    """Return whether a path is below the download directory and outside the state folder."""
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_CHARS or "\0" in path:
        return False
    parts = path.split("/")
    return parts[0] != STATE_FOLDER and all(part not in ("", ".", "..") for part in parts)


def is_name(text: object) -> bool:
    """Return whether a text can be a file name, such as that of a scene's item."""
    return is_below(text) and "/" not in str(text)


def are_texts(values: Sequence[Any]) -> bool:
    """Return whether all values are texts."""
    return all(isinstance(value, str) for value in values)


def is_size(value: object) -> bool:
    """Return whether a value is a whole number as SQLite and file systems have them."""
    return isinstance(value, int) and value in _INT64


def is_hex(text: str) -> bool:
    """Return whether a text may be the value of a digest."""
    return _HEX.fullmatch(text) is not None
