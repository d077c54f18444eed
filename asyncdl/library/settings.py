"""From arguments of a search to a config: the words are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from asyncdl.config import Config, parse_config
from asyncdl.config.aoi import AreaInput
from asyncdl.errors import ConfigError, MisuseError
from asyncdl.job.choosing.areas import area_of
from asyncdl.m2m.searching.area import SearchArea, polygons_of
from asyncdl.pages.maps import unwrapped_shape

_ANY_PRODUCT = ({"kind": "bundle"},)
"""A config has to want something, and a search does not."""


_AREA = "aoi"


def as_plain(value: Any) -> Any:
    """Return a value of numpy or pandas as a config has it, such as ``total_bounds``."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return [as_plain(one) for one in value]
    is_midnight = isinstance(value, datetime) and value.time() == time.min
    return value.date() if is_midnight else value


def search_settings(keys: Mapping[str, Any]) -> Config:
    """Return a config that searches.

    Args:
        keys: Those of ``[search]``; ``None`` is left out.
    Raises: ConfigError, with the key.
    """
    given = {
        name: value if name == _AREA else as_plain(value)
        for name, value in keys.items()
        if value is not None
    }
    return parse_config({"search": given, "products": list(_ANY_PRODUCT)})


def box_of(window: Sequence[float] | AreaInput) -> list[float]:
    """Return west, south, east and north of a window; of an area over the antimeridian, too.

    Raises: ConfigError, for an area that cannot be read.
    """
    box = window if hasattr(window, "__geo_interface__") else as_plain(window)
    if isinstance(box, list):
        return box
    try:
        area = area_of(search_settings({"dataset": "any", "aoi": window}).search)
    except ConfigError as error:
        error.key = "window"
        raise
    corners = [corner for ring in unwrapped_shape(_rings(area)) for corner in ring]
    west, east = min(x for x, _ in corners), max(x for x, _ in corners)
    turn = 360 if west < -180 else 0
    return [west + turn, min(y for _, y in corners), east + turn, max(y for _, y in corners)]


def _rings(area: SearchArea) -> Iterable[Sequence[tuple[float, float]]]:
    return (ring for polygon in polygons_of(area) for ring in polygon)


def refuse_beside_config(keys: Mapping[str, Any]) -> None:
    """Refuse arguments that a config has already.

    Args:
        keys: The arguments; ``None`` and ``False`` were not given.
    Raises: MisuseError.
    """
    given = [name for name, value in keys.items() if value is not None and value is not False]
    if given:
        raise MisuseError(f"{', '.join(given)}: a Config says that itself")
