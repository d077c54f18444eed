"""Whether a tile in JPEG is whole by its markers, and how large.

Source: ITU-T T.81, annex B; TIFF Technical Note 2, for streams without their tables.
"""

from __future__ import annotations

_START, _END = b"\xff\xd8", b"\xff\xd9"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of a frame: what follows says how large it is."""
_SCAN = 0xDA


def jpeg_shape(data: bytes) -> tuple[int, int] | None:
    """Return columns and rows of a stream; ``None`` if its markers are not those of a whole one."""
    if not data.startswith(_START) or not data.rstrip(b"\0").endswith(_END):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _FRAMES:
            rows, columns = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            return columns, rows
        elif marker == _SCAN:
            return None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
