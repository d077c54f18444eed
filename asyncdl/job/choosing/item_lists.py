"""Scenes named by STAC items, in any of the forms in which items are stored in a file. Pure.

Source: STAC item specification 1.0; the items of the USGS, whose ids are product ids with
``_SR`` or ``_ST`` behind them, of Earth Search and of the Planetary Computer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from asyncdl.job.choosing.id_forms import (
    NoSceneId,
    SceneRef,
    is_foreign,
    landsat_id,
    read_scene,
)
from asyncdl.job.choosing.id_lists import ListedScene
from asyncdl.m2m.naming import dataset_of, instrument_of, parse_product_id, parse_scene_id
from asyncdl.outside import TooMuch, check_values

ITEMS = "STAC items: a FeatureCollection, one item, a list of them, or one a line"

_PRODUCT_FIELDS = ("landsat:product_id", "product_id", "displayId", "display_id", "id")
_SCENE_FIELDS = ("landsat:scene_id", "entity_id", "entityId")
_COLLECTION = re.compile(r"[a-z0-9._-]{1,60}")
_LEVEL = re.compile(r"c2-?l([12])")


class NotItems(ValueError):
    """A text begins like JSON, but is not JSON, or has no items."""


def is_json(text: str) -> bool:
    """Return whether a text is JSON by its beginning; no list of ids begins like that."""
    return text.lstrip("\ufeff \t\r\n\x1e")[:1] in ("{", "[")


def read_items(text: str, listed: str | None) -> Iterator[ListedScene]:
    """Read the scenes of STAC items, or of a JSON list of ids.

    Args:
        text: JSON, or JSON lines.
        listed: The dataset that the config names.
    Yields: The scenes of each item, in order.
    Raises: NotItems, with the position of the error.
    """
    for place, item in _items_in(text.lstrip("\ufeff").replace("\x1e", " ")):
        name = _text_in(item, "id") if isinstance(item, dict) else str(item)
        try:
            yield ListedScene(place, name, (_scene_of(item, listed),))
        except NoSceneId as fault:
            yield ListedScene(place, name, fault=fault)


# --- where the items are --------------------------------------------------------------------


def _items_in(text: str) -> Iterator[tuple[str, Any]]:
    try:
        check_values(text.encode(errors="replace"))
        whole = json.loads(text)
    except TooMuch as error:
        raise NotItems(f"is JSON that {error}") from None
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise NotItems(_where(error, error.lineno)) from error
        return _items_by_line(text)
    except (RecursionError, ValueError) as error:
        raise NotItems("is JSON that is nested too deep, or has a number too long") from error
    return _items_of(whole)


def _items_by_line(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(_lines_of(text), start=1):
        bare = line.strip(" \t\r")
        if not bare:
            continue
        try:
            item = json.loads(bare)
        except json.JSONDecodeError as error:
            raise NotItems(_where(error, number)) from error
        except (RecursionError, ValueError) as error:
            raise NotItems(f"line {number}: is nested too deep, or has a long number") from error
        for _, found in _items_of(item):
            yield f"line {number}", found


def _lines_of(text: str) -> Iterator[str]:
    start = 0
    while (stop := text.find("\n", start)) >= 0:
        yield text[start:stop]
        start = stop + 1
    yield text[start:]


def _items_of(whole: Any) -> Iterator[tuple[str, Any]]:
    items = whole
    if isinstance(whole, dict):
        kind = whole.get("type")
        if kind in ("Catalog", "Collection"):
            raise NotItems(f"is a STAC {kind.lower()}, which names no scenes")
        items = whole.get("features") if kind == "FeatureCollection" else [whole]
    if not isinstance(items, list):
        raise NotItems("is JSON without a list of items")
    return ((f"item {number}", item) for number, item in enumerate(items, start=1))


def _where(error: json.JSONDecodeError, line: int) -> str:
    return f"line {line}, column {error.colno}: is not JSON: {error.msg}"


# --- what an item says ----------------------------------------------------------------------


def _scene_of(item: Any, listed: str | None) -> SceneRef:
    if isinstance(item, str):
        return read_scene(item, listed)
    if not isinstance(item, dict):
        raise NoSceneId("is not a STAC item", ITEMS)
    if product := _product_named(item) or _product_of_files(item):
        return read_scene(product, listed)
    if listed and is_foreign(listed) and (name := _text_in(item, "id")):
        return read_scene(name, listed)
    if scene := _first(item, _SCENE_FIELDS):
        return read_scene(scene, listed or _dataset_by_collection(scene, item))
    return _nothing_read(item, listed)


def _product_named(item: Mapping[str, Any]) -> str | None:
    """Return the first product or tile id in the fields of an item that name its scene."""
    for field in _PRODUCT_FIELDS:
        found = landsat_id(_text_in(item, field))
        if found and dataset_of(found):
            return found
    return None


def _product_of_files(item: Mapping[str, Any]) -> str | None:
    """Return the only product whose files an item lists, for items whose id is incomplete."""
    assets = item.get("assets")
    listed = assets.values() if isinstance(assets, dict) else ()
    hrefs = (asset.get("href") for asset in listed if isinstance(asset, dict))
    found = {landsat_id(href) for href in hrefs if isinstance(href, str)}
    scene = parse_scene_id(_first(item, _SCENE_FIELDS).upper())
    products = {
        name
        for name in found
        if name and (product := parse_product_id(name)) and dataset_of(name)
        if scene is None
        or (product.satellite, product.path, product.row, product.acquired)
        == (scene.satellite, scene.path, scene.row, scene.acquired)
    }
    return products.pop() if len(products) == 1 else None


def _dataset_by_collection(scene_id: str, item: Mapping[str, Any]) -> str | None:
    """Return the dataset of a scene id, from the level that the item's collection has."""
    scene = parse_scene_id(scene_id.upper())
    level = _LEVEL.search(_collection_of(item))
    instrument = instrument_of(scene.sensor, scene.satellite) if scene else None
    return f"landsat_{instrument}_c2_l{level[1]}" if level and instrument else None


def _nothing_read(item: Mapping[str, Any], listed: str | None) -> SceneRef:
    collection = _collection_of(item)
    if collection and "landsat" not in collection:
        named = f" {collection!r}" if _COLLECTION.fullmatch(collection) else ""
        problem = f"is an item of the collection{named}, which is not a Landsat collection"
        raise NoSceneId(problem, "Landsat items, or search.dataset beside others")
    if name := _text_in(item, "id"):
        return read_scene(name, listed)
    raise NoSceneId("is JSON that names no scene", ITEMS)


def _collection_of(item: Mapping[str, Any]) -> str:
    return (_text_in(item, "collection")).lower()


def _first(item: Mapping[str, Any], fields: tuple[str, ...]) -> str:
    return next(filter(None, (_text_in(item, field) for field in fields)), "")


def _text_in(item: Mapping[str, Any], field: str) -> str:
    """Return a text of an item or of its properties; empty without one."""
    properties = item.get("properties")
    for fields in (properties if isinstance(properties, dict) else {}, item):
        if isinstance(value := fields.get(field), str):
            return value
    return ""
