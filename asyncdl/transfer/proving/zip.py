"""Zip structure: every byte belongs to a member or to the directory, and both agree.

A zip is made to be read from its end, where the central directory is. :class:`ZipReader`
takes one that streams by, from its first byte on: the header in front of each member
says what it is, and the directory at the end has to say the same of every one of them.
What stands nowhere else, such as which of them are links, is in the directory only; so
nothing that came out may be used before the end. Where a header does not tell how long
its member is, and the bytes do not show it either, the reader gives up
(:attr:`ZipReader.needs_file`): :func:`read_zip` reads the directory of a whole file first.

Stricter than other readers: bytes that belong to nothing, members that overlap or that the
directory leaves out, and anything that is said twice in two ways make an archive unsound.

Source: APPNOTE.TXT 6.3.10; Info-ZIP's notes on extra fields.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator, Mapping
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from asyncdl.transfer.proving.inflating import (
    LZMA,
    METHOD_NAMES,
    STORED,
    Content,
    Growth,
    can_decode,
    decoder_for,
)
from asyncdl.transfer.proving.malformed import Malformed
from asyncdl.transfer.proving.tar import Member, OnMember

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip begins: with its first member, or with the end of one that has none."""

_LOCAL, _CENTRAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
_END, _END_64, _LOCATOR_64, _SIGNED = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x05"
_LOCAL_HEAD = struct.Struct("<HHHHHIIIHH")
_CENTRAL_HEAD = struct.Struct("<HHHHHHIIIHHHHHII")
_END_HEAD = struct.Struct("<HHHHIIH")
_END_64_HEAD = struct.Struct("<QHHIIQQQQ")
_LOCATOR_HEAD = struct.Struct("<IQI")

_IS_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_IS_TOLD_BEHIND = 1 << 3
_IS_UTF8 = 1 << 11
_LZMA_HAS_END = 1 << 1
_IS_MARKED = 0xFFFFFFFF
"""In place of a number that stands in the extra field for Zip64."""
_IS_MARKED_16 = 0xFFFF

_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
_KINDS, _REGULAR, _FOLDER = 0o170000, 0o100000, 0o040000
"""The bits of a Unix mode that say what a file is."""

MOST_MEMBERS = 1 << 16
"""Each is remembered until the directory has come."""
_LONGEST_NAME_BYTES = 4096
_READ_BYTES = 1 << 20
_LONGEST_END_BYTES = _END_HEAD.size + 4 + 0xFFFF

_TOO_SHORT = "the file ends before its central directory does"


class _Extra(Struct, frozen=True):
    """What the extra field of a header says."""

    numbers: bytes = b""
    """Those of Zip64, as they stand there."""
    name: str | None = None


class _Entry(Struct, frozen=True):
    """What a header says of a member, be it the local one or that of the directory."""

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
    """Whether its numbers are those of Zip64."""

    @property
    def is_told_behind(self) -> bool:
        """Whether sum and sizes stand behind its bytes."""
        return bool(self.flags & _IS_TOLD_BEHIND)

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


class _Listed(Struct, frozen=True):
    """What the directory says of a member besides."""

    entry: _Entry
    offset: int
    mode: int

    @property
    def is_odd(self) -> bool:
        """Whether it is a link, a device or the like, or a folder that is not named as one."""
        kind = self.mode & _KINDS
        return kind not in (0, _REGULAR) and not (kind == _FOLDER and self.entry.is_folder)


class _Bytes(Struct, frozen=True):
    """So many bytes are wanted, 1 or more, at once."""

    size_bytes: int


class _Flow(Struct, frozen=True):
    """The bytes of a member are wanted, as they come."""

    content: Content | None
    """``None`` passes them by."""
    size_bytes: int | None
    """``None`` up to their own end."""


_Steps: TypeAlias = Generator[_Bytes | _Flow, bytes, None]


