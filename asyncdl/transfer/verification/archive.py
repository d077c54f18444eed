"""Archives that are unpacked (tar, zip, and tar in gzip), and the check of their members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Protocol, TypeAlias

from asyncdl.errors import TransferError
from asyncdl.transfer.verification.digests import ALGORITHMS, Digest, Hasher, new_hasher
from asyncdl.transfer.verification.inflating import Growth, Inflater
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import (
    BLOCK_BYTES,
    ByteSink,
    Member,
    OnMember,
    TarReader,
    is_header,
)
from asyncdl.transfer.verification.zip import MAGICS as ZIP_MAGICS
from asyncdl.transfer.verification.zip import ZipReader, read_zip

GZIP_MAGIC = b"\x1f\x8b"
NOT_ARCHIVE = "not-an-archive"
"""Reason of the error for a file that should be unpacked and is not an archive."""

_MAGIC_BYTES = 4
_READ_BYTES = 1 << 20
_GZIP_WBITS = 31


class NotAnArchive(TransferError):
    """A file that should be unpacked is not an archive; its source is not at fault."""

    reason = NOT_ARCHIVE
    remedy = (
        "It comes as one file, not as a tar or zip: set extract = false for it, or choose"
        " another product."
    )


class Reader(Protocol):
    """Reads an archive in order, in pieces of any size."""

    form: str
    """``tar``, ``zip`` or ``gzip``."""
    needs_file: bool
    """Whether it can be read only from the complete file."""

    def update(self, data: bytes | memoryview) -> None:
        """Read the next bytes. Whatever follows the end, or a problem, is ignored."""

    def finish(self) -> None:
        """Check that the archive may end here. Raises: Malformed, NotAnArchive."""


def looks_like_archive(head: bytes) -> bool:
    """Return whether a file begins like an archive that can be unpacked.

    Args:
        head: Its first 512 bytes, or all of a shorter one.
    """
    return head.startswith((*ZIP_MAGICS, GZIP_MAGIC)) or is_header(head)


class ArchiveReader:
    """Reads an archive, whose format its first bytes show.

    Args:
        on_member: Called with each member.
    """

    def __init__(self, on_member: OnMember) -> None:
        self._on_member = on_member
        self._head = b""
        self._reader: Reader | None = None

    @property
    def form(self) -> str:
        """``tar``, ``zip`` or ``gzip``."""
        return self._known.form

    @property
    def needs_file(self) -> bool:
        """Whether it can be read only from the complete file."""
        return self._known.needs_file

    def update(self, data: bytes | memoryview) -> None:
        """Read the next bytes."""
        if self._reader is not None:
            self._reader.update(data)
            return
        self._head += bytes(data[:_MAGIC_BYTES])
        rest = data[_MAGIC_BYTES:]
        if len(self._head) >= _MAGIC_BYTES:
            self._known.update(rest)

    def finish(self) -> None:
        """Check that the archive may end here. Raises: Malformed, NotAnArchive."""
        self._known.finish()

    @property
    def _known(self) -> Reader:
        if self._reader is None:
            self._reader = _reader_for(self._head, self._on_member)
            self._reader.update(self._head)
        return self._reader


def _reader_for(head: bytes, on_member: OnMember) -> Reader:
    if head.startswith(ZIP_MAGICS):
        return ZipReader(on_member)
    return GzippedTar(on_member) if head.startswith(GZIP_MAGIC) else TarReader(on_member)


def read_archive(file: BinaryIO, on_member: OnMember) -> None:
    """Read a whole archive, whatever its format.

    Args:
        file: Open, at any position.
        on_member: Called with each member.
    Raises: Malformed, NotAnArchive.
    """
    file.seek(0)
    if file.read(_MAGIC_BYTES).startswith(ZIP_MAGICS):
        read_zip(file, on_member)
        return
    file.seek(0)
    reader = ArchiveReader(on_member)
    while data := file.read(_READ_BYTES):
        reader.update(data)
    reader.finish()


class GzippedTar:
    """Reads a tar that gzip has compressed, in one stream or in several consecutive ones.

    Args:
        on_member: Called with each member.
    """

    form = "gzip"
    needs_file = False

    def __init__(self, on_member: OnMember) -> None:
        self._tar = TarReader(on_member)
        self._inflater = Inflater(_GZIP_WBITS)
        self._growth = Growth()
        self._first = b""
        """The first decompressed block."""
        self._is_between = False
        """Whether one stream has ended and no other has begun."""
        self._problem: Malformed | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Read the next bytes. Whatever follows the end, or a problem, is ignored."""
        if self._problem is not None:
            return
        self._growth.in_bytes += len(data)
        try:
            self._inflate(memoryview(data))
        except Malformed as problem:
            self._problem = problem

    def finish(self) -> None:
        """Check that the archive may end here. Raises: Malformed, NotAnArchive."""
        if self._problem is not None:
            raise self._problem
        if not self._is_between:
            raise Malformed("the file ends before its compressed data does")
        if not is_header(self._first):
            raise NotAnArchive("", "what gzip has compressed in it is not a tar")
        self._tar.finish()

    def _inflate(self, rest: memoryview) -> None:
        while rest:
            if self._is_between:
                if rest[0] != GZIP_MAGIC[0]:
                    return  # padding that some writers add to the last block
                self._inflater, self._is_between = Inflater(_GZIP_WBITS), False
            for piece in self._inflater.decode(rest):
                self._growth.add(len(piece))
                self._first += piece[: BLOCK_BYTES - len(self._first)]
                self._tar.update(piece)
            self._is_between = self._inflater.is_over
            unused_bytes = self._inflater.unused_bytes
            rest = rest[len(rest) - unused_bytes :] if self._is_between else rest[:0]


