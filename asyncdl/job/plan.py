"""What a run would do, counted from the download options that a run would choose from.

Nothing is requested, so no quota is spent, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import anyio
import anyio.to_thread

from asyncdl.background import off_loop
from asyncdl.config import Config
from asyncdl.events import Emit, Event, Notice, discard
from asyncdl.job.choosing.from_config import kinds_of, products_of
from asyncdl.job.choosing.preflight import check_account, check_names
from asyncdl.job.choosing.scenes import Namesakes
from asyncdl.job.choosing.scope import Now, narrow_to_new
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.choosing.selecting import Selected, selections
from asyncdl.job.estimate import ExpectedRate
from asyncdl.job.identity import fingerprint_of, search_mark_of
from asyncdl.job.places.layout import layout_of
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.space import ExistingFiles, needs_of
from asyncdl.job.places.target import placer_of
from asyncdl.job.reporting.views import notices_list
from asyncdl.job.stages.existing_files import (
    drop_incomplete_bundles,
    find_unchanged,
    load_recorded,
    missing_from,
    verify_unrecorded,
)
from asyncdl.job.stages.relocation import recorded_elsewhere
from asyncdl.journal import (
    Journal,
    Place,
    RecordedFiles,
    check_writable,
    places_of,
    read_journal,
)
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import RateLimits
from asyncdl.m2m.searching.area import SearchArea
from asyncdl.markup import element, table
from asyncdl.units import count, size


@dataclass
class ProductPlan:
    """Files of one product of the service."""

    code: str
    """Such as ``D694``; empty where the service states none."""
    name: str
    files: int = 0
    size_bytes: int = 0


@dataclass
class KindPlan:
    """Files of one product kind."""

    files: int = 0
    size_bytes: int = 0
    """Announced; an estimate for bundles."""
    present_files: int = 0
    """Already there and verified."""
    present_bytes: int = 0
    whole_bytes: int = 0
    """What the same files would be without a window."""
    not_offered: int = 0
    products: dict[tuple[str, str], ProductPlan] = field(default_factory=dict)
    """The service's products that these files are, by code and name."""

    HEADS: ClassVar = ("files", "size", "already there", "not offered")

    @property
    def cells(self) -> list[str]:
        """The numbers for people, under :data:`HEADS`."""
        numbers = (self.present_files, self.not_offered)
        return [f"{self.files:,}", size(self.size_bytes), *(f"{n:,}" for n in numbers)]

    def count_product(self, wanted: WantedFile) -> None:
        """Count a file as what the service calls it."""
        key = (wanted.product_code, wanted.product_name)
        product = self.products.setdefault(key, ProductPlan(*key))
        product.files += 1
        product.size_bytes += wanted.estimate_bytes


