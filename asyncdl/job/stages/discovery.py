"""The first stage: from scenes to the wanted files that are not there yet."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import aclosing
from functools import partial

from anyio.streams.memory import MemoryObjectSendStream

from asyncdl.background import in_turns, off_loop, unhurried
from asyncdl.events import Event, FileFinished, FileState, FilesWanted, ScenesFound
from asyncdl.job.choosing.group_check import GroupCheck
from asyncdl.job.choosing.scenes import Namesakes
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.choosing.selecting import DATASET_CLOSED, NO_OPTIONS, Selected, selections
from asyncdl.job.run_context import RunContext
from asyncdl.job.stages.existing_files import skip_existing
from asyncdl.job.stages.path_conflicts import PathConflicts, detect_fold
from asyncdl.job.stages.relocation import follow_layout, follow_unpacking
from asyncdl.m2m.downloads.selection import Missing, WantedFile


async def discover(
    run: RunContext, search_plan: SearchPlan, wanted_out: MemoryObjectSendStream[list[WantedFile]]
) -> None:
    """Find the files of the job; report those that are there and send the rest on.

    Raises: ConfigError, for a band, file group or product that no scene has; NoRoomError.
    """
    run.space.set_scenes(search_plan.named_count if search_plan.query is None else None)
    async with wanted_out:
        namesakes = Namesakes(await run.journal.scenes.first_entities())

        def watch(event: Event) -> None:
            if run.config.download.stac and isinstance(event, ScenesFound):
                run.journal.found_scenes.note(event.scenes)
            run.emit(event)

        found = selections(
            run.client,
            search_plan,
            run.config,
            watch,
            namesakes,
            defer=partial(run.deferred.add, "a scene list is not removed yet"),
            groups=GroupCheck(run.client, run.config, search_plan),
        )
        async with aclosing(found) as batches:
            await _send_missing(run, batches, wanted_out)


async def _send_missing(
    run: RunContext,
    batches: AsyncIterable[Selected],
    wanted_out: MemoryObjectSendStream[list[WantedFile]],
) -> None:
    """Report the files of each batch that are there, and send the rest on."""
    conflicts = PathConflicts(await detect_fold(run.directory))
    async for everything in batches:
        selected = run.scope.narrow(everything) if run.scope else everything
        # Before outcomes of earlier runs are reopened: they say which files were begun.
        await follow_layout(run, selected.files)
        await follow_unpacking(run, selected.files)
        await run.journal.scenes.note_scenes(
            selected.dataset,
            selected.entity_ids,
            are_whole=run.scope is None,
            namesakes=selected.namesakes,
        )
        run.emit(await off_loop(len(selected.files), _wanted, run, selected))
        await _report_missing(run, selected)
        files = await conflicts.drop_taken(run, selected.files)
        to_fetch = await skip_existing(run, files, scenes=selected.scenes)
        if to_fetch:
            await wanted_out.send(to_fetch)
        await run.wait_for_reader()


def _wanted(run: RunContext, selected: Selected) -> FilesWanted:
    return FilesWanted(
        count=sum(len(wanted.kinds) for wanted in selected.files)
        + len(selected.not_offered)
        + sum(len(run.kinds_of(scene)) for scene in selected.unknown),
        size_bytes=sum(wanted.estimate_bytes * len(wanted.kinds) for wanted in selected.files),
        estimates={
            str(place.relative): wanted.estimate_bytes
            for wanted in unhurried(selected.files)
            if wanted.size_bytes is None or wanted.is_cut
            for place in run.layout.places_of(wanted)
        },
    )


async def _report_missing(run: RunContext, selected: Selected) -> None:
    async for missing in in_turns(selected.not_offered):
        run.record_failure(_not_offered(missing))
    async for scene in in_turns(selected.unknown):
        for kind in run.kinds_of(scene):
            run.record_failure(_not_found(scene, kind, selected))


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


def _not_found(scene: str, kind: str, selected: Selected) -> FileFinished:
    if selected.refusal_reason == NO_OPTIONS:
        reason, detail = NO_OPTIONS, f"no download options for this scene: {selected.refusal}"
        remedy = "Run the same command again later; other scenes of its batch may be the cause."
    elif selected.refusal:
        reason, detail = DATASET_CLOSED, f"{selected.dataset}: {selected.refusal}"
        remedy = "The dataset was withdrawn, or the account lacks a permission for it."
    else:
        reason, detail = "not-found", "the service offers nothing for this scene"
        remedy = "Check the id and its dataset: reprocessed scenes have new product ids."
    return FileFinished(
        kind=kind,
        product_id=scene,
        file=f"{kind}/{scene}",
        state=FileState.FAILED,
        reason=reason,
        detail=detail,
        remedy=remedy,
    )
