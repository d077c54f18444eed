"""What the search has told of scenes, for their STAC items: outlines and pictures."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from asyncdl.events import FoundScene
from asyncdl.job.journal.believing import are_texts
from asyncdl.job.journal.database import Database, Row, Write
from asyncdl.job.journal.stamp import Stamp
from asyncdl.m2m.searching.outlines import Outline, outlines_of


@dataclass(frozen=True, slots=True)
class SightRecord:
    """What is kept of a scene that a search has found."""

    footprint: tuple[Outline, ...] = ()
    """Outlines of its parts; empty if the service told none."""
    browse_url: str = ""
    """Of a picture; may be empty, or anything."""


class Sights:
    """The found scenes of one service in a journal; methods raise DiskError as the journal's do."""

    def __init__(self, database: Database, stamp: Stamp) -> None:
        self._database = database
        self._stamp = stamp

    def note(self, scenes: Iterable[FoundScene]) -> None:
        """Remember found scenes; known to the next commit."""
        rows = [_row(scene, self._stamp.service) for scene in scenes if scene.entity_id]
        if rows:
            self._database.write_later(Write(_NOTE, rows))

    async def all(self) -> dict[str, SightRecord]:
        """Return what is known, by entity id."""
        return await self._database.read(self._all)

    def _all(self, connection: sqlite3.Connection) -> dict[str, SightRecord]:
        rows = connection.execute(_ALL, (self._stamp.service,))
        return {row[0]: _record(row[1], row[2]) for row in rows if are_texts(row)}


def _row(scene: FoundScene, service: str) -> Row:
    footprint = orjson.dumps(scene.footprint).decode()
    return (service, scene.entity_id, footprint, scene.browse_url)


def _record(footprint: str, browse_url: str) -> SightRecord:
    try:
        rings = orjson.loads(footprint)
    except ValueError:
        return SightRecord((), browse_url)
    polygons = [[ring] for ring in rings] if isinstance(rings, list) else []
    shape = {"type": "MultiPolygon", "coordinates": polygons}
    return SightRecord(outlines_of(shape), browse_url)


_NOTE = """
INSERT INTO sight (service, entity_id, footprint, browse_url) VALUES (?, ?, ?, ?)
ON CONFLICT (service, entity_id) DO UPDATE SET footprint = excluded.footprint,
    browse_url = excluded.browse_url
"""
_ALL = "SELECT entity_id, footprint, browse_url FROM sight WHERE service = ?"
