"""What a file has to prove before it counts as right. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asyncdl.m2m.models import Checksum
from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer import Digest, Form

ALGORITHMS = {"cksum": "cksum", "sha256sum": "sha256", "sha512sum": "sha512", "md5sum": "md5"}
"""What the service calls a digest, and what the engine calls it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is checked besides the length."""

    form: Form | None
    """``None`` goes by the file's name."""
    digests: tuple[Digest, ...]
    needs_digest: bool = False

    @property
    def is_possible(self) -> bool:
        """False when a digest is needed and none is offered."""
        return bool(self.digests) or not self.needs_digest

    def is_met_by(self, proof: str) -> bool:
        """Tell whether what was proven earlier, such as ``length+tiff``, is enough."""
        checks = proof.split("+")
        return not self.needs_digest or any(d.algorithm in checks for d in self.digests)


def demand_of(wanted: WantedFile, verify: str) -> Demand:
    """Return what ``download.verify`` demands of a file."""
    if verify == "size":
        return Demand(Form.ANY, ())
    return Demand(None, digests_of(wanted.checksums), needs_digest=verify == "checksum")


def digests_of(checksums: Iterable[Checksum]) -> tuple[Digest, ...]:
    """Return the digests that the service promises and the engine can compute."""
    return tuple(
        Digest(ALGORITHMS[c.id], str(c.value).lower()) for c in checksums if c.id in ALGORITHMS
    )
