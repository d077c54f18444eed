"""What GDAL says of the order of a file's bytes, in text behind the header.

A cloud-optimised GeoTIFF of GDAL's says there that each tile has its length before it, as
four bytes, and its own last four bytes once more behind it: a reader that has a tile's place
can tell that it is one.

Source: GDAL, driver COG, "File format details"; the header area of structural metadata.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_START = re.compile(rb"GDAL_STRUCTURAL_METADATA_SIZE=(\d{6}) bytes\n")
_LINES = (
    "LAYOUT=IFDS_BEFORE_DATA",
    "BLOCK_ORDER=ROW_MAJOR",
    "BLOCK_LEADER=SIZE_AS_UINT4",
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED",
    "KNOWN_INCOMPATIBLE_EDITION=NO",
)
_TAIL = "\n "
"""Room for ``YES`` in place of ``NO``, for programs that change the file."""

FRAME_BYTES = 4
"""Before a tile, and behind it."""


@dataclass(frozen=True, slots=True)
class GdalLayout:
    """What a file says of itself."""

    is_framed: bool = False
    """Whether each tile stands between its length and its own last bytes."""


def read_gdal_layout(head: bytes) -> GdalLayout:
    """Read the text behind the header, if there is any.

    Args:
        head: What follows the header.
    """
    start = _START.match(head)
    if start is None:
        return GdalLayout()
    text = head[start.end() : start.end() + int(start[1])]
    said = {line.strip() for line in text.decode("ascii", "replace").splitlines()}
    # A program that knows nothing of this and has moved tiles is said to say so there.
    return GdalLayout(is_framed=set(_LINES[2:]) <= said)


def gdal_layout_text() -> bytes:
    """Return the text of a file whose tiles all have their frame."""
    text = "\n".join(_LINES) + _TAIL
    return f"GDAL_STRUCTURAL_METADATA_SIZE={len(text):06} bytes\n{text}".encode()


def leader_of(size_bytes: int) -> bytes:
    """Return what stands before a tile; little-endian in every file."""
    return struct.pack("<I", size_bytes)


def trailer_of(data: bytes) -> bytes:
    """Return what stands behind a tile; of one shorter than a frame, how that begins."""
    return data[-FRAME_BYTES:]
