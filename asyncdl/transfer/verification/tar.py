"""Tar structure: whether every header is valid and the archive reaches its end.

:func:`walk` goes through an archive in order and yields which bytes it needs next; it does no
I/O. :func:`read_tar` walks through a file and skips what is not needed, :class:`TarReader`
through an archive that arrives as a stream.

Source: POSIX.1-2017, ``pax``; the GNU manual for numbers, long names and sparse files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import BinaryIO, Protocol, TypeAlias

from msgspec import Struct

from asyncdl.transfer.verification.malformed import Doubtful, Malformed

BLOCK_BYTES = 512

_ZERO_BLOCK = bytes(BLOCK_BYTES)
_CHECKSUM = slice(148, 156)
_SIZE = slice(124, 136)
_NAME = slice(0, 100)
_PREFIX = slice(345, 500)
_MAGIC = slice(257, 263)
_SPARSE_CONTINUES = 482
"""In a sparse header: whether a block of further holes follows."""
_SPARSE_BLOCK_CONTINUES = 504
"""The same in such a block."""

_MAX_EXTENDED_BYTES = 1 << 20
"""Extended headers hold names and numbers; a larger one is nonsense, and a program that unpacks
the archive would read all of it into memory."""
_MAX_NAME_BYTES = 4096
"""No system accepts a longer path."""
_OCTAL = re.compile(rb"[0-7]{1,21}")
_PAX_RECORD = re.compile(rb"([0-9]{1,7}) ([^=]{1,64})=")
_PAX_SIZE = re.compile(rb"[0-9]{1,19}")
_PAX_SPARSE = b"GNU.sparse."
"""Prefix of all records that make holes in a file."""
_READ_BYTES = 1 << 20

_TOO_SHORT = "the file ends before a member does, or before the end of the archive"
_NO_END = "the archive lacks the two zero blocks of its end"
"""Some writers leave them out, and all readers accept that; but the file may also have been cut
off there."""

_NAMELESS = "a member without a name"

_PAX, _GNU_NAME, _SPARSE = b"x", b"L", b"S"
_EXTENDED = frozenset((b"x", b"g", b"L", b"K"))
"""Headers that describe members and are not members themselves."""
_WITHOUT_DATA = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))
"""Links, devices, folders and pipes have no bytes, whatever their size field says."""
_FILES = frozenset((b"0", b"\0"))
_FOLDER = b"5"


class Member(Struct, frozen=True):
    """What an archive says about one of its members."""

    name: str
    size_bytes: int | None
    """Of its unpacked bytes; ``None`` if only their end shows it."""
    is_file: bool
    """False for links, folders, files with holes, and other kinds."""
    is_folder: bool = False
    """Whether it only names a folder."""
    problem: str = ""
    """Why it cannot be read, such as ``is encrypted``; empty if it can."""


class ByteSink(Protocol):
    """Receives the bytes of a member in order."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Process the next bytes; they may change as soon as this returns."""


OnMember: TypeAlias = Callable[[Member], Sequence[ByteSink]]
"""Called with each member before its bytes; returns what receives them."""


class Step(Struct, frozen=True):
    """What must come next: this many bytes, 1 or more."""

    size_bytes: int
    is_kept: bool = False
    """Whether the walk needs them, all at once."""
    sinks: Sequence[ByteSink] = ()
    """What else receives them, as they come."""
    is_header: bool = False
    """Whether a member may begin here, so that the archive may also end here."""


Steps: TypeAlias = Generator[Step, bytes, None]
"""Yields what it needs and is sent the bytes; or any bytes, if they are not kept."""


class _Extension(Struct, frozen=True):
    """What extended headers say about the next member."""

    name: str | None = None
    size_bytes: int | None = None
    has_holes: bool = False


def ignore_member(member: Member) -> Sequence[ByteSink]:
    """Receive no bytes of a member."""
    return ()


def is_header(block: bytes) -> bool:
    """Return whether ``block`` is a valid header of a member."""
    if len(block) < BLOCK_BYTES or block == _ZERO_BLOCK:
        return False
    try:
        stated = _number(block[_CHECKSUM])
    except Malformed:
        return False
    spaced = block[:148] + b" " * 8 + block[156:BLOCK_BYTES]
    total = sum(spaced)
    # Some old writers summed the bytes as signed numbers.
    return stated == total or stated == total - 256 * sum(byte > 127 for byte in spaced)