@dataclass(repr=False)
class Plan:
    """What a run would fetch, and what there is to do it with."""

    scenes: int = 0
    window: str = ""
    """Name of the part that is wanted of each raster; empty for whole files."""
    area: SearchArea = field(default_factory=SearchArea)
    """Where scenes are searched; without filters everywhere, or scenes are named."""
    notices: list[str] = field(default_factory=list)
    """Notices on the way, such as which part of an area was left out."""
    kinds: dict[str, KindPlan] = field(default_factory=dict)
    requests: int = 0
    """Downloads that would be requested; a file that two products want counts once."""
    quota: RateLimits = field(default_factory=RateLimits)
    """What is left and used of the account's limits."""
    permanent_bytes: int = 0
    """What the missing files take on disk, copies and unpacked bundles included."""
    transient_bytes: int = 0
    """The most that tars take which are unpacked and not kept."""
    source: str = "m2m"
    """Where files would come from: ``m2m``, or ``s3``, for which the reader pays."""
    free_bytes: int | None = None
    """On the volume of the download directory; ``None`` where that is not known."""
    rate: ExpectedRate | None = None
    """The rate at which files are expected; ``None`` if it is not known."""

    def __repr__(self) -> str:
        to_fetch = f"{count(self.requests, 'download')} to request, {size(self.missing_bytes)}"
        return f"<Plan: {count(self.scenes, 'scene')}; {to_fetch}>"

    def _repr_html_(self) -> str:
        head = f"{count(self.scenes, 'scene')}: {count(self.requests, 'download')} to request, "
        room = "" if self.fits else f" It does not fit: {size(self.needed_bytes)} are needed."
        rows = ([name, *kind.cells] for name, kind in self.kinds.items())
        return element(
            "div",
            element("p", element("strong", head + size(self.missing_bytes)), room),
            element("p", self.window_line) if self.window else None,
            table(["product", *KindPlan.HEADS], rows, numbers=range(1, len(KindPlan.HEADS) + 1)),
            notices_list(self.notices),
        )

    @property
    def estimate_s(self) -> float | None:
        """How long the missing files may take; ``None`` if no rate is known."""
        return self.missing_bytes / self.rate.bytes_per_s if self.rate else None

    @property
    def missing_bytes(self) -> int:
        """Bytes that would have to be fetched."""
        return sum(kind.size_bytes - kind.present_bytes for kind in self.kinds.values())

    @property
    def saved_bytes(self) -> int:
        """By how much whole files would be larger, as far as it can be estimated."""
        return sum(kind.whole_bytes - kind.size_bytes for kind in self.kinds.values())

    @property
    def window_line(self) -> str:
        """What the window saves, for people; sizes of windows are estimates."""
        there = sum(kind.size_bytes for kind in self.kinds.values())
        whole = there + self.saved_bytes
        share = there / whole if whole else 1.0
        of_whole = f"about {size(there)} of {size(whole)} ({share:.1%})"
        return f"window: {self.window}, {of_whole}; {size(self.saved_bytes)} less than whole files"

    @property
    def needed_bytes(self) -> int:
        """Bytes that have to be free."""
        return self.permanent_bytes + self.transient_bytes

    @property
    def fits(self) -> bool:
        """Whether everything fits, as far as the free space is known."""
        return self.free_bytes is None or self.needed_bytes <= self.free_bytes

    def as_json(self) -> dict[str, Any]:
        """Return the plan as ``--json`` shows it."""
        return {
            "event": "plan",
            "scenes": self.scenes,
            "area": _area_as_json(self.area) if self.area.filters else None,
            "notices": self.notices,
            **({"window": self.window, "saved_bytes": self.saved_bytes} if self.window else {}),
            "products": {
                name: {
                    "files": kind.files,
                    "size_bytes": kind.size_bytes,
                    "present_files": kind.present_files,
                    "present_bytes": kind.present_bytes,
                    "not_offered": kind.not_offered,
                    "products": [asdict(product) for product in kind.products.values()],
                }
                for name, kind in self.kinds.items()
            },
            "source": self.source,
            "requests": self.requests,
            "missing_bytes": self.missing_bytes,
            "quota_left": self.quota.room,
            "quota": {
                name: {"left": allowance.left, "used": allowance.used}
                for name, allowance in self.quota.allowances.items()
            },
            "needed_bytes": self.needed_bytes,
            "free_bytes": self.free_bytes,
            "fits": self.fits,
            "estimate_s": self.estimate_s,
            "rate": {"bytes_per_s": self.rate.bytes_per_s, "from": self.rate.basis.value}
            if self.rate
            else None,
        }


def _area_as_json(area: SearchArea) -> dict[str, Any]:
    return {
        "searches": len(area.filters),
        "is_exact": not area.ground,
        "reach_deg": area.reach_deg,
        "parts": len(area.ground) or len(area.filters),
    }


