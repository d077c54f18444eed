"""What the journal knows of scenes: as they were found, what is missing, what superseded them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from asyncdl.events import FoundScene
from asyncdl.journal.database import Database, Row, Write
from asyncdl.journal.records import SceneRecord
from asyncdl.journal.schema import RunKey, are_texts, is_name
from asyncdl.m2m.searching.footprints import Outline, outlines_of


@dataclass(frozen=True, slots=True)
class FoundSceneRecord:
    """A scene as a search found it."""

    footprint: tuple[Outline, ...] = ()
    """Outlines of its parts; empty if the service gave none."""
    browse_url: str = ""
    """URL of a picture, as the service gave it; may be empty or invalid."""


class FoundScenes:
    """The found scenes of one service in a journal; methods raise DiskError as the journal's do."""

    def __init__(self, database: Database, run_key: RunKey) -> None:
        self._database = database
        self._run_key = run_key

    def note(self, scenes: Iterable[FoundScene]) -> None:
        """Note found scenes with the next commit."""
        rows = [_row(scene, self._run_key.service) for scene in scenes if scene.entity_id]
        if rows:
            self._database.write_later(Write(_NOTE, rows))

    async def all(self) -> dict[str, FoundSceneRecord]:
        """Return all scenes that were found, by entity id."""
        return await self._database.read(self._all)

    def _all(self, connection: sqlite3.Connection) -> dict[str, FoundSceneRecord]:
        rows = connection.execute(_ALL, (self._run_key.service,))
        return {row[0]: _sight_record(row[1], row[2]) for row in rows if are_texts(row)}


def _row(scene: FoundScene, service: str) -> Row:
    footprint = orjson.dumps(scene.footprint).decode()
    return (service, scene.entity_id, footprint, scene.browse_url)


def _sight_record(footprint: str, browse_url: str) -> FoundSceneRecord:
    try:
        rings = orjson.loads(footprint)
    except ValueError:
        return FoundSceneRecord((), browse_url)
    polygons = [[ring] for ring in rings] if isinstance(rings, list) else []
    shape = {"type": "MultiPolygon", "coordinates": polygons}
    return FoundSceneRecord(outlines_of(shape), browse_url)


_NOTE = """
INSERT INTO sight (service, entity_id, footprint, browse_url) VALUES (?, ?, ?, ?)
ON CONFLICT (service, entity_id) DO UPDATE SET footprint = excluded.footprint,
    browse_url = excluded.browse_url
"""
_ALL = "SELECT entity_id, footprint, browse_url FROM sight WHERE service = ?"