def walk(on_member: OnMember) -> Steps:
    """Go through all members to the two zero blocks that end an archive.

    Raises: Malformed, at the first bad header, nameless member, or early end.
    """
    members, extension = 0, _Extension()
    while (block := (yield _header_step(extension))) != _ZERO_BLOCK:
        if not is_header(block):
            raise Malformed("no tar header where one is expected")
        kind, data_bytes = block[156:157], _data_bytes(block)
        if kind in _EXTENDED:
            extension = yield from _read_extended(kind, data_bytes, extension)
            continue
        if kind not in _WITHOUT_DATA and extension.size_bytes is not None:
            data_bytes = extension.size_bytes
        if kind == _SPARSE:
            yield from _skip_sparse_blocks(block)
        is_file = kind in _FILES and not extension.has_holes
        name = _name(block, extension)
        if not name:
            raise Doubtful(_NAMELESS)
        if len(name) > _MAX_NAME_BYTES:
            raise Doubtful(f"a member with a name of {len(name)} characters")
        sinks = on_member(Member(name, data_bytes, is_file, is_folder=kind == _FOLDER))
        yield from _member_steps(data_bytes, sinks)
        members, extension = members + 1, _Extension()
    if (yield Step(BLOCK_BYTES, is_kept=True, is_header=True)) != _ZERO_BLOCK:
        raise Doubtful(_NO_END)
    if members == 0:
        raise Doubtful("an archive without members")


def _header_step(extension: _Extension) -> Step:
    """Return the step of the next header; after an extended one, a member must follow."""
    return Step(BLOCK_BYTES, is_kept=True, is_header=extension == _Extension())


def read_tar(file: BinaryIO, size_bytes: int, on_member: OnMember = ignore_member) -> None:
    """Walk through an archive from here on, and read only what is needed.

    Args:
        file: Open at the beginning of the archive.
        size_bytes: Its length.
        on_member: Called with each member.
    Raises: Malformed, as :func:`walk`, and if a member ends beyond ``size_bytes``.
    """
    steps = walk(on_member)
    step = next(steps, None)
    while step is not None:
        if file.tell() + step.size_bytes > size_bytes:
            raise _cut_off(step, file.read(BLOCK_BYTES) if step.is_header else b"")
        data = b""
        if step.is_kept:
            data = file.read(step.size_bytes)
        elif step.sinks:
            _copy_to_sinks(file, step)
        else:
            file.seek(step.size_bytes, os.SEEK_CUR)
        step = _send(steps, data, file.tell())


def _cut_off(step: Step, had: bytes | bytearray) -> Malformed:
    """Return the error for an archive that ends within a step, after the bytes ``had``."""
    if step.is_header and not had.strip(b"\0"):
        return Doubtful(_NO_END)
    return Malformed(_TOO_SHORT)


def _copy_to_sinks(file: BinaryIO, step: Step) -> None:
    buffer, left_bytes = memoryview(bytearray(min(_READ_BYTES, step.size_bytes))), step.size_bytes
    while count := file.readinto(buffer[:left_bytes]):  # type: ignore[attr-defined]  # of every file opened as binary
        for sink in step.sinks:
            sink.update(buffer[:count])
        left_bytes -= count


