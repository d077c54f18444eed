"""Where the service keeps the files of a product, below ``/data/collection02`` or ``/tile``.

Source: API notes, section 7.1.
"""

from __future__ import annotations

from asyncdl.m2m.naming import ArdId, ProductId
from asyncdl.sandbox.lookup import Requestable
from asyncdl.sandbox.scenes import LandsatScene
from asyncdl.sandbox.tiles import ArdTile


def folder_of(product: ProductId) -> str:
    """Return the folder, such as ``level-2/standard/oli-tirs/2020/068/017/LC08_…``."""
    place = f"{product.acquired.year}/{product.path:03}/{product.row:03}"
    return f"level-{product.level[1]}/standard/{_instrument(product)}/{place}/{product}"


def folder_of_target(target: Requestable) -> str:
    """Return the folder of something that is not a bundle, whatever its dataset."""
    scene = target.scene
    if isinstance(scene, LandsatScene):
        return folder_of(scene.product)
    if isinstance(scene, ArdTile):
        tile = scene.tile
        place = f"{tile.region}/{tile.horizontal:03}/{tile.vertical:03}"
        return f"{_instrument(tile)}/{tile.acquired.year}/{place}/{tile}"
    return f"{scene.dataset}/{scene.entity_id}"


def _instrument(product: ProductId | ArdId) -> str:
    if product.satellite >= 8:
        return "oli-tirs"
    return {"E": "etm", "T": "tm", "M": "mss"}[product.sensor]
