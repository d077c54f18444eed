"""Entries of datasets other than Landsat: elevation, air photos, Sentinel-2, film.

Each is one row of a table. Ids have the service's form; which ones exist, and names that are
not on record, are made up.

Source: API notes, sections 9.2 and 12a; the recorded replies about NAIP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from asyncdl.sandbox.geometry import Ring, rectangle

SRTM, NAIP, SENTINEL, FILM = "srtm_v3", "naip", "sentinel_2a", "corona2"


@dataclass(frozen=True)
class Granule:
    """One entry of a dataset other than Landsat."""

    number: int
    """Its place in the catalogue, 0 or more."""
    dataset: str
    entity_id: str
    display_id: str
    footprint: Ring
    acquired: date
    processed: date
    """The day of its ingest."""
    cloud: int | None = None
    is_bulk: bool = True
    """Whether it can be downloaded; otherwise it has to be ordered."""

    @property
    def has_order(self) -> bool:
        """Whether it can be ordered: films can, scanned or not."""
        return self.dataset == FILM

    @property
    def taken(self) -> str:
        """The day it was taken."""
        return f"{self.acquired} 00:00:00-06"

    @property
    def published(self) -> str:
        """When the service got it."""
        return f"{self.processed} 08:49:40.923101-06"


@dataclass(frozen=True, slots=True)
class _Row:
    dataset: str
    entity_id: str
    display_id: str
    footprint: Ring
    acquired: str
    processed: str
    cloud: int | None = None
    is_bulk: bool = True


def fixed_granules(first_number: int) -> tuple[Granule, ...]:
    """Return all of them, numbered from ``first_number``."""
    rows = (*_srtm(), *_naip(), *_sentinel(), *_film())
    return tuple(
        Granule(
            number,
            row.dataset,
            row.entity_id,
            row.display_id,
            row.footprint,
            date.fromisoformat(row.acquired),
            date.fromisoformat(row.processed),
            row.cloud,
            row.is_bulk,
        )
        for number, row in enumerate(rows, start=first_number)
    )


def _srtm() -> Iterator[_Row]:
    for south, west in ((37, -119), (46, 8), (59, -150), (61, -150), (-34, 18)):
        ns, ew = ("N" if south >= 0 else "S"), ("E" if west >= 0 else "W")
        id_ = f"SRTM1{ns}{abs(south):02}{ew}{abs(west):03}V3"
        cell = rectangle(west, south, west + 1, south + 1)
        yield _Row(SRTM, id_, id_, cell, "2000-02-11", "2014-09-23")


_QUARTER = (0.0683, 0.0673)
"""Width and height of a quarter of a quadrangle with its margin, degrees."""


def _naip() -> Iterator[_Row]:
    photos = (
        ("3011997", "M_2509703_NE_14_060_20201210", -97.4409, 25.9346),
        ("3011999", "M_2509704_NW_14_060_20201209", -97.3784, 25.9346),
        ("3012001", "M_2509704_SW_14_060_20201209", -97.3784, 25.8721),
        # The first one is on record. That another flight has the same name is not, but names
        # that two entities share are: a client that names files by them keeps only one.
        ("3014295", "M_3109742_NW_14_060_20201206", -97.8778666, 31.3100972),
        ("3014361", "M_3109742_NW_14_060_20201206", -97.8778666, 31.3100972),
    )
    for entity_id, display_id, west, south in photos:
        day = display_id.rpartition("_")[2]
        box = rectangle(west, south, west + _QUARTER[0], south + _QUARTER[1])
        acquired = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        yield _Row(NAIP, entity_id, display_id, box, acquired, "2021-03-03")


def _sentinel() -> Iterator[_Row]:
    tiles = (
        ("26162", "L1C_T11SKB_A000734_20150814T183905", "2015-08-14", (-120.1, 36.0), 3),
        ("11342094", "L1C_T11SKB_A026823_20210101T184044", "2021-01-01", (-120.1, 36.0), 61),
        ("11342127", "L1C_T32TMS_A026832_20210102T103421", "2021-01-02", (7.7, 45.9), 17),
    )
    for entity_id, display_id, day, (west, south), cloud in tiles:
        box = rectangle(west, south, west + 1.2, south + 1.0)
        yield _Row(SENTINEL, entity_id, display_id, box, day, day, cloud)


def _film() -> Iterator[_Row]:
    frames = (
        ("DS1101-1069DF089", "1967-09-20", (8.0, 46.0), True),
        ("DS1101-1069DF090", "1967-09-20", (8.6, 46.0), True),
        ("DS1101-1069DA095", "1967-09-20", (9.2, 46.0), False),
        ("DS009035042DA152", "1961-07-08", (29.5, 40.5), False),
    )
    for id_, day, (west, south), is_bulk in frames:
        box = rectangle(west, south, west + 2.1, south + 0.2)
        yield _Row(FILM, id_, id_, box, day, "1996-10-01", None, is_bulk)
