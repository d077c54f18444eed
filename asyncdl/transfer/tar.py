"""Tar structure: is every header sound, and does the archive reach its end?

Reads the headers only and skips the members' bytes. Source: POSIX.1-2017,
``pax``; the GNU manual for the forms of numbers and long names.
"""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from asyncdl.transfer.malformed import Malformed

BLOCK_BYTES = 512

_ZERO_BLOCK = bytes(BLOCK_BYTES)
_CHECKSUM = slice(148, 156)
_LONGEST_PAX_BYTES = 1 << 20
"""Extended headers hold names and numbers; more is nonsense and is not read."""
_PAX_SIZE = re.compile(rb"(?:^|\n)[0-9]+ size=([0-9]{1,19})\n")
_WITHOUT_DATA = frozenset(b"123456")
"""Links, devices, folders and pipes bring no bytes, whatever their size field says."""


def is_header(block: bytes) -> bool:
    """Tell whether ``block`` is the sound header of a member."""
    if len(block) < BLOCK_BYTES or block == _ZERO_BLOCK:
        return False
    try:
        stated = _number(block[_CHECKSUM])
    except Malformed:
        return False
    spaced = block[:148] + b" " * 8 + block[156:BLOCK_BYTES]
    # Some old writers added the bytes up as signed numbers.
    signed = sum(spaced) - 256 * sum(byte > 127 for byte in spaced)
    return stated in (sum(spaced), signed)


def check_tar(file: BinaryIO, size_bytes: int) -> None:
    """Walk through all members to the two zero blocks that end an archive.

    Raises: Malformed, at the first bad header, nameless member, or early end.
    """
    members, pax_size = 0, None
    while (block := file.read(BLOCK_BYTES)) != _ZERO_BLOCK:
        if not is_header(block):
            raise Malformed(f"no tar header at byte {file.tell() - len(block)}")
        kind, data_bytes = block[156], _data_bytes(block)
        if kind == ord("x"):
            pax_size = _pax_size(file, data_bytes)
        else:
            data_bytes, pax_size = data_bytes if pax_size is None else pax_size, None
            members += 1
        _skip(file, data_bytes, size_bytes)
    if file.read(BLOCK_BYTES) != _ZERO_BLOCK:
        raise Malformed("the archive lacks the two zero blocks of its end")
    if members == 0:
        raise Malformed("an archive without members")


def _data_bytes(header: bytes) -> int:
    if not header[:100].rstrip(b"\0"):
        raise Malformed("a member without a name")
    return 0 if header[156] in _WITHOUT_DATA else _number(header[124:136])


def _number(field: bytes) -> int:
    if field[0] in (0x80, 0xFF):
        # GNU writes sizes from 8 GiB on in base 256, marked by the first bit.
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise Malformed("a number that is not octal") from None


def _pax_size(file: BinaryIO, data_bytes: int) -> int | None:
    """Look into an extended header for the size of the member behind it."""
    start = file.tell()
    match = _PAX_SIZE.search(file.read(min(data_bytes, _LONGEST_PAX_BYTES)))
    file.seek(start)
    return int(match[1]) if match else None


def _skip(file: BinaryIO, data_bytes: int, size_bytes: int) -> None:
    blocks = -(-data_bytes // BLOCK_BYTES)
    if file.tell() + blocks * BLOCK_BYTES > size_bytes:
        raise Malformed("a member ends behind the end of the file")
    file.seek(blocks * BLOCK_BYTES, os.SEEK_CUR)
