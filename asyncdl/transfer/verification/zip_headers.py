"""The headers of a zip: of its members, of the central directory, and of the archive's end.

Each ``read_…`` is a generator that yields how many bytes it needs next and is sent them.

Source: APPNOTE.TXT 6.3.10; Info-ZIP's notes on extra fields.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator

from msgspec import Struct

from asyncdl.transfer.verification.inflating import (
    LZMA,
    METHOD_NAMES,
    STORED,
    MemberContent,
    can_decode,
)
from asyncdl.transfer.verification.malformed import Malformed

LOCAL, CENTRAL, DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
END, END_64, LOCATOR_64, SIGNED = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x05"
_LOCAL_HEAD = struct.Struct("<HHHHHIIIHH")
_CENTRAL_HEAD = struct.Struct("<HHHHHHIIIHHHHHII")
END_HEAD = struct.Struct("<HHHHIIH")
END_64_HEAD = struct.Struct("<QHHIIQQQQ")
LOCATOR_HEAD = struct.Struct("<IQI")

_IS_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_HAS_DESCRIPTOR = 1 << 3
_IS_UTF8 = 1 << 11
_LZMA_HAS_END = 1 << 1
IS_MARKED = 0xFFFFFFFF
"""In place of a number that is in the extra field for Zip64."""
_IS_MARKED_16 = 0xFFFF

_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
_KINDS, _REGULAR, _FOLDER = 0o170000, 0o100000, 0o040000
"""The bits of a Unix mode that say what a file is."""

_MAX_NAME_BYTES = 4096
_MAX_TAIL_BYTES = 1 << 20
"""Unknown data in an end record of Zip64."""


class _Extra(Struct, frozen=True):
    """The known contents of the extra field of a header."""

    numbers: bytes = b""
    """Those of Zip64, not yet decoded."""
    name: str | None = None


class ZipEntry(Struct, frozen=True):
    """What the local header, or the directory, says about a member."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    problem: str = ""
    """Why it cannot be read."""
    is_large: bool = False
    """Whether it uses Zip64."""

    @property
    def has_descriptor(self) -> bool:
        """Whether checksum and sizes follow its bytes."""
        return bool(self.flags & _HAS_DESCRIPTOR)

    @property
    def is_folder(self) -> bool:
        """Whether it only names a folder."""
        return self.name.endswith("/")

    @property
    def packed_bytes_known(self) -> int | None:
        """Its length in the archive, as far as its own header gives it."""
        if not self.has_descriptor:
            return self.packed_bytes
        return 0 if self.is_folder and self.method == STORED else None

    @property
    def shows_its_end(self) -> bool:
        """Whether its compressed bytes mark their end."""
        if self.problem or self.method == STORED:
            return False
        return self.method != LZMA or bool(self.flags & _LZMA_HAS_END)

    def agrees_with(self, other: ZipEntry) -> bool:
        """Return whether two headers say the same."""
        of_name = 0 if self.raw_name.isascii() else _IS_UTF8
        odd_flags = (self.flags ^ other.flags) & (_IS_ENCRYPTED | of_name)
        return not odd_flags and self._facts == other._facts

    @property
    def _facts(self) -> tuple[object, ...]:
        return (
            self.raw_name,
            self.name,
            self.method,
            self.crc,
            self.packed_bytes,
            self.size_bytes,
        )


class ListedEntry(Struct, frozen=True):
    """An entry of the central directory."""

    entry: ZipEntry
    offset: int
    mode: int

    @property
    def is_odd(self) -> bool:
        """Whether it is a link, a device or the like, or a folder without a slash at its end."""
        kind = self.mode & _KINDS
        return kind not in (0, _REGULAR) and not (kind == _FOLDER and self.entry.is_folder)


class NextBytes(Struct, frozen=True):
    """This many bytes are needed next, 1 or more, at once."""

    size_bytes: int


class ZipDirectory(Struct, frozen=True):
    """The central directory, as it was read or as the end record says."""

    count: int
    offset: int
    size_bytes: int