async def make_plan(
    client: M2MClient,
    config: Config,
    search_plan: SearchPlan,
    service_name: str,
    emit: Emit = discard,
) -> Plan:
    """Count what a run would fetch.

    Raises: as a run, if the service refuses something or does not know it; DiskError, if no
        run could begin in the download directory.
    """
    placer = placer_of(config)
    await anyio.to_thread.run_sync(check_writable, placer.work_directory)
    area = search_plan.query.area if search_plan.query else SearchArea()
    kinds = {kind: KindPlan() for kind in kinds_of(config)}
    window = search_plan.window.name if search_plan.window else ""
    plan = Plan(source=config.download.source, kinds=kinds, area=area, window=window)
    emit = _noting(plan, emit)
    async with read_journal(places_of(config), service_name) as journal:
        await check_account(client, emit)
        if journal and config.search.follows_last_run:
            search_plan = await _news(
                journal, config, search_plan, Now.of(client.service_time), emit
            )
        await check_names(client, config, search_plan, emit)
        namesakes = Namesakes(await journal.scenes.first_entities() if journal else None)
        async with aclosing(selections(client, search_plan, config, emit, namesakes)) as batches:
            async for selected in batches:
                existing = await _existing(config, placer, selected.files, journal)
                await _add(plan, config, placer.work_directory, selected, existing)
    plan.quota = await client.rate_limit_summary()
    plan.free_bytes = await anyio.to_thread.run_sync(placer.free_bytes)
    return plan


def _noting(plan: Plan, emit: Emit) -> Emit:
    """Return an ``emit`` that also keeps notices in a plan."""

    def watch(event: Event) -> None:
        if isinstance(event, Notice):
            plan.notices.append(event.text)
        emit(event)

    return watch


async def _news(
    journal: Journal, config: Config, search_plan: SearchPlan, now: Now, emit: Emit
) -> SearchPlan:
    mark = search_mark_of(fingerprint_of(search_plan, products_of(config)), config.download)
    return await narrow_to_new(journal, search_plan, await journal.last_search(mark), now, emit)


async def _add(
    plan: Plan, config: Config, work_directory: Path, selected: Selected, existing: ExistingFiles
) -> None:
    """Add a batch of scenes."""
    plan.scenes += selected.scenes
    for missing in selected.not_offered:
        plan.kinds[missing.kind].not_offered += 1
    await off_loop(len(selected.files), _count_all, plan, config, selected.files, existing)
    needs = await anyio.to_thread.run_sync(
        needs_of, config, work_directory, selected.files, existing
    )
    plan.permanent_bytes += sum(needs.permanent.values())
    plan.transient_bytes = max(plan.transient_bytes, needs.transient_bytes)


async def _existing(
    config: Config, placer: Placer, files: Sequence[WantedFile], journal: Journal | None
) -> ExistingFiles:
    layout = layout_of(config)
    recorded = RecordedFiles({}, frozenset())
    if journal is not None:
        recorded = await _load_recorded(journal, config, placer, files)
    unchanged = await find_unchanged(config, placer, files, recorded)
    unknown = await off_loop(len(files), missing_from, unchanged, layout, files)
    places = unchanged.keys() | await verify_unrecorded(config, placer, unknown, recorded)
    return ExistingFiles(places, recorded.members.keys())


async def _load_recorded(
    journal: Journal, config: Config, placer: Placer, files: Sequence[WantedFile]
) -> RecordedFiles:
    """Return what the journal has of some files, those that a run would move included."""
    recorded = await load_recorded(journal, config, placer, files)
    elsewhere = await recorded_elsewhere(journal, layout_of(config), files)
    elsewhere = await anyio.to_thread.run_sync(
        drop_incomplete_bundles, config, placer, files, elsewhere
    )
    return replace(
        recorded,
        finished={**elsewhere.finished, **recorded.finished},
        members={**elsewhere.members, **recorded.members},
    )


def _count_all(
    plan: Plan, config: Config, files: Iterable[WantedFile], existing: ExistingFiles
) -> None:
    layout = layout_of(config)
    for wanted in files:
        _count(plan, layout.places_of(wanted), wanted, existing.places)


def _count(
    plan: Plan, places: Iterable[Place], wanted: WantedFile, present: Container[Place]
) -> None:
    is_anywhere = False
    for place in places:
        kind = plan.kinds[place.kind]
        kind.files += 1
        kind.size_bytes += wanted.estimate_bytes
        kind.whole_bytes += wanted.whole_bytes
        kind.count_product(wanted)
        if place in present:
            is_anywhere = True
            kind.present_files += 1
            kind.present_bytes += wanted.estimate_bytes
    plan.requests += not is_anywhere
