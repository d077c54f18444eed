"""From the service's checksums to the engine's digests. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from asyncdl.m2m.models import Checksum
from asyncdl.transfer import Digest

ALGORITHMS = {"cksum": "cksum", "sha256sum": "sha256", "sha512sum": "sha512", "md5sum": "md5"}
"""What the service calls a digest, and what the engine calls it."""


def digests_of(checksums: Iterable[Checksum]) -> tuple[Digest, ...]:
    """Return the digests that the service promises and the engine can compute."""
    return tuple(
        Digest(ALGORITHMS[c.id], str(c.value).lower()) for c in checksums if c.id in ALGORITHMS
    )
