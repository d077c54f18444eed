"""The last stage: URLs become verified files, as many at once as there are workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anyio.streams.memory import MemoryObjectReceiveStream

from asyncdl.errors import ApiError, DiskError, NetworkError, TransferError
from asyncdl.events import FileFinished, FileState, LinkRenewal, Notice
from asyncdl.job.places.delivery import DeliveryRequest, FileDelivery
from asyncdl.job.places.layout import is_archive_transient, transient_path, unpacking_at
from asyncdl.job.places.member_plan import BundleUnpacker
from asyncdl.job.run_context import ByteWindow, RunContext, window_facts
from asyncdl.job.stages.placing import (
    FileToPlace,
    delivery_of,
    failure_facts,
    place_file,
    raise_if_full,
    release,
    spool_bytes_of,
    unpacker_for,
)
from asyncdl.job.stages.renewal import Renewal
from asyncdl.job.stages.requirements import requirements_of
from asyncdl.journal import Place
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.pending import Ready
from asyncdl.net.hosts import host_of
from asyncdl.transfer import Fetched, FileFetcher, FileRequest, Form
from asyncdl.transfer.dispatch import Dispatch
from asyncdl.transfer.slots import Slot

PARKED_PER_WORKER = 20
"""Links to hosts that are down, for each worker: enough to find files of other hosts, few enough
that not many grow old."""
MAX_EULA_CHARS = 1000
"""Of an agreement in a message; the rest can be read where the service shows it."""


async def fetch(run: RunContext, ready_in: MemoryObjectReceiveStream[Ready]) -> None:
    """Fetch files, as many at once as there are workers, until the queue is closed and empty.

    Raises: AsyncdlError, when the whole run has to stop: the disk is full or
        the account is refused. A file that fails stops no other.
    """
    eulas = Eulas()

    async def work(ready: Ready, slot: Slot) -> None:
        slot.on_wait = lambda waits: run.link_window.set_waiting(ready.wanted, waits=waits)
        run.order.note_link(ready.url)
        is_fetched = await eulas.permit(run, ready) and await fetch_one(run, ready, slot)
        slot.stop_waiting()
        run.link_window.remove(ready.wanted, is_fetched=is_fetched)
        await run.wait_for_reader()

    def search_early() -> None:
        if run.link_window.files:
            failure = "files from other sites were not searched for yet"
            run.deferred.add(failure, run.order.search_early)

    workers = run.files_in_hand
    await Dispatch(
        ready_in,
        workers,
        host_of=lambda ready: host_of(ready.url),
        is_troubled=lambda ready: run.fetcher.is_troubled(ready.url),
        work=work,
        max_parked=workers * PARKED_PER_WORKER,
        # Workers of a cluster see to it themselves.
        is_shared=run.config.download.workers == "auto" and run.config.cluster.engine is None,
        on_park=lambda ready, is_parked: run.link_window.set_waiting(ready.wanted, waits=is_parked),
        on_last_start=search_early,
    ).run()


async def fetch_one(run: RunContext, ready: Ready, slot: Slot | None = None) -> bool:
    """Fetch one file into all its places; report each, and return whether it was fetched."""
    async with (
        run.spool.room(spool_bytes_of(ready.wanted)),
        unpacker_for(run, ready.wanted) as unpacker,
    ):
        return await _fetch(run, ready, unpacker, slot)


async def _fetch(
    run: RunContext, ready: Ready, unpacker: BundleUnpacker, slot: Slot | None
) -> bool:
    places = run.layout.places_of(ready.wanted)
    delivery = delivery_of(run, ready, places)
    try:
        request = _file_request(run, ready, places[0], unpacker, delivery)
        plan = FetchPlan(request, run.window_of(ready.wanted))
        fetched = await plan.carry_out(run.fetcher, slot)
    except (TransferError, NetworkError, DiskError) as error:
        raise_if_full(error)
        run.fail(ready.wanted, FileState.FAILED, **failure_facts(error))
        return False
    if slot is not None and run.placings is not None:
        # While it is uploaded, the next one is fetched.
        slot.release()
    is_placed = True
    for place in places:
        verify = run.config.download.verify
        # A transient archive has a name that we chose, whatever its host calls it.
        is_transient = is_archive_transient(ready.wanted, place)
        here = place.called(place.relative.name if is_transient else fetched.path.name)
        outcome = _outcome(ready, fetched, here, verify, key=_key(place, places))
        is_placed &= await place_file(
            run,
            FileToPlace(
                ready.wanted, here, fetched.path, outcome, unpacker, fetched.digests, plan.record,
                ready.download_id, delivery,
            ),
        )  # fmt: skip
    if is_placed:  # else the next run places what is there
        await release(run, [fetched.path])
    return True


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """How one file of a job is fetched."""

    request: FileRequest
    """For the whole file."""
    window: ByteWindow | None = None
    """The part of it that is wanted; ``None`` for all bytes."""

    @property
    def record(self) -> str:
        """What the journal keeps of the window, once it is fetched; empty for a whole file."""
        return "" if self.window is None else self.window.record

    async def carry_out(self, fetcher: FileFetcher, slot: Slot | None = None) -> Fetched:
        """Fetch what is wanted. Raises: as :meth:`asyncdl.transfer.FileFetcher.fetch`."""
        if self.window is None:
            return await fetcher.fetch(self.request, slot)
        return await self.window.fetch(fetcher, self.request, slot)


def _file_request(
    run: RunContext, ready: Ready, place: Place, unpacker: BundleUnpacker, delivery: FileDelivery
) -> FileRequest:
    path = run.placer.work_path(str(place.relative))
    requirements = requirements_of(ready.wanted, run.config.download.verify)
    is_unpacked = unpacking_at(ready.wanted, place) is not None
    is_transient = is_archive_transient(ready.wanted, place)
    if is_unpacked and not place.is_named:
        # The service does not say what such a product is; the scene's own bundle is a tar.
        requirements = replace(requirements, form=Form.ARCHIVE)
    if is_transient:
        path, requirements = transient_path(path), replace(requirements, fingerprint=None)
    renewal = Renewal(run, ready)

    async def refresh() -> str:
        run.emit(LinkRenewal(str(place.relative)))
        return await renewal.url()

    return DeliveryRequest(
        url=ready.url,
        directory=path.parent,
        name=path.name if place.is_named or is_transient else None,
        size_bytes=ready.wanted.size_bytes,
        digests=requirements.digests,
        members=requirements.members,
        fingerprint=requirements.fingerprint,
        unpack=unpacker.begin if is_unpacked else None,
        form=requirements.form,
        key=str(place.relative),
        refresh=refresh,
        named_by=run.config.service.url,
        named_from=lambda: run.client.zone,
        # Files that are there and right never get here, except for a tar of a run that was
        # killed between its last byte and its unpacking.
        overwrite=not is_transient,
        resume=True,
        delivery=delivery,
    )


def _key(place: Place, places: Sequence[Place]) -> str:
    """Return the key of the request that a place was fetched by; empty for a second place."""
    return str(place.relative) if place is places[0] else ""


def _outcome(ready: Ready, fetched: Fetched, here: Place, verify: str, *, key: str) -> FileFinished:
    return FileFinished(
        kind=here.kind,
        product_id=ready.wanted.scene,
        file=str(here.relative),
        state=FileState.SKIPPED if fetched.already_there else FileState.DOWNLOADED,
        size_bytes=fetched.size_bytes,
        # The bytes came over the network once, however many places they go to.
        received_bytes=fetched.received_bytes if key else 0,
        proof=fetched.proof,
        source=requirements_of(ready.wanted, verify).source_of(fetched.proof),
        attempts=fetched.attempts,
        key=key,
        **window_facts(ready.wanted),
    )


# --- licence agreements -------------------------------------------------------------------


class Eulas:
    """Licence agreements that files come with: each is shown once, and has to be accepted."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    async def permit(self, run: RunContext, ready: Ready) -> bool:
        """Return whether a file may be fetched; if not, report that it failed."""
        code = ready.eula_code
        if not code or code in run.config.service.accept_eulas:
            return True
        await self._show(run, code)
        run.fail(
            ready.wanted,
            FileState.FAILED,
            reason="eula",
            detail=f"it comes under the licence agreement {code}, which was not accepted",
            remedy=f'Read the agreement; if you accept it, add "{code}" to service.accept_eulas.',
        )
        return False

    async def _show(self, run: RunContext, code: str) -> None:
        if code in self._shown:
            return
        self._shown.add(code)
        text = await _text_of(run.client, code)
        run.emit(Notice(f"Licence agreement {code}: {text}", "warning"))


async def _text_of(client: M2MClient, code: str) -> str:
    """Return the text of an agreement. Source: endpoint ``download-eula``."""
    try:
        eulas = await client.download_eula([code])
    except (ApiError, NetworkError) as error:
        return f"its text is not available right now ({error})"
    text = " ".join(a.agreement_content.strip() for a in eulas) or "the service has no text"
    return text if len(text) <= MAX_EULA_CHARS else f"{text[:MAX_EULA_CHARS]} […]"
