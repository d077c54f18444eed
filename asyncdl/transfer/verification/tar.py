"""Tar structure: is every header sound, and does the archive reach its end?

:func:`walk` tells an archive in order and says what bytes it wants next; it does
no I/O. :func:`read_tar` walks through a file and skips what nobody takes,
:class:`TarReader` takes an archive that streams by.

Source: POSIX.1-2017, ``pax``; the GNU manual for the forms of numbers, long
names and sparse files.
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
_SPARSE_GOES_ON = 482
"""In a sparse header: whether a block of further holes follows."""
_SPARSE_GOES_ON_AGAIN = 504
"""The same in such a block."""

_LONGEST_EXTENDED_BYTES = 1 << 20
"""Extended headers hold names and numbers; more is nonsense, and whoever unpacks the
archive would read all of it into memory."""
_LONGEST_NAME_BYTES = 4096
"""No system takes a longer path."""
_OCTAL = re.compile(rb"[0-7]{1,21}")
_PAX_RECORD = re.compile(rb"([0-9]{1,7}) ([^=]{1,64})=")
_PAX_SIZE = re.compile(rb"[0-9]{1,19}")
_PAX_SPARSE = b"GNU.sparse."
"""How the names of all records begin that make holes in a file."""
_READ_BYTES = 1 << 20

_TOO_SHORT = "the file ends before a member does, or before the end of the archive"
_NO_END = "the archive lacks the two zero blocks of its end"
"""Some writers leave them out, and all readers take that; so may end what was cut there."""

_NAMELESS = "a member without a name"

_PAX, _GNU_NAME, _SPARSE = b"x", b"L", b"S"
_ABOUT_OTHERS = frozenset((b"x", b"g", b"L", b"K"))
"""Headers that say something about members and are none."""
_WITHOUT_DATA = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))
"""Links, devices, folders and pipes bring no bytes, whatever their size field says."""
_FILES = frozenset((b"0", b"\0"))
_FOLDER = b"5"


class Member(Struct, frozen=True):
    """What an archive says of one of its members."""

    name: str
    size_bytes: int | None
    """Of what stands in the archive, unpacked; ``None`` where only its end tells."""
    is_file: bool
    """False for links, folders, files with holes, and what else there is."""
    is_folder: bool = False
    """Whether it only names a folder that others are in."""
    problem: str = ""
    """Why it cannot be read, such as ``is encrypted``; empty if it can."""


class ByteSink(Protocol):
    """Takes the bytes of a member in order."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next bytes; they may change as soon as this returns."""


OnMember: TypeAlias = Callable[[Member], Sequence[ByteSink]]
"""Is shown each member before its bytes, and returns who takes them."""


class Step(Struct, frozen=True):
    """What has to come next: so many bytes, 1 or more."""

    size_bytes: int
    is_kept: bool = False
    """Whether the walk wants to see them, all at once."""
    takers: Sequence[ByteSink] = ()
    """Who else takes them, as they come."""
    is_header: bool = False
    """Whether a member may begin here, so that an archive may end here as well."""


Steps: TypeAlias = Generator[Step, bytes, None]
"""Yields what it wants and is sent it; anything, for what is not kept."""


class _Told(Struct, frozen=True):
    """What extended headers said about the member behind them."""

    name: str | None = None
    size_bytes: int | None = None
    has_holes: bool = False


def take_nothing(member: Member) -> Sequence[ByteSink]:
    """Take note of no member."""
    return ()


def is_header(block: bytes) -> bool:
    """Tell whether ``block`` is the sound header of a member."""
    if len(block) < BLOCK_BYTES or block == _ZERO_BLOCK:
        return False
    try:
        stated = _number(block[_CHECKSUM])
    except Malformed:
        return False
    spaced = block[:148] + b" " * 8 + block[156:BLOCK_BYTES]
    total = sum(spaced)
    # Some old writers added the bytes up as signed numbers.
    return stated == total or stated == total - 256 * sum(byte > 127 for byte in spaced)


def walk(on_member: OnMember) -> Steps:
    """Go through all members to the two zero blocks that end an archive.

    Raises: Malformed, at the first bad header, nameless member, or early end.
    """
    members, told = 0, _Told()
    while (block := (yield _header_step(told))) != _ZERO_BLOCK:
        if not is_header(block):
            raise Malformed("no tar header where one is due")
        kind, data_bytes = block[156:157], _data_bytes(block)
        if kind in _ABOUT_OTHERS:
            told = yield from _read_extended(kind, data_bytes, told)
            continue
        if kind not in _WITHOUT_DATA and told.size_bytes is not None:
            data_bytes = told.size_bytes
        if kind == _SPARSE:
            yield from _pass_holes(block)
        is_file = kind in _FILES and not told.has_holes
        name = _name(block, told)
        if not name:
            raise Doubtful(_NAMELESS)
        if len(name) > _LONGEST_NAME_BYTES:
            raise Doubtful(f"a member with a name of {len(name)} characters")
        takers = on_member(Member(name, data_bytes, is_file, is_folder=kind == _FOLDER))
        yield from _pass(data_bytes, takers)
        members, told = members + 1, _Told()
    if (yield Step(BLOCK_BYTES, is_kept=True, is_header=True)) != _ZERO_BLOCK:
        raise Doubtful(_NO_END)
    if members == 0:
        raise Doubtful("an archive without members")


