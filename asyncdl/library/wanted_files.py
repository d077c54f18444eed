"""From arguments of ``download`` and ``plan`` to a config: the words are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from asyncdl.config import Config, parse_config
from asyncdl.config.aoi import AreaInput
from asyncdl.config.sections import BundleProduct
from asyncdl.errors import ConfigError, wrong_type
from asyncdl.events import Notice
from asyncdl.job.choosing.windows import window_of
from asyncdl.library.arguments import check_scenes, check_table, refuse_path
from asyncdl.library.scenes import SceneHit
from asyncdl.library.settings import box_of, refuse_beside_config
from asyncdl.m2m.naming import is_display_id
from asyncdl.m2m.searching.footprints import Ground, outlines_of

SceneInput: TypeAlias = SceneHit | str
"""A scene of a search, or its id."""
_SCENES = "scenes of a search, or their ids"
_PRODUCTS = "bands, bundle, file_groups or products"
_DIRECTORY = "data"


@dataclass(frozen=True, slots=True)
class WantedFiles:
    """The arguments of :func:`asyncdl.download` and :func:`asyncdl.plan`, as they were given."""

    scenes: Iterable[SceneInput] | SceneInput | Config
    bands: Sequence[str] | str | None = None
    bundle: bool | str = False
    file_groups: Sequence[str] | str | None = None
    products: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
    window: Sequence[float] | AreaInput | None = None
    directory: Path | str | None = None
    dataset: str | None = None
    options: Mapping[str, Any] | None = None

    def config(self) -> tuple[Config, list[Notice]]:
        """Return a config that downloads them, and what has been left out. Blocks.

        Raises: ConfigError, with the key; MisuseError, for arguments beside a config;
            TypeError, for what is no scene.
        """
        if isinstance(self.scenes, Config):
            others = [field.name for field in fields(self) if field.name != "scenes"]
            refuse_beside_config({name: getattr(self, name) for name in others})
            return self.scenes, []
        refuse_path("scenes", self.scenes)
        some = _listed(self.scenes)
        config = parse_config(
            {
                "search": _search_of(some, self.dataset),
                "products": self.product_tables(),
                "download": self._download(),
            }
        )
        return _inside_window(config, some)

    def product_tables(self) -> list[Mapping[str, Any]]:
        """Return ``[[products]]``. Raises: ConfigError, if there are none."""
        tables: list[Mapping[str, Any]] = []
        if self.bands is not None:
            tables.append({"kind": "bands", "bands": _as_list(self.bands)})
        if self.bundle:
            one = {} if self.bundle is True else {"product": self.bundle}
            tables.append({"kind": "bundle"} | one)
        if self.file_groups is not None:
            tables.append({"kind": "band_group", "file_groups": _as_list(self.file_groups)})
        tables += [self.products] if isinstance(self.products, Mapping) else self.products or ()
        if not tables:
            raise ConfigError("is missing", key="products", allowed=_PRODUCTS)
        return tables if self.window is None else _with_window(tables, box_of(self.window))

    def _download(self) -> dict[str, Any]:
        if self.options is not None:
            check_table("options", self.options)
        directory = _DIRECTORY if self.directory is None else self.directory
        path = str(directory) if isinstance(directory, Path) else directory
        return dict(self.options or {}) | {"directory": path}


def _listed(scenes: object) -> list[SceneInput]:
    if isinstance(scenes, SceneHit | str):
        return [scenes]
    if not isinstance(scenes, Iterable) or hasattr(scenes, "iterrows"):  # a table yields its heads
        raise wrong_type("scenes", scenes, f"{_SCENES}, as in the column product_id of a table")
    found: list[SceneInput] = list(scenes)
    check_scenes(found, (SceneHit, str), _SCENES)
    if not found:
        raise ConfigError("has no scenes", key="search.scenes", allowed="one scene, or more")
    return found


def _search_of(scenes: list[SceneInput], dataset: str | None) -> dict[str, Any]:
    search: dict[str, Any] = {"scenes": [_id_of(scene) for scene in scenes]}
    # Each scene may be of another dataset, if its id implies it.
    datasets = {scene.dataset if isinstance(scene, SceneHit) else None for scene in scenes}
    if dataset := dataset or (datasets.pop() if len(datasets) == 1 else None):
        search["dataset"] = dataset
    return search


def _id_of(scene: SceneInput) -> str:
    if not isinstance(scene, SceneHit):
        return scene
    # Only a product id of Landsat names one scene: names of aerial pictures are not unique.
    return scene.product_id if is_display_id(scene.product_id) else scene.entity_id


def _as_list(names: object) -> object:
    if isinstance(names, str):
        return [names]
    return list(names) if isinstance(names, Iterable) else names  # refused with the config


# --- of a window ----------------------------------------------------------------------------


def _with_window(tables: Iterable[Mapping[str, Any]], box: list[float]) -> list[Mapping[str, Any]]:
    """Return products with a window; those that have one of their own keep it."""
    some = [
        table if table.get("kind") == "bundle" else {"window": box, **table} for table in tables
    ]
    if not any("window" in table for table in some):
        raise ConfigError(
            "no part of a bundle can be fetched",
            key="window",
            allowed="beside bands or file_groups",
        )
    return some


def _inside_window(config: Config, scenes: list[SceneInput]) -> tuple[Config, list[Notice]]:
    """Leave out scenes whose known footprint does not touch the window.

    Raises: ConfigError, if all of them are.
    """
    window = window_of(config, None)
    if window is None or any(isinstance(product, BundleProduct) for product in config.products):
        return config, []
    ground = Ground(window.parts)
    inside = [scene for scene in scenes if _may_touch(scene, ground)]
    if len(inside) == len(scenes):
        return config, []
    if not inside:
        raise ConfigError("no scene touches it", key="window", value=window.name)
    ids = tuple(map(_id_of, inside))
    search = msgspec.structs.replace(config.search, scenes=ids)
    left_out = f"{len(scenes) - len(inside):,}"
    text = f"Scenes left out, as their footprint does not touch the window: {left_out}."
    return msgspec.structs.replace(config, search=search), [Notice(text)]


def _may_touch(scene: SceneInput, ground: Ground) -> bool:
    outlines = outlines_of(scene.geometry) if isinstance(scene, SceneHit) else ()
    return not outlines or any(map(ground.touches, outlines))