class SceneRows:
    """The scenes of one service in a journal; methods raise DiskError as the journal's do."""

    def __init__(self, database: Database, run_key: RunKey) -> None:
        self._database = database
        self._service = run_key.service
        self._run_key = run_key

    async def all(self) -> list[SceneRecord]:
        """Return all scenes, in the order of their ids."""
        return await self._database.read(self._all)

    async def replaced(self) -> list[SceneRecord]:
        """Return the scenes with files here that the service superseded or deleted."""
        return [
            scene
            for scene in await self.all()
            if scene.kinds and (scene.superseded_by or scene.withdrawn)
        ]

    async def complete(self) -> frozenset[str]:
        """Return the product ids of scenes of which nothing is missing."""
        query = f"SELECT scene FROM ({_SCENES}) WHERE is_settled"
        rows = await self._database.read(
            lambda connection: connection.execute(query, (self._service,)).fetchall()
        )
        return frozenset(scene for (scene,) in rows)

    async def incomplete(self) -> dict[str, tuple[str, ...]]:
        """Return the scenes with files that are missing or damaged: entity ids by dataset.

        Scenes that the service superseded or deleted are left out.
        """
        rows = await self._database.read(
            lambda connection: connection.execute(_OPEN, (self._service,)).fetchall()
        )
        by_dataset: dict[str, list[str]] = {}
        for dataset, entity_id in rows:
            by_dataset.setdefault(dataset, []).append(entity_id)
        return {dataset: tuple(ids) for dataset, ids in by_dataset.items()}

    async def first_entities(self) -> dict[str, str]:
        """Return by display id the entity id of the scene that had it first."""
        rows = await self._database.read(
            lambda connection: connection.execute(_FIRST, (self._service,)).fetchall()
        )
        return {str(scene): str(entity_id) for scene, entity_id in rows}

    async def entities(self) -> frozenset[str]:
        """Return the entity ids of all scenes."""
        rows = await self._database.read(
            lambda connection: connection.execute(_ENTITIES, (self._service,) * 2).fetchall()
        )
        return frozenset(str(entity_id) for (entity_id,) in rows)

    async def namesakes(self) -> dict[str, tuple[str, ...]]:
        """Return by display id the entity ids of the scenes that did not have it first."""
        rows = await self._database.read(
            lambda connection: connection.execute(_NAMESAKES, (self._service,)).fetchall()
        )
        found: dict[str, tuple[str, ...]] = {}
        for scene, entity_id in rows:
            found[scene] = (*found.get(scene, ()), entity_id)
        return found

    async def note_scenes(
        self,
        dataset: str,
        entity_ids: Mapping[str, str],
        *,
        are_whole: bool = True,
        namesakes: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Record scenes of the job.

        Args:
            dataset: Alias of their dataset.
            entity_ids: By display id.
            are_whole: Whether all their files are checked, so that failures of earlier runs
                are forgotten. Otherwise each counts until the file has another outcome.
            namesakes: Display and entity ids of scenes that did not have their display id
                first.
        """
        rows = [
            (self._service, scene, dataset, id_, self._run_key.run)
            for scene, id_ in entity_ids.items()
        ]
        others = [(self._service, scene, id_) for scene, id_ in namesakes]
        writes = [Write(_TAKE, rows), Write(_TAKE_NAMESAKE, others)]
        if are_whole:
            writes.append(
                Write(_REOPEN, [(self._service, s, self._run_key.run) for s in entity_ids])
            )
        await self._database.write(*writes)

    async def note_superseded(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Record pairs of product ids: a superseded one and its successor."""
        rows = [(new, self._service, old) for old, new in pairs]
        await self._database.write(Write(_SUPERSEDE, rows))

    async def note_withdrawn(self, days: Iterable[tuple[str, str]]) -> None:
        """Record product ids that the service deleted, and when."""
        rows = [(day, self._service, scene) for scene, day in days]
        await self._database.write(Write(_WITHDRAW, rows))

    def _all(self, connection: sqlite3.Connection) -> list[SceneRecord]:
        rows = connection.execute(f"{_SCENES} ORDER BY scene", (self._service,))
        return [_record(*row) for row in rows if is_name(row[0]) and are_texts(row[:2])]


def _record(
    product_id: str,
    dataset: str,
    run: int,
    superseded_by: str,
    withdrawn: str,
    kinds: str | None,
    is_complete: int,
) -> SceneRecord:
    there = frozenset(kinds.split(",") if kinds else ())
    return SceneRecord(product_id, dataset, run, superseded_by, withdrawn, there, bool(is_complete))


_IS_OPEN = "state NOT IN ('verified', 'unpacked') OR mtime_ns = 0"
_SCENES = f"""
SELECT scene, dataset, scene.run, superseded_by, withdrawn,
    group_concat(DISTINCT kind) FILTER (WHERE state IN ('verified', 'unpacked')) AS kinds,
    count(path) > 0 AND NOT coalesce(max({_IS_OPEN}), 0) AS is_settled
FROM scene LEFT JOIN file USING (service, scene) WHERE service = ? GROUP BY scene
"""
_OPEN = f"""
WITH open (service, scene, dataset, entity_id) AS (
    SELECT DISTINCT service, scene, dataset, scene.entity_id
    FROM scene JOIN file USING (service, scene)
    WHERE service = ? AND ({_IS_OPEN}) AND superseded_by = '' AND withdrawn = ''
)
SELECT dataset, entity_id FROM (
    SELECT dataset, scene, entity_id FROM open
    UNION
    SELECT dataset, scene, namesake.entity_id FROM open JOIN namesake USING (service, scene)
) ORDER BY dataset, scene, entity_id
"""
_FIRST = """
SELECT scene, entity_id FROM scene WHERE service = ? AND entity_id NOT IN ('', scene)
"""
_ENTITIES = """
SELECT entity_id FROM scene WHERE service = ?
UNION SELECT entity_id FROM namesake WHERE service = ?
"""
_NAMESAKES = "SELECT scene, entity_id FROM namesake WHERE service = ? ORDER BY scene, entity_id"
_TAKE_NAMESAKE = "INSERT OR IGNORE INTO namesake (service, scene, entity_id) VALUES (?, ?, ?)"
_TAKE = """
INSERT INTO scene (service, scene, dataset, entity_id, run) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (service, scene) DO UPDATE SET dataset = excluded.dataset,
    entity_id = excluded.entity_id, run = excluded.run, superseded_by = '', withdrawn = ''
"""
_REOPEN = """
DELETE FROM file
WHERE service = ? AND scene = ? AND run < ? AND state NOT IN ('verified', 'unpacked', 'damaged')
"""
_SUPERSEDE = "UPDATE scene SET superseded_by = ? WHERE service = ? AND scene = ?"
_WITHDRAW = "UPDATE scene SET withdrawn = ? WHERE service = ? AND scene = ?"
