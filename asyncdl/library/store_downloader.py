"""``asyncdl.StoreDownloader``: any URL into an object store."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import anyio.from_thread
import anyio.to_thread
from anyio import CapacityLimiter

from asyncdl.errors import ConfigError
from asyncdl.events import Emit, Notice, discard
from asyncdl.job.places.placer import Provenance
from asyncdl.job.places.store_placer import (
    StorePlace,
    StorePlacer,
    digests_in,
    facts_of,
)
from asyncdl.net.tls import Tls
from asyncdl.stores.address import FORM, StoreAddress
from asyncdl.stores.object_store import StoredObject
from asyncdl.stores.settings import StoreSettings
from asyncdl.transfer import Downloader, Fetched, FileRequest, Limits, Netrc, Recheck
from asyncdl.transfer.names import FALLBACK_NAME, PART_ENDINGS, choose_name, safe_name
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.url_identity import file_id

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
        self._spool = Path(spool) if spool is not None else None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._on_wait = partial(_notice, emit)
        self._placer: StorePlacer | None = None
        self._uploads: CapacityLimiter | None = None

    async def __aenter__(self) -> Self:
        """Open the downloader. Raises: StoreError, if the store cannot be used."""
        if self._spool is None:
            make = partial(tempfile.TemporaryDirectory, prefix="asyncdl-")
            self._temporary = await anyio.to_thread.run_sync(make)
        spool = self._spool or Path(self._temporary.name if self._temporary else "")
        placer = StorePlacer(StorePlace(self._settings, spool, 2**63, UPLOADS), self._on_wait)
        try:
            await anyio.to_thread.run_sync(placer.is_empty)  # it can be reached and listed
        except BaseException:
            await self._remove_temporary()
            raise
        self._placer, self._uploads = placer, CapacityLimiter(UPLOADS)
        return await super().__aenter__()

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
        placer = self._placer
        if placer is None:
            return await super().fetch(request, slot)  # which says that the block is not entered
        folder = PurePosixPath(*(p for p in request.directory.parts if p not in ("/", "..")))
        there = await anyio.to_thread.run_sync(_there, placer, request, str(folder))
        if there is not None:
            return there
        local = replace(request, directory=placer.work_directory.joinpath(*folder.parts))
        fetched = await super().fetch(local, slot)
        if slot is not None:
            slot.release()  # while it is uploaded, the next one is fetched
        path = str(folder / fetched.path.name)
        await anyio.to_thread.run_sync(
            _put, placer, fetched, path, file_id(request.url), limiter=self._uploads
        )
        return replace(fetched, already_there=False, address=placer.address_of(path))


def _notice(emit: Emit, text: str) -> None:
    anyio.from_thread.run_sync(emit, Notice(text, "warning"))


def _there(placer: StorePlacer, request: FileRequest, folder: str) -> Fetched | None:
    """Return what the store has of a request, if it certainly is the same file. Blocks."""
    if request.overwrite or request.recheck is Recheck.CONFIRMED:
        return None
    name = request.name or choose_name(None, request.url)
    name = safe_name(name, PART_ENDINGS) or FALLBACK_NAME
    path = str(PurePosixPath(folder, name))
    found = placer.store.facts_of(path)
    if found is None or not _is_the_same(request, *found):
        return None
    there, facts = found
    proof = "+".join(("present", *facts.get("proof", "").split("+")[1:]))
    return Fetched(
        placer.work_path(path), there.size_bytes, 0, already_there=True, proof=proof, attempts=0,
        elapsed_s=0.0, digests=digests_in(facts), address=placer.address_of(path),
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


def _put(placer: StorePlacer, fetched: Fetched, path: str, file: str) -> None:
    facts = facts_of(Provenance(fetched.proof, fetched.digests)) | {FILE: file}
    placer.store.put_file(fetched.path, path, facts)
    placer.release([fetched.path])
