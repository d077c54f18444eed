"""The area of interest of a config: the name of a file, or the geometry itself as text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["file", "geojson", "wkt"]

_WKT = re.compile(r"(SRID\s*=|[A-Z]+\s*(\(|EMPTY\b|(Z|M|ZM)\s*(\(|EMPTY\b)))", re.IGNORECASE)


def form_of(text: str) -> Form:
    """Tell what a text is, from how it begins: GeoJSON, WKT, or else the name of a file."""
    start = text.removeprefix("\ufeff").lstrip()
    if start.startswith("{"):
        return "geojson"
    return "wkt" if _WKT.match(start) else "file"


class Aoi(str):
    """An area of interest: a file, or GeoJSON or WKT as text."""

    @classmethod
    def read(cls, value: object) -> Aoi:
        """Read the name of a file, GeoJSON or WKT. Raises: ValueError, for anything else."""
        if isinstance(value, str) and value.strip():
            return cls(value)
        raise ValueError("is no area of interest")

    @property
    def form(self) -> Form:
        """What the text is."""
        return form_of(self)

    @property
    def path(self) -> Path:
        """The file, if it is one."""
        return Path(self)

    def moved_to(self, folder: Path) -> Aoi:
        """Return the same area with its file named from a folder, if it is a relative one."""
        return self if self.form != "file" else Aoi(folder / self.path.expanduser())