class ZipReader:
    """Takes a zip in order, in pieces of any size.

    Args:
        on_member: Is shown each member before its bytes; a second time, at the end, what
            only the directory knows to be no file.
        known: What the directory says, by offset, where it has been read already.
    """

    form = "zip"

    def __init__(self, on_member: OnMember, known: Mapping[int, _Listed] | None = None) -> None:
        self.needs_file = False
        """Whether it cannot be read without its directory."""
        self._on_member = on_member
        self._known = known or {}
        self._there: dict[int, _Entry] = {}
        """What has passed, by offset, until the directory names it."""
        self._count = 0
        self._growth = Growth()
        self._taken_bytes = 0
        self._problem: Malformed | None = None
        self._steps = self._walk()
        self._step: _Bytes | _Flow | None = next(self._steps)
        self._kept = bytearray()
        self._passed_bytes = 0
        """Of the flow."""

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes. What follows the end, or a problem, is passed by."""
        rest = memoryview(data)
        while rest and self._step is not None:
            try:
                used = self._take(self._step, rest)
            except Malformed as problem:
                self._stop(problem)
                return
            rest = rest[used:]

    def finish(self) -> None:
        """Take note that nothing follows.

        Raises: Malformed, if there was a problem or the end did not come.
        """
        if self._problem is not None:
            raise self._problem
        if self._step is not None:
            raise Malformed(_TOO_SHORT)

    def _take(self, step: _Bytes | _Flow, rest: memoryview) -> int:
        if isinstance(step, _Bytes):
            piece = rest[: step.size_bytes - len(self._kept)]
            self._kept += piece
            self._count_in(len(piece))
            if len(self._kept) == step.size_bytes:
                kept, self._kept = bytes(self._kept), bytearray()
                self._advance(kept)
            return len(piece)
        return self._flow(step, rest)

    def _flow(self, flow: _Flow, rest: memoryview) -> int:
        piece = rest if flow.size_bytes is None else rest[: flow.size_bytes - self._passed_bytes]
        used = flow.content.take(piece) if flow.content else len(piece)
        self._count_in(used)
        self._passed_bytes += used
        if flow.size_bytes is None:
            is_over = flow.content is not None and flow.content.is_over
        else:
            if used < len(piece):
                raise Malformed("compressed data that ends before its member does")
            is_over = self._passed_bytes == flow.size_bytes
        if is_over:
            self._passed_bytes = 0
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

    # --- the walk ---------------------------------------------------------------------

    def _walk(self) -> _Steps:
        offset = 0
        while (signature := (yield _Bytes(4))) == _LOCAL:
            yield from self._pass_member(offset)
            if self.needs_file:
                return
            offset = self._taken_bytes
        yield from self._pass_directory(signature, offset)

    def _pass_member(self, offset: int) -> _Steps:
        entry = yield from _read_local()
        self._count += 1
        if self._count > MOST_MEMBERS:
            raise Malformed(f"more than {MOST_MEMBERS:,} members")
        if entry.is_told_behind:
            known = self._known.get(offset)
            size_bytes = known.entry.size_bytes if known else None
            packed_bytes = known.entry.packed_bytes if known else _packed_bytes_of(entry)
            self.needs_file = packed_bytes is None and not _shows_its_end(entry)
            if self.needs_file:
                return
        else:
            size_bytes, packed_bytes = entry.size_bytes, entry.packed_bytes
        content = self._content_of(entry, size_bytes)
        if packed_bytes is None or packed_bytes:
            yield _Flow(content, packed_bytes)
        if entry.is_told_behind:
            entry = yield from _read_descriptor(entry, content, packed_bytes)
        if content is not None:
            _check_sums(entry, content)
        self._there[offset] = entry

    def _content_of(self, entry: _Entry, size_bytes: int | None) -> Content | None:
        takers = self._on_member(
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
        return Content(decoder_for(entry.method), takers, self._growth, size_bytes)

    def _pass_directory(self, signature: bytes, start: int) -> _Steps:
        count = 0
        while signature == _CENTRAL:
            listed = yield from _read_central()
            self._confirm(listed)
            count += 1
            signature = yield _Bytes(4)
        if signature == _SIGNED:
            (length,) = struct.unpack("<H", (yield _Bytes(2)))
            if length:
                yield _Bytes(length)
            signature = yield _Bytes(4)
        if signature not in (_END, _END_64):
            raise Malformed("bytes that belong to no member")
        if self._there:
            raise Malformed("a member that the central directory does not list")
        end_bytes = self._taken_bytes - 4
        yield from _read_end(signature, _Directory(count, start, end_bytes - start))
        if count == 0:
            raise Malformed("an archive without members")

    def _confirm(self, listed: _Listed) -> None:
        entry = self._there.pop(listed.offset, None)
        if entry is None:
            raise Malformed(f"{listed.entry.name!r} is not where the central directory says")
        if not _agree(entry, listed.entry):
            raise Malformed(f"{entry.name!r} is not what the central directory says")
        if listed.is_odd:
            self._on_member(Member(entry.name, 0, is_file=False))


class _Directory(Struct, frozen=True):
    """The central directory, as it has passed or as the end of the archive says."""

    count: int
    offset: int
    size_bytes: int


def _packed_bytes_of(entry: _Entry) -> int | None:
    """Return how long a member is whose header leaves that to what stands behind it."""
    return 0 if entry.is_folder and entry.method == STORED else None


def _shows_its_end(entry: _Entry) -> bool:
    if entry.problem or entry.method == STORED:
        return False
    return entry.method != LZMA or bool(entry.flags & _LZMA_HAS_END)


def _check_sums(entry: _Entry, content: Content) -> None:
    """Raises: Malformed, unless a member's bytes are what its headers say."""
    if content.out_bytes != entry.size_bytes or content.in_bytes != entry.packed_bytes:
        raise Malformed(f"{entry.name!r} is of another size than it says")
    if content.crc != entry.crc:
        raise Malformed(f"{entry.name!r} has another CRC-32 than it says")


