"""Parse well-known text to GeoJSON geometries. Pure.

Source: OGC 06-103r4 (Simple Feature Access, part 1), section 7; the ``SRID=…;`` prefix is
PostGIS's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from asyncdl.errors import ConfigError

T = TypeVar("T")

MAX_DEPTH = 50
"""Maximum nesting of collections; protects the stack."""

_NAMES = {
    "POINT": "Point",
    "MULTIPOINT": "MultiPoint",
    "LINESTRING": "LineString",
    "MULTILINESTRING": "MultiLineString",
    "POLYGON": "Polygon",
    "TRIANGLE": "Polygon",
    "MULTIPOLYGON": "MultiPolygon",
    "POLYHEDRALSURFACE": "MultiPolygon",
    "TIN": "MultiPolygon",
    "GEOMETRYCOLLECTION": "GeometryCollection",
}
_VOCABULARY = {*_NAMES, "SRID", "EMPTY", "Z", "M", "ZM", "NAN", "INF", "X", "Y"}
_SHOWN_CHARS = 20
_WGS84 = ("", "4326", "4979")
_ALLOWED = ("POINT", "MULTIPOINT", "POLYGON", "MULTIPOLYGON", "GEOMETRYCOLLECTION")
_TOKEN = re.compile(
    r"(?P<number>[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?+)(?![\w.+-])"
    # Anything else that starts like a number is one token, not one per character.
    r"|(?P<word>[A-Za-z]++)|(?P<sign>[\w.+-]++|\S)"
)
_LONGEST_SRID_CHARS = 9
_LONGEST_NUMBER_CHARS = 400
"""All digits that a float can have; more add no precision."""


def read_wkt(text: str) -> dict[str, Any]:
    """Return a GeoJSON geometry; heights and measures are dropped.

    Args:
        text: Geometries, one after the other, longitude first. Each may begin with
            ``SRID=…;``; the first one names the reference system of all.
    Raises: ConfigError, with line and column, for anything else.
    """
    reader = _WktReader(text)
    srid = reader.srid()
    found = [reader.geometry()]
    while reader.name or reader.token in ("SRID", ";"):
        reader.skip(";")
        if reader.srid() not in ("", srid):
            reader.refuse("SRID differs from the first one")
        if reader.kind:
            found.append(reader.geometry())
    if reader.kind:
        reader.fail("the end")
    geometry = found[0] if len(found) == 1 else {"type": "GeometryCollection", "geometries": found}
    named = {"type": "name", "properties": {"name": f"EPSG:{srid}"}}
    return geometry if srid.lstrip("0") in _WGS84 else geometry | {"crs": named}


def _described(kind: str, token: str) -> str:
    """Return a token for a message; other words are not quoted, the file may be private."""
    if not token:
        return "the end of the text"
    is_plain = kind == "number" or token in _VOCABULARY or len(token) == 1
    return token[:_SHOWN_CHARS] if is_plain else f"a word of {len(token):,} characters"


class _WktReader:
    """A recursive descent parser; each method parses one element."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.finditer(text)
        # One at a time: all tokens take twenty times as much memory as the text.
        self._found = next(self._tokens, None)

    @property
    def kind(self) -> str:
        """``number``, ``word`` or ``sign``; empty at the end."""
        return (self._found.lastgroup or "") if self._found else ""

    @property
    def token(self) -> str:
        """The next token, in upper case; empty at the end."""
        return self._found[0].upper() if self._found else ""

    @property
    def name(self) -> str:
        """The GeoJSON type of the geometry that begins here; empty if none does."""
        # Both POINT Z and POINTZ are used.
        return _NAMES.get(self.token.removesuffix("M").removesuffix("Z"), "")

    def fail(self, expected: str) -> NoReturn:
        """Raise the error for an unexpected token."""
        self.refuse(f"expected {expected}, found {_described(self.kind, self.token)}")

    def refuse(self, problem: str) -> NoReturn:
        at = self._found.start() if self._found else len(self._text)
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        raise ConfigError(f"the area of interest in WKT, line {line}, column {column}: {problem}")

    def skip(self, token: str) -> bool:
        """Consume a token if it is next; return whether it was."""
        is_next = self.token == token
        if is_next:
            self._advance()
        return is_next

    def _advance(self) -> None:
        self._found = next(self._tokens, None)

    def expect(self, token: str) -> None:
        if not self.skip(token):
            self.fail(token)

    def srid(self) -> str:
        """Parse ``SRID=…;`` if it is next; empty if it is not."""
        if not self.skip("SRID"):
            return ""
        self.expect("=")
        code = self.token
        if not code.isdigit() or len(code) > _LONGEST_SRID_CHARS:
            self.fail("the number of a reference system, such as 4326")
        self._advance()
        self.expect(";")
        return code

    def geometry(self, depth: int = 0) -> dict[str, Any]:
        name = self.name
        if not name or depth > MAX_DEPTH:
            self.fail(f"one of {', '.join(_ALLOWED)}")
        self._advance()
        if self.token in ("Z", "M", "ZM"):
            self._advance()
        return {"type": name, **self._content(name, depth)}

    def _content(self, name: str, depth: int) -> dict[str, Any]:
        match name:
            case "Point":
                return {"coordinates": [] if self.skip("EMPTY") else self._in_brackets()}
            case "MultiPoint":
                return {"coordinates": self._list(self._point)}
            case "LineString":
                return {"coordinates": self._list(self._position)}
            case "Polygon" | "MultiLineString":
                return {"coordinates": self._polygon()}
            case "MultiPolygon":
                return {"coordinates": self._list(self._polygon)}
        return {"geometries": self._list(lambda: self.geometry(depth + 1))}

    def _polygon(self) -> list[list[list[float]]]:
        return self._list(lambda: self._list(self._position))

    def _list(self, one: Callable[[], T]) -> list[T]:
        """Parse ``( … , … )`` or ``EMPTY``."""
        if self.skip("EMPTY"):
            return []
        self.expect("(")
        found = [one()]
        while self.skip(","):
            found.append(one())
        if not self.skip(")"):
            self.fail(", or )")
        return found

    def _point(self) -> list[float]:
        """Parse a point of a multipoint, with or without parentheses."""
        return self._in_brackets() if self.token == "(" else self._position()

    def _in_brackets(self) -> list[float]:
        self.expect("(")
        position = self._position()
        self.expect(")")
        return position

    def _position(self) -> list[float]:
        numbers: list[float] = []
        while self.kind == "number" and len(numbers) < 4:
            if len(self.token) > _LONGEST_NUMBER_CHARS:
                self.refuse(f"a number of {len(self.token)} digits")
            numbers.append(float(self.token))
            self._advance()
        if len(numbers) < 2:
            self.fail("a longitude and a latitude" if not numbers else "a latitude")
        return numbers[:2]
