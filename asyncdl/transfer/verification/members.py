"""What an archive should hold, beside what it holds, and what becomes of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from asyncdl.transfer.verification.digests import ALGORITHMS, Digest, Hasher, new_hasher
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import Member, Taker

Members: TypeAlias = Mapping[str, tuple[Digest, ...]]
"""Name of a member to its digests; none ask for its presence only."""
Unpack: TypeAlias = Callable[[Member, Mapping[str, Hasher]], Sequence[Taker]]
"""Is shown each member before its bytes, with what hashes them anyway, by algorithm; returns
who takes them besides."""

BeginUnpacking: TypeAlias = Callable[[], Unpack]
"""Is called whenever the bytes of an archive begin to pass."""


def unpack_nothing(member: Member, hashers: Mapping[str, Hasher]) -> Sequence[Taker]:
    """Take note of no member."""
    return ()


def begin_nothing() -> Unpack:
    """Return what takes note of no member."""
    return unpack_nothing


class MemberCheck:
    """Takes note of the members of one archive as it passes by.

    Args:
        expected: Each has to be there exactly once, as a file. Others may be.
        unpack: Is shown all of them.
    """

    def __init__(self, expected: Members, unpack: Unpack = unpack_nothing) -> None:
        self._expected = expected
        self._unpack = unpack
        self._seen: dict[str, Mapping[str, Hasher]] = {}

    def note(self, member: Member) -> Sequence[Taker]:
        """Take note of a member, and return who takes its bytes.

        Raises: Malformed, if it is expected and comes again or is not a file.
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
            raise Malformed(f"{name} is no file in it")
        hashers = {digest.algorithm: new_hasher(digest.algorithm) for digest in digests}
        self._seen[name] = hashers
        return hashers

    def judge(self, url: str) -> None:
        """Compare, once the archive has come to its end.

        Raises: Malformed, if a member is missing; ChecksumMismatch, if one has
            other bytes than promised.
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
        """Return what :meth:`judge` proves, such as ``members-sha512``; empty if nothing.

        Each member counts with its strongest digest, and the weakest of these is
        named: ``members-some-sha512`` if there are members without any, and
        ``members`` if none has one.
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
