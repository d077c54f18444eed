"""Where in the spectrum a band lies, and how its numbers become physical values. Pure.

Source: USGS, How do I use a scale factor with Landsat Level-2 science products?; Landsat 8-9
Level 2 Data Format Control Book, table of the surface temperature bands.

Middles are those of the service's own items, which give one number for all satellites of an
instrument; widths follow from the limits that the USGS publishes for the bands.

Source: recorded items; USGS, What are the band designations for the Landsat satellites?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_RADIANCE = "watt/steradian/square_meter/micrometer"


@dataclass(frozen=True, slots=True)
class Scaling:
    """``value = scale * number + offset``."""

    scale: float | None = None
    offset: float | None = None
    unit: str = ""
    """As the raster extension spells units; empty for a ratio."""


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
    """Return how to scale one raster; ``None`` for what is not known.

    Args:
        stem: Of its file, such as ``SR_B4``.
        is_level_1: Whether it is at level 1, where each scene has numbers of its own: they make
            the radiance at the sensor.
        rescaling: What the product's metadata give, by stem.
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
    """Between the points of half the maximum, micrometres."""
    gsd: int
    """Metres on the ground that the instrument told apart."""


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
    """Return a band of an instrument; ``None`` for what is no part of the spectrum.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        common_name: Such as ``red``.
    """
    return _BANDS.get(family or "", {}).get(common_name)


def pixel_size_of(family: str | None) -> int | None:
    """Return the size of most pixels of an instrument's products, metres."""
    return {"ot": 30, "etm": 30, "tm": 30, "mss": 60}.get(family or "")
