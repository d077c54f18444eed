"""Outcomes: what became of an order, as plain data. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from asyncdl.cluster.error_records import ErrorRecord, error_of
from asyncdl.errors import AsyncdlError
from asyncdl.job.places.delivery import DeliveredFile
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


class DeliveryRecord(Struct, frozen=True, array_like=True):
    """What became of a file at one of its places: one of ``delivered`` and ``error`` is set."""

    path: str
    delivered: DeliveredFile | None = None
    error: ErrorRecord | None = None


class OrderOutcome(Struct, frozen=True, omit_defaults=True):
    """How one order ended: exactly one of ``fetched`` and ``error`` is set."""

    number: int
    fetched: FetchedRecord | None = None
    error: ErrorRecord | None = None
    deliveries: tuple[DeliveryRecord, ...] = ()
    """For each place of a job's file that was fetched."""
    is_interrupted: bool = False
    """Whether the agent ended before the file did; another may go on."""


def made_of(records: Iterable[DeliveryRecord]) -> dict[str, DeliveredFile | AsyncdlError]:
    """Return what became of a file at each of its places."""
    return {record.path: _made(record) for record in records}


def _made(record: DeliveryRecord) -> DeliveredFile | AsyncdlError:
    if record.delivered is not None:
        return record.delivered
    return AsyncdlError("") if record.error is None else error_of(record.error)


def record_of_fetched(fetched: Fetched, spool: Path | None = None) -> FetchedRecord:
    """Return a fetched file as data.

    Args:
        fetched: By a worker.
        spool: The worker's own folder, if it has one: paths in it mean nothing elsewhere.
    """
    path = str(fetched.path) if spool is None else fetched.path.relative_to(spool).as_posix()
    return FetchedRecord(
        path=path,
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


def fetched_of(record: FetchedRecord, spool: Path | None = None) -> Fetched:
    """Return the fetched file that a record was made of.

    Args:
        record: Of a worker.
        spool: Where this process would have received it, if workers have folders of their own.
    """
    return Fetched(
        path=Path(record.path) if spool is None else spool / record.path,
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