def read_local() -> Generator[NextBytes, bytes, ZipEntry]:
    """Read the header before a member, after its signature. Raises: Malformed."""
    head = yield NextBytes(_LOCAL_HEAD.size)
    _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _LOCAL_HEAD.unpack(head)
    raw_name = (yield NextBytes(name_bytes)) if name_bytes else b""
    extra = _read_extra((yield NextBytes(extra_bytes)) if extra_bytes else b"", raw_name)
    if not flags & _HAS_DESCRIPTOR:
        size, packed, _ = _widened((size, packed), extra)
    return _entry(raw_name, extra, flags, method, crc, packed, size)


def read_central() -> Generator[NextBytes, bytes, ListedEntry]:
    """Read an entry of the central directory, after its signature. Raises: Malformed."""
    head = yield NextBytes(_CENTRAL_HEAD.size)
    (
        _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes, comment_bytes,
        disk, _, attributes, offset,
    ) = _CENTRAL_HEAD.unpack(head)  # fmt: skip
    raw_name = (yield NextBytes(name_bytes)) if name_bytes else b""
    extra = _read_extra((yield NextBytes(extra_bytes)) if extra_bytes else b"", raw_name)
    if comment_bytes:
        yield NextBytes(comment_bytes)
    if disk not in (0, _IS_MARKED_16):
        raise Malformed("one part of an archive that was split")
    size, packed, offset = _widened((size, packed, offset), extra)
    entry = _entry(raw_name, extra, flags, method, crc, packed, size)
    return ListedEntry(entry, offset, attributes >> 16)


def _entry(
    raw_name: bytes, extra: _Extra, flags: int, method: int, crc: int, packed: int, size: int
) -> ZipEntry:
    if len(raw_name) > _MAX_NAME_BYTES:
        raise Malformed(f"a name of {len(raw_name)} bytes")
    name, problem = _name(raw_name, flags, extra)
    if flags & _IS_ENCRYPTED or method == 99:
        problem = "is encrypted"
    elif not can_decode(method):
        known = METHOD_NAMES.get(method, f"method {method}")
        problem = f"is compressed by {known}, which this Python cannot read"
    is_large = bool(extra.numbers)
    return ZipEntry(raw_name, name, flags, method, crc, packed, size, problem, is_large)


def _name(raw: bytes, flags: int, extra: _Extra) -> tuple[str, str]:
    """Return a member's name, and what is wrong with it, if anything."""
    if extra.name is not None:
        return extra.name, ""
    if not flags & _IS_UTF8:
        return raw.decode("cp437"), ""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), "has a name that is not the UTF-8 it claims"


def _read_extra(field: bytes, raw_name: bytes) -> _Extra:
    """Read the known records of an extra field; others are ignored."""
    numbers, name = b"", None
    for kind, data in _extra_records(field):
        if kind == _ZIP64:
            numbers = data
        elif kind == _UNICODE_PATH and len(data) > 5 and data[0] == 1:
            name = _unicode_path(data, raw_name)
    return _Extra(numbers, name)