def _header_step(told: _Told) -> Step:
    """Ask for the next header; behind an extended one, a member has to follow."""
    return Step(BLOCK_BYTES, is_kept=True, is_header=told == _Told())


def read_tar(file: BinaryIO, size_bytes: int, on_member: OnMember = take_nothing) -> None:
    """Walk through the archive that ``file`` is from here on, reading what somebody takes.

    Args:
        file: Open at the beginning of the archive.
        size_bytes: Its length.
        on_member: Is shown each member.
    Raises: Malformed, as :func:`walk`, and if a member ends behind ``size_bytes``.
    """
    steps = walk(on_member)
    step = next(steps, None)
    while step is not None:
        if file.tell() + step.size_bytes > size_bytes:
            raise _cut_off(step, file.read(BLOCK_BYTES) if step.is_header else b"")
        data = b""
        if step.is_kept:
            data = file.read(step.size_bytes)
        elif step.takers:
            _hand_out(file, step)
        else:
            file.seek(step.size_bytes, os.SEEK_CUR)
        step = _send(steps, data, file.tell())


def _cut_off(step: Step, had: bytes | bytearray) -> Malformed:
    """Return the error for an archive that ends within a step, of which this much was there."""
    if step.is_header and not had.strip(b"\0"):
        return Doubtful(_NO_END)
    return Malformed(_TOO_SHORT)


def _hand_out(file: BinaryIO, step: Step) -> None:
    buffer, left_bytes = memoryview(bytearray(min(_READ_BYTES, step.size_bytes))), step.size_bytes
    while count := file.readinto(buffer[:left_bytes]):  # type: ignore[attr-defined]  # of every file opened as binary
        for taker in step.takers:
            taker.update(buffer[:count])
        left_bytes -= count


class TarReader:
    """Takes an archive in order, in pieces of any size.

    Args:
        on_member: Is shown each member.
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
        """Take the next bytes. What follows the end, or a problem, is passed by."""
        rest = memoryview(data)
        while rest and self._step is not None:
            piece, rest = rest[: self._left_bytes], rest[self._left_bytes :]
            self._take(self._step, piece)

    def finish(self) -> None:
        """Take note that nothing follows.

        Raises: Malformed, if there was a problem or the end did not come.
        """
        if self._problem is not None:
            raise self._problem
        if self._step is not None:
            raise _cut_off(self._step, self._kept)

    def _take(self, step: Step, piece: memoryview) -> None:
        for taker in step.takers:
            taker.update(piece)
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
    """Return what is wanted next, from ``at_byte`` on; ``None`` at the end."""
    try:
        return steps.send(data)
    except StopIteration:
        return None
    except Malformed as problem:
        raise type(problem)(f"{problem}, before byte {at_byte}") from None


def _pass(data_bytes: int, takers: Sequence[ByteSink]) -> Iterator[Step]:
    """Pass by the bytes of a member, and what fills its last block up."""
    if data_bytes:
        yield Step(data_bytes, takers=takers)
    if filling_bytes := -data_bytes % BLOCK_BYTES:
        yield Step(filling_bytes)


def _pass_holes(header: bytes) -> Steps:
    """Pass by the blocks that go on with the header of a sparse file."""
    goes_on = header[_SPARSE_GOES_ON]
    while goes_on:
        block = yield Step(BLOCK_BYTES, is_kept=True)
        goes_on = block[_SPARSE_GOES_ON_AGAIN]


def _read_extended(kind: bytes, data_bytes: int, told: _Told) -> Generator[Step, bytes, _Told]:
    """Read a header that says something about the member behind it."""
    if data_bytes > _LONGEST_EXTENDED_BYTES:
        raise Doubtful(f"an extended header of {data_bytes} bytes")
    data = b""
    if data_bytes:
        data = yield Step(data_bytes, is_kept=True)
    if filling_bytes := -data_bytes % BLOCK_BYTES:
        yield Step(filling_bytes)
    if kind == _GNU_NAME:
        return _Told(_text(data), told.size_bytes, told.has_holes)
    return _read_pax(data, told) if kind == _PAX else told


def _read_pax(data: bytes, told: _Told) -> _Told:
    """Read name, size and holes out of the records of a pax header."""
    at, found = 0, dict[bytes, bytes]()
    while match := _PAX_RECORD.match(data, at):
        stop = at + int(match[1])
        if stop <= match.end() or data[stop - 1 : stop] != b"\n":
            break
        found[match[2]] = data[match.end() : stop - 1]
        at = stop
    name, size = found.get(b"path"), found.get(b"size", b"")
    return _Told(
        told.name if name is None else _text(name),
        int(size) if _PAX_SIZE.fullmatch(size) else told.size_bytes,
        told.has_holes or any(name.startswith(_PAX_SPARSE) for name in found),
    )


def _name(header: bytes, told: _Told) -> str:
    if told.name is not None:
        return told.name
    name, prefix = _text(header[_NAME]), _text(header[_PREFIX])
    # GNU archives keep times where POSIX has the beginning of a long name.
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
