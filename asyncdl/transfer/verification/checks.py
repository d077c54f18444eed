"""What a finished file is checked against, and the result."""

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
from asyncdl.transfer.verification.digests import ALGORITHMS, Digest, Hasher
from asyncdl.transfer.verification.hashers import Hashers, OnRead, ignore_read
from asyncdl.transfer.verification.malformed import Doubtful, Malformed
from asyncdl.transfer.verification.structure import (
    BROKEN_FILE,
    HEAD_BYTES,
    Form,
    check_form,
    check_head,
)


class Expected(Struct, frozen=True):
    """What a file is checked against."""

    form: Form = Form.ANY
    """What it must look like."""
    size_bytes: int | None = None
    """Its exact length; ``None`` allows any."""
    digests: tuple[Digest, ...] = ()
    """All of them must agree."""
    members: Members = {}
    """What it must contain as a tar, each member once; others may be there too."""
    fingerprint: str | None = None
    """An algorithm to compute if no digest is expected. It proves nothing."""
    unpack: BeginUnpacking | None = None
    """Called for each pass through an archive; returns what receives its members."""
    is_whole: bool = False
    """Whether it is certain that all bytes came: the length was announced and is right, or the
    end was marked. Then the structure must only be bad enough that no reader accepts it."""

    @property
    def algorithms(self) -> frozenset[str]:
        """What is computed over the whole file."""
        expected = frozenset(digest.algorithm for digest in self.digests)
        return expected or frozenset(filter(None, [self.fingerprint]))

    def new_hashers(self, external: Mapping[str, Hasher] = MappingProxyType({})) -> Hashers:
        """Return what processes the bytes of the file, from the first one on.

        Args:
            external: Hashers that get the bytes elsewhere, by algorithm.
        """
        members = self.members if self._reads_archive else None
        return Hashers(self.algorithms, members, self.unpack or begin_nothing, external)

    def needs_same_hashers(self, other: Expected) -> bool:
        """Return whether the hashers of one serve the other."""
        return (self.algorithms, self._reads_archive, self.members) == (
            other.algorithms,
            other._reads_archive,
            other.members,
        )

    def tolerates(self, problem: Malformed) -> bool:
        """Return whether a file with this problem is accepted.

        Digests prove each of its bytes. If its length is right, what is merely odd is accepted.
        """
        return bool(self.digests) or (self.is_whole and isinstance(problem, Doubtful))

    @property
    def wants_members(self) -> bool:
        """Whether its members are checked or unpacked."""
        return bool(self.members) or self.unpack is not None

    @property
    def _reads_archive(self) -> bool:
        # The structure of a tar that is read anyway is checked in the same pass.
        is_read = bool(self.digests or self.fingerprint)
        return self.wants_members or (self.form is Form.TAR and is_read)

    @property
    def foreseen(self) -> Verification | None:
        """What the check of a file without any flaw gives; ``None`` if its bytes decide that."""
        is_open = self.form in _OPEN_FORMS or self.wants_members
        if is_open or (self.fingerprint and not self.digests):
            return None
        known = {digest.algorithm: digest.value.strip().lower() for digest in self.digests}
        digests = tuple(Digest(name, known[name]) for name in ALGORITHMS if name in known)
        structure = () if self.form is Form.ANY else (self.form.value,)
        return Verification((*(digest.algorithm for digest in digests), *structure), digests)


_OPEN_FORMS = (Form.ARCHIVE, Form.GZIP)
"""What a file of these is, its bytes say."""


class Verification(Struct, frozen=True):
    """The result of a successful check of a whole file."""

    checks: tuple[str, ...] = ()
    """Such as ``("sha512", "tar", "members-sha512")``; empty if nothing but its length is known."""
    digests: tuple[Digest, ...] = ()
    """All that were computed over the whole file, the strongest first."""
    warning: str = ""
    """What is odd about its structure, although it is whole; empty if nothing is."""


def verify_file(
    path: Path,
    expected: Expected,
    *,
    url: str,
    hashers: Hashers | None = None,
    on_read: OnRead = ignore_read,
) -> Verification:
    """Check a whole file on disk, reading it once at most. Blocks.

    Args:
        path: The file.
        expected: What it is checked against.
        url: Where it came from, for the errors.
        hashers: Have processed the file's first bytes already, for the same ``expected``; only
            the rest is read.
        on_read: Called with the size of each block that is read for digests and members. What
            it raises stops the check.
    Raises: SizeMismatch, WrongContent (reason :data:`BROKEN_FILE`), ChecksumMismatch,
        NotAnArchive; OSError if the file cannot be read.
    """
    length, hashers = path.stat().st_size, hashers or expected.new_hashers()
    if expected.size_bytes not in (None, length):
        raise SizeMismatch(url, expected=expected.size_bytes or 0, got=length)
    if expected.form is Form.ANY and hashers.is_empty:
        return Verification()
    with _broken(url), path.open("rb") as file:
        check_head(expected.form, file.read(HEAD_BYTES), url)
        problem = _tolerated_problem(file, expected, length, skip_tar=hashers.is_archive)
        hashers.read(file, length, on_read)
        return _check(expected, hashers, file, problem, url)


def _tolerated_problem(
    file: BinaryIO, expected: Expected, length: int, *, skip_tar: bool
) -> Malformed | None:
    """Return what is wrong with the structure of a file, if that is tolerated.

    Raises: Malformed, if it is not.
    """
    try:
        check_form(file, expected.form, length, skip_tar=skip_tar)
    except Malformed as problem:
        if not expected.tolerates(problem):
            raise
        return problem
    return None


def _check(
    expected: Expected, hashers: Hashers, file: BinaryIO, problem: Malformed | None, url: str
) -> Verification:
    length = file.seek(0, os.SEEK_END)
    digests = hashers.digests()
    if not hashers.is_empty and hashers.taken_bytes != length:
        raise SizeMismatch(url, expected=length, got=hashers.taken_bytes)
    computed = {digest.algorithm: digest.value for digest in digests}
    for digest in expected.digests:
        digest.check(computed[digest.algorithm], url)
    members: tuple[str, ...] = ()
    try:
        members = hashers.check_archive(url, file)
    except Malformed as found:
        if expected.wants_members or not expected.tolerates(found):
            raise
        problem = problem or found
    proven = tuple(computed) if expected.digests else ()
    form = Form(hashers.form) if hashers.is_archive and problem is None else expected.form
    structure = () if form is Form.ANY or problem is not None else (form.value,)
    return Verification((*proven, *structure, *members), digests, str(problem or ""))


@contextmanager
def _broken(url: str) -> Iterator[None]:
    try:
        yield
    except Malformed as problem:
        raise WrongContent(url, f"a broken file: {problem}", reason=BROKEN_FILE) from problem