class TarReader:
    """Reads an archive in order, in pieces of any size.

    Args:
        on_member: Called with each member.
    """

    form = "tar"
    needs_file = False

    def __init__(self, on_member: OnMember) -> None:
        self._steps = walk(on_member)
        self._step: Step | None = next(self._steps)
        self._left_bytes = BLOCK_BYTES
        """Of the step."""
        self._kept = bytearray()
        self._taken_bytes = 0
        self._problem: Malformed | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Read the next bytes. Whatever follows the end, or a problem, is ignored."""
        rest = memoryview(data)
        while rest and self._step is not None:
            piece, rest = rest[: self._left_bytes], rest[self._left_bytes :]
            self._take(self._step, piece)

    def finish(self) -> None:
        """Check that the archive may end here.

        Raises: Malformed, if there was a problem or the end is missing.
        """
        if self._problem is not None:
            raise self._problem
        if self._step is not None:
            raise _cut_off(self._step, self._kept)

    def _take(self, step: Step, piece: memoryview) -> None:
        for sink in step.sinks:
            sink.update(piece)
        if step.is_kept:
            self._kept += piece
        self._taken_bytes += len(piece)
        self._left_bytes -= len(piece)
        if self._left_bytes == 0:
            self._advance()

    def _advance(self) -> None:
        kept, self._kept = bytes(self._kept), bytearray()
        try:
            self._step = _send(self._steps, kept, self._taken_bytes)
        except Malformed as problem:
            self._step, self._problem = None, problem
        self._left_bytes = self._step.size_bytes if self._step else 0


def _send(steps: Steps, data: bytes, at_byte: int) -> Step | None:
    """Return the next step, from ``at_byte`` on; ``None`` at the end."""
    try:
        return steps.send(data)
    except StopIteration:
        return None
    except Malformed as problem:
        raise type(problem)(f"{problem}, before byte {at_byte}") from None


def _member_steps(data_bytes: int, sinks: Sequence[ByteSink]) -> Iterator[Step]:
    """Yield the bytes of a member and the padding of its last block."""
    if data_bytes:
        yield Step(data_bytes, sinks=sinks)
    if padding_bytes := -data_bytes % BLOCK_BYTES:
        yield Step(padding_bytes)


def _skip_sparse_blocks(header: bytes) -> Steps:
    """Skip the blocks that continue the header of a sparse file."""
    continues = header[_SPARSE_CONTINUES]
    while continues:
        block = yield Step(BLOCK_BYTES, is_kept=True)
        continues = block[_SPARSE_BLOCK_CONTINUES]


def _read_extended(
    kind: bytes, data_bytes: int, extension: _Extension
) -> Generator[Step, bytes, _Extension]:
    """Read a header that describes the next member."""
    if data_bytes > _MAX_EXTENDED_BYTES:
        raise Doubtful(f"an extended header of {data_bytes} bytes")
    data = b""
    if data_bytes:
        data = yield Step(data_bytes, is_kept=True)
    if padding_bytes := -data_bytes % BLOCK_BYTES:
        yield Step(padding_bytes)
    if kind == _GNU_NAME:
        return _Extension(_text(data), extension.size_bytes, extension.has_holes)
    return _read_pax(data, extension) if kind == _PAX else extension


def _read_pax(data: bytes, extension: _Extension) -> _Extension:
    """Read name, size and holes from the records of a pax header."""
    at, found = 0, dict[bytes, bytes]()
    while match := _PAX_RECORD.match(data, at):
        stop = at + int(match[1])
        if stop <= match.end() or data[stop - 1 : stop] != b"\n":
            break
        found[match[2]] = data[match.end() : stop - 1]
        at = stop
    name, size = found.get(b"path"), found.get(b"size", b"")
    return _Extension(
        extension.name if name is None else _text(name),
        int(size) if _PAX_SIZE.fullmatch(size) else extension.size_bytes,
        extension.has_holes or any(name.startswith(_PAX_SPARSE) for name in found),
    )


def _name(header: bytes, extension: _Extension) -> str:
    if extension.name is not None:
        return extension.name
    name, prefix = _text(header[_NAME]), _text(header[_PREFIX])
    # GNU archives store times where POSIX has the beginning of a long name.
    return f"{prefix}/{name}" if prefix and header[_MAGIC] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _data_bytes(header: bytes) -> int:
    if not _text(header[_NAME]):
        raise Doubtful(_NAMELESS)
    return 0 if header[156:157] in _WITHOUT_DATA else _number(header[_SIZE])


def _number(field: bytes) -> int:
    if field[0] in (0x80, 0xFF):
        # GNU writes sizes from 8 GiB on in base 256, marked by the first bit.
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0") or b"0"
    if not _OCTAL.fullmatch(digits):
        raise Malformed("a number that is not octal")
    return int(digits, 8)
