"""Which scenes a config selects: by a search, or by their ids. Works offline."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from asyncdl.config import (
    Config,
    SearchConfig,
)
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.id_forms import NoSceneId, described_id, read_scene, shortened, shown
from asyncdl.job.choosing.id_lists import ListedScene, decode_list, read_lines
from asyncdl.job.choosing.item_lists import ITEMS, NotItems, is_json, read_items
from asyncdl.job.choosing.windows import AreaWindow, window_of
from asyncdl.m2m.searching.conditions import SceneTraits, check_traits
from asyncdl.m2m.searching.scene_search import SceneQuery
from asyncdl.outside import TooMuch, read_at_most

Named: TypeAlias = Mapping[str, Sequence[str]]
"""Scenes named one by one: ids by dataset."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """Which scenes a run takes: named ones, those that a search finds, or both."""

    query: SceneQuery | None = None
    named: Named = field(default_factory=dict)
    complete: frozenset[str] = frozenset()
    """Product ids to skip when the search finds them: nothing of them is missing."""
    entities: frozenset[str] = frozenset()
    """Entity ids of known scenes; another one with a complete product id is new."""
    window: AreaWindow | None = None
    """The part that is wanted of each raster; ``None`` for whole files."""

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that scenes are taken from, each once."""
        searched = (self.query.dataset,) if self.query else ()
        return tuple(dict.fromkeys((*searched, *self.named)))

    @property
    def named_count(self) -> int:
        """How many scenes are named."""
        return sum(map(len, self.named.values()))


def search_plan_of(config: Config) -> SearchPlan:
    """Return the search plan of a config, checked without a network.

    Raises: ConfigError, when the area or the ids make no sense.
    """
    if config.search.is_by_id:
        return SearchPlan(named=ids_of(config.search), window=window_of(config, None))
    query = query_of(config.search)
    return SearchPlan(query, window=window_of(config, query.area))


def query_of(search: SearchConfig) -> SceneQuery:
    """Return the query of ``[search]``.

    Raises: ConfigError, without a dataset, for an invalid area of interest, or if the dataset
        has no such scenes.
    """
    if search.dataset is None:  # only in a config that was not read from a file
        raise ConfigError("is missing", key="search.dataset", allowed="the name of a dataset")
    traits = SceneTraits(search.tier or (), search.satellite or (), search.day_night or "")
    check_traits(search.dataset, traits)
    return SceneQuery(
        dataset=search.dataset,
        area=area_of(search),
        start=search.start,
        end=search.end,
        ingested_since=search.since.day if search.since else None,
        cloud_cover=search.cloud_cover,
        months=search.months or (),
        wrs=search.wrs or (),
        metadata=search.metadata,
        limit=search.limit,
        traits=traits,
    )


def ids_of(search: SearchConfig) -> dict[str, list[str]]:
    """Return the scenes that ``[search]`` names, each once, by dataset.

    Raises: ConfigError, for a file that is empty or not text, and for everything that is not
        an id, all at once.
    """
    listed = list(_listed(search))
    _raise_faults(search, listed)
    by_dataset: dict[str, dict[str, None]] = {}
    for entry in listed:
        for scene in entry.scenes:
            by_dataset.setdefault(scene.dataset, {})[scene.id] = None
    return {dataset: list(ids) for dataset, ids in by_dataset.items()}


MAX_LIST_BYTES = 128 * 1024**2
"""The length of a table of 100,000 scenes, or of 6,000 STAC items."""
MAX_ENTRIES = 200_000
MAX_FAULTS = 10
"""Wrong ids that are shown; the rest is counted."""
MAX_WAYS = 3
"""Hints that are shown."""


def _listed(search: SearchConfig) -> Iterable[ListedScene]:
    if search.scenes is not None:
        return [_listed_in_config(scene, search.dataset) for scene in search.scenes]
    name = search.scenes_file or ""
    key = "search.scenes_file"
    text = _text_of(name, key)
    try:
        read = read_items if is_json(text) else read_lines
        listed = list(islice(read(text, search.dataset), MAX_ENTRIES + 1))
    except NotItems as error:
        raise ConfigError(str(error), key=key, value=name, allowed=ITEMS) from error
    if len(listed) > MAX_ENTRIES:
        problem = f"has more than {MAX_ENTRIES:,} entries"
        raise ConfigError(problem, key=key, value=name, allowed="several shorter lists")
    if not listed:
        raise ConfigError("has no ids", key=key, value=name, allowed="one id a line")
    return listed


def _listed_in_config(scene: str, dataset: str | None) -> ListedScene:
    try:
        return ListedScene("", scene, (read_scene(scene, dataset),))
    except NoSceneId as fault:
        return ListedScene("", scene, fault=fault)


def _raise_faults(search: SearchConfig, wrong: Iterable[ListedScene]) -> None:
    """Raise ConfigError for entries that are not ids; the same text counts once."""
    first: dict[str, tuple[ListedScene, NoSceneId]] = {}
    for entry in wrong:
        if entry.fault is not None:
            first.setdefault(entry.text, (entry, entry.fault))
    faults = list(first.values())
    if len(faults) == 1:
        raise _one_fault(search, *faults[0])
    if faults:
        raise _many_faults(search, faults)


def _one_fault(search: SearchConfig, entry: ListedScene, fault: NoSceneId) -> ConfigError:
    problem, allowed = fault.problem, fault.allowed
    if search.scenes is not None:
        value = shortened(entry.text)
        return ConfigError(problem, key="search.scenes", value=value, allowed=allowed)
    return ConfigError(
        f"{_place_of(entry)}: {problem}",
        key="search.scenes_file",
        value=search.scenes_file,
        allowed=allowed,
    )


def _many_faults(
    search: SearchConfig, faults: Sequence[tuple[ListedScene, NoSceneId]]
) -> ConfigError:
    problems = [f"{_place_of(entry)}: {fault.problem}" for entry, fault in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        problems.append(f"and {len(faults) - MAX_FAULTS:,} more")
    allowed = dict.fromkeys(fault.allowed for _, fault in faults)
    return ConfigError(
        f"{len(faults):,} entries cannot be used: {'; '.join(problems)}",
        key="search.scenes_file" if search.scenes is None else "search.scenes",
        value=search.scenes_file,
        allowed="; or ".join(list(allowed)[:MAX_WAYS]),
    )


def _place_of(entry: ListedScene) -> str:
    return f"{entry.place}, {described_id(entry.text)}" if entry.place else shown(entry.text)


def _text_of(name: str, key: str) -> str:
    try:
        return decode_list(_bytes_of(name))
    except TooMuch as error:
        raise ConfigError(str(error), key=key, value=name, allowed="a list of ids") from error
    except UnicodeError as error:
        raise ConfigError(str(error), key=key, value=name, allowed="one id a line") from error
    except OSError as error:
        problem = error.strerror or str(error)
        raise ConfigError(
            problem, key=key, value=name, allowed="a file that can be read"
        ) from error


def _bytes_of(name: str) -> bytes:
    if name != "-":
        with Path(name).open("rb") as file:
            return read_at_most(file, MAX_LIST_BYTES)
    # A program may have replaced sys.stdin by a text stream.
    raw = getattr(sys.stdin, "buffer", None)
    if raw is not None:
        return read_at_most(raw, MAX_LIST_BYTES)
    return read_at_most(io.BytesIO(sys.stdin.read(MAX_LIST_BYTES + 1).encode()), MAX_LIST_BYTES)
