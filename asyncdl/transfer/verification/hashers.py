"""Computes digests of one file and of its archive members, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from io import BufferedReader
from types import MappingProxyType
from typing import BinaryIO, TypeAlias

from asyncdl.transfer.verification.archive import (
    ArchiveReader,
    BeginUnpacking,
    MemberCheck,
    Members,
    begin_nothing,
    read_archive,
)
from asyncdl.transfer.verification.digests import ALGORITHMS, Digest, Hasher, new_hasher

OnRead: TypeAlias = Callable[[int], None]
"""Called with the size of each block that was read; what it raises stops the reading."""

_READ_BYTES = 256 * 1024


def ignore_read(count: int) -> None:
    """Do nothing."""


class Hashers:
    """Digests of a file, and of its members if it is an archive.

    The bytes come from the first to the last, in pieces of any size, from memory or from the
    file.

    Args:
        algorithms: Of the whole file.
        members: What an archive must contain, perhaps nothing in particular; ``None`` does not
            read the file as an archive.
        unpack: Called for each pass through an archive; returns what receives its members.
        external: Hashers that get the same bytes elsewhere, by algorithm.
    """

    def __init__(
        self,
        algorithms: Iterable[str] = (),
        members: Members | None = None,
        unpack: BeginUnpacking = begin_nothing,
        external: Mapping[str, Hasher] = MappingProxyType({}),
    ) -> None:
        self.taken_bytes = 0
        self._own = {name: new_hasher(name) for name in algorithms if name not in external}
        self._hashers = {**external, **self._own}
        self._expected = members or {}
        self._unpack = unpack
        self._members = MemberCheck(self._expected, unpack())
        self._archive = ArchiveReader(self._members.on_member) if members is not None else None

    @property
    def is_archive(self) -> bool:
        """Whether the file is read as an archive."""
        return self._archive is not None

    @property
    def form(self) -> str:
        """Of an archive: ``tar``, ``zip`` or ``gzip``; empty if it is not read as one."""
        return self._archive.form if self._archive is not None else ""

    @property
    def is_idle(self) -> bool:
        """Whether it needs no bytes."""
        return not self._own and self._archive is None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compute."""
        return not self._hashers and self._archive is None

    def update(self, data: bytes | memoryview) -> None:
        """Process the next bytes; they are not needed afterwards."""
        for hasher in self._own.values():
            hasher.update(data)
        if self._archive is not None:
            self._archive.update(data)
        self.taken_bytes += len(data)

    def read(self, file: BufferedReader, stop: int, on_read: OnRead = ignore_read) -> None:
        """Process the missing bytes up to ``stop``, or to the end, from the file itself.

        Reads nothing if no bytes are needed. Blocks.
        """
        if self.is_idle or self.taken_bytes >= stop:
            return
        buffer = memoryview(bytearray(min(_READ_BYTES, stop - self.taken_bytes)))
        file.seek(self.taken_bytes)
        while count := file.readinto(buffer[: stop - self.taken_bytes]):
            self.update(buffer[:count])
            on_read(count)

    def digests(self) -> tuple[Digest, ...]:
        """Return the digests of the bytes so far, the strongest first."""
        return tuple(
            Digest(algorithm, self._hashers[algorithm].hexdigest())
            for algorithm in ALGORITHMS
            if algorithm in self._hashers
        )

    def check_archive(self, url: str, file: BinaryIO | None = None) -> tuple[str, ...]:
        """Compare what the archive contains with what it should, at its end.

        Args:
            url: Where it came from, for the errors.
            file: The archive, for one that can be read only from its end.
        Returns: What is proven by that.
        Raises: Malformed, NotAnArchive, ChecksumMismatch.
        """
        if self._archive is None:
            return ()
        if self._archive.needs_file and file is not None:
            self._members = MemberCheck(self._expected, self._unpack())
            read_archive(file, self._members.on_member)
        else:
            self._archive.finish()
        self._members.check(url)
        return self._members.checks()
