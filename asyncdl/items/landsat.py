"""Facts about Landsat datasets: titles, DOIs, instruments, and web pages of products. Pure.

Source: the DOIs in recorded replies of ``dataset-search``; API notes, sections 7.1 and 8;
recorded items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from asyncdl.m2m.naming import ArdId, ProductId, instrument_of

PUBLISHER = "Earth Resources Observation and Science (EROS) Center, U.S. Geological Survey"


@dataclass(frozen=True, slots=True)
class LandsatDataset:
    """One dataset of the service."""

    title: str
    doi: str

    @property
    def citation(self) -> str:
        """The citation."""
        return f"{PUBLISHER}. {self.title} [Data set]. https://doi.org/{self.doi}"


DATASETS: Mapping[str, LandsatDataset] = MappingProxyType(
    {
        "landsat_ot_c2_l1": LandsatDataset(
            "Landsat 8-9 OLI/TIRS Collection 2 Level-1", "10.5066/P975CC9B"
        ),
        "landsat_ot_c2_l2": LandsatDataset(
            "Landsat 8-9 OLI/TIRS Collection 2 Level-2", "10.5066/P9OGBGM6"
        ),
        "landsat_etm_c2_l1": LandsatDataset(
            "Landsat 7 ETM+ Collection 2 Level-1", "10.5066/P9TU80IG"
        ),
        "landsat_etm_c2_l2": LandsatDataset(
            "Landsat 7 ETM+ Collection 2 Level-2", "10.5066/P9C7I13B"
        ),
        "landsat_tm_c2_l1": LandsatDataset(
            "Landsat 4-5 TM Collection 2 Level-1", "10.5066/P918ROHC"
        ),
        "landsat_tm_c2_l2": LandsatDataset(
            "Landsat 4-5 TM Collection 2 Level-2", "10.5066/P9IAXOVV"
        ),
        "landsat_mss_c2_l1": LandsatDataset(
            "Landsat 1-5 MSS Collection 2 Level-1", "10.5066/P9AF14YV"
        ),
        "landsat_ard_tile_c2": LandsatDataset(
            "Landsat 4-9 Collection 2 U.S. Analysis Ready Data", "10.5066/P960F8OC"
        ),
    }
)

_INSTRUMENTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ot": {"C": ("oli", "tirs"), "O": ("oli",), "T": ("tirs",)},
    "etm": {"E": ("etm+",)},
    "tm": {"T": ("tm",)},
    "mss": {"M": ("mss",)},
}


def instruments_of(family: str | None, sensor: str) -> tuple[str, ...]:
    """Return the instruments of a scene.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        sensor: The sensor letter in its id.
    """
    return _INSTRUMENTS.get(family or "", {}).get(sensor, ())


Json: TypeAlias = dict[str, Any]

_ITEMS = "https://landsatlook.usgs.gov/stac-server/collections/{}/items/{}"
_PAGES = "https://landsatlook.usgs.gov/stac-browser/collection02/level-{}/standard/{}/{}"
_FOLDERS = {"ot": "oli-tirs", "etm": "etm", "tm": "tm", "mss": "mss"}
_THEMES = {"DSWE": "landsat-c2l3-dswe", "BA": "landsat-c2l3-ba", "SNOW": "landsat-c2l3-fsca"}
_PARTS_OF_TILES = ("SR", "ST", "BT")
"""The id of the fourth part, top of atmosphere reflectance, is not on record."""


def via_links(product: ProductId | ArdId, suffixes: Iterable[str]) -> list[Json]:
    """Return links to the service's own items.

    Args:
        product: The product or tile.
        suffixes: Suffixes of the files; a tile has one item per kind of file.
    """
    return [
        {
            "rel": "via",
            "href": _ITEMS.format(collection, item),
            "type": "application/geo+json",
            "title": "USGS STAC Item",
        }
        for collection, item in _own_items(product, suffixes)
    ]


def _own_items(product: ProductId | ArdId, suffixes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield collection and id of the service's items."""
    if isinstance(product, ArdId):
        yield from _items_of_tile(product, suffixes)
    elif product.level.startswith("L1"):
        yield "landsat-c2l1", str(product)
    else:
        for part in ("SR", "ST") if product.level == "L2SP" else ("SR",):
            yield f"landsat-c2l2-{part.lower()}", f"{product}_{part}"


def _items_of_tile(tile: ArdId, suffixes: Iterable[str]) -> Iterator[tuple[str, str]]:
    if tile.theme:
        yield _THEMES[tile.theme], str(tile)
        return
    there = {suffix.partition("_")[0].upper() for suffix in suffixes}
    for part in _PARTS_OF_TILES:
        if part in there:
            yield f"landsat-c2ard-{part.lower()}", f"{tile}_{part}"


def index_asset(product: ProductId | ArdId) -> Json | None:
    """Return the service's web page of a product; ``None`` for tiles."""
    folder = _FOLDERS.get(instrument_of(product.sensor, product.satellite) or "")
    if isinstance(product, ArdId) or folder is None:
        return None
    place = f"{product.acquired.year}/{product.path:03}/{product.row:03}/{product}/{product}"
    return {
        "title": "HTML index page",
        "type": "text/html",
        "roles": ["metadata"],
        "href": _PAGES.format(product.level[1], folder, place),
    }


def browse_asset(url: str) -> Json | None:
    """Return the browse image from the search; ``None`` if its URL is not a valid https URL."""
    if not url.startswith("https://") or not url.isascii() or not url.isprintable() or " " in url:
        return None
    return {"title": "Browse image", "type": "image/jpeg", "roles": ["thumbnail"], "href": url}
