"""What a file has to match to count as verified: checksums, size and structure."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncdl.background import in_turns
from asyncdl.events import FileState
from asyncdl.job.places.delivery import source_of_digest
from asyncdl.job.run_context import RunContext
from asyncdl.journal import FinishedFile
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import Checksum
from asyncdl.stac import FileDigest
from asyncdl.transfer import Digest, Form
from asyncdl.transfer.verification.archive import Members
from asyncdl.transfer.verification.digests import ALGORITHMS as DIGEST_NAMES
from asyncdl.transfer.verification.digests import can_match

log = logging.getLogger("asyncdl.job")


async def look_up_digests(run: RunContext, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Look up digests; report files that lack the one they need, and return the others."""
    _log_unusable(files)
    provable = []
    async for wanted in in_turns(await _with_catalogued(run, files)):
        if requirements_of(wanted, run.config.download.verify).is_possible:
            provable.append(wanted)
        else:
            _fail_without_digest(run, wanted)
    return provable


def _log_unusable(files: Iterable[WantedFile]) -> None:
    """Log, once for all files, which of the service's checksums cannot be used."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    stated = (checksum for wanted in files for checksum in wanted.checksums)
    unusable = Counter(_why_unusable(checksum) for checksum in stated if not digests_of([checksum]))
    for why, times in unusable.items():
        log.debug("unusable checksums: %s (%d times)", why, times)


def _why_unusable(checksum: Checksum) -> str:
    if algorithm_of(checksum.id) is None:
        return f"the id {checksum.id:.20} is not known"
    return f"{checksum.id} without a value that a file can have"


async def _with_catalogued(run: RunContext, files: Sequence[WantedFile]) -> list[WantedFile]:
    if run.config.download.verify == "size":
        return list(files)
    found = await run.catalog.digests(wanted.scene for wanted in files if not wanted.is_cut)
    return [
        wanted.replace(catalogued=_checksums_of(wanted, found.get(wanted.scene, {})))
        async for wanted in in_turns(files)
    ]


def _checksums_of(wanted: WantedFile, found: Mapping[str, FileDigest]) -> dict[str, Checksum]:
    names = (wanted.file_name, *wanted.members)
    return {
        name: Checksum(id=found[name].algorithm, value=found[name].value)
        for name in names
        if name in found
    }


def _fail_without_digest(run: RunContext, wanted: WantedFile) -> None:
    run.fail(
        wanted,
        FileState.FAILED,
        reason="no-digest",
        detail="neither the service nor the catalogue has a digest for it",
        remedy='Use verify = "auto": it checks every digest there is, and the structure.',
    )


ALL_DIGESTS = frozenset(DIGEST_NAMES)
_PUNCTUATION = re.compile(r"[^a-z0-9]+")

FINGERPRINT = "sha256"
"""Computed for a file without an expected digest, so that it can be checked again later."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is verified besides the length."""

    form: Form | None
    """``None`` is decided by the file's name."""
    digests: tuple[Digest, ...] = ()
    members: Members = field(default_factory=dict)
    """What a bundle has to contain."""
    source: str = ""
    """Where the expected digests are from: ``m2m``, ``stac``, or ``m2m+stac``."""
    needs_digest: bool = False
    fingerprint: str | None = FINGERPRINT
    """Computed where no digest of the whole file is expected."""

    @property
    def is_possible(self) -> bool:
        """Whether they can be met: not if a digest is needed and there is none."""
        return bool(self.source) or not self.needs_digest

    def is_met_by(self, known: FinishedFile) -> bool:
        """Return whether an earlier verification is enough and agrees with these digests."""
        if self.needs_digest and not known.source:
            return False
        was = {digest.algorithm: digest for digest in known.digests}
        return all(
            digest.algorithm not in was or digest.agrees_with(was[digest.algorithm].value)
            for digest in self.digests
        )

    def source_of(self, proof: str) -> str:
        """Return where the digest in a proof is from; ``host`` if only from the file host."""
        return source_of_digest(proof, self.source)


def requirements_of(wanted: WantedFile, verify: str) -> Requirements:
    """Return what ``download.verify`` requires of a file."""
    if verify == "size":
        return Requirements(Form.ANY, fingerprint=None)
    if wanted.is_cut:
        return Requirements(form=None)  # known digests are of the whole file
    return Requirements(
        form=None,
        digests=_expected_digests(wanted, wanted.file_name, wanted.checksums),
        members=_members_of(wanted),
        source=_source_of(wanted),
        needs_digest=verify == "checksum",
    )


def _expected_digests(wanted: WantedFile, name: str, own: Iterable[Checksum]) -> tuple[Digest, ...]:
    catalogued = wanted.catalogued.get(name)
    return digests_of((*own, catalogued) if catalogued else own)


def _members_of(wanted: WantedFile) -> Members:
    return {name: _expected_digests(wanted, name, own) for name, own in wanted.members.items()}


def _source_of(wanted: WantedFile) -> str:
    names = (wanted.file_name, *wanted.members)
    has_digests = {
        "m2m": any(digests_of(own) for own in (wanted.checksums, *wanted.members.values())),
        "stac": any(name in wanted.catalogued for name in names),
    }
    return "+".join(source for source, is_so in has_digests.items() if is_so)


def algorithm_of(checksum_id: str) -> str | None:
    """Return the engine's name of a digest of the service; ``None`` if it has none.

    The service has written ``sha256sum`` and ``sha512``: case, punctuation and a ``sum`` at
    the end make no difference.
    """
    name = _PUNCTUATION.sub("", checksum_id.lower())
    names = (name, name.removesuffix("sum"))
    return next((known for known in names if known in ALL_DIGESTS), None)


def digests_of(checksums: Iterable[Checksum]) -> tuple[Digest, ...]:
    """Return the digests that the service states and the engine can compute.

    Values that no digest can have, and empty ones, are left out.
    """
    stated = ((algorithm_of(c.id), _value_of(c)) for c in checksums)
    return tuple(Digest(name, value) for name, value in stated if name and can_match(name, value))


def _value_of(checksum: Checksum) -> str:
    return "" if checksum.value is None else str(checksum.value).strip().lower()