Members: TypeAlias = Mapping[str, tuple[Digest, ...]]
"""Name of a member to its digests; without digests, only its presence is checked."""
Unpack: TypeAlias = Callable[[Member, Mapping[str, Hasher]], Sequence[ByteSink]]
"""Called with each member before its bytes, and with the hashers that get them anyway, by
algorithm; returns what else receives them."""

BeginUnpacking: TypeAlias = Callable[[], Unpack]
"""Called at the start of each pass through an archive."""


def unpack_nothing(member: Member, hashers: Mapping[str, Hasher]) -> Sequence[ByteSink]:
    """Unpack no member."""
    return ()


def begin_nothing() -> Unpack:
    """Return what unpacks no member."""
    return unpack_nothing


class MemberCheck:
    """Checks the members of one archive while it is read.

    Args:
        expected: Each must be there exactly once, as a regular file. Others may be there too.
        unpack: Called with all of them.
    """

    def __init__(self, expected: Members, unpack: Unpack = unpack_nothing) -> None:
        self._expected = expected
        self._unpack = unpack
        self._seen: dict[str, Mapping[str, Hasher]] = {}

    def on_member(self, member: Member) -> Sequence[ByteSink]:
        """Record a member, and return what receives its bytes.

        Raises: Malformed, if it is expected and comes again or is not a regular file.
        """
        hashers = self._hashers_for(member)
        return (*hashers.values(), *self._unpack(member, hashers))

    def _hashers_for(self, member: Member) -> Mapping[str, Hasher]:
        name = member.name.removeprefix("./")
        digests = self._expected.get(name)
        if digests is None:
            return {}
        if name in self._seen:
            raise Malformed(f"{name} is in it twice")
        if not member.is_file:
            raise Malformed(f"{name} is not a regular file in it")
        hashers = {digest.algorithm: new_hasher(digest.algorithm) for digest in digests}
        self._seen[name] = hashers
        return hashers

    def check(self, url: str) -> None:
        """Compare, at the end of the archive.

        Raises: Malformed, if a member is missing; ChecksumMismatch, if one has other bytes than
            expected.
        """
        missing = sorted(self._expected.keys() - self._seen.keys())
        if missing:
            others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise Malformed(f"it lacks {missing[0]}{others}")
        for name, digests in self._expected.items():
            for digest in digests:
                got = self._seen[name][digest.algorithm].hexdigest()
                digest.check(got, url, member=name)

    def checks(self) -> tuple[str, ...]:
        """Return what :meth:`check` proves, such as ``members-sha512``; empty if nothing.

        Each member counts with its strongest digest, and the weakest of these is named:
        ``members-some-sha512`` if there are members without any, and ``members`` if none has
        one.
        """
        ranks = [
            min(ALGORITHMS.index(digest.algorithm) for digest in digests)
            for digests in self._expected.values()
            if digests
        ]
        if not ranks:
            return ("members",) if self._expected else ()
        some = "" if len(ranks) == len(self._expected) else "some-"
        return (f"members-{some}{ALGORITHMS[max(ranks)]}",)
