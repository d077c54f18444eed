"""Outcomes: what became of an order, as plain data. Pure."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from asyncdl.cluster.error_records import ErrorRecord
from asyncdl.job.places.extraction import UnpackedFile
from asyncdl.transfer import Digest, Fetched


class FetchedRecord(Struct, frozen=True, array_like=True):
    """A :class:`~asyncdl.transfer.Fetched` as it travels."""

    path: str
    size_bytes: int
    received_bytes: int
    already_there: bool
    proof: str
    attempts: int
    elapsed_s: float
    digests: tuple[Digest, ...] = ()
    address: str = ""
    validator: str = ""
    excerpt: str = ""


class UnpackedRecord(Struct, frozen=True):
    """What was unpacked from an archive."""

    names: tuple[str, ...] = ()
    """Of all files in it."""
    files: tuple[UnpackedFile, ...] = ()
    """Those that have their final names."""
    error: ErrorRecord | None = None
    """Why nothing was unpacked; the archive itself is there and verified."""


class OrderOutcome(Struct, frozen=True, omit_defaults=True):
    """How one order ended: exactly one of ``fetched`` and ``error`` is set."""

    number: int
    fetched: FetchedRecord | None = None
    error: ErrorRecord | None = None
    unpacked: UnpackedRecord | None = None
    """For an order with something to unpack that was fetched."""
    is_interrupted: bool = False
    """Whether the agent ended before the file did; another may go on."""


def record_of_fetched(fetched: Fetched) -> FetchedRecord:
    """Return a fetched file as data."""
    return FetchedRecord(
        path=str(fetched.path),
        size_bytes=fetched.size_bytes,
        received_bytes=fetched.received_bytes,
        already_there=fetched.already_there,
        proof=fetched.proof,
        attempts=fetched.attempts,
        elapsed_s=fetched.elapsed_s,
        digests=fetched.digests,
        address=fetched.address,
        validator=fetched.validator,
        excerpt=fetched.excerpt,
    )


def fetched_of(record: FetchedRecord) -> Fetched:
    """Return the fetched file that a record was made of."""
    return Fetched(
        path=Path(record.path),
        size_bytes=record.size_bytes,
        received_bytes=record.received_bytes,
        already_there=record.already_there,
        proof=record.proof,
        attempts=record.attempts,
        elapsed_s=record.elapsed_s,
        digests=record.digests,
        address=record.address,
        validator=record.validator,
        excerpt=record.excerpt,
    )
