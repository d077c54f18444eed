"""The files of the Landsat datasets, and the files that the band words of a config select.

A word is the exact suffix of a file (``SR_B4``, ``ANG.txt``), a glob
(``SR_*``) or a common name (``red``). ``B1`` is not ``B10``. Case does not matter.

Source: API notes, section 9.1; common names as in the STAC items of the USGS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from types import MappingProxyType

from asyncdl.m2m.naming import (
    ARD_DATASET,
    LEVEL_3_DATASETS,
    ProductId,
    dataset_of,
    instrument_of,
    parse_ard_id,
    parse_product_id,
)
from asyncdl.text import closest

_BAND = re.compile(r"B\d+")
_NUMBERED = re.compile(r"(?<![A-Z])(?:BAND[ _-]?|B)0{0,3}+(\d{1,3})\Z")
"""Other spellings of ``B4``: ``band4``, ``B04``."""
_GLOB = re.compile(r"[*?\[]")

_REFLECTIVE = frozenset({"coastal", "blue", "green", "red", "nir08", "swir16", "swir22"})
"""Common names of the surface reflectance bands of level 2."""


@dataclass(frozen=True, slots=True)
class BandFile:
    """One file that the scenes of a dataset have."""

    suffix: str
    """The file name without the product id, such as ``SR_B4.TIF``."""
    common_name: str
    """Such as ``red``; empty for files that have none."""
    description: str


_OLI = (
    BandFile("B1.TIF", "coastal", "Coastal aerosol, 0.43-0.45 µm"),
    BandFile("B2.TIF", "blue", "Blue, 0.45-0.51 µm"),
    BandFile("B3.TIF", "green", "Green, 0.53-0.59 µm"),
    BandFile("B4.TIF", "red", "Red, 0.64-0.67 µm"),
    BandFile("B5.TIF", "nir08", "Near infrared, 0.85-0.88 µm"),
    BandFile("B6.TIF", "swir16", "Shortwave infrared, 1.57-1.65 µm"),
    BandFile("B7.TIF", "swir22", "Shortwave infrared, 2.11-2.29 µm"),
    BandFile("B8.TIF", "pan", "Panchromatic, 0.50-0.68 µm"),
    BandFile("B9.TIF", "cirrus", "Cirrus, 1.36-1.38 µm"),
    BandFile("B10.TIF", "lwir11", "Thermal infrared, 10.60-11.19 µm"),
    BandFile("B11.TIF", "lwir12", "Thermal infrared, 11.50-12.51 µm"),
)
_ETM = (
    BandFile("B1.TIF", "blue", "Blue, 0.45-0.52 µm"),
    BandFile("B2.TIF", "green", "Green, 0.52-0.60 µm"),
    BandFile("B3.TIF", "red", "Red, 0.63-0.69 µm"),
    BandFile("B4.TIF", "nir08", "Near infrared, 0.77-0.90 µm"),
    BandFile("B5.TIF", "swir16", "Shortwave infrared, 1.55-1.75 µm"),
    BandFile("B6_VCID_1.TIF", "lwir", "Thermal infrared, 10.40-12.50 µm, low gain"),
    BandFile("B6_VCID_2.TIF", "lwir", "Thermal infrared, 10.40-12.50 µm, high gain"),
    BandFile("B7.TIF", "swir22", "Shortwave infrared, 2.08-2.35 µm"),
    BandFile("B8.TIF", "pan", "Panchromatic, 0.52-0.90 µm"),
)
_TM = (
    BandFile("B1.TIF", "blue", "Blue, 0.45-0.52 µm"),
    BandFile("B2.TIF", "green", "Green, 0.52-0.60 µm"),
    BandFile("B3.TIF", "red", "Red, 0.63-0.69 µm"),
    BandFile("B4.TIF", "nir08", "Near infrared, 0.76-0.90 µm"),
    BandFile("B5.TIF", "swir16", "Shortwave infrared, 1.55-1.75 µm"),
    BandFile("B6.TIF", "lwir", "Thermal infrared, 10.40-12.50 µm"),
    BandFile("B7.TIF", "swir22", "Shortwave infrared, 2.08-2.35 µm"),
)
# The scanner has the same four bands under different numbers: 4 to 7 on the first
# three satellites, where a camera had the bands 1 to 3, and 1 to 4 later.
_MSS_EARLY = (
    BandFile("B4.TIF", "green", "Green, 0.5-0.6 µm (Landsat 1-3)"),
    BandFile("B5.TIF", "red", "Red, 0.6-0.7 µm (Landsat 1-3)"),
    BandFile("B6.TIF", "nir08", "Near infrared, 0.7-0.8 µm (Landsat 1-3)"),
    BandFile("B7.TIF", "nir09", "Near infrared, 0.8-1.1 µm (Landsat 1-3)"),
)
_MSS_LATE = (
    BandFile("B1.TIF", "green", "Green, 0.5-0.6 µm (Landsat 4-5)"),
    BandFile("B2.TIF", "red", "Red, 0.6-0.7 µm (Landsat 4-5)"),
    BandFile("B3.TIF", "nir08", "Near infrared, 0.7-0.8 µm (Landsat 4-5)"),
    BandFile("B4.TIF", "nir09", "Near infrared, 0.8-1.1 µm (Landsat 4-5)"),
)
_QUALITY = (
    BandFile("QA_PIXEL.TIF", "qa_pixel", "Pixel quality: cloud, shadow, snow, water"),
    BandFile("QA_RADSAT.TIF", "qa_radsat", "Radiometric saturation and occlusion"),
)
_ANGLES = (
    BandFile("VAA.TIF", "vaa", "View azimuth angle"),
    BandFile("VZA.TIF", "vza", "View zenith angle"),
    BandFile("SAA.TIF", "saa", "Solar azimuth angle"),
    BandFile("SZA.TIF", "sza", "Solar zenith angle"),
)
_ANGLE_COEFFICIENTS = BandFile("ANG.txt", "", "Angle coefficients")
_CONTROL_POINTS = BandFile("GCP.txt", "", "Ground control points (L1TP)")
_VERIFICATION = (
    BandFile("VER.txt", "", "Geometric verification, text (some scenes)"),
    BandFile("VER.jpg", "", "Geometric verification, picture (some scenes)"),
)
_METADATA = (
    BandFile("MTL.txt", "", "Product metadata, text"),
    BandFile("MTL.xml", "", "Product metadata, XML"),
)
_AEROSOL = (BandFile("SR_QA_AEROSOL.TIF", "qa_aerosol", "Aerosol quality of the reflectance"),)
_OPACITY = (
    BandFile("SR_ATMOS_OPACITY.TIF", "atmos_opacity", "Atmospheric opacity"),
    BandFile("SR_CLOUD_QA.TIF", "cloud_qa", "Cloud quality of the reflectance"),
)
# STAC items call ST_QA just "qa"; here that word could be mistaken for QA_PIXEL.
_TEMPERATURE_INPUTS = (
    BandFile("ST_ATRAN.TIF", "atran", "Atmospheric transmittance"),
    BandFile("ST_CDIST.TIF", "cdist", "Distance to the nearest cloud"),
    BandFile("ST_DRAD.TIF", "drad", "Downwelled radiance"),
    BandFile("ST_EMIS.TIF", "emis", "Emissivity"),
    BandFile("ST_EMSD.TIF", "emsd", "Standard deviation of the emissivity"),
    BandFile("ST_QA.TIF", "", "Uncertainty of the surface temperature"),
    BandFile("ST_TRAD.TIF", "trad", "Thermal radiance"),
    BandFile("ST_URAD.TIF", "urad", "Upwelled radiance"),
)


def _level_2(
    bands: Iterable[BandFile], reflectance_quality: Iterable[BandFile], temperature: BandFile
) -> tuple[BandFile, ...]:
    reflectance = (
        BandFile(f"SR_{band.suffix}", band.common_name, band.description)
        for band in bands
        if band.common_name in _REFLECTIVE
    )
    return (
        *reflectance,
        *reflectance_quality,
        temperature,
        *_TEMPERATURE_INPUTS,
        *_QUALITY,
        _ANGLE_COEFFICIENTS,
        *_METADATA,
    )


# A gap mask shows where the scan line corrector, broken since 31 May 2003, left no data.
_GAP_MASKS = tuple(
    BandFile(f"GM_{band.suffix}", "", f"Gaps of band {band.suffix[1:-4]} (some scenes)")
    for band in _ETM
)

_OLI_TEMPERATURE = BandFile("ST_B10.TIF", "lwir11", "Surface temperature, from band 10")
_OLDER_TEMPERATURE = BandFile("ST_B6.TIF", "lwir", "Surface temperature, from band 6")

_LINEAGE = BandFile("QA_LINEAGE.TIF", "", "Which of the merged scenes a pixel is from")


def _tile(
    bands: Sequence[BandFile],
    beside: Iterable[BandFile],
    temperature: BandFile,
    satellites: str,
) -> tuple[BandFile, ...]:
    """Return the files of tiles of some satellites; common names mean surface reflectance."""
    surface = (
        BandFile(f"SR_{band.suffix}", band.common_name, band.description)
        for band in bands
        if band.common_name in _REFLECTIVE
    )
    top = (
        BandFile(f"TOA_{band.suffix}", "", f"Top of the atmosphere: {band.description}")
        for band in bands
        if band.common_name in _REFLECTIVE
    )
    files = (*surface, *_TEMPERATURE_OF_TILES, temperature, *top, *beside)
    return tuple(replace(f, description=f"{f.description} ({satellites})") for f in files)


_TEMPERATURE_OF_TILES = (BandFile("ST_QA.TIF", "", "Uncertainty of the surface temperature"),)
_TILE_LATE = _tile(
    _OLI,
    (
        BandFile("TOA_B9.TIF", "cirrus", "Top of the atmosphere: Cirrus, 1.36-1.38 µm"),
        BandFile("BT_B10.TIF", "", "Brightness temperature, band 10"),
        BandFile("BT_B11.TIF", "lwir12", "Brightness temperature, band 11"),
        *_AEROSOL,
    ),
    _OLI_TEMPERATURE,
    "Landsat 8-9",
)
_TILE_EARLY = _tile(
    _TM,
    (BandFile("BT_B6.TIF", "", "Brightness temperature, band 6"), *_OPACITY),
    _OLDER_TEMPERATURE,
    "Landsat 4-7",
)
_TILE_QUALITY = (*_QUALITY, _LINEAGE)
_WATER = (
    BandFile("INWAM.TIF", "", "Surface water, interpreted, with all masks applied"),
    BandFile("INTR.TIF", "", "Surface water, interpreted"),
    BandFile("DIAG.TIF", "", "Surface water, outcome of each test"),
)
_BURNED = (
    BandFile("BC.TIF", "", "Burn classification"),
    BandFile("BP.TIF", "", "Burn probability"),
)
_SNOW = (
    BandFile("GROUND_SNOW.TIF", "", "Snow cover on the ground, with that under trees"),
    BandFile("VIEW_SNOW.TIF", "", "Snow cover as it is seen from above"),
)

_FILES: Mapping[str, tuple[BandFile, ...]] = MappingProxyType(
    {
        "landsat_ot_c2_l1": (*_OLI, *_QUALITY, *_ANGLES, _ANGLE_COEFFICIENTS, *_METADATA),
        "landsat_ot_c2_l2": _level_2(_OLI, _AEROSOL, _OLI_TEMPERATURE),
        "landsat_etm_c2_l1": (
            *_ETM,
            *_QUALITY,
            *_GAP_MASKS,
            *_ANGLES,
            _CONTROL_POINTS,
            _ANGLE_COEFFICIENTS,
            *_METADATA,
        ),
        "landsat_etm_c2_l2": _level_2(_ETM, _OPACITY, _OLDER_TEMPERATURE),
        "landsat_tm_c2_l1": (
            *_TM,
            *_QUALITY,
            *_ANGLES,
            _CONTROL_POINTS,
            *_VERIFICATION,
            _ANGLE_COEFFICIENTS,
            *_METADATA,
        ),
        "landsat_tm_c2_l2": _level_2(_TM, _OPACITY, _OLDER_TEMPERATURE),
        "landsat_mss_c2_l1": (*_MSS_EARLY, *_MSS_LATE, *_QUALITY, *_METADATA),
        ARD_DATASET: (*_TILE_LATE, *_TILE_EARLY, *_TILE_QUALITY),
        LEVEL_3_DATASETS["DSWE"]: _WATER,
        LEVEL_3_DATASETS["BA"]: _BURNED,
        LEVEL_3_DATASETS["SNOW"]: _SNOW,
    }
)


_FIRST_WITH_OLI = 8
"""The first satellite with OLI and TIRS."""
_THERMAL_OF_LANDSAT_8 = frozenset({"B10.TIF", "B11.TIF"})
_REFLECTIVE_OF_LANDSAT_8 = frozenset(file.suffix for file in _OLI) - _THERMAL_OF_LANDSAT_8
_OF_SOME_SCENES = frozenset(file.suffix for file in (_CONTROL_POINTS, *_VERIFICATION, *_GAP_MASKS))
"""Scenes without ground control have no control points, complete ones have no gap masks."""

BUNDLE_SUFFIXES = (
    "MTL.json",
    "thumb_large.jpeg",
    "thumb_small.jpeg",
    "stac.json",
    "SR_stac.json",
    "ST_stac.json",
)
"""Suffixes of files that are only in bundles. Source: API notes, section 7.2."""

DATASETS: tuple[str, ...] = tuple(_FILES)
"""Aliases of the datasets whose files are known."""

_PARTLY_KNOWN = frozenset({ARD_DATASET, *LEVEL_3_DATASETS.values()})
"""Datasets that may have more files than those known here."""

_FILES_OF_FAMILY: Mapping[str, tuple[BandFile, ...]] = MappingProxyType(
    {
        "mss_early": (*_MSS_EARLY, *_QUALITY),
        "mss_late": (*_MSS_LATE, *_QUALITY),
        "tile_early": (*_TILE_EARLY, *_TILE_QUALITY),
        "tile_late": (*_TILE_LATE, *_TILE_QUALITY),
    }
)
"""Files of satellites of one dataset that number their bands differently."""


def files_of(dataset: str) -> tuple[BandFile, ...]:
    """Return the files that scenes of a dataset may have, spectral bands first.

    A scene may lack some: ``L2SR`` has no temperature, an OLI-only scene no
    thermal bands. MSS and tiles list both numberings, so a suffix may appear twice.

    Returns: Empty for unknown datasets.
    """
    return _FILES.get(dataset, ())


def is_partly_known(dataset: str) -> bool:
    """Return whether a dataset may have more files than :func:`files_of` returns."""
    return dataset in _PARTLY_KNOWN


def band_file(product_id: str, suffix: str) -> BandFile | None:
    """Return the description of a file of a product; ``None`` if it is unknown."""
    return _by_suffix(_family(product_id)).get(suffix.upper())


def common_names(product_id: str) -> Mapping[str, frozenset[str]]:
    """Return the common names of one product, each with its suffixes.

    Args:
        product_id: Of a Landsat product or an ARD tile; its satellite decides
            which numbering of MSS applies.
    Returns: Suffixes in upper case, by name in lower case; empty for other products.
    """
    return _names_in(_family(product_id))


def _family(product_id: str) -> str:
    """Return a key for products whose common names mean the same; empty for other products."""
    dataset = dataset_of(product_id)
    if dataset == ARD_DATASET:
        tile = parse_ard_id(product_id)
        instrument = instrument_of(tile.sensor, tile.satellite) if tile else None
        return _FAMILIES_OF_TILES.get(instrument or "", "")
    if dataset == "landsat_mss_c2_l1":
        return "mss_early" if product_id[3] in "123" else "mss_late"
    return dataset or ""


_FAMILIES_OF_TILES = {"ot": "tile_late", "etm": "tile_early", "tm": "tile_early"}


def _files_in(family: str) -> tuple[BandFile, ...]:
    return _FILES_OF_FAMILY.get(family) or files_of(family)


@cache
def _by_suffix(family: str) -> Mapping[str, BandFile]:
    return MappingProxyType({file.suffix.upper(): file for file in _files_in(family)})


@cache
def _names_in(family: str) -> Mapping[str, frozenset[str]]:
    names: dict[str, set[str]] = {}
    for file in _files_in(family):
        if file.common_name:
            names.setdefault(file.common_name, set()).add(file.suffix.upper())
    return MappingProxyType({name: frozenset(suffixes) for name, suffixes in names.items()})


def match_bands(
    words: Iterable[str], suffixes: Iterable[str], product_id: str
) -> Mapping[str, tuple[str, ...]]:
    """Find the files of one scene that each band word selects.

    Args:
        words: From the config. A word without an extension selects every file of that name:
            ``MTL`` is both ``MTL.txt`` and ``MTL.xml``.
        suffixes: The scene's files, such as ``SR_B4.TIF``.
        product_id: Decides what common names mean.
    Returns: For every word its suffixes, in the given order; empty where the scene has none.
    """
    return _matches(tuple(words), tuple(suffixes), _family(product_id))


def should_have(product_id: str, word: str) -> bool:
    """Return whether products of this kind have a file that a band word selects.

    Args:
        product_id: Satellite, sensor and level decide which files it cannot have.
        word: From the config.
    Returns: ``False`` for files that only some scenes have, and for other products.
    """
    product = parse_product_id(product_id)
    if product is None:
        return False
    family = _family(product_id)
    due = tuple(f.suffix for f in _files_in(family) if not _may_lack(product, f.suffix))
    return bool(_matches((word,), due, family)[word])


def _may_lack(product: ProductId, suffix: str) -> bool:
    is_thermal = suffix in _THERMAL_OF_LANDSAT_8
    match product.sensor:
        case "O" if is_thermal:  # the other instrument was off
            return True
        case "T" if product.satellite >= _FIRST_WITH_OLI and not is_thermal:
            return suffix in _REFLECTIVE_OF_LANDSAT_8
    is_temperature = suffix.startswith("ST_")
    return suffix in _OF_SOME_SCENES or (is_temperature and product.level == "L2SR")


def words_without_files(dataset: str, words: Iterable[str]) -> tuple[str, ...]:
    """Return the band words that select no file of a dataset; none if it is unknown."""
    suffixes = tuple(file.suffix for file in files_of(dataset))
    found = _matches(tuple(words), suffixes, dataset) if suffixes else {}
    return tuple(word for word, files in found.items() if not files)


def band_words(dataset: str) -> tuple[str, ...]:
    """Return the valid band words for a dataset, without extensions and globs."""
    files = files_of(dataset)
    names = (file.common_name for file in files if file.common_name)
    return tuple(dict.fromkeys((*(stem_of(file.suffix) for file in files), *names)))


# The scenes of a job mostly have the same files, so the cache mostly hits.
@lru_cache(maxsize=256)
def _matches(
    words: tuple[str, ...], suffixes: tuple[str, ...], family: str
) -> Mapping[str, tuple[str, ...]]:
    names = _names_in(family)
    return MappingProxyType(
        {
            word: tuple(suffix for suffix in suffixes if _means(word, suffix, names))
            for word in words
        }
    )


def _means(word: str, suffix: str, names: Mapping[str, frozenset[str]]) -> bool:
    wanted, whole = word.upper(), suffix.upper()
    forms = (whole, stem_of(whole))
    if _GLOB.search(wanted):
        return any(fnmatchcase(form, wanted) for form in forms)
    return wanted in forms or whole in names.get(word.lower(), ())


def stem_of(suffix: str) -> str:
    """Return a suffix without its extension: ``SR_B4`` for ``SR_B4.TIF``."""
    return suffix.rpartition(".")[0] or suffix


def suggest(word: str, available: Iterable[str]) -> list[str]:
    """Return up to three of the available words that ``word`` was probably meant to be.

    Words that only add a prefix come first, such as ``SR_B4`` for ``B4``, then other bands
    with the same number, such as ``ST_B10`` for ``SR_B10``, words that add an end, such as
    ``QA_PIXEL`` for ``QA``, and the closest; case does not matter.
    """
    originals = {candidate.upper(): candidate for candidate in available}
    wanted = _NUMBERED.sub(r"B\1", word.upper())
    ends = [name for name in originals if _is_end_of(wanted, name) or _is_end_of(name, wanted)]
    same = [name for name in originals if _is_band(wanted) and _number(name) == _number(wanted)]
    starts = [name for name in originals if wanted and name.startswith(f"{wanted}_")]
    found = dict.fromkeys((*ends, *same, *starts, *closest(wanted, originals, 3)))
    return [originals[name] for name in found][:3]


def _is_band(word: str) -> bool:
    return _BAND.fullmatch(_number(word)) is not None


def _number(word: str) -> str:
    return word.rpartition("_")[2]


def _is_end_of(short: str, long: str) -> bool:
    return bool(short) and long.endswith(f"_{short}")
