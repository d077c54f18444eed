"""What a whole file has to show, and what it has shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from msgspec import Struct

from asyncdl.errors import SizeMismatch, WrongContent
from asyncdl.transfer.verification.archive import BeginUnpacking, Members, begin_nothing
from asyncdl.transfer.verification.digests import Digest, Hasher
from asyncdl.transfer.verification.hashers import Hashers, OnRead, watch_nothing
from asyncdl.transfer.verification.malformed import Doubtful, Malformed
from asyncdl.transfer.verification.structure import (
    BROKEN_FILE,
    HEAD_BYTES,
    Form,
    check_form,
    check_head,
)


class Expected(Struct, frozen=True):
    """What a file has to show."""

    form: Form = Form.ANY
    """What it must look like."""
    size_bytes: int | None = None
    """What its length must be; ``None`` takes any."""
    digests: tuple[Digest, ...] = ()
    """All of them have to agree."""
    members: Members = {}
    """What it must hold as a tar, each member once; others may be there besides."""
    fingerprint: str | None = None
    """An algorithm to compute where no digest is expected. It proves nothing."""
    unpack: BeginUnpacking | None = None
    """Is called for each passage through an archive, and returns what is shown its members."""
    is_whole: bool = False
    """Whether it is certain that all of its bytes came: its length was announced and met, or its
    end was marked. Then only what no reader can take is refused for its structure."""

    @property
    def algorithms(self) -> frozenset[str]:
        """What is computed over the whole file."""
        expected = frozenset(digest.algorithm for digest in self.digests)
        return expected or frozenset(filter(None, [self.fingerprint]))

    def new_hashers(self, fed: Mapping[str, Hasher] = MappingProxyType({})) -> Hashers:
        """Return what takes the bytes of the file, from the first one on.

        Args:
            fed: Hashers that are given them by somebody else, by algorithm.
        """
        members = self.members if self._is_walked else None
        return Hashers(self.algorithms, members, self.unpack or begin_nothing, fed)

    def needs_the_same(self, other: Expected) -> bool:
        """Tell whether the sums of one will do for the other."""
        return (self.algorithms, self._is_walked, self.members) == (
            other.algorithms,
            other._is_walked,
            other.members,
        )

    def outweighs(self, problem: Malformed) -> bool:
        """Tell whether a file with this problem is right all the same.

        Digests speak of each of its bytes; its whole length outweighs what is only odd.
        """
        return bool(self.digests) or (self.is_whole and isinstance(problem, Doubtful))

    @property
    def is_asked_for_members(self) -> bool:
        """Whether somebody wants what is in it."""
        return bool(self.members) or self.unpack is not None

    @property
    def _is_walked(self) -> bool:
        # A tar that is read anyway is walked through on the way.
        is_read = bool(self.digests or self.fingerprint)
        return self.is_asked_for_members or (self.form is Form.TAR and is_read)


class Verification(Struct, frozen=True):
    """What a finished file has shown."""

    checks: tuple[str, ...] = ()
    """Such as ``("sha512", "tar", "members-sha512")``; empty if nothing but its length is known."""
    digests: tuple[Digest, ...] = ()
    """All that were computed over the whole file, the strongest first."""
    doubt: str = ""
    """What is odd about its structure, though it is whole; empty if nothing is."""


def verify_file(
    path: Path,
    expected: Expected,
    *,
    url: str,
    sums: Hashers | None = None,
    on_read: OnRead = watch_nothing,
) -> Verification:
    """Check a whole file on disk, reading it once at most. Blocks.

    Args:
        path: The file.
        expected: What it has to show.
        url: Where it came from, for the errors.
        sums: Has taken the file's first bytes already, for the same ``expected``;
            only what it lacks is read.
        on_read: Told the size of each block that is read for digests and members.
            It may raise to stop, and that is what is raised then.
    Raises: SizeMismatch, WrongContent (reason :data:`BROKEN_FILE`),
        ChecksumMismatch, NotAnArchive; OSError if the file cannot be read.
    """
    length, sums = path.stat().st_size, sums or expected.new_hashers()
    if expected.size_bytes not in (None, length):
        raise SizeMismatch(url, expected=expected.size_bytes or 0, got=length)
    if expected.form is Form.ANY and sums.is_empty:
        return Verification()
    with _broken(url), path.open("rb") as file:
        check_head(expected.form, file.read(HEAD_BYTES), url)
        problem = _problem_of_form(file, expected, length, but_tar=sums.is_archive)
        sums.read(file, length, on_read)
        return _judge(expected, sums, file, problem, url)


def _problem_of_form(
    file: BinaryIO, expected: Expected, length: int, *, but_tar: bool
) -> Malformed | None:
    """Return what is wrong with the structure of a file, if that may be outweighed.

    Raises: Malformed, if nothing outweighs it.
    """
    try:
        check_form(file, expected.form, length, but_tar=but_tar)
    except Malformed as problem:
        if not expected.outweighs(problem):
            raise
        return problem
    return None


def _judge(
    expected: Expected, sums: Hashers, file: BinaryIO, problem: Malformed | None, url: str
) -> Verification:
    length = file.seek(0, os.SEEK_END)
    digests = sums.digests()
    if not sums.is_empty and sums.taken_bytes != length:
        raise SizeMismatch(url, expected=length, got=sums.taken_bytes)
    computed = {digest.algorithm: digest.value for digest in digests}
    for digest in expected.digests:
        digest.check(computed[digest.algorithm], url)
    members: tuple[str, ...] = ()
    try:
        members = sums.judge_archive(url, file)
    except Malformed as found:
        if expected.is_asked_for_members or not expected.outweighs(found):
            raise
        problem = problem or found
    proven = tuple(computed) if expected.digests else ()
    form = Form(sums.form) if sums.is_archive and problem is None else expected.form
    looks = () if form is Form.ANY or problem is not None else (form.value,)
    return Verification((*proven, *looks, *members), digests, str(problem or ""))


@contextmanager
def _broken(url: str) -> Iterator[None]:
    try:
        yield
    except Malformed as problem:
        raise WrongContent(url, f"a broken file: {problem}", reason=BROKEN_FILE) from problem