def _agree(local: _Entry, central: _Entry) -> bool:
    of_name = 0 if local.raw_name.isascii() else _IS_UTF8
    odd_flags = (local.flags ^ central.flags) & (_IS_ENCRYPTED | of_name)
    return not odd_flags and (
        local.raw_name,
        local.name,
        local.method,
        local.crc,
        local.packed_bytes,
        local.size_bytes,
    ) == (
        central.raw_name,
        central.name,
        central.method,
        central.crc,
        central.packed_bytes,
        central.size_bytes,
    )


# --- headers --------------------------------------------------------------------------


def _read_local() -> Generator[_Bytes | _Flow, bytes, _Entry]:
    head = yield _Bytes(_LOCAL_HEAD.size)
    _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _LOCAL_HEAD.unpack(head)
    raw_name = (yield _Bytes(name_bytes)) if name_bytes else b""
    extra = _read_extra((yield _Bytes(extra_bytes)) if extra_bytes else b"", raw_name)
    if not flags & _IS_TOLD_BEHIND:
        size, packed, _ = _widened((size, packed), extra)
    return _entry(raw_name, extra, flags, method, crc, packed, size)


def _read_central() -> Generator[_Bytes | _Flow, bytes, _Listed]:
    head = yield _Bytes(_CENTRAL_HEAD.size)
    (
        _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes, comment_bytes,
        disk, _, attributes, offset,
    ) = _CENTRAL_HEAD.unpack(head)  # fmt: skip
    raw_name = (yield _Bytes(name_bytes)) if name_bytes else b""
    extra = _read_extra((yield _Bytes(extra_bytes)) if extra_bytes else b"", raw_name)
    if comment_bytes:
        yield _Bytes(comment_bytes)
    if disk not in (0, _IS_MARKED_16):
        raise Malformed("one part of an archive that was split")
    size, packed, offset = _widened((size, packed, offset), extra)
    entry = _entry(raw_name, extra, flags, method, crc, packed, size)
    return _Listed(entry, offset, attributes >> 16)


