"""Limits for input from outside, checked before it is kept or parsed.

A parser turns text into objects, and the smallest of them take thirty times the bytes of their
text. So the number of values decides how much memory a text needs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, TypeAlias

Data: TypeAlias = bytes | bytearray | memoryview

FREE_VALUES = 200_000
"""This many values take some twenty megabytes, whatever they are."""
CHARS_PER_VALUE = 10
"""Replies and items of the services have twenty characters or more for each value."""

_READ_BYTES = 1024**2


class TooMuch(ValueError):
    """A text is longer, or has more values, than any valid input."""


def read_at_most(file: BinaryIO, max_bytes: int) -> bytes:
    """Return all of a file. Raises: TooMuch, if it is longer; no more is read then."""
    data = bytearray()  # grows; a single read would allocate all of the limit
    while block := file.read(_READ_BYTES):
        data += block
        if len(data) > max_bytes:
            raise TooMuch(f"is longer than {max_bytes:,} bytes")
    return bytes(data)


def count_values(text: Data) -> int:
    """Return an upper bound of the number of values in JSON."""
    data = text if isinstance(text, bytes | bytearray) else bytes(text)
    return 1 + sum(data.count(sign) for sign in (b",", b"[", b"{"))


def check_values(text: Data, max_values: int | None = None) -> None:
    """Refuse a text whose values would take much more memory than the text itself.

    Args:
        text: JSON.
        max_values: Maximum number of values; by default as many as real texts of this length
            have.
    Raises: TooMuch.
    """
    default = FREE_VALUES + len(text) // CHARS_PER_VALUE
    allowed = default if max_values is None else max_values
    if (count := count_values(text)) > allowed:
        raise TooMuch(f"has about {count:,} values, at most {allowed:,} are allowed")


def size_of_tree(path: Path, max_files: int) -> tuple[int, int]:
    """Return the size of a file, or of all files below a folder, and their number.

    Args:
        path: An existing file or folder.
        max_files: The count ends beyond this.
    Raises: OSError.
    """
    if not path.is_dir():
        return path.stat().st_size, 1
    size_bytes = count = 0
    for folder, _, names in os.walk(path):
        for name in names:
            count += 1
            if count > max_files:
                return size_bytes, count
            size_bytes += (Path(folder) / name).lstat().st_size
    return size_bytes, count


def has_links(path: Path, max_files: int) -> bool:
    """Return whether a folder contains a link, or a file has one of the same stem beside it.

    Args:
        path: An existing file or folder.
        max_files: More than these count as if one were a link.
    Raises: OSError.
    """
    count = 0
    for folder, folders, names in os.walk(path if path.is_dir() else path.parent):
        for name in (*folders, *names):
            count += 1
            is_of_it = path.is_dir() or name.partition(".")[0] == path.name.partition(".")[0]
            if count > max_files or (is_of_it and (Path(folder) / name).is_symlink()):
                return True
        if not path.is_dir():
            return False
    return False
