"""Zip structure: every byte belongs to a member or to the central directory, and both agree.

A zip is designed to be read from its end, where the central directory is. :class:`ZipReader`
reads one as a stream, from its first byte on: the header before each member describes it, and the
directory at the end must agree for every member. Some facts, such as which members are links, are
only in the directory; so nothing that was unpacked may be used before the end. If a header does
not give the length of its member, and the bytes do not show it either, the reader stops
(:attr:`ZipReader.needs_file`); :func:`read_zip` reads the directory of a complete file first.

Stricter than other readers: bytes that belong to nothing, members that overlap or are not in the
directory, and any contradiction make an archive invalid.

Source: APPNOTE.TXT 6.3.10; Info-ZIP's notes on extra fields.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Mapping
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from asyncdl.transfer.verification.inflating import Growth, MemberContent, decoder_for
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import Member, OnMember
from asyncdl.transfer.verification.zip_headers import (
    CENTRAL,
    END,
    END_64,
    END_64_HEAD,
    END_HEAD,
    IS_MARKED,
    LOCAL,
    LOCATOR_HEAD,
    SIGNED,
    ListedEntry,
    NextBytes,
    ZipDirectory,
    ZipEntry,
    read_central,
    read_descriptor,
    read_end,
    read_local,
)

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
"""A zip begins with its first member, or with the end record if it has none."""

MAX_MEMBERS = 1 << 16
"""Each is kept in memory until the directory has been read."""
_READ_BYTES = 1 << 20
_MAX_END_BYTES = END_HEAD.size + 4 + 0xFFFF

_TOO_SHORT = "the file ends before its central directory does"


class _MemberBytes(Struct, frozen=True):
    """The bytes of a member come next."""

    content: MemberContent | None
    """``None`` skips them."""
    size_bytes: int | None
    """``None`` if only their end shows it."""


_Steps: TypeAlias = Generator[NextBytes | _MemberBytes, bytes, None]


class ZipReader:
    """Reads a zip in order, in pieces of any size.

    Args:
        on_member: Called with each member before its bytes; and again at the end with a member
            that is not a regular file, which only the directory shows.
        known: The entries of the directory by offset, if it has been read already.
    """

    form = "zip"

    def __init__(self, on_member: OnMember, known: Mapping[int, ListedEntry] | None = None) -> None:
        self.needs_file = False
        """Whether it cannot be read without its directory."""
        self._on_member = on_member
        self._known = known or {}
        self._unlisted: dict[int, ZipEntry] = {}
        """Members that were read, by offset, until the directory lists them."""
        self._count = 0
        self._growth = Growth()
        self._taken_bytes = 0
        self._problem: Malformed | None = None
        self._steps = self._walk()
        self._step: NextBytes | _MemberBytes | None = next(self._steps)
        self._kept = bytearray()
        self._member_bytes = 0
        """Read of the current member."""

    def update(self, data: bytes | memoryview) -> None:
        """Read the next bytes. Whatever follows the end, or a problem, is ignored."""
        rest = memoryview(data)
        while rest and self._step is not None:
            try:
                used = self._take(self._step, rest)
            except Malformed as problem:
                self._stop(problem)
                return
            rest = rest[used:]

    def finish(self) -> None:
        """Check that the archive may end here.

        Raises: Malformed, if there was a problem or the end is missing.
        """
        if self._problem is not None:
            raise self._problem
        if self._step is not None:
            raise Malformed(_TOO_SHORT)

    def _take(self, step: NextBytes | _MemberBytes, rest: memoryview) -> int:
        if isinstance(step, NextBytes):
            piece = rest[: step.size_bytes - len(self._kept)]
            self._kept += piece
            self._count_in(len(piece))
            if len(self._kept) == step.size_bytes:
                kept, self._kept = bytes(self._kept), bytearray()
                self._advance(kept)
            return len(piece)
        return self._read_content(step, rest)

    def _read_content(self, step: _MemberBytes, rest: memoryview) -> int:
        piece = rest if step.size_bytes is None else rest[: step.size_bytes - self._member_bytes]
        used = step.content.take(piece) if step.content else len(piece)
        self._count_in(used)
        self._member_bytes += used
        if step.size_bytes is None:
            is_over = step.content is not None and step.content.is_over
        else:
            if used < len(piece):
                raise Malformed("compressed data that ends before its member does")
            is_over = self._member_bytes == step.size_bytes
        if is_over:
            self._member_bytes = 0
            self._advance(b"")
        return used

    def _count_in(self, count: int) -> None:
        self._taken_bytes += count
        self._growth.in_bytes += count

    def _advance(self, kept: bytes) -> None:
        try:
            self._step = self._steps.send(kept)
        except StopIteration:
            self._step = None

    def _stop(self, problem: Malformed) -> None:
        self._step = None
        self._problem = Malformed(f"{problem}, before byte {self._taken_bytes}")

    def _walk(self) -> _Steps:
        offset = 0
        while (signature := (yield NextBytes(4))) == LOCAL:
            yield from self._read_member(offset)
            if self.needs_file:
                return
            offset = self._taken_bytes
        yield from self._check_directory(signature, offset)

    def _read_member(self, offset: int) -> _Steps:
        entry = yield from read_local()
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise Malformed(f"more than {MAX_MEMBERS:,} members")
        if entry.has_descriptor:
            known = self._known.get(offset)
            size_bytes = known.entry.size_bytes if known else None
            packed_bytes = known.entry.packed_bytes if known else entry.packed_bytes_known
            self.needs_file = packed_bytes is None and not entry.shows_its_end
            if self.needs_file:
                return
        else:
            size_bytes, packed_bytes = entry.size_bytes, entry.packed_bytes
        content = self._content_of(entry, size_bytes)
        if packed_bytes is None or packed_bytes:
            yield _MemberBytes(content, packed_bytes)
        if entry.has_descriptor:
            entry = yield from read_descriptor(entry, content, packed_bytes)
        if content is not None:
            _check_content(entry, content)
        self._unlisted[offset] = entry

    def _content_of(self, entry: ZipEntry, size_bytes: int | None) -> MemberContent | None:
        sinks = self._on_member(
            Member(
                entry.name,
                size_bytes,
                is_file=not entry.is_folder,
                is_folder=entry.is_folder,
                problem=entry.problem,
            )
        )
        if entry.problem:
            return None
        return MemberContent(decoder_for(entry.method), sinks, self._growth, size_bytes)

    def _check_directory(self, signature: bytes, start: int) -> _Steps:
        count = 0
        while signature == CENTRAL:
            listed = yield from read_central()
            self._confirm(listed)
            count += 1
            signature = yield NextBytes(4)
        if signature == SIGNED:
            (length,) = struct.unpack("<H", (yield NextBytes(2)))
            if length:
                yield NextBytes(length)
            signature = yield NextBytes(4)
        if signature not in (END, END_64):
            raise Malformed("bytes that belong to no member")
        if self._unlisted:
            raise Malformed("a member that the central directory does not list")
        end_bytes = self._taken_bytes - 4
        yield from read_end(signature, ZipDirectory(count, start, end_bytes - start))
        if count == 0:
            raise Malformed("an archive without members")

    def _confirm(self, listed: ListedEntry) -> None:
        entry = self._unlisted.pop(listed.offset, None)
        if entry is None:
            raise Malformed(f"{listed.entry.name!r} is not where the central directory says")
        if not entry.agrees_with(listed.entry):
            raise Malformed(f"{entry.name!r} is not what the central directory says")
        if listed.is_odd:
            self._on_member(Member(entry.name, 0, is_file=False))


def _check_content(entry: ZipEntry, content: MemberContent) -> None:
    """Raises: Malformed, unless a member's bytes are what its headers say."""
    if content.out_bytes != entry.size_bytes or content.in_bytes != entry.packed_bytes:
        raise Malformed(f"{entry.name!r} has another size than its header says")
    if content.crc != entry.crc:
        raise Malformed(f"{entry.name!r} has another CRC-32 than its header says")