def _entry(
    raw_name: bytes, extra: _Extra, flags: int, method: int, crc: int, packed: int, size: int
) -> _Entry:
    if len(raw_name) > _LONGEST_NAME_BYTES:
        raise Malformed(f"a name of {len(raw_name)} bytes")
    name, problem = _name(raw_name, flags, extra)
    if flags & _IS_ENCRYPTED or method == 99:
        problem = "is encrypted"
    elif not can_decode(method):
        known = METHOD_NAMES.get(method, f"method {method}")
        problem = f"is compressed by {known}, which this Python cannot read"
    is_large = bool(extra.numbers)
    return _Entry(raw_name, name, flags, method, crc, packed, size, problem, is_large)


def _name(raw: bytes, flags: int, extra: _Extra) -> tuple[str, str]:
    """Return a member's name, and what is wrong with it."""
    if extra.name is not None:
        return extra.name, ""
    if not flags & _IS_UTF8:
        return raw.decode("cp437"), ""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), "has a name that is not the UTF-8 it claims"


def _read_extra(field: bytes, raw_name: bytes) -> _Extra:
    """Read what is known of an extra field. What else there is, is passed by."""
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
        return None  # somebody renamed it who did not know of this field
    try:
        return data[5:].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _widened(numbers: tuple[int, ...], extra: _Extra) -> tuple[int, int, int]:
    """Return unpacked size, packed size and offset, with those of Zip64 in place of marks."""
    at, found = 0, []
    for number in numbers:
        if number == _IS_MARKED:
            if at + 8 > len(extra.numbers):
                raise Malformed("a number of Zip64 that is not there")
            (number,) = struct.unpack_from("<Q", extra.numbers, at)
            at += 8
        found.append(number)
    size, packed, *offset = found
    return size, packed, offset[0] if offset else 0


_LARGE_DESCRIPTORS = ((20, "<IQQ"), (24, "<4xIQQ"))
_DESCRIPTORS = ((12, "<III"), (16, "<4xIII"), *_LARGE_DESCRIPTORS)
"""Forms with and without a signature, by length. Of an empty member the short ones look like
the beginning of the long ones, but only Zip64 has these."""


def _read_descriptor(
    entry: _Entry, content: Content | None, packed_bytes: int | None
) -> Generator[_Bytes | _Flow, bytes, _Entry]:
    """Read sum and sizes behind a member, in whichever form they stand."""
    read = b""
    for length, form in _LARGE_DESCRIPTORS if entry.is_large else _DESCRIPTORS:
        read += yield _Bytes(length - len(read))
        if form.startswith("<4x") and not read.startswith(_DESCRIPTOR):
            continue
        crc, packed, size = struct.unpack(form, read)
        if _is_right(content, packed_bytes, crc, packed, size):
            return _entry_with(entry, crc, packed, size)
    raise Malformed(f"{entry.name!r} is not what is said behind it")


def _is_right(
    content: Content | None, packed_bytes: int | None, crc: int, packed: int, size: int
) -> bool:
    if content is None:  # nobody has seen what came out
        return packed == packed_bytes
    return (crc, packed, size) == (content.crc, content.in_bytes, content.out_bytes)


def _entry_with(entry: _Entry, crc: int, packed: int, size: int) -> _Entry:
    return _Entry(
        entry.raw_name, entry.name, entry.flags, entry.method, crc, packed, size, entry.problem
    )


