"""How a TIFF stores its numbers: byte order, classic or Big, types of values."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from asyncdl.windows.window_errors import NotAGeoTiff, UnsupportedTiff

SHORT, LONG, DOUBLE, LONG8 = 3, 4, 12, 16
_SIGNED8, _POINTER8 = 17, 18

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
TYPE_BYTES |= {13: 4, LONG8: 8, _SIGNED8: 8, _POINTER8: 8}
"""Of one value. Others are in no standard, and readers pass them by."""

_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d"}
_CODES |= {13: "I", LONG8: "Q", _SIGNED8: "q", _POINTER8: "Q"}
INTEGERS = {1, 3, 4, 13, LONG8, _POINTER8}
"""Types of unsigned integers."""
_NARROWER = {LONG8: (LONG, "Q", "I"), _SIGNED8: (9, "q", "i")}
"""What classic TIFF has in place of types that only BigTIFF knows."""

LARGEST_CLASSIC_BYTES = (1 << 32) - 1
"""All offsets have 32 bits."""


@dataclass(frozen=True, slots=True)
class TiffForm:
    """TIFF and BigTIFF differ in little but the width of their numbers."""

    order: str
    """``<`` or ``>``; of pixels as well as of what describes them."""
    is_big: bool

    @property
    def header_bytes(self) -> int:
        """Length of the header."""
        return 16 if self.is_big else 8

    @property
    def field_bytes(self) -> int:
        """Width of an offset; values that are no longer stand in its place."""
        return 8 if self.is_big else 4

    @property
    def count_bytes(self) -> int:
        """Width of the number of entries before a directory."""
        return 8 if self.is_big else 2

    @property
    def entry_bytes(self) -> int:
        """Length of an entry of a directory: tag, type, count, value."""
        return 20 if self.is_big else 12

    @property
    def entry_codes(self) -> str:
        """An entry, for :mod:`struct`."""
        return f"{self.order}HHQ8s" if self.is_big else f"{self.order}HHI4s"

    @property
    def offset_type(self) -> int:
        """The type of offsets of tiles."""
        return LONG8 if self.is_big else LONG

    def number(self, data: bytes) -> int:
        """Return the unsigned integer that some bytes make."""
        return int.from_bytes(data, "little" if self.order == "<" else "big")

    def offset(self, value: int) -> bytes:
        """Return an offset as it is stored."""
        return struct.pack(f"{self.order}{'Q' if self.is_big else 'I'}", value)

    def count(self, value: int) -> bytes:
        """Return the number of entries before a directory, as it is stored."""
        return struct.pack(f"{self.order}{'Q' if self.is_big else 'H'}", value)

    def header(self, directory_at: int) -> bytes:
        """Return the header of a file whose first directory is there."""
        mark = b"II" if self.order == "<" else b"MM"
        if self.is_big:
            return mark + struct.pack(f"{self.order}HHHQ", 43, 8, 0, directory_at)
        return mark + struct.pack(f"{self.order}HI", 42, directory_at)

    def as_big(self) -> TiffForm:
        """Return the same byte order in BigTIFF."""
        return replace(self, is_big=True)


def read_header(head: bytes) -> tuple[TiffForm, int]:
    """Return the form of a file and where its first directory is.

    Args:
        head: Its first 16 bytes, or all of a shorter one.
    Raises: NotAGeoTiff, if it is no TIFF; UnsupportedTiff, for offsets of another width.
    """
    form = _FORMS.get(head[:4])
    if form is None or len(head) < form.header_bytes:
        raise NotAGeoTiff("the file is no TIFF: its first bytes are others")
    if not form.is_big:
        return form, form.number(head[4:8])
    if (form.number(head[4:6]), form.number(head[6:8])) != (8, 0):
        raise UnsupportedTiff("a BigTIFF whose offsets are not 8 bytes wide")
    return form, form.number(head[8:16])


_FORMS = {
    b"II*\0": TiffForm("<", False),
    b"MM\0*": TiffForm(">", False),
    b"II+\0": TiffForm("<", True),
    b"MM\0+": TiffForm(">", True),
}


@dataclass(frozen=True, slots=True)
class Tag:
    """A value in a directory, as its bytes are stored."""

    kind: int
    """The type: one of :data:`TYPE_BYTES`."""
    count: int
    data: bytes
    """All of them, wherever they stood."""

    def numbers(self, form: TiffForm) -> tuple[float, ...]:
        """Return the values; of text its bytes, and nothing of a type that is no number."""
        code = _CODES.get(self.kind)
        return struct.unpack(f"{form.order}{self.count}{code}", self.data) if code else ()

    def integers(self, form: TiffForm) -> tuple[int, ...]:
        """Return the values if they are unsigned integers, else nothing."""
        if self.kind not in INTEGERS:
            return ()
        return struct.unpack(f"{form.order}{self.count}{_CODES[self.kind]}", self.data)

    def narrowed(self, form: TiffForm) -> Tag | None:
        """Return it in a type that classic TIFF has; ``None`` if a value is too large."""
        if self.kind not in _NARROWER:
            return self
        kind, wide, narrow = _NARROWER[self.kind]
        values = struct.unpack(f"{form.order}{self.count}{wide}", self.data)
        try:
            return Tag(kind, self.count, struct.pack(f"{form.order}{self.count}{narrow}", *values))
        except struct.error:
            return None


def integers_tag(form: TiffForm, kind: int, values: tuple[int, ...]) -> Tag:
    """Return a tag of integers. `kind` is one of SHORT, LONG and LONG8, wide enough."""
    return Tag(kind, len(values), struct.pack(f"{form.order}{len(values)}{_CODES[kind]}", *values))


def doubles_tag(form: TiffForm, values: tuple[float, ...]) -> Tag:
    """Return a tag of doubles."""
    return Tag(DOUBLE, len(values), struct.pack(f"{form.order}{len(values)}d", *values))


def unpacked_integers(form: TiffForm, kind: int, data: bytes) -> tuple[int, ...]:
    """Return the unsigned integers of a part of a table. `kind` is one of :data:`INTEGERS`."""
    return struct.unpack(f"{form.order}{len(data) // TYPE_BYTES[kind]}{_CODES[kind]}", data)
