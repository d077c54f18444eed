"""The part of each raster that a product wants, as in a config. Pure."""

from __future__ import annotations

import math

Bounds = tuple[float, float, float, float]
"""West, south, east and north in degrees."""

AREA = "aoi"
WINDOW_FORMS = '"aoi" for the area of [search], or [west, south, east, north] in degrees'


class Window(str):
    """``aoi``, or four numbers with commas between them.

    As text it is the same in a config, on a command line and in Python.
    """

    @classmethod
    def read(cls, value: object) -> Window:
        """Read the value of a config. Raises: ValueError, for anything else."""
        if isinstance(value, str):
            text = value.strip()
            return cls(AREA) if text.lower() == AREA else cls._of(text.split(","))
        if not isinstance(value, list | tuple):
            raise ValueError("is neither the area nor a box")
        return cls._of(value)

    @classmethod
    def _of(cls, values: list[str] | list[object] | tuple[object, ...]) -> Window:
        bounds = [_degrees(value) for value in values]
        if len(bounds) != 4:
            raise ValueError(f"has {len(bounds)} numbers, not four")
        west, south, east, north = bounds
        if not (-90 <= south < north <= 90):
            raise ValueError("has its south edge at or above its north edge, or beyond a pole")
        if not (-180 <= west <= 180 and -180 <= east <= 360) or west == east:
            raise ValueError("has no width, or an edge beyond -180 or 360 degrees")
        return cls(",".join(map(written, bounds)))

    @property
    def bounds(self) -> Bounds | None:
        """The box; ``None`` for the area of the search."""
        if self == AREA:
            return None
        west, south, east, north = map(float, self.split(","))
        return west, south, east, north


def written(degrees: float) -> str:
    """Return an angle as short as it can be written, to a tenth of a metre."""
    text = f"{degrees:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _degrees(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("has something in it that is no number")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"has something in it that is no number: {value!r}") from None
    if not math.isfinite(number):
        raise ValueError("has a number in it that is not finite")
    return number
