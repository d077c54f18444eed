"""The interface of a catalogue entry, and the Landsat scenes.

The real Anchorage scenes are in a table; any number of others is computed from
an index and found by inverting the computation, so that a hundred thousand
scenes take no memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Protocol

from asyncdl.m2m.naming import (
    COLLECTION,
    ProductId,
    SceneId,
    dataset_of,
    parse_product_id,
    parse_scene_id,
)
from asyncdl.sandbox.geometry import Ring
from asyncdl.sandbox.wrs import first_pass, footprint, land_places


class SandboxScene(Protocol):
    """One entry of the catalogue that a search finds: a scene, a tile, a photo, a film frame.

    Its products are in :mod:`asyncdl.sandbox.product_rows`, its bytes in
    :mod:`asyncdl.sandbox.file_contents`.
    """

    @property
    def number(self) -> int:
        """Its place in the catalogue, 0 or more."""

    @property
    def dataset(self) -> str:
        """Alias of the dataset that holds it."""

    @property
    def entity_id(self) -> str:
        """The id in requests; unique in a dataset."""

    @property
    def display_id(self) -> str:
        """The id that is displayed. Two entries of a dataset may share one."""

    @property
    def footprint(self) -> Ring:
        """The four corners, from the lower left, counter-clockwise."""

    @property
    def acquired(self) -> date:
        """The day it was taken."""

    @property
    def processed(self) -> date:
        """The day the product was made, which is also the day of its ingest."""

    @property
    def cloud(self) -> int | None:
        """Cloud cover in percent; ``None`` for unknown."""

    @property
    def is_bulk(self) -> bool:
        """Whether it can be downloaded at all."""

    @property
    def has_order(self) -> bool:
        """Whether it can be ordered for a fee."""

    @property
    def taken(self) -> str:
        """The day it was taken, in one of the forms the service uses."""

    @property
    def published(self) -> str:
        """When the service got it, in one of the forms it uses."""


@dataclass(frozen=True)
class LandsatScene:
    """One scene at one level; its texts are made once, on first use."""

    number: int
    """Its place in the catalogue, 0 or more."""
    dataset: str
    product: ProductId
    cloud: int | None
    """Percent; ``None`` for unknown."""
    version: int = 0
    corners: Ring | None = None
    """The real footprint, if known."""
    is_bulk: bool = True
    station: str = "LGN"
    has_order: bool = False

    @cached_property
    def entity_id(self) -> str:
        """The id that all levels of the scene share, such as ``LC80680172020070LGN00``."""
        p = self.product
        return str(
            SceneId(p.sensor, p.satellite, p.path, p.row, p.acquired, self.station, self.version)
        )

    @cached_property
    def display_id(self) -> str:
        """The product id, such as ``LC08_L2SP_068017_20200310_20200822_02_T1``."""
        return str(self.product)

    @cached_property
    def footprint(self) -> Ring:
        """The four corners, from the lower left, counter-clockwise."""
        return self.corners or footprint(self.product.path, self.product.row)

    @property
    def acquired(self) -> date:
        """The day it was taken."""
        return self.product.acquired

    @property
    def processed(self) -> date:
        """The day the product was made."""
        return self.product.processed

    @property
    def taken(self) -> str:
        """The day it was taken."""
        return f"{self.acquired} 00:00:00"

    @property
    def published(self) -> str:
        """When the service got it, in one of the forms it uses."""
        return f"{self.product.processed} 18:27:47-05"


# --- the real ones ---------------------------------------------------------------

_CORNERS: dict[str, Ring] = {
    "LC08_L2SP_068017_20200310_20200822_02_T1": (
        (-150.79515, 60.91032),
        (-147.47326, 60.35665),
        (-146.08042, 62.02561),
        (-149.58314, 62.57931),
    ),
    "LC08_L2SP_068018_20200310_20200822_02_T1": (
        (-151.64909, 59.51497),
        (-148.45121, 58.97888),
        (-147.13687, 60.65373),
        (-150.50412, 61.18982),
    ),
    "LC08_L2SP_067018_20200303_20200822_02_T1": (
        (-150.09977, 59.51498),
        (-146.90235, 58.97887),
        (-145.58811, 60.65375),
        (-148.95523, 61.18986),
    ),
}
"""Footprints of the three Anchorage scenes: the corners that the service returned, and two
more each that follow from the returned bounds."""

_ANCHORAGE = (
    # Results of the search in the USGS notebook.
    ("LC08_L2SP_068017_20200310_20200822_02_T1", 9),
    ("LC08_L2SP_068018_20200310_20200822_02_T1", 5),
    ("LC08_L2SP_067018_20200303_20200822_02_T1", 54),
    # Excluded by its filters: clouds, dates, place.
    ("LC08_L2SP_069017_20200301_20200822_02_T1", 83),
    ("LC08_L2SP_068017_20200223_20200822_02_T1", 12),
    ("LC08_L2SP_068017_20200326_20200822_02_T1", 31),
    ("LC08_L2SP_068018_20200326_20200822_02_T1", 47),
    ("LC08_L2SP_065018_20200305_20200822_02_T2", 3),
    # The stray scene of an older scene list in the notebook's run.
    ("LC09_L2SP_062017_20230824_20230826_02_T1", 22),
    # Other sensors and levels, so that other datasets are not empty.
    ("LC08_L1TP_068017_20200310_20200822_02_T1", 9),
    ("LC08_L1TP_068018_20200310_20200822_02_T1", 5),
    ("LC08_L1TP_067018_20200303_20200822_02_T1", 54),
    ("LO08_L1TP_047027_20180612_20200831_02_T1", 14),
    ("LC08_L2SR_047027_20201204_20210313_02_T1", 41),
    ("LE07_L2SP_068017_20020715_20200916_02_T1", 17),
    ("LE07_L1TP_068017_20020715_20200916_02_T1", 17),
    ("LT05_L2SP_068017_19950812_20200912_02_T1", 2),
    ("LT05_L1TP_068017_19950812_20200912_02_T1", 2),
    ("LM05_L1TP_068017_19950812_20200817_02_T2", 2),
    ("LM01_L1GS_001010_19720908_20200909_02_T2", 60),
)

_NOT_BULK = {"LC08_L2SP_068018_20200326_20200822_02_T1"}
"""Found by a search, but not downloadable."""
_CLOUD = 10
"""Percent, of scenes whose cloud cover is unknown."""
_STATIONS = {"E": "EDC", "T": "XXX", "M": "AAA"}
"""Ground stations of the older satellites, by sensor."""


def fixed_scenes(extra: tuple[str, ...] = ()) -> tuple[LandsatScene, ...]:
    """Return the scenes of the table, then those of the product ids in ``extra``.

    Raises: ValueError, if a text in ``extra`` is not a Landsat product id.
    """
    rows = (*_ANCHORAGE, *((text, _CLOUD) for text in extra))
    return tuple(fixed_scene(number, text, cloud) for number, (text, cloud) in enumerate(rows))


def fixed_scene(number: int, text: str, cloud: int = _CLOUD) -> LandsatScene:
    """Return the scene of a product id. Raises: ValueError, if it is invalid."""
    product = parse_product_id(text)
    dataset = dataset_of(text)
    if product is None or dataset is None:
        raise ValueError(f"{text!r} is not a Landsat product id")
    return LandsatScene(
        number=number,
        dataset=dataset,
        product=product,
        cloud=cloud,
        corners=_CORNERS.get(text),
        is_bulk=text not in _NOT_BULK,
        station="LGN" if product.satellite >= 8 else _STATIONS[product.sensor],
    )


# --- the computed ones -------------------------------------------------------------

GENERATED_DATASET = "landsat_ot_c2_l2"
_FIRST_DAY = date(2022, 1, 1)
"""After the Anchorage scenes, so that their search still finds only them."""
_DAYS_BETWEEN_PASSES = 8
"""Landsat 8 and 9 fly half a cycle apart."""
_DAYS_TO_PROCESS = 12


@dataclass(frozen=True, slots=True)
class GeneratedScenes:
    """Computed scenes over land, one pass after the other, none of them stored."""

    first_number: int
    """Number of the first in the catalogue."""
    count: int

    def __len__(self) -> int:
        return self.count

    def scene(self, index: int) -> LandsatScene:
        """Compute the ``index``-th scene, from 0."""
        places = land_places()
        visit, place = divmod(index, len(places))
        path, row = places[place]
        acquired = self.day_of(path, visit)
        product = ProductId(
            sensor="C",
            satellite=8 + visit % 2,
            level="L2SP",
            path=path,
            row=row,
            acquired=acquired,
            processed=acquired + timedelta(days=_DAYS_TO_PROCESS),
            collection=COLLECTION,
            tier="T2" if _scatter(index) % 7 == 0 else "T1",
        )
        return LandsatScene(self.first_number + index, GENERATED_DATASET, product, cloud_of(index))

    def day_of(self, path: int, visit: int) -> date:
        """Return the day of the ``visit``-th pass, from 0."""
        first = first_pass(path, after=_FIRST_DAY)
        return first + timedelta(days=visit * _DAYS_BETWEEN_PASSES)

    def index_of(self, path: int, row: int, acquired: date) -> int | None:
        """Return the index of the scene of a place and day, if there is one."""
        place = _place_numbers().get((path, row))
        if place is None:
            return None
        days = (acquired - self.day_of(path, 0)).days
        visit, odd_days = divmod(days, _DAYS_BETWEEN_PASSES)
        index = visit * len(land_places()) + place
        return index if odd_days == 0 and 0 <= index < self.count else None

    def find(self, entity_or_display_id: str) -> LandsatScene | None:
        """Return the scene with an id, if it is one of these."""
        parsed = parse_scene_id(entity_or_display_id) or parse_product_id(entity_or_display_id)
        if parsed is None:
            return None
        index = self.index_of(parsed.path, parsed.row, parsed.acquired)
        if index is None:
            return None
        scene = self.scene(index)
        return scene if entity_or_display_id in (scene.entity_id, scene.display_id) else None


def cloud_of(index: int) -> int | None:
    """Return the cloud cover of a computed scene: percent, and unknown for one in a thousand."""
    scattered = _scatter(index)
    return None if scattered % 1000 == 999 else scattered % 101


def _scatter(index: int) -> int:
    # Knuth's multiplicative hash: cheap, and neighbours end up far apart.
    return (index + 1) * 2_654_435_761 % 2**32 >> 7


@lru_cache(maxsize=1)
def _place_numbers() -> dict[tuple[int, int], int]:
    return {place: number for number, place in enumerate(land_places())}
