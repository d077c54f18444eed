"""Who wrote an item, and whether it is up to date. Pure.

An item written by asyncdl has two marks: a digest of its inputs and of the form version, and a
digest of itself. The first one shows whether the item has to be rewritten, the second one
whether it was edited.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeAlias

import orjson

Json: TypeAlias = dict[str, Any]

FORM = 2
"""Version of the form, incremented when the same files result in another item, so that all
items are rewritten. Items of form 1 have no marks."""

_BASIS, _DIGEST = "asyncdl:basis", "asyncdl:digest"
_DIGITS = 32


class Owner(Enum):
    """Who wrote the item at a path."""

    NOBODY = "nobody"
    """No item, or an unreadable one."""
    OURS = "ours"
    EDITED = "edited"
    """Written by asyncdl and edited since."""
    OTHERS = "others"


def basis_of(*parts: object) -> str:
    """Return a digest of the inputs of an item: any JSON values."""
    return _digest([FORM, *parts])


def marked(item: Mapping[str, Any], basis: str) -> Json:
    """Return an item with both marks; ``basis`` as from :func:`basis_of`."""
    with_basis = {**item, "properties": {**item["properties"], _BASIS: basis}}
    properties = {**with_basis["properties"], _DIGEST: _digest(with_basis)}
    return {**with_basis, "properties": properties}


def is_made_from(item: Mapping[str, Any], basis: str) -> bool:
    """Return whether an item of ours is up to date."""
    return bool(item["properties"].get(_BASIS) == basis)


def owner_of(item: object, item_id: str, root: str) -> Owner:
    """Return who wrote an item.

    Args:
        item: The parsed file; any JSON.
        item_id: Id that our item would have.
        root: Target of the link ``root`` in our items.
    """
    if item is None:
        return Owner.NOBODY
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(properties, dict):
        return Owner.OTHERS
    if _DIGEST not in properties:
        return Owner.OURS if _is_of_form_1(item, item_id, root) else Owner.OTHERS
    bare = {name: value for name, value in properties.items() if name != _DIGEST}
    is_intact = properties[_DIGEST] == _digest({**item, "properties": bare})
    return Owner.OURS if is_intact else Owner.EDITED


def _is_of_form_1(item: Mapping[str, Any], item_id: str, root: str) -> bool:
    links, assets = item.get("links"), item.get("assets")
    if item.get("id") != item_id or not isinstance(links, list) or not isinstance(assets, dict):
        return False
    has_root = any(
        isinstance(link, dict) and (link.get("rel"), link.get("href")) == ("root", root)
        for link in links
    )
    return has_root and all(
        isinstance(asset, dict) and "file:size" in asset for asset in assets.values()
    )


def _digest(value: object) -> str:
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
