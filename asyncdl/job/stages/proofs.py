"""What a file has to prove before it counts as right. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncdl.job.journal.records import FinishedFile
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import Checksum
from asyncdl.transfer import Digest, Form, form_of
from asyncdl.transfer.proving.digests import ALGORITHMS as DIGEST_NAMES
from asyncdl.transfer.proving.digests import can_match
from asyncdl.transfer.proving.members import Members
from asyncdl.transfer.proving.proof import Expected

ALL_DIGESTS = frozenset(DIGEST_NAMES)
_SIGNS = re.compile(r"[^a-z0-9]+")

FINGERPRINT = "sha256"
"""Computed of a file that no digest is promised of, so that it can be checked again later."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is checked besides the length."""

    form: Form | None
    """``None`` goes by the file's name."""
    digests: tuple[Digest, ...] = ()
    members: Members = field(default_factory=dict)
    """What a bundle has to hold."""
    source: str = ""
    """Who promises the digests: ``m2m``, ``stac``, or ``m2m+stac``."""
    needs_digest: bool = False
    fingerprint: str | None = FINGERPRINT
    """Computed where no digest of the whole file is promised."""

    def of_member(self, name: str, size_bytes: int | None) -> Expected:
        """Return what a file has to show that is unpacked from a bundle."""
        form = form_of(name) if self.form is None else self.form
        return Expected(form, size_bytes, self.members.get(name, ()), fingerprint=self.fingerprint)

    @property
    def is_possible(self) -> bool:
        """False when a digest is needed and none is offered."""
        return bool(self.source) or not self.needs_digest

    def is_met_by(self, known: FinishedFile) -> bool:
        """Tell whether what was proven earlier is enough, and still what is promised."""
        if self.needs_digest and not known.source:
            return False
        was = {digest.algorithm: digest for digest in known.digests}
        return all(
            digest.algorithm not in was or digest.agrees_with(was[digest.algorithm].value)
            for digest in self.digests
        )

    def source_of(self, proof: str) -> str:
        """Return who promised the digest in a proof; ``host`` when only the file host did."""
        # A member's digest stands last in its word, such as "members-some-sha512".
        names = (check.rpartition("-")[2] for check in proof.split("+"))
        has_digest = not ALL_DIGESTS.isdisjoint(names)
        return (self.source or "host") if has_digest else ""


def demand_of(wanted: WantedFile, verify: str) -> Demand:
    """Return what ``download.verify`` demands of a file."""
    if verify == "size":
        return Demand(Form.ANY, fingerprint=None)
    return Demand(
        form=None,
        digests=_promised(wanted, wanted.file_name, wanted.checksums),
        members=_members_of(wanted),
        source=_source_of(wanted),
        needs_digest=verify == "checksum",
    )


def _promised(wanted: WantedFile, name: str, own: Iterable[Checksum]) -> tuple[Digest, ...]:
    catalogued = wanted.catalogued.get(name)
    return digests_of((*own, catalogued) if catalogued else own)


def _members_of(wanted: WantedFile) -> Members:
    return {name: _promised(wanted, name, own) for name, own in wanted.members.items()}


def _source_of(wanted: WantedFile) -> str:
    names = (wanted.file_name, *wanted.members)
    is_told = {
        "m2m": any(digests_of(own) for own in (wanted.checksums, *wanted.members.values())),
        "stac": any(name in wanted.catalogued for name in names),
    }
    return "+".join(source for source, is_so in is_told.items() if is_so)


def algorithm_of(checksum_id: str) -> str | None:
    """Return what the engine calls a digest of the service; ``None`` if it knows none such.

    The service has written ``sha256sum`` and ``sha512``: case, signs and the ``sum`` of
    the tools make no difference.
    """
    name = _SIGNS.sub("", checksum_id.lower())
    names = (name, name.removesuffix("sum"))
    return next((known for known in names if known in ALL_DIGESTS), None)


def digests_of(checksums: Iterable[Checksum]) -> tuple[Digest, ...]:
    """Return the digests that the service promises and the engine can compute.

    A value that no file can have is none, and so is none at all.
    """
    told = ((algorithm_of(c.id), _value_of(c)) for c in checksums)
    return tuple(Digest(name, value) for name, value in told if name and can_match(name, value))


def _value_of(checksum: Checksum) -> str:
    return "" if checksum.value is None else str(checksum.value).strip().lower()
