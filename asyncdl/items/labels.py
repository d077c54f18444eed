"""Titles, roles and keys of assets, as in the service's own items. Pure.

Source: recorded items of all instruments; API notes, section 8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asyncdl.m2m.bands import BandFile, stem_of


@dataclass(frozen=True, slots=True)
class Label:
    """Title, roles and key of an asset."""

    title: str
    roles: tuple[str, ...]
    key: str = ""
    """Its key among the assets; empty to use the file's name."""


_DATA, _METADATA = ("data",), ("metadata",)
_MASKS = ("cloud", "cloud-shadow", "snow-ice", "water-mask")

_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "coastal": "Coastal/Aerosol Band",
        "blue": "Blue Band",
        "green": "Green Band",
        "red": "Red Band",
        "nir08": "Near Infrared Band 0.8",
        "nir09": "Near Infrared Band 0.9",
        "swir16": "Short-wave Infrared Band 1.6",
        "swir22": "Short-wave Infrared Band 2.2",
        "pan": "Panchromatic Band",
        "cirrus": "Cirrus Band",
        "lwir": "Thermal Infrared Band 11.5",
        "lwir11": "Thermal Infrared Band 10.9",
        "lwir12": "Thermal Infrared Band 12.0",
    }
)
_REFLECTIVE_INFRARED = frozenset({"nir08", "nir09", "swir16", "swir22"})

_BY_STEM: Mapping[str, Label] = MappingProxyType(
    {
        "QA_PIXEL": Label("Pixel Quality Assessment Band", _MASKS, "qa_pixel"),
        "QA_RADSAT": Label(
            "Radiometric Saturation Quality Assessment Band", ("saturation",), "qa_radsat"
        ),
        "SR_QA_AEROSOL": Label(
            "Aerosol Quality Analysis Band", ("metadata", "data-mask", "water-mask"), "qa_aerosol"
        ),
        "SR_ATMOS_OPACITY": Label("Atmospheric Opacity Band", _DATA, "atmos_opacity"),
        "SR_CLOUD_QA": Label("Cloud Quality Analysis Band", ("metadata", *_MASKS), "cloud_qa"),
        "ST_ATRAN": Label("Atmospheric Transmittance Band", _DATA, "ATRAN"),
        "ST_CDIST": Label("Cloud Distance Band", _DATA, "CDIST"),
        "ST_DRAD": Label("Downwelled Radiance Band", _DATA, "DRAD"),
        "ST_URAD": Label("Upwelled Radiance Band", _DATA, "URAD"),
        "ST_TRAD": Label("Thermal Radiance Band", _DATA, "TRAD"),
        "ST_EMIS": Label("Emissivity Band", _DATA, "EMIS"),
        "ST_EMSD": Label("Emissivity Standard Deviation Band", _DATA, "EMSD"),
        "ST_QA": Label("Surface Temperature Quality Assessment Band", _DATA, "QA"),
    }
)
_BY_SUFFIX: Mapping[str, Label] = MappingProxyType(
    {
        "ANG.txt": Label("Angle Coefficients File", _METADATA),
        "MTL.txt": Label("Product Metadata File", _METADATA),
        "MTL.xml": Label("Product Metadata File (xml)", _METADATA),
        "MTL.json": Label("Product Metadata File (json)", _METADATA),
        "thumb_small.jpeg": Label("Thumbnail image", ("thumbnail",), "thumbnail"),
        "thumb_large.jpeg": Label(
            "Reduced resolution browse image", ("overview",), "reduced_resolution_browse"
        ),
    }
)
_MSS_QUALITY = Label("Quality Assessment Band", ("cloud",), "qa_pixel")
_MSS_FIRST_INFRARED = "Near Infrared Band 0.7"


def label_of(family: str | None, suffix: str, known: BandFile | None) -> Label:
    """Return the label of a file.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        suffix: Suffix of the file, such as ``SR_B4.TIF``.
        known: The band file, if known.
    """
    stem = stem_of(suffix)
    if family == "mss" and stem == "QA_PIXEL":
        return _MSS_QUALITY
    if label := _BY_STEM.get(stem.upper()) or _BY_SUFFIX.get(suffix):
        return label
    if known and known.common_name in _TITLES:
        return _band(family, stem, known.common_name)
    roles = _DATA if suffix.upper().endswith((".TIF", ".TAR")) else _METADATA
    return Label(known.description if known else "", roles, known.common_name if known else "")


def number_of(stem: str) -> str:
    """Return the band name of a file: ``B4`` for ``SR_B4``."""
    return stem.removeprefix("SR_").removeprefix("ST_").removeprefix("TOA_").removeprefix("BT_")


def description_of(label: Label, suffix: str, level: str) -> str:
    """Return the service's description of a file of a scene.

    Args:
        label: Label of the file.
        suffix: Suffix of the file.
        level: ``1`` or ``2``.
    Returns: Empty for files that are only in bundles, or missing in the service's items.
    """
    stem, dot, ending = suffix.partition(".")
    if not label.title or ending in ("jpeg", "tar"):
        return ""
    whole = f"Collection 2 Level-{level} {label.title}"
    if dot and ending == "txt":
        return f"{whole} ({stem})"
    if stem.startswith("SR_"):
        return f"{whole} Surface Reflectance"
    if stem.startswith("ST_"):
        return f"Landsat {whole} Surface Temperature Product"
    return f"{whole} Top of Atmosphere Radiance" if _LEVEL_1_BAND.fullmatch(stem) else whole


_LEVEL_1_BAND = re.compile(r"B\d.*")


def _band(family: str | None, stem: str, common_name: str) -> Label:
    title = _TITLES[common_name]
    roles: tuple[str, ...] = _DATA
    if stem.startswith("ST_"):
        title, roles = "Surface Temperature Band", ("data", "temperature")
    elif family == "mss" and common_name == "nir08":
        title = _MSS_FIRST_INFRARED
    if common_name in _REFLECTIVE_INFRARED:
        roles = ("data", "reflectance")
    return Label(f"{title} ({number_of(stem)})", roles, common_name)
