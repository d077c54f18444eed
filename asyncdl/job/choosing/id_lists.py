"""Lists of scenes as people have them: lines of ids, and tables. Pure.

Source: the CSV files of EarthExplorer and of ``asyncdl search``; the lists that the download
scripts of the USGS read, whose first line is ``dataset|displayId`` or the dataset alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asyncdl.job.choosing.id_forms import (
    AROUND,
    NoSceneId,
    SceneRef,
    described_id,
    is_foreign,
    read_scene,
)
from asyncdl.m2m.bands import DATASETS
from asyncdl.user_text import split_lines, text_of

MAX_LINE_CHARS = 16_384
"""A longer line is in no list of ids. Rows of tables have about a thousand."""

_BETWEEN = re.compile(r"[\s,;]+")

_DATASET_LINE = re.compile(r"dataset[ _|]?(?:name)?\s*[=|]\s*[\"']?(\w{1,80})[\"']?", re.IGNORECASE)
_DATASET_NOTE = re.compile(r"dataset[ _]?(?:name)?\s*:\s*(\w[^\W_]*+_\w++)", re.IGNORECASE)
_SCRIPT_LINE = re.compile(r"(\w{1,80})\|\s*(?:displayId|entityId)\s*", re.IGNORECASE)

_DISPLAY_COLUMNS = (
    "landsatproductidentifierl2", "landsatproductidl2", "landsatproductidentifierl1",
    "landsatproductidl1", "landsatproductidentifier", "landsatproductid", "displayid",
    "productid", "tileidentifier", "tileid",
)  # fmt: skip
_ENTITY_COLUMNS = (
    "landsatsceneidentifier", "landsatsceneid", "sceneidentifier", "sceneid", "entityid", "id",
)  # fmt: skip
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class ListedScene:
    """The scenes in one line or item of a list."""

    place: str
    """Such as ``line 3``."""
    text: str
    """Its text, for messages."""
    scenes: tuple[SceneRef, ...] = ()
    fault: NoSceneId | None = None
    """Why there are no scenes."""


def decode_list(data: bytes) -> str:
    """Return the text of a list: UTF-8, or as its byte order mark says.

    Exports of EarthExplorer may contain a name in Latin-1: a list that is not UTF-8 is read as
    Latin-1, as ids are the same in both.

    Raises: NotText, a UnicodeError that says what is wrong.
    """
    return text_of(data, fallback="latin-1")


def read_lines(text: str, listed: str | None) -> Iterator[ListedScene]:
    """Read a list with one id, or a few, in each line, or a table with a column of ids.

    Args:
        text: Empty lines and comments are skipped. A comment may name the dataset.
        listed: The dataset that the config names.
    Yields: The scenes of each line that has some, in order.
    """
    return _LineReader(listed).read(text)


class _LineReader:
    """Reads lines; earlier lines may say how later ones are read."""

    def __init__(self, listed: str | None) -> None:
        self._configured = listed
        self._listed = listed
        self._table: _Table | None = None
        self._is_first = True

    def read(self, text: str) -> Iterator[ListedScene]:
        for number, line in enumerate(split_lines(text), start=1):
            bare = line.strip(" \t\x1e\u00a0\u200b\ufeff")
            try:
                scenes = tuple(self._scenes(bare))
            except NoSceneId as fault:
                yield ListedScene(f"line {number}", bare, fault=fault)
            else:
                if scenes:
                    yield ListedScene(f"line {number}", bare, scenes)

    def _scenes(self, line: str) -> Sequence[SceneRef]:
        if len(line) > MAX_LINE_CHARS:
            raise NoSceneId(f"has {len(line):,} characters", "one id a line")
        if not line or self._is_header(line):
            return ()
        if self._table is not None:
            scene = self._table.scene(line, self._listed)
            return (scene,) if scene else ()
        return read_words(line.partition("#")[0], self._listed)

    def _is_header(self, line: str) -> bool:
        """Return whether a line has no scenes, and keep what it says of the others."""
        if dataset := _dataset_named(line):
            if self._configured and dataset.lower() != self._configured.lower():
                allowed = f"a list of {self._configured}, or no search.dataset"
                raise NoSceneId(f"this list is of {dataset}", allowed)
            self._listed = dataset
            return True
        if line.startswith("#"):
            return True
        if not self._is_first:
            return False
        self._is_first = False
        self._table = _table_of(line)
        return self._table is not None or bool(_columns_of([line]))


def _dataset_named(line: str) -> str | None:
    bare = line.lstrip("# \t").strip(AROUND)
    form = _DATASET_NOTE if line.startswith("#") and ":" in bare else _DATASET_LINE
    if match := form.fullmatch(bare) or _SCRIPT_LINE.fullmatch(bare):
        return match[1].lower()
    return bare.lower() if bare.lower() in DATASETS else None


def read_words(line: str, listed: str | None) -> tuple[SceneRef, ...]:
    """Read the ids of one line. Raises: NoSceneId, if any part of it is not an id."""
    words = [word for word in (w.strip(AROUND) for w in _BETWEEN.split(line)) if word]
    if len(words) < 2:
        return tuple(read_scene(word, listed) for word in words)
    found, wrong = _sorted_out(words, listed)
    if not wrong:
        return tuple(found)
    try:
        # A path may contain spaces; then the line is one id.
        whole = read_scene(line, listed)
    except NoSceneId:
        if not found:
            raise
        whole = None
    if any(scene != whole for scene in found):
        problem = f"has {described_id(wrong[0])} beside its id"
        raise NoSceneId(problem, "one id a line; # begins a comment")
    return (whole,) if whole else ()


def _sorted_out(words: Sequence[str], listed: str | None) -> tuple[list[SceneRef], list[str]]:
    found, wrong = [], []
    for word in words:
        try:
            found.append(read_scene(word, listed))
        except NoSceneId:
            wrong.append(word)
    return found, wrong


# --- tables -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of scenes, of which some columns hold ids."""

    delimiter: str
    columns: tuple[tuple[int, str], ...]
    """Columns with ids, and the normalized names of these columns."""

    def scene(self, line: str, listed: str | None) -> SceneRef | None:
        """Return the scene of a row; ``None`` for an empty one. Raises: NoSceneId."""
        cells = _cells_of(line, self.delimiter)
        if not any(cells):
            return None
        faults = []
        for index, _ in sorted(self.columns, key=lambda column: _rank_of(column[1], listed)):
            cell = cells[index].strip(AROUND) if index < len(cells) else ""
            if cell:
                try:
                    return read_scene(cell, listed)
                except NoSceneId as fault:
                    faults.append(fault)
        raise faults[0] if faults else NoSceneId("has no id in its column of ids")


