"""Rows of a journal that may have come from somebody else: which of them are believed. Pure.

A journal travels with its folder, in archives and on shared disks, so whoever wrote it may
mean harm. A row whose path leads out of the folder, or whose values are of other types than
ours, counts as not there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from asyncdl.job.journal.place import STATE_FOLDER

MAX_PATH_CHARS = 4096
_HEX = re.compile(r"[0-9a-f]{1,128}")
_INT64 = range(-(2**63), 2**63)


def is_below(path: object) -> bool:
    """Tell whether a path names a file below the download directory, and none of the state's."""
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_CHARS or "\0" in path:
        return False
    parts = path.split("/")
    return parts[0] != STATE_FOLDER and all(part not in ("", ".", "..") for part in parts)


def is_name(text: object) -> bool:
    """Tell whether a text can be the name of a file, such as that of a scene's item."""
    return is_below(text) and "/" not in str(text)


def are_texts(values: Sequence[Any]) -> bool:
    """Tell whether all values are texts."""
    return all(isinstance(value, str) for value in values)


def is_size(value: object) -> bool:
    """Tell whether a value is a whole number as SQLite and file systems have them."""
    return isinstance(value, int) and value in _INT64


def is_hex(text: str) -> bool:
    """Tell whether a text may be the value of a digest."""
    return _HEX.fullmatch(text) is not None
