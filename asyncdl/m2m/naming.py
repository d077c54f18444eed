"""The grammar of Landsat ids: products, scenes, ARD tiles and their files.

From text to small records. A parser returns ``None`` for text that is not such
an id, and the ``str`` of a record is the id that it was parsed from.

Source: API notes, section 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

_PRODUCT = re.compile(
    r"L([COTEM])(0[1-9])_(L1TP|L1GT|L1GS|L2SP|L2SR)_([0-9]{3})([0-9]{3})"
    r"_([0-9]{8})_([0-9]{8})_([0-9]{2})_(T1|T2|RT)"
)
_SCENE = re.compile(
    r"L([COTEM])([1-9])([0-9]{3})([0-9]{3})([0-9]{4})([0-9]{3})([A-Z0-9]{3})([0-9]{2})"
)
_ARD = re.compile(
    r"L([COTEM])(0[1-9])_([A-Z]{2})_([0-9]{3})([0-9]{3})_([0-9]{8})_([0-9]{8})_([0-9]{2})"
    r"(?:_(DSWE|BA|SNOW))?"
)
_FILE_OF_ID = re.compile(rf"({_PRODUCT.pattern}|{_ARD.pattern})(?=[_.]|$)")

COLLECTION = 2
"""The collection that the service distributes; the first one was withdrawn in 2022."""

ARD_DATASET = "landsat_ard_tile_c2"
"""Alias of the dataset of analysis-ready tiles of the United States."""

LEVEL_3_DATASETS: Mapping[str, str] = MappingProxyType(
    {
        "DSWE": "landsat_dswe_tile_c2",
        "BA": "landsat_ba_tile_c2",
        "SNOW": "landsat_fsca_tile_c2",
    }
)
"""Aliases of the level 3 datasets by the last word of their ids: surface water,
burned area, snow cover. They are made from the tiles, on the same grid."""

_LEVEL_3_FILES = {
    "DSWE": ("INWAM", "INTR", "DIAG"),
    "BA": ("BC", "BP"),
    "SNOW": ("GROUND_SNOW", "VIEW_SNOW"),
}
"""Files that only level 3 has: their names lack the last word of the id."""

_INSTRUMENTS = {
    "ot": {("C", 8), ("C", 9), ("O", 8), ("O", 9), ("T", 8), ("T", 9)},
    "etm": {("E", 7)},
    "tm": {("T", 4), ("T", 5)},
    "mss": {("M", satellite) for satellite in range(1, 6)},
}
"""Sensor letters and satellites by the instrument's word in dataset aliases."""


@dataclass(frozen=True, slots=True)
class ProductId:
    """Id of one processed scene, the service's ``displayId``.

    ``LC08_L2SP_068017_20200310_20200822_02_T1``
    """

    sensor: str
    """``C`` OLI and TIRS, ``O`` OLI, ``T`` TIRS (8, 9) or TM (4, 5), ``E`` ETM+, ``M`` MSS."""
    satellite: int
    """1 to 9."""
    level: str
    """``L1TP``, ``L1GT``, ``L1GS``, ``L2SP`` (with temperature) or ``L2SR`` (without)."""
    path: int
    """WRS path."""
    row: int
    """WRS row."""
    acquired: date
    processed: date
    """May differ between the levels of one scene."""
    collection: int
    tier: str
    """``T1``, ``T2``, or ``RT``: real time, later replaced by one of the others."""

    def __str__(self) -> str:
        return (
            f"L{self.sensor}{self.satellite:02}_{self.level}_{self.path:03}{self.row:03}"
            f"_{_compact(self.acquired)}_{_compact(self.processed)}"
            f"_{self.collection:02}_{self.tier}"
        )


@dataclass(frozen=True, slots=True)
class SceneId:
    """Id of one scene at any level, the service's ``entityId``.

    ``LC80680172020070LGN00``
    """

    sensor: str
    """As in :class:`ProductId`."""
    satellite: int
    """1 to 9."""
    path: int
    """WRS path."""
    row: int
    """WRS row."""
    acquired: date
    """Written as year and day of the year."""
    station: str
    """The ground station that received it, three characters."""
    version: int
    """May change on reprocessing, so a scene id cannot be made from a product id."""

    def __str__(self) -> str:
        return (
            f"L{self.sensor}{self.satellite}{self.path:03}{self.row:03}"
            f"{self.acquired.year:04}{self.acquired.timetuple().tm_yday:03}"
            f"{self.station}{self.version:02}"
        )


