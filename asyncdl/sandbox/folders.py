"""Where the service keeps the files of a product, below ``/data/collection02``.

Source: API notes, section 7.1.
"""

from __future__ import annotations

from asyncdl.m2m.naming import ProductId


def folder_of(product: ProductId) -> str:
    """Return the folder, such as ``level-2/standard/oli-tirs/2020/068/017/LC08_…``."""
    place = f"{product.acquired.year}/{product.path:03}/{product.row:03}"
    return f"level-{product.level[1]}/standard/{_instrument(product)}/{place}/{product}"


def _instrument(product: ProductId) -> str:
    if product.satellite >= 8:
        return "oli-tirs"
    return {"E": "etm", "T": "tm", "M": "mss"}[product.sensor]
