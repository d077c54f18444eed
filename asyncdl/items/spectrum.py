"""Where in the spectrum the bands of each instrument are, and how fine their pixels were. Pure.

Middles are those of the service's own items, which give one number for all satellites of an
instrument; widths follow from the limits that the USGS publishes for the bands.

Source: recorded items; USGS, What are the band designations for the Landsat satellites?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