@dataclass(frozen=True, slots=True)
class ArdId:
    """Id of one analysis-ready tile, or of a level 3 product made from it.

    ``LC09_CU_003004_20230909_20230914_02``, ``LC09_CU_003004_20230909_20230914_02_DSWE``
    """

    sensor: str
    """As in :class:`ProductId`."""
    satellite: int
    """1 to 9."""
    region: str
    """``CU`` conterminous states, ``AK`` Alaska, ``HI`` Hawaii."""
    horizontal: int
    """Column of the tile, from the west."""
    vertical: int
    """Row of the tile, from the north."""
    acquired: date
    processed: date
    collection: int
    theme: str = ""
    """``DSWE`` surface water, ``BA`` burned area or ``SNOW``; empty for the tile itself."""

    @property
    def tile(self) -> str:
        """The id without its theme: prefix of the names of level 3 files."""
        return (
            f"L{self.sensor}{self.satellite:02}_{self.region}"
            f"_{self.horizontal:03}{self.vertical:03}"
            f"_{_compact(self.acquired)}_{_compact(self.processed)}_{self.collection:02}"
        )

    def __str__(self) -> str:
        return f"{self.tile}_{self.theme}" if self.theme else self.tile


def parse_product_id(text: str) -> ProductId | None:
    """Parse a product id; ``None`` if ``text`` is none, or contains an invalid date."""
    match = _PRODUCT.fullmatch(text)
    if match is None:
        return None
    sensor, satellite, level, path, row, acquired, processed, collection, tier = match.groups()
    acquired_on, processed_on = _read_day(acquired), _read_day(processed)
    if acquired_on is None or processed_on is None:
        return None
    return ProductId(
        sensor=sensor,
        satellite=int(satellite),
        level=level,
        path=int(path),
        row=int(row),
        acquired=acquired_on,
        processed=processed_on,
        collection=int(collection),
        tier=tier,
    )


def parse_scene_id(text: str) -> SceneId | None:
    """Parse a scene id; ``None`` if ``text`` is none, or contains an invalid date."""
    match = _SCENE.fullmatch(text)
    if match is None:
        return None
    sensor, satellite, path, row, year, day_of_year, station, version = match.groups()
    acquired = _read_day_of_year(int(year), int(day_of_year))
    if acquired is None:
        return None
    return SceneId(
        sensor=sensor,
        satellite=int(satellite),
        path=int(path),
        row=int(row),
        acquired=acquired,
        station=station,
        version=int(version),
    )


def parse_ard_id(text: str) -> ArdId | None:
    """Parse the id of an ARD tile or of a level 3 product.

    Returns: ``None`` if ``text`` is none, or contains an invalid date.
    """
    match = _ARD.fullmatch(text)
    if match is None:
        return None
    sensor, satellite, region, horizontal, vertical, acquired, processed, collection, theme = (
        match.groups("")
    )
    acquired_on, processed_on = _read_day(acquired), _read_day(processed)
    if acquired_on is None or processed_on is None:
        return None
    return ArdId(
        sensor=sensor,
        satellite=int(satellite),
        region=region,
        horizontal=int(horizontal),
        vertical=int(vertical),
        acquired=acquired_on,
        processed=processed_on,
        collection=int(collection),
        theme=theme,
    )


def is_display_id(text: str) -> bool:
    """Return whether a text is the display id of a product or a tile."""
    return parse_product_id(text) is not None or parse_ard_id(text) is not None


def acquisition_of(product_id: str) -> str | None:
    """Return the part of an id that reprocessing does not change; ``None`` for other ids.

    Dataset, satellite, place and day: not the level, which may change with better ground
    control, nor the processing date, nor the tier.
    """
    dataset = dataset_of(product_id)
    if dataset is None:
        return None
    if product := parse_product_id(product_id):
        place = f"{product.path:03}{product.row:03}"
        return f"{dataset} {product.satellite} {place} {product.acquired}"
    if tile := parse_ard_id(product_id):
        place = f"{tile.region}{tile.horizontal:03}{tile.vertical:03}"
        return f"{dataset} {tile.satellite} {place} {tile.acquired}"
    return None


def processed_on(product_id: str) -> date | None:
    """Return the processing date of a product or tile; ``None`` for other ids."""
    known = parse_product_id(product_id) or parse_ard_id(product_id)
    return known.processed if known else None


