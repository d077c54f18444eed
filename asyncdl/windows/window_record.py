"""What is worth remembering of a window: whence it is, what it has, how it was proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from asyncdl.windows.tile_proof import TileEvidence
from asyncdl.windows.window_file import WindowFile
from asyncdl.windows.window_plan import WindowPlan


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """One window, in numbers and texts that any database or JSON holds."""

    source: str
    """Name of the file that it is of."""
    source_bytes: int
    validator: str
    """The ETag or date under which the source was read; empty if its host gave none."""
    columns: tuple[int, int]
    """Of the source's raster: first, and behind the last."""
    rows: tuple[int, int]
    overviews: tuple[int, ...]
    """Factors of those that the window has."""
    size_bytes: int
    """Of the window's file."""
    tiles: int
    """Different ones, of all images."""
    fetched_bytes: int
    """All that was read of the source: its head, tiles, and gaps between these."""
    proof: str
    """Number of tiles by what their check rests on, such as ``checksum:12,length:1``."""


def record_of(
    plan: WindowPlan,
    window: WindowFile,
    evidence: Iterable[TileEvidence],
    *,
    source: str,
    validator: str = "",
    fetched_bytes: int,
) -> WindowRecord:
    """Return the record of a window that is written.

    Args:
        evidence: What :func:`~asyncdl.windows.tile_proof.check_tile` gave for each tile.
    """
    counts = Counter(evidence)
    box = plan.box
    return WindowRecord(
        source,
        plan.structure.size_bytes,
        validator,
        (box.left, box.right),
        (box.top, box.bottom),
        tuple(p.part.factor for p in plan.parts if p.part.factor > 1 and not p.part.is_mask),
        window.size_bytes,
        len(window.pieces),
        fetched_bytes,
        ",".join(f"{kind}:{counts[kind]}" for kind in TileEvidence if counts[kind]),
    )
