"""What comes from outside, measured before it is held or parsed. Pure but for reading files.

A parser makes objects of text, and the smallest of them take thirty times the bytes they were
written with. So it is the number of values that decides how much memory a text takes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, TypeAlias

Data: TypeAlias = bytes | bytearray | memoryview

FREE_VALUES = 200_000
"""So many values take some twenty megabytes, whatever they are."""
CHARS_PER_VALUE = 10
"""Replies and items of the services have twenty characters and more for each value."""

_READ_BYTES = 1024**2


class TooMuch(ValueError):
    """A text is longer, or has more values, than anything that is meant."""


def read_at_most(file: BinaryIO, most_bytes: int) -> bytes:
    """Return all of a file. Raises: TooMuch, if it is longer; no more is read then."""
    data = bytearray()  # which grows; asked for at once, all of the bound would be allocated
    while piece := file.read(_READ_BYTES):
        data += piece
        if len(data) > most_bytes:
            raise TooMuch(f"is longer than {most_bytes:,} bytes")
    return bytes(data)


def count_values(text: Data) -> int:
    """Return how many values JSON may have: never fewer than it has."""
    data = text if isinstance(text, bytes | bytearray) else bytes(text)
    return 1 + sum(data.count(sign) for sign in (b",", b"[", b"{"))


def check_values(text: Data, most: int | None = None) -> None:
    """Refuse a text whose values would take much more memory than the text itself.

    Args:
        text: JSON.
        most: So many values are let through; as many as honest texts of this length have
            by default.
    Raises: TooMuch.
    """
    allowed = FREE_VALUES + len(text) // CHARS_PER_VALUE if most is None else most
    if (count := count_values(text)) > allowed:
        raise TooMuch(f"has about {count:,} values, where {allowed:,} are the most")


def size_of_tree(path: Path, most_files: int) -> tuple[int, int]:
    """Return how many bytes a file, or all files below a folder, have, and how many they are.

    Args:
        path: What is there.
        most_files: With more than these, the count ends.
    Raises: OSError.
    """
    if not path.is_dir():
        return path.stat().st_size, 1
    size_bytes = count = 0
    for folder, _, names in os.walk(path):
        for name in names:
            count += 1
            if count > most_files:
                return size_bytes, count
            size_bytes += (Path(folder) / name).lstat().st_size
    return size_bytes, count


def has_links(path: Path, most_files: int) -> bool:
    """Tell whether a folder has a link in it, or a file one beside it of the same stem.

    Args:
        path: What is there.
        most_files: More than these count as if one were a link.
    Raises: OSError.
    """
    count = 0
    for folder, folders, names in os.walk(path if path.is_dir() else path.parent):
        for name in (*folders, *names):
            count += 1
            is_of_it = path.is_dir() or name.partition(".")[0] == path.name.partition(".")[0]
            if count > most_files or (is_of_it and (Path(folder) / name).is_symlink()):
                return True
        if not path.is_dir():
            return False
    return False