def secondary_entity_id(product_id: str, suffix: str) -> str:
    """Return the service's entity id of one file of a product.

    Args:
        product_id: Such as ``LC08_L2SP_068017_20200310_20200822_02_T1``.
        suffix: Rest of the file name, such as ``SR_B4.TIF``.
    Returns: Such as ``L2SR_LC08_…_T1_SR_B4_TIF``. Reflectance and quality files of level 2
        begin with ``L2SR``, temperature and metadata with ``L2ST``, level 1 with ``L1``.
    Raises: ValueError, if ``product_id`` is not a product id.
    Source: The listings of the USGS notebook (level 2); API reference, download-options (level 1).
    """
    product = parse_product_id(product_id)
    if product is None:
        raise ValueError(f"{product_id!r} is not a Landsat product id")
    return f"{_secondary_prefix(product, suffix)}_{product_id}_{suffix.replace('.', '_').upper()}"


def _secondary_prefix(product: ProductId, suffix: str) -> str:
    if product.level.startswith("L1"):
        return "L1"
    return "L2SR" if suffix.upper().startswith(("SR_", "QA_")) else "L2ST"


def file_suffix(file_name: str, product_id: str) -> str:
    """Return a file name without the product id, such as ``SR_B4.TIF``.

    Folders before the name are ignored: bundles of Landsat 7 have ``gap_mask/…_GM_B1.TIF``.
    Files of level 3 begin with the id of their tile. A name that begins with neither
    is returned unchanged.
    """
    tile = parse_ard_id(product_id)
    bare = file_name.rpartition("/")[2]
    for beginning in (product_id, tile.tile if tile else ""):
        if beginning and bare.startswith(f"{beginning}_"):
            return bare.removeprefix(f"{beginning}_")
    return file_name


def product_id_of_file(file_name: str) -> str | None:
    """Return the product or ARD id at the start of a file name, or ``None``.

    The id itself counts as a name, so ``<product id>.tar`` and the bare id both work. For a
    file that only level 3 has (``…_02_INWAM.TIF``) it is the level 3 id (``…_02_DSWE``).
    """
    match = _FILE_OF_ID.match(file_name)
    if match is None or not is_display_id(match[1]):
        return None
    stem = file_name[match.end() + 1 :].partition(".")[0]
    theme = next((theme for theme, stems in _LEVEL_3_FILES.items() if stem in stems), "")
    is_tile = theme and _ARD.fullmatch(match[1]) and not match[1].endswith(theme)
    return f"{match[1]}_{theme}" if is_tile else match[1]


def dataset_of(product_id: str) -> str | None:
    """Return the alias of the dataset of a product, an ARD tile or a level 3 product.

    Returns: Such as ``landsat_ot_c2_l2``; ``None`` for other ids, for another collection,
        and for products that do not exist, such as level 2 of MSS.
    """
    tile = parse_ard_id(product_id)
    if tile is not None:
        return _tile_dataset(tile) if tile.collection == COLLECTION else None
    product = parse_product_id(product_id)
    if product is None or product.collection != COLLECTION:
        return None
    instrument = instrument_of(product.sensor, product.satellite)
    level = product.level[1]
    if instrument is None or (instrument, level) == ("mss", "2"):
        return None
    return f"landsat_{instrument}_c{COLLECTION}_l{level}"


def _tile_dataset(tile: ArdId) -> str:
    return LEVEL_3_DATASETS[tile.theme] if tile.theme else ARD_DATASET


def satellites_of(dataset: str) -> frozenset[int]:
    """Return the satellites whose scenes are in a Landsat dataset; empty for other datasets."""
    alias = dataset.lower()
    if alias == ARD_DATASET or alias in LEVEL_3_DATASETS.values():
        return frozenset({4, 5, 7, 8, 9})
    return next(
        (
            frozenset(satellite for _, satellite in flown)
            for instrument, flown in _INSTRUMENTS.items()
            if re.fullmatch(rf"landsat_{instrument}_c{COLLECTION}_l[12]", alias)
        ),
        frozenset(),
    )


def has_tiers(dataset: str) -> bool:
    """Return whether the product ids of a Landsat dataset contain a tier; tiles have none."""
    return bool(satellites_of(dataset)) and "_tile_" not in dataset.lower()


def instrument_of(sensor: str, satellite: int) -> str | None:
    """Return the instrument's word in dataset aliases: ``ot``, ``etm``, ``tm`` or ``mss``.

    The letter ``T`` alone is ambiguous: it is TM on Landsat 4 and 5, TIRS on 8 and 9.
    """
    key = (sensor, satellite)
    return next((name for name, flown in _INSTRUMENTS.items() if key in flown), None)


def _compact(day: date) -> str:
    # strftime does not pad years before 1000 on every platform.
    return f"{day.year:04}{day.month:02}{day.day:02}"


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _read_day_of_year(year: int, day_of_year: int) -> date | None:
    if year < 1:
        return None
    try:
        day = date(year, 1, 1) + timedelta(days=day_of_year - 1)
    except OverflowError:
        return None
    return day if day.year == year else None
