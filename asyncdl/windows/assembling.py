"""The bytes of a window's file, tile by tile, each checked before it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncdl.transfer.ranges import Span
from asyncdl.windows.gdal_layout import FRAME_BYTES, leader_of, trailer_of
from asyncdl.windows.tile_proof import TileEvidence, check_tile
from asyncdl.windows.window_errors import BrokenTiff
from asyncdl.windows.window_file import WindowFile, WindowPiece

Read = Callable[[int, int], bytes]
"""Returns the bytes ``[start, stop)`` of the source."""


def assembled(window: WindowFile, read: Read, proven: list[TileEvidence]) -> Iterator[bytes]:
    """Yield the window's file from its first byte to its last, one tile at a time.

    Args:
        read: Of the source, or of the ranges of it that were fetched.
        proven: Takes what each tile's check rests on.
    Raises: DamagedTile, and BrokenTiff if `read` brings less or more.
    """
    yield window.head
    for piece in window.pieces:
        data, evidence = read_tile(piece, read)
        proven.append(evidence)
        yield framed(window, piece, data)[1]


def read_tile(piece: WindowPiece, read: Read) -> tuple[bytes, TileEvidence]:
    """Read a tile and check it. Returns: its bytes, and what the check rests on.

    Raises: DamagedTile, and BrokenTiff if `read` brings less or more.
    """
    whole = read(piece.frame.start, piece.frame.stop)
    _check_length(piece.frame, whole)
    start = piece.source.start - piece.frame.start
    stop = start + piece.source.size_bytes
    before, data, behind = whole[:start], whole[start:stop], whole[stop:]
    return data, check_tile(piece.image, piece.row, data, before=before, behind=behind)


def framed(window: WindowFile, piece: WindowPiece, data: bytes) -> tuple[int, bytes]:
    """Return where a tile's bytes go in the window's file, and these with their frame.

    Args:
        data: The tile as it is in the source.
    Raises: BrokenTiff, if it has another length.
    """
    _check_length(piece.source, data)
    if not window.is_framed:
        return piece.at, data
    return piece.at - FRAME_BYTES, leader_of(len(data)) + data + trailer_of(data)


def _check_length(source: Span, data: bytes) -> None:
    if len(data) != source.size_bytes:
        problem = f"a tile of {source.size_bytes} bytes at byte {source.start}"
        raise BrokenTiff(f"{problem} came with {len(data)}")
