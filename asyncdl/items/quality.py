"""What the bits of the quality bands mean. Pure.

Source: Landsat 8-9, 7 and 4-5 Collection 2 Data Format Control Books, quality bands; U.S.
Analysis Ready Data have the same ones.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_LEVELS = ("not_set", "low", "medium", "high")
_TWO_WAYS = ("not_set", "low", "reserved", "high")
"""Of shadow, snow and cirrus there is no middle confidence."""


def bitfields_of(family: str | None, satellite: int, suffix: str) -> list[Json]:
    """Return the fields of a quality band, the lowest bit first; none for other bands.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        satellite: 1 to 9; the first three numbered their bands otherwise.
        suffix: Of the file, such as ``QA_PIXEL.TIF``.
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
    """Return a class for each value; the schema wants a description beside the name."""
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
"""Bits that say that a band is saturated, and which band that is."""


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
