"""``asyncdl.download`` and ``asyncdl.plan``: what is fetched, or would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.config.aoi import AreaInput
from asyncdl.events import Emit, discard
from asyncdl.job.choosing.from_config import options_of
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.estimate import find_rate
from asyncdl.job.job import Job
from asyncdl.job.plan import Plan, make_plan
from asyncdl.job.reporting.report import Summary
from asyncdl.job.source import NO_ACCOUNT, needs_account, open_source
from asyncdl.journal import places_of
from asyncdl.library.arguments import with_known_words
from asyncdl.library.service import ServiceInput, account_of, choose_service, with_service
from asyncdl.library.wanted_files import SceneInput, WantedFiles
from asyncdl.m2m import Credentials


@with_known_words
async def download(
    scenes: Iterable[SceneInput] | SceneInput | Config,
    *,
    bands: Sequence[str] | str | None = None,
    bundle: bool | str = False,
    file_groups: Sequence[str] | str | None = None,
    products: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    window: Sequence[float] | AreaInput | None = None,
    directory: Path | str | None = None,
    dataset: str | None = None,
    options: Mapping[str, Any] | None = None,
    service: ServiceInput = None,
    credentials: Credentials | None = None,
    emit: Emit = discard,
) -> Summary:
    """Download files of some scenes, and verify them. Called again, it continues.

    Args:
        scenes: Of a search, or their ids, or one of these alone; or a whole config, which is run.
        bands: Names of bands, such as ``red`` or ``SR_B4``.
        bundle: Whether whole bundles; where there are several: code or words of one.
        file_groups: Names of band groups, such as ``ls_c2l2_sr_band``.
        products: Tables as in ``[[products]]``, for their other keys.
        window: Only the tiles of rasters that touch this box (west, south, east, north in
            degrees), or the box of this area. Scenes of a search that do not are left out.
        directory: Where the files go; ``data`` by default.
        dataset: Of ids that imply none.
        options: Further keys of ``[download]``, such as ``{"stac": True}``.
        service: Keys of ``[service]``, or a sandbox; by default that of the config, or the USGS.
        credentials: Of the account; by default found as :func:`asyncdl.find_credentials` says.
        emit: Takes every event, such as :func:`asyncdl.progress.progress_lines`.
    Returns: The outcome, also when some files failed.
    Raises: as :meth:`asyncdl.Job.run`.
    """
    wanted = WantedFiles(
        scenes,
        bands=bands,
        bundle=bundle,
        file_groups=file_groups,
        products=products,
        window=window,
        directory=directory,
        dataset=dataset,
        options=options,
    )
    config, notices = await _config_of(wanted, emit)
    config, name = await with_service(config, service)
    account = account_of(service, credentials)
    summary = await Job(config, credentials=account, service_name=name).run(emit)
    return replace(summary, notices=(*notices, *summary.notices))


@with_known_words
async def plan(
    scenes: Iterable[SceneInput] | SceneInput | Config,
    *,
    bands: Sequence[str] | str | None = None,
    bundle: bool | str = False,
    file_groups: Sequence[str] | str | None = None,
    products: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    window: Sequence[float] | AreaInput | None = None,
    directory: Path | str | None = None,
    dataset: str | None = None,
    options: Mapping[str, Any] | None = None,
    service: ServiceInput = None,
    credentials: Credentials | None = None,
    emit: Emit = discard,
) -> Plan:
    """Return what :func:`download` would fetch. Requests nothing.

    Args: the same; see :meth:`download`.
    Raises: as :meth:`asyncdl.Job.run`.
    """
    wanted = WantedFiles(
        scenes,
        bands=bands,
        bundle=bundle,
        file_groups=file_groups,
        products=products,
        window=window,
        directory=directory,
        dataset=dataset,
        options=options,
    )
    config, notices = await _config_of(wanted, emit)
    config, _ = await with_service(config, service)
    search_plan = await anyio.to_thread.run_sync(search_plan_of, config)
    account = credentials if needs_account(config) else NO_ACCOUNT
    chosen = await choose_service(config, service, account)
    async with open_source(config, chosen.credentials, options_of(config.service), emit) as client:
        made = await make_plan(client, config, search_plan, chosen.name, emit)
    made.notices = [*notices, *made.notices]
    made.rate = await find_rate(places_of(config), config.download, chosen.name, None)
    return made


async def _config_of(wanted: WantedFiles, emit: Emit) -> tuple[Config, tuple[str, ...]]:
    # In a thread, since paths are looked at.
    config, notices = await anyio.to_thread.run_sync(wanted.config)
    for notice in notices:
        emit(notice)
    return config, tuple(notice.text for notice in notices)
