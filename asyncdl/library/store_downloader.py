"""``asyncdl.StoreDownloader``: any URL into an object store."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import anyio.from_thread
import anyio.to_thread
from anyio import CapacityLimiter

from asyncdl.background import check_cancelled
from asyncdl.errors import ConfigError, StoreError
from asyncdl.events import Emit, Notice, discard
from asyncdl.job.places.provenance import PROOF, Provenance, digests_in, facts_of
from asyncdl.library.early_placing import EarlyPlacing
from asyncdl.net.tls import Tls
from asyncdl.stores.address import FORM, StoreAddress
from asyncdl.stores.early_upload import PlannedObject
from asyncdl.stores.object_store import ObjectStore, StoredObject, open_store
from asyncdl.stores.pace import Pace
from asyncdl.stores.settings import StoreSettings
from asyncdl.transfer import Downloader, Fetched, FileRequest, Limits, Netrc, Recheck
from asyncdl.transfer.growth import FileGrowth
from asyncdl.transfer.names import FALLBACK_NAME, PART_ENDINGS, choose_name, safe_name
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.url_identity import file_id
from asyncdl.units import duration

UPLOADS = 8
FILE = "file"
"""Name of what is kept with an object: a hash for the file of its URL."""


class StoreDownloader(Downloader):
    """A :class:`~asyncdl.Downloader` whose verified files go to a place in an object store.

    The ``directory`` of a request is a folder below that place, such as ``""`` or ``"tiles"``.
    Each file is received and verified in a spool on the local disk, uploaded with its digests
    while others are received, and removed there. :attr:`Fetched.address` says where it is.

    A file is taken as there if the store has it under its name from the same URL, or with the
    digests of the request; not with ``overwrite``, or a ``recheck`` that asks the host.

    Args:
        address: Such as ``s3://bucket/prefix``. Needs the extra ``store``; credentials are found
            as the provider's own tools find them.
        endpoint: URL of a service other than the provider's own.
        region: Of the bucket.
        profile: Of the AWS config.
        spool: Folder on a local disk; by default a temporary one, in which nothing is resumed by
            a later program.
        limits: As for a ``Downloader``, and so are the others.
        emit: Takes every event.
        tls: Which certificates to trust, for the hosts of the files.
        netrc: Names and passwords by host.
    Raises: ConfigError, for an address that is none.
    """

    def __init__(
        self,
        address: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        spool: Path | str | None = None,
        limits: Limits | None = None,
        emit: Emit = discard,
        tls: Tls | None = None,
        netrc: Netrc | None = None,
    ) -> None:
        super().__init__(limits, emit=emit, tls=tls, netrc=netrc)
        try:
            parsed = StoreAddress.parse(address)
        except ValueError as error:
            raise ConfigError(str(error), key="address", value=address, allowed=FORM) from None
        self._settings = StoreSettings(parsed, endpoint, region, profile, self.limits.max_wait_s)
        self._given_spool = Path(spool) if spool is not None else None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._place: _Place | None = None

    async def __aenter__(self) -> Self:
        """Open the downloader. Raises: StoreError, if the store cannot be used."""
        spool = self._given_spool
        if spool is None:
            make = partial(tempfile.TemporaryDirectory, prefix="asyncdl-")
            self._temporary = await anyio.to_thread.run_sync(make)
            spool = Path(self._temporary.name)
        try:
            store = await anyio.to_thread.run_sync(self._open_store)
        except BaseException:
            await self._remove_temporary()
            raise
        self._place = _Place(store, spool, CapacityLimiter(UPLOADS), threading.Lock())
        return await super().__aenter__()

    def _open_store(self) -> ObjectStore:
        def say_wait(error: StoreError, left_s: float) -> None:
            text = f"{error}; trying again for up to {duration(left_s)}"
            anyio.from_thread.run_sync(self._emit, Notice(text, "warning"))

        pace = Pace(self._settings.max_wait_s, on_wait=say_wait, check_cancelled=check_cancelled)
        store = open_store(self._settings, pace)
        next(store.list(), None)  # it can be reached and listed
        return store

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await super().__aexit__(exc_type, exc, traceback)
        await self._remove_temporary()

    async def _remove_temporary(self) -> None:
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(temporary.cleanup)

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        """Fetch one file into the store, or find it there already.

        Raises: as :meth:`asyncdl.Downloader.fetch`; StoreError.
        """
        place = self._place
        if place is None:
            return await super().fetch(request, slot)  # which says that the block is not entered
        folder = PurePosixPath(*(p for p in request.directory.parts if p not in ("/", "..")))
        there = await anyio.to_thread.run_sync(_there, place, request, folder)
        if there is not None:
            return there
        early = EarlyPlacing(place.store, place.early, partial(_foreseen, request, folder))
        local = replace(
            request, directory=place.spool.joinpath(*folder.parts), on_growth=early.note
        )
        try:
            fetched = await super().fetch(local, slot)
            if slot is not None:
                slot.release()  # while it is uploaded, the next one is fetched
            planned = _planned(request, folder, fetched)
            await anyio.to_thread.run_sync(
                _put, place, early, fetched.path, planned, limiter=place.uploads
            )
        finally:
            await early.end()
        return replace(fetched, already_there=False, address=place.address_of(planned.path))


@dataclass(frozen=True, slots=True)
class _Place:
    """An open store, and where its files are received."""

    store: ObjectStore
    spool: Path
    uploads: CapacityLimiter
    early: threading.Lock
    """Held by the one upload that is early."""

    def address_of(self, path: str) -> str:
        return self.store.address.url_of(path)


def _there(place: _Place, request: FileRequest, folder: PurePosixPath) -> Fetched | None:
    """Return what the store has of a request, if it certainly is the same file. Blocks."""
    if request.overwrite or request.recheck is Recheck.CONFIRMED:
        return None
    name = request.name or choose_name(None, request.url)
    name = safe_name(name, PART_ENDINGS) or FALLBACK_NAME
    path = folder / name
    found = place.store.facts_of(str(path))
    if found is None or not _is_the_same(request, *found):
        return None
    there, facts = found
    proof = "+".join(("present", *facts.get(PROOF, "").split("+")[1:]))
    return Fetched(
        place.spool.joinpath(*path.parts), there.size_bytes, 0, already_there=True, proof=proof,
        attempts=0, elapsed_s=0.0, digests=digests_in(facts), address=place.address_of(str(path)),
    )  # fmt: skip


def _is_the_same(request: FileRequest, there: StoredObject, facts: Mapping[str, str]) -> bool:
    if request.size_bytes not in (None, there.size_bytes):
        return False
    if request.digests:
        known = {digest.algorithm: digest for digest in digests_in(facts)}
        return all(
            d.algorithm in known and known[d.algorithm].agrees_with(d.value.strip().lower())
            for d in request.digests
        )
    return facts.get(FILE) == file_id(request.url)


def _planned(request: FileRequest, folder: PurePosixPath, fetched: Fetched) -> PlannedObject:
    """Return what becomes of a verified file."""
    facts = facts_of(Provenance(fetched.proof, fetched.digests)) | {FILE: file_id(request.url)}
    return PlannedObject(str(folder / fetched.path.name), fetched.size_bytes, facts)


def _foreseen(
    request: FileRequest, folder: PurePosixPath, growth: FileGrowth
) -> PlannedObject | None:
    """Return what becomes of a file that is not there yet, if nothing is wrong with it."""
    verification, total = growth.expected.foreseen, growth.total_bytes
    if verification is None or total is None:
        return None
    proof = "+".join(("length", *verification.checks))
    facts = facts_of(Provenance(proof, verification.digests)) | {FILE: file_id(request.url)}
    return PlannedObject(str(folder / growth.final.name), total, facts)


def _put(place: _Place, early: EarlyPlacing, source: Path, planned: PlannedObject) -> None:
    if early.finish(planned) is None:
        place.store.put_file(source, planned.path, planned.facts)
    _release(source, place.spool)


def _release(path: Path, spool: Path) -> None:
    """Remove a file of the spool, and folders that are empty afterwards."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == spool:
                break
            folder.rmdir()