def _table_of(line: str) -> _Table | None:
    for delimiter in _DELIMITERS:
        if delimiter in line:
            cells = _cells_of(line, delimiter)
            if len(cells) > 1 and (columns := _columns_of(cells)):
                return _Table(delimiter, columns)
    return None


def _columns_of(cells: Sequence[str]) -> tuple[tuple[int, str], ...]:
    names = ((index, re.sub(r"[\W_]+", "", cell).casefold()) for index, cell in enumerate(cells))
    known = (*_DISPLAY_COLUMNS, *_ENTITY_COLUMNS)
    return tuple((index, name) for index, name in names if name in known)


def _cells_of(line: str, delimiter: str) -> list[str]:
    # Line by line: a quote that is never closed spoils one row only, which is reported.
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise NoSceneId(f"is not a valid row of a table: {error}", "a CSV file") from error
    return rows[0] if rows else []


def _rank_of(column: str, listed: str | None) -> int:
    """Return the rank of a column; ids that imply their dataset are preferred, if they can."""
    names = _DISPLAY_COLUMNS + _ENTITY_COLUMNS
    if listed and is_foreign(listed):
        names = _ENTITY_COLUMNS + _DISPLAY_COLUMNS
    if listed and listed.lower().endswith("_l1") and column.endswith("l1"):
        return -1
    return names.index(column)