def _extra_records(field: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(field):
        kind, length = struct.unpack_from("<HH", field, at)
        yield kind, field[at + 4 : at + 4 + length]
        at += 4 + length


def _unicode_path(data: bytes, raw_name: bytes) -> str | None:
    (crc,) = struct.unpack_from("<I", data, 1)
    if crc != zlib.crc32(raw_name):
        return None  # renamed by a program that does not know this field
    try:
        return data[5:].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _widened(numbers: tuple[int, ...], extra: _Extra) -> tuple[int, int, int]:
    """Return unpacked size, packed size and offset, from the Zip64 record where marked."""
    at, found = 0, []
    for number in numbers:
        if number == IS_MARKED:
            if at + 8 > len(extra.numbers):
                raise Malformed("a number of Zip64 is missing")
            (number,) = struct.unpack_from("<Q", extra.numbers, at)
            at += 8
        found.append(number)
    size, packed, *offset = found
    return size, packed, offset[0] if offset else 0


_LARGE_DESCRIPTORS = ((20, "<IQQ"), (24, "<4xIQQ"))
_DESCRIPTORS = ((12, "<III"), (16, "<4xIII"), *_LARGE_DESCRIPTORS)
"""Formats with and without a signature, by length. For an empty member the short ones look like
the beginning of the long ones, but only Zip64 has those."""


def read_descriptor(
    entry: ZipEntry, content: MemberContent | None, packed_bytes: int | None
) -> Generator[NextBytes, bytes, ZipEntry]:
    """Read the checksum and sizes after a member, in any format. Raises: Malformed."""
    read = b""
    for length, form in _LARGE_DESCRIPTORS if entry.is_large else _DESCRIPTORS:
        read += yield NextBytes(length - len(read))
        if form.startswith("<4x") and not read.startswith(DESCRIPTOR):
            continue
        crc, packed, size = struct.unpack(form, read)
        if _is_right(content, packed_bytes, crc, packed, size):
            return _entry_with(entry, crc, packed, size)
    raise Malformed(f"{entry.name!r} is not what its data descriptor says")


def _is_right(
    content: MemberContent | None, packed_bytes: int | None, crc: int, packed: int, size: int
) -> bool:
    if content is None:  # it was not unpacked
        return packed == packed_bytes
    return (crc, packed, size) == (content.crc, content.in_bytes, content.out_bytes)


def _entry_with(entry: ZipEntry, crc: int, packed: int, size: int) -> ZipEntry:
    return ZipEntry(
        entry.raw_name, entry.name, entry.flags, entry.method, crc, packed, size, entry.problem
    )


def read_end(signature: bytes, actual: ZipDirectory) -> Generator[NextBytes, bytes, None]:
    """Read the end of an archive and compare it with the directory. Raises: Malformed."""
    large: ZipDirectory | None = None
    if signature == END_64:
        length, _, _, disk, start_disk, here, count, size, offset = END_64_HEAD.unpack(
            (yield NextBytes(END_64_HEAD.size))
        )
        rest_bytes = length + 8 - END_64_HEAD.size
        if not 0 <= rest_bytes <= _MAX_TAIL_BYTES:
            raise Malformed("an invalid end record of Zip64")
        if rest_bytes:
            yield NextBytes(rest_bytes)
        if (disk, start_disk) != (0, 0) or here != count:
            raise Malformed("one part of an archive that was split")
        large = ZipDirectory(count, offset, size)
        signature = yield NextBytes(4)
        if signature != LOCATOR_64:
            raise Malformed("no locator after the end record of Zip64")
        _, at, _ = LOCATOR_HEAD.unpack((yield NextBytes(LOCATOR_HEAD.size)))
        if at != actual.offset + actual.size_bytes:
            raise Malformed("a Zip64 locator that points elsewhere")
        signature = yield NextBytes(4)
    if signature != END:
        raise Malformed("bytes that belong to no member")
    stated = END_HEAD.unpack((yield NextBytes(END_HEAD.size)))
    disk, start_disk, here, count, size, offset, comment_bytes = stated
    if disk not in (0, _IS_MARKED_16) or start_disk not in (0, _IS_MARKED_16) or here != count:
        raise Malformed("one part of an archive that was split")
    if comment_bytes:
        yield NextBytes(comment_bytes)
    _check_end(actual, ZipDirectory(count, offset, size), large)


def _check_end(actual: ZipDirectory, stated: ZipDirectory, large: ZipDirectory | None) -> None:
    if large is not None and large != actual:
        raise Malformed("an end record of Zip64 that contradicts the directory")
    pairs = (
        (stated.count, actual.count, _IS_MARKED_16),
        (stated.offset, actual.offset, IS_MARKED),
        (stated.size_bytes, actual.size_bytes, IS_MARKED),
    )
    for number, right, mark in pairs:
        if number != right and not (large is not None and number == mark):
            raise Malformed("an end record that contradicts the directory")
