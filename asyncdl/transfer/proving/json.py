"""JSON structure: is a file one value, or one on each line?"""

from __future__ import annotations

import codecs
import json
import re
from typing import BinaryIO

import msgspec

from asyncdl.outside import FREE_VALUES, count_values
from asyncdl.transfer.proving.malformed import Doubtful, Malformed

_LARGEST_BYTES = 16 << 20
"""Larger ones are not held in memory to be parsed."""
_LENIENT = (b"NaN", b"Infinity", b"\0", codecs.BOM_UTF8)
"""In JSON that one parser takes and the other does not."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
"""Of one that is not closed, to the end."""


def check_json(file: BinaryIO, size_bytes: int) -> None:
    """Read a JSON file from here to its end, in UTF-8, UTF-16 or UTF-32. Blocks.

    Raises: Malformed, if it ends within a value or goes too deep; Doubtful, if it is none.
    """
    if size_bytes > _LARGEST_BYTES:
        return
    data = file.read(size_bytes + 1)  # and no more of one that still grows
    try:
        _parse(data)
    except RecursionError as problem:
        raise Malformed("values within values without end") from problem
    except ValueError as problem:
        if is_cut_off(_as_utf8(data)):
            raise Malformed("it ends within a value") from problem
        if not _is_lines(data):
            raise Doubtful("it cannot be parsed") from problem


def _parse(data: bytes) -> None:
    # What has very many values is passed through without making objects of them; only
    # what is no number in JSON, and what is no UTF-8, needs the other parser.
    is_lenient = any(sign in data for sign in _LENIENT)
    if count_values(data) <= FREE_VALUES:
        json.loads(data)
    elif not is_lenient:
        msgspec.json.decode(data, type=msgspec.Raw)


def _is_lines(data: bytes) -> bool:
    """Tell whether each line is a value: JSON Lines, or a text sequence (RFC 7464)."""
    try:
        for line in data.split(b"\n"):
            text = line.strip(b"\x1e \t\r")
            if text:
                _parse(text)
    except (ValueError, RecursionError):
        return False
    return True


def _as_utf8(data: bytes) -> bytes:
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        return data
    return data.decode(encoding, errors="replace").encode(errors="replace")


def is_cut_off(data: bytes) -> bool:
    """Tell whether a text ends within a string, or before what it opened is closed.

    Linear in its length: strings are taken out, then brackets are counted.
    """
    rest = _STRING.sub(rb"\1", data)
    opened, closed = (rest.count(a) + rest.count(b) for a, b in (b"{[", b"}]"))
    return opened > closed or rest.count(b'"') < len(_STRING.findall(data)) or not rest.strip()
