"""A file that is being received, for readers that do not wait for its end.

Whoever reads along must not keep what it makes of the bytes before the file is verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from asyncdl.transfer.verification.checks import Expected


@dataclass(frozen=True, slots=True)
class FileGrowth:
    """How much of a file is on disk, from its first byte on."""

    part: Path
    """Where its bytes are, each at its place, until it gets its name."""
    final: Path
    """Its name, once it is verified."""
    ready_bytes: int
    """So many bytes are there without a gap and will not be written again. 0: what was read is
    void, as the bytes are dropped or written anew."""
    total_bytes: int | None
    """Of all of the file; ``None`` if that is not known yet."""
    expected: Expected
    """What it will be checked against."""


OnGrowth: TypeAlias = Callable[[FileGrowth], None]
"""Called in the event loop, so it must return at once. It is not called for the source of an
excerpt, nor where a file that is open cannot be renamed (Windows)."""
