"""Renaming and removing files, which Windows refuses while anybody has them open. Blocks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

TAKES_OPEN_FILES = os.name != "nt"
"""Whether a file may be renamed or removed while we have it open ourselves."""

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""A scanner of viruses, or an indexer, looks at each new file for a moment."""


def replace(source: Path, target: Path) -> None:
    """Give a file or folder another name on its volume; a file of that name is replaced.

    Raises: OSError.
    """
    _patiently(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises: OSError."""
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(call: Callable[[], object]) -> None:
    """Make a call; on Windows again for two seconds while another has the file open."""
    if TAKES_OPEN_FILES:
        call()
        return
    for pause_s in _PAUSES_S:
        try:
            call()
            return
        except PermissionError:
            time.sleep(pause_s)
    call()
