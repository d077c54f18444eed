"""What the numbers of a band mean: its spectrum, its scaling, and the bits of quality bands. Pure.

Centre wavelengths are those of the service's own items, which have one number for all
satellites of an instrument; widths follow from the limits that the USGS publishes.

Source: USGS, How do I use a scale factor with Landsat Level-2 science products?; Landsat 8-9
Level 2 Data Format Control Book, table of the surface temperature bands; recorded items; USGS,
What are the band designations for the Landsat satellites?; Landsat 8-9, 7 and 4-5 Collection 2
Data Format Control Books, quality bands, which U.S. Analysis Ready Data share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

_RADIANCE = "watt/steradian/square_meter/micrometer"


@dataclass(frozen=True, slots=True)
class Scaling:
    """``value = scale * number + offset``."""

    scale: float | None = None
    offset: float | None = None
    unit: str = ""
    """In the raster extension's spelling; empty for a ratio."""


_REFLECTANCE = Scaling(0.0000275, -0.2)
_TEMPERATURE = Scaling(0.00341802, 149.0, "kelvin")
_BITS = Scaling(unit="bit index")

_OF_LEVEL_2: Mapping[str, Scaling] = MappingProxyType(
    {
        **{f"SR_B{band}": _REFLECTANCE for band in range(1, 8)},
        "ST_B6": _TEMPERATURE,
        "ST_B10": _TEMPERATURE,
        "ST_ATRAN": Scaling(0.0001),
        "ST_CDIST": Scaling(0.01, unit="kilometer"),
        "ST_DRAD": Scaling(0.001, unit=_RADIANCE),
        "ST_EMIS": Scaling(0.0001),
        "ST_EMSD": Scaling(0.0001),
        "ST_QA": Scaling(0.01, unit="kelvin"),
        "ST_TRAD": Scaling(0.001, unit=_RADIANCE),
        "ST_URAD": Scaling(0.001, unit=_RADIANCE),
        "SR_ATMOS_OPACITY": Scaling(0.001),
    }
)
_OF_ALL = {"QA_PIXEL": _BITS, "QA_RADSAT": _BITS, "SR_QA_AEROSOL": _BITS, "SR_CLOUD_QA": _BITS}


def scaling_of(
    stem: str, is_level_1: bool, rescaling: Mapping[str, tuple[float, float]]
) -> Scaling | None:
    """Return the scaling of one raster; ``None`` if it is unknown.

    Args:
        stem: Stem of its file name, such as ``SR_B4``.
        is_level_1: Whether it is at level 1, where each scene has its own numbers, which
            convert to radiance at the sensor.
        rescaling: Factors and offsets in the product's metadata, by stem.
    """
    known = _OF_ALL.get(stem) or (None if is_level_1 else _OF_LEVEL_2.get(stem))
    if stem not in rescaling:
        return known
    unit = known.unit if known else _RADIANCE if is_level_1 else ""
    return Scaling(*rescaling[stem], unit)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One band of an instrument."""

    center: float
    """Micrometres."""
    width: float
    """Full width at half maximum, micrometres."""
    gsd: int
    """Ground sampling distance of the instrument, metres."""


_OLI = {
    "coastal": Spectrum(0.44, 0.02, 30),
    "blue": Spectrum(0.48, 0.06, 30),
    "green": Spectrum(0.56, 0.06, 30),
    "red": Spectrum(0.65, 0.04, 30),
    "nir08": Spectrum(0.86, 0.03, 30),
    "swir16": Spectrum(1.6, 0.09, 30),
    "swir22": Spectrum(2.2, 0.19, 30),
    "pan": Spectrum(0.59, 0.17, 15),
    "cirrus": Spectrum(1.37, 0.02, 30),
    "lwir11": Spectrum(10.9, 0.59, 100),
    "lwir12": Spectrum(12.0, 1.01, 100),
}
_ETM = {
    "blue": Spectrum(0.48, 0.07, 30),
    "green": Spectrum(0.56, 0.08, 30),
    "red": Spectrum(0.65, 0.06, 30),
    "nir08": Spectrum(0.86, 0.13, 30),
    "swir16": Spectrum(1.6, 0.2, 30),
    "swir22": Spectrum(2.2, 0.27, 30),
    "pan": Spectrum(0.71, 0.38, 15),
    "lwir": Spectrum(11.45, 2.1, 60),
}
_TM = {
    "blue": Spectrum(0.49, 0.07, 30),
    "green": Spectrum(0.56, 0.08, 30),
    "red": Spectrum(0.66, 0.06, 30),
    "nir08": Spectrum(0.84, 0.14, 30),
    "swir16": Spectrum(1.65, 0.2, 30),
    "swir22": Spectrum(2.22, 0.27, 30),
    "lwir": Spectrum(11.45, 2.1, 120),
}
_MSS = {
    "green": Spectrum(0.55, 0.1, 60),
    "red": Spectrum(0.65, 0.1, 60),
    "nir08": Spectrum(0.75, 0.1, 60),
    "nir09": Spectrum(0.95, 0.3, 60),
}
_BANDS: Mapping[str, Mapping[str, Spectrum]] = {"ot": _OLI, "etm": _ETM, "tm": _TM, "mss": _MSS}


def spectrum_of(family: str | None, common_name: str) -> Spectrum | None:
    """Return a band of an instrument; ``None`` for files that are not spectral bands.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        common_name: Such as ``red``.
    """
    return _BANDS.get(family or "", {}).get(common_name)


def pixel_size_of(family: str | None) -> int | None:
    """Return the pixel size of most bands of an instrument's products, metres."""
    return {"ot": 30, "etm": 30, "tm": 30, "mss": 60}.get(family or "")


