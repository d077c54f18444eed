"""Small notes that a file carries with it, where system and volume have them. Blocks.

Linux has them on most volumes; Windows and macOS have their own, which Python does not reach.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def keep(file: int | Path, name: str, value: bytes) -> None:
    """Let a file carry a note, if it can."""
    call: Callable[[int | Path, str, bytes], None] | None = getattr(os, "setxattr", None)
    if call is not None:
        with suppress(OSError):
            call(file, name, value)


def kept(path: Path, name: str) -> bytes | None:
    """Return the note of a file; ``None`` if it has none, or cannot have one."""
    call: Callable[[Path, str], bytes] | None = getattr(os, "getxattr", None)
    if call is not None:
        with suppress(OSError):
            return call(path, name)
    return None
