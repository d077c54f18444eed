"""From arguments of a call to a config: the words are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from asyncdl.config import Config, parse_config
from asyncdl.config.aoi import AreaInput
from asyncdl.errors import ConfigError, MisuseError
from asyncdl.job.choosing.areas import area_of
from asyncdl.library.arguments import check_scenes
from asyncdl.library.scenes import SceneHit
from asyncdl.m2m.naming import is_display_id
from asyncdl.m2m.searching.area import SearchArea, polygons_of
from asyncdl.pages.maps import unwrapped_shape

SceneInput: TypeAlias = SceneHit | str
"""A scene of a search, or its id."""
_ANY_PRODUCT = ({"kind": "bundle"},)
"""A config has to want something, and a search does not."""
_PRODUCTS = "bands, bundle, file_groups or products"


def search_settings(keys: Mapping[str, Any]) -> Config:
    """Return a config that searches.

    Args:
        keys: Those of ``[search]``; ``None`` is left out.
    Raises: ConfigError, with the key.
    """
    given = {name: value for name, value in keys.items() if value is not None}
    return parse_config({"search": given, "products": list(_ANY_PRODUCT)})


def download_settings(
    scenes: Iterable[SceneInput] | SceneInput,
    *,
    products: Sequence[Mapping[str, Any]],
    directory: Path | str,
    dataset: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Return a config that downloads some scenes.

    Args:
        scenes: Each may be of another dataset, if its id implies it; one alone will do.
        products: Tables as in ``[[products]]``.
        directory: Where the files go.
        dataset: Of ids that imply none.
        options: Further keys of ``[download]``.
    Raises: ConfigError, with the key; TypeError, for what is no scene.
    """
    some = _listed(scenes)
    if not some:
        raise ConfigError("has no scenes", key="search.scenes", allowed="one scene, or more")
    search: dict[str, Any] = {"scenes": [_id_of(scene) for scene in some]}
    if dataset := dataset or _only_dataset(some):
        search["dataset"] = dataset
    download = dict(options or {}) | {"directory": str(directory)}
    return parse_config({"search": search, "products": list(products), "download": download})


def _listed(scenes: Iterable[SceneInput] | SceneInput) -> list[SceneInput]:
    if isinstance(scenes, SceneHit | str):
        return [scenes]
    found = list(scenes)
    check_scenes(found, (SceneHit, str), "scenes of a search, or their ids")
    return found


def _id_of(scene: SceneInput) -> str:
    if not isinstance(scene, SceneHit):
        return scene
    # Only a product id of Landsat names one scene: names of aerial pictures are not unique.
    return scene.product_id if is_display_id(scene.product_id) else scene.entity_id


def _only_dataset(scenes: Iterable[SceneInput]) -> str | None:
    """Return the dataset of all scenes if it is the same one and they say it."""
    datasets = {scene.dataset if isinstance(scene, SceneHit) else None for scene in scenes}
    return datasets.pop() if len(datasets) == 1 else None


def product_tables(
    bands: Sequence[str] | str | None,
    bundle: bool | str,
    file_groups: Sequence[str] | str | None,
    products: Sequence[Mapping[str, Any]] | None,
    window: Sequence[float] | AreaInput | None = None,
) -> list[Mapping[str, Any]]:
    """Return ``[[products]]`` for the arguments of a call.

    Args:
        bands: Names of bands.
        bundle: Whether bundles; or code or words of the product, where there are several.
        file_groups: Names of band groups.
        products: Tables with further keys.
        window: Of bands and band groups: a box, or an area, whose box it is.
    Raises: ConfigError, if there are no products.
    """
    cut = {} if window is None else {"window": box_of(window)}
    tables: list[Mapping[str, Any]] = []
    if bands is not None:
        tables.append({"kind": "bands", "bands": _as_list(bands)} | cut)
    if bundle:
        tables.append({"kind": "bundle"} | ({"product": bundle} if bundle is not True else {}))
    if file_groups is not None:
        tables.append({"kind": "band_group", "file_groups": _as_list(file_groups)} | cut)
    tables += products or ()
    if not tables:
        raise ConfigError("is missing", key="products", allowed=_PRODUCTS)
    return tables


def box_of(window: Sequence[float] | AreaInput) -> list[float]:
    """Return west, south, east and north of a window; of an area over the antimeridian, too.

    Raises: ConfigError, for an area that cannot be read.
    """
    if isinstance(window, Sequence) and not isinstance(window, str):
        return list(window)
    area = area_of(search_settings({"dataset": "any", "aoi": window}).search)
    corners = [corner for ring in unwrapped_shape(_rings(area)) for corner in ring]
    west, east = min(x for x, _ in corners), max(x for x, _ in corners)
    turn = 360 if west < -180 else 0
    return [west + turn, min(y for _, y in corners), east + turn, max(y for _, y in corners)]


def _rings(area: SearchArea) -> Iterable[Sequence[tuple[float, float]]]:
    return (ring for polygon in polygons_of(area) for ring in polygon)


def _as_list(names: Sequence[str] | str) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def refuse_beside_config(keys: Mapping[str, Any]) -> None:
    """Refuse arguments that a config has already.

    Args:
        keys: The arguments; ``None`` and ``False`` were not given.
    Raises: MisuseError.
    """
    given = [name for name, value in keys.items() if value is not None and value is not False]
    if given:
        raise MisuseError(f"{', '.join(given)}: a Config says that itself")
