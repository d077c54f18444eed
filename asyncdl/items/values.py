"""How the numbers of a raster become physical values, where that is the same in all products. Pure.

Source: USGS, How do I use a scale factor with Landsat Level-2 science products?; Landsat 8-9
Level 2 Data Format Control Book, table of the surface temperature bands.
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