Json: TypeAlias = dict[str, Any]

_LEVELS = ("not_set", "low", "medium", "high")
_TWO_WAYS = ("not_set", "low", "reserved", "high")
"""Shadow, snow and cirrus have no medium confidence."""


def bitfields_of(family: str | None, satellite: int, suffix: str) -> list[Json]:
    """Return the fields of a quality band, the lowest bit first; empty for other bands.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        satellite: 1 to 9; the first three number their bands differently.
        suffix: Suffix of the file, such as ``QA_PIXEL.TIF``.
    """
    match suffix.upper():
        case "QA_PIXEL.TIF":
            return _pixel(family)
        case "QA_RADSAT.TIF":
            return _saturation(family, satellite)
        case "SR_QA_AEROSOL.TIF" if family == "ot":
            return _AEROSOL
        case "SR_CLOUD_QA.TIF" if family in ("tm", "etm"):
            return _CLOUD
    return []


def _flag(bit: int, name: str, description: str) -> Json:
    return {
        "name": name,
        "description": description,
        "offset": bit,
        "length": 1,
        "classes": _classes((f"not_{name}", name)),
    }


def _classes(names: tuple[str, ...]) -> list[Json]:
    """Return a class for each value; the schema requires a description besides the name."""
    return [
        {"value": value, "name": name, "description": name.replace("_", " ").capitalize()}
        for value, name in enumerate(names)
    ]


def _confidence(bit: int, of: str, levels: tuple[str, ...]) -> Json:
    return {
        "name": f"{of}_confidence",
        "description": f"How sure it is: {of.replace('_', ' ')}",
        "offset": bit,
        "length": 2,
        "classes": _classes(levels),
    }


def _pixel(family: str | None) -> list[Json]:
    fill, cloud = _flag(0, "fill", "No data"), _flag(3, "cloud", "Cloud, with high confidence")
    if family == "mss":
        return [fill, cloud, _confidence(8, "cloud", _LEVELS)]
    has_cirrus = family == "ot"
    fields = [
        fill,
        _flag(1, "dilated_cloud", "Close to a cloud"),
        *([_flag(2, "cirrus", "Cirrus, with high confidence")] if has_cirrus else []),
        cloud,
        _flag(4, "cloud_shadow", "Shadow of a cloud, with high confidence"),
        _flag(5, "snow", "Snow or ice, with high confidence"),
        _flag(6, "clear", "Neither cloud nor close to one"),
        _flag(7, "water", "Water, not land or cloud"),
        _confidence(8, "cloud", _LEVELS),
        _confidence(10, "cloud_shadow", _TWO_WAYS),
        _confidence(12, "snow", _TWO_WAYS),
        *([_confidence(14, "cirrus", _TWO_WAYS)] if has_cirrus else []),
    ]
    return fields


_BITS_OF_BANDS = {
    "ot": {0: "1", 1: "2", 2: "3", 3: "4", 4: "5", 5: "6", 6: "7", 8: "9"},
    "etm": {0: "1", 1: "2", 2: "3", 3: "4", 4: "5", 5: "6l", 6: "7", 8: "6h"},
    "tm": {0: "1", 1: "2", 2: "3", 3: "4", 4: "5", 5: "6", 6: "7"},
    "mss": {0: "1", 1: "2", 2: "3", 3: "4"},
    "mss of Landsat 1 to 3": {3: "4", 4: "5", 5: "6", 6: "7"},
}
"""Bands by the bit that marks their saturation."""


def _saturation(family: str | None, satellite: int) -> list[Json]:
    numbered = "mss of Landsat 1 to 3" if family == "mss" and satellite < 4 else family
    fields = [
        _flag(bit, f"band{band}_saturated", f"Band {band.upper()} is saturated")
        for bit, band in _BITS_OF_BANDS.get(numbered or "", {}).items()
    ]
    if not fields:
        return []
    last = (
        _flag(11, "occluded", "Hidden from the instrument by the terrain")
        if family == "ot"
        else _flag(9, "dropped", "The instrument gave no number")
    )
    return [*fields, last]


_AEROSOL = [
    _flag(0, "fill", "No data"),
    _flag(1, "valid_retrieval", "The aerosol was found out for this pixel"),
    _flag(2, "water", "Water"),
    _flag(5, "interpolated", "The aerosol is that of pixels around"),
    {
        "name": "aerosol_level",
        "description": "How much aerosol there is",
        "offset": 6,
        "length": 2,
        "classes": _classes(("climatology", "low", "medium", "high")),
    },
]
_CLOUD = [
    _flag(0, "dark_dense_vegetation", "Dark dense vegetation"),
    _flag(1, "cloud", "Cloud"),
    _flag(2, "cloud_shadow", "Shadow of a cloud"),
    _flag(3, "adjacent_to_cloud", "Beside a cloud"),
    _flag(4, "snow", "Snow or ice"),
    _flag(5, "water", "Water"),
]