def _read_end(signature: bytes, passed: _Directory) -> _Steps:
    """Read the end of an archive and compare it with the directory that has passed."""
    large: _Directory | None = None
    if signature == _END_64:
        length, _, _, disk, start_disk, here, count, size, offset = _END_64_HEAD.unpack(
            (yield _Bytes(_END_64_HEAD.size))
        )
        rest_bytes = length + 8 - _END_64_HEAD.size
        if not 0 <= rest_bytes <= _READ_BYTES:
            raise Malformed("an end of Zip64 that is none")
        if rest_bytes:
            yield _Bytes(rest_bytes)
        if (disk, start_disk) != (0, 0) or here != count:
            raise Malformed("one part of an archive that was split")
        large = _Directory(count, offset, size)
        signature = yield _Bytes(4)
        if signature != _LOCATOR_64:
            raise Malformed("no locator behind the end of Zip64")
        _, at, _ = _LOCATOR_HEAD.unpack((yield _Bytes(_LOCATOR_HEAD.size)))
        if at != passed.offset + passed.size_bytes:
            raise Malformed("a locator that leads elsewhere")
        signature = yield _Bytes(4)
    if signature != _END:
        raise Malformed("bytes that belong to no member")
    said = _END_HEAD.unpack((yield _Bytes(_END_HEAD.size)))
    disk, start_disk, here, count, size, offset, comment_bytes = said
    if disk not in (0, _IS_MARKED_16) or start_disk not in (0, _IS_MARKED_16) or here != count:
        raise Malformed("one part of an archive that was split")
    if comment_bytes:
        yield _Bytes(comment_bytes)
    _check_end(passed, _Directory(count, offset, size), large)


def _check_end(passed: _Directory, said: _Directory, large: _Directory | None) -> None:
    if large is not None and large != passed:
        raise Malformed("an end of Zip64 that contradicts the directory")
    pairs = (
        (said.count, passed.count, _IS_MARKED_16),
        (said.offset, passed.offset, _IS_MARKED),
        (said.size_bytes, passed.size_bytes, _IS_MARKED),
    )
    for number, actual, mark in pairs:
        if number != actual and not (large is not None and number == mark):
            raise Malformed("an end that contradicts the directory")


# --- whole files ----------------------------------------------------------------------


def read_zip(file: BinaryIO, on_member: OnMember) -> None:
    """Walk through the zip that ``file`` is, with its directory read first.

    Args:
        file: Open, at any position.
        on_member: Is shown each member, as by :class:`ZipReader`.
    Raises: Malformed.
    """
    reader = ZipReader(on_member, {listed.offset: listed for listed in _read_directory(file)})
    file.seek(0)
    while data := file.read(_READ_BYTES):
        reader.update(data)
    if reader.needs_file:
        raise Malformed("a member of which the central directory says nothing")
    reader.finish()


def _read_directory(file: BinaryIO) -> Iterator[_Listed]:
    """Yield what the directory of a file lists; that it is right is for the walk to find out."""
    length = file.seek(0, 2)
    start = max(0, length - _LONGEST_END_BYTES)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 4 + _END_HEAD.size:
        raise Malformed(_TOO_SHORT)
    *_, offset, _ = _END_HEAD.unpack_from(tail, at + 4)
    if offset == _IS_MARKED:
        offset = _offset_of_zip64(file, start + at)
    file.seek(offset)
    count = 0
    while file.read(4) == _CENTRAL:
        count += 1
        if count > MOST_MEMBERS:
            raise Malformed(f"more than {MOST_MEMBERS:,} members")
        yield _read_whole(file, _read_central())


def _offset_of_zip64(file: BinaryIO, end_at: int) -> int:
    locator_at = end_at - 4 - _LOCATOR_HEAD.size
    if locator_at < 0:
        raise Malformed(_TOO_SHORT)
    file.seek(locator_at + 4)
    _, at, _ = _LOCATOR_HEAD.unpack(file.read(_LOCATOR_HEAD.size))
    file.seek(min(at, locator_at) + 4)
    head = file.read(_END_64_HEAD.size)
    if len(head) < _END_64_HEAD.size:
        raise Malformed(_TOO_SHORT)
    offset: int = _END_64_HEAD.unpack(head)[-1]
    return min(offset, locator_at)


def _read_whole(file: BinaryIO, steps: Generator[_Bytes | _Flow, bytes, _Listed]) -> _Listed:
    step = next(steps)
    while True:
        assert isinstance(step, _Bytes)  # headers have no flow
        data = file.read(step.size_bytes)
        if len(data) < step.size_bytes:
            raise Malformed(_TOO_SHORT)
        try:
            step = steps.send(data)
        except StopIteration as end:
            found: _Listed = end.value
            return found
