"""The first stage: from scenes to the files that are wanted and not there yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing

from anyio.streams.memory import MemoryObjectSendStream

from asyncdl.events import FileFinished, FileState, FilesWanted, Notice
from asyncdl.job.present import settle_present
from asyncdl.job.run import Run
from asyncdl.job.scenes import Wish, scene_batches
from asyncdl.job.selecting import Selected, check_words, select
from asyncdl.job.wishes import products_of
from asyncdl.m2m.selection import BandsSeen, Missing, Wanted, WantedFile, check_bands


async def discover(
    run: Run, wish: Wish, wanted_out: MemoryObjectSendStream[list[WantedFile]]
) -> None:
    """Find the files of the job; report those that are there and send on the rest.

    Raises: ConfigError, for a band that no scene has.
    """
    products = products_of(run.config)
    seen = BandsSeen()
    absent: Counter[str] = Counter()
    async with (
        wanted_out,
        aclosing(scene_batches(run.client, wish, run.config, run.emit)) as batches,
    ):
        async for batch in batches:
            selected = await select(run.client, batch, products)
            seen |= selected.selection.bands
            if scene := _any_scene(selected):
                check_words(products, seen, batch, scene)
            run.emit(_wanted(selected, products))
            _report_missing(run, selected, products, absent)
            to_fetch = await settle_present(run, selected.selection.files)
            if to_fetch:
                await wanted_out.send(to_fetch)
            await run.keep_pace()
    if seen.stems:
        check_bands(products, seen)
    for what, scenes in absent.items():
        run.emit(Notice(f"{scenes:,} scenes have no {what}; nothing is missing there."))


def _any_scene(selected: Selected) -> str:
    scenes = [wanted.scene for wanted in selected.selection.files]
    scenes += [missing.scene for missing in selected.selection.missing]
    return scenes[0] if scenes else ""


def _wanted(selected: Selected, products: Sequence[Wanted]) -> FilesWanted:
    files = selected.selection.files
    not_offered = [m for m in selected.selection.missing if not m.is_absent]
    return FilesWanted(
        count=sum(len(wanted.kinds) for wanted in files)
        + len(not_offered)
        + len(selected.unknown) * len(products),
        size_bytes=sum(wanted.estimate_bytes for wanted in files),
    )


def _report_missing(
    run: Run, selected: Selected, products: Sequence[Wanted], absent: Counter[str]
) -> None:
    for missing in selected.selection.missing:
        if missing.is_absent:
            absent[missing.what] += 1
        else:
            run.emit(_not_offered(missing))
    for scene in selected.unknown:
        for product in products:
            run.emit(_not_found(scene, product.kind))


def _not_offered(missing: Missing) -> FileFinished:
    return FileFinished(
        kind=missing.kind,
        product_id=missing.scene,
        file=f"{missing.kind}/{missing.scene}/{missing.what}",
        state=FileState.FAILED,
        reason="not-offered",
        detail=missing.reason,
        remedy="Run the same command again later; fresh scenes are not complete at once.",
    )


def _not_found(scene: str, kind: str) -> FileFinished:
    return FileFinished(
        kind=kind,
        product_id=scene,
        file=f"{kind}/{scene}",
        state=FileState.FAILED,
        reason="not-found",
        detail="the service offers nothing for this scene",
        remedy="Check the id and its dataset: reprocessed scenes have new product ids.",
    )