def read_zip(file: BinaryIO, on_member: OnMember) -> None:
    """Read a complete zip, its directory first.

    Args:
        file: Open, at any position.
        on_member: Called with each member, as by :class:`ZipReader`.
    Raises: Malformed.
    """
    reader = ZipReader(on_member, {listed.offset: listed for listed in _read_directory(file)})
    file.seek(0)
    while data := file.read(_READ_BYTES):
        reader.update(data)
    if reader.needs_file:
        raise Malformed("a member that the central directory does not list")
    reader.finish()


def _read_directory(file: BinaryIO) -> Iterator[ListedEntry]:
    """Yield the entries of a file's directory, which :class:`ZipReader` checks."""
    length = file.seek(0, 2)
    start = max(0, length - _MAX_END_BYTES)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < 4 + END_HEAD.size:
        raise Malformed(_TOO_SHORT)
    *_, offset, _ = END_HEAD.unpack_from(tail, at + 4)
    if offset == IS_MARKED:
        offset = _offset_of_zip64(file, start + at)
    file.seek(offset)
    count = 0
    while file.read(4) == CENTRAL:
        count += 1
        if count > MAX_MEMBERS:
            raise Malformed(f"more than {MAX_MEMBERS:,} members")
        yield _read_whole(file, read_central())


def _offset_of_zip64(file: BinaryIO, end_at: int) -> int:
    locator_at = end_at - 4 - LOCATOR_HEAD.size
    if locator_at < 0:
        raise Malformed(_TOO_SHORT)
    file.seek(locator_at + 4)
    _, at, _ = LOCATOR_HEAD.unpack(file.read(LOCATOR_HEAD.size))
    file.seek(min(at, locator_at) + 4)
    head = file.read(END_64_HEAD.size)
    if len(head) < END_64_HEAD.size:
        raise Malformed(_TOO_SHORT)
    offset: int = END_64_HEAD.unpack(head)[-1]
    return min(offset, locator_at)


def _read_whole(file: BinaryIO, steps: Generator[NextBytes, bytes, ListedEntry]) -> ListedEntry:
    step = next(steps)
    while True:
        data = file.read(step.size_bytes)
        if len(data) < step.size_bytes:
            raise Malformed(_TOO_SHORT)
        try:
            step = steps.send(data)
        except StopIteration as end:
            found: ListedEntry = end.value
            return found
