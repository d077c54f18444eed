"""``asyncdl.search``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.config.aoi import AreaInput
from asyncdl.events import Emit, Event, Notice, discard
from asyncdl.job.choosing.preflight import naming_datasets
from asyncdl.job.choosing.scenes import catalogued_scenes
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.library.arguments import refuse_path, with_known_words
from asyncdl.library.scenes import Scenes, hit_of
from asyncdl.library.service import ServiceInput, choose_service
from asyncdl.library.settings import refuse_beside_config, search_settings
from asyncdl.m2m import Credentials


@with_known_words
async def search(
    dataset: str | Config | None = None,
    *,
    bbox: Sequence[float] | None = None,
    aoi: AreaInput | None = None,
    point: Sequence[float] | None = None,
    wrs: Sequence[Sequence[int]] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    cloud_cover: Sequence[int] | None = None,
    months: Sequence[int] | None = None,
    tier: Sequence[str] | None = None,
    satellite: Sequence[int] | None = None,
    day_night: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    limit: int | None = None,
    scenes: Sequence[str] | None = None,
    scenes_file: str | None = None,
    service: ServiceInput = None,
    credentials: Credentials | None = None,
    emit: Emit = discard,
) -> Scenes:
    """Search the service's catalogue. Nothing is requested for download.

    The arguments are the keys of ``[search]`` in a config.

    Args:
        dataset: Alias, such as ``landsat_ot_c2_l2``; or a whole config, whose search is made.
        bbox: West, south, east, north in degrees.
        aoi: A file, GeoJSON, WKT, or anything with a ``__geo_interface__``.
        point: Longitude and latitude.
        wrs: Pairs of path and row.
        start: First day of acquisition, inclusive.
        end: Last day of acquisition, inclusive.
        cloud_cover: Lowest and highest percentage.
        months: Of acquisition, 1 to 12.
        tier: ``T1``, ``T2``, ``RT``.
        satellite: Numbers of satellites.
        day_night: ``day`` or ``night``.
        metadata: Filters on the dataset's own fields.
        limit: Maximum number of scenes.
        scenes: Instead of a search: ids to look up.
        scenes_file: Instead of a search: a file of ids.
        service: Keys of ``[service]``, or a sandbox; by default that of the config, or the USGS.
        credentials: Of the account; by default found as :func:`asyncdl.find_credentials` says.
        emit: Takes every event.
    Returns: The scenes in the service's order, with notices.
    Raises: ConfigError, for invalid conditions or an unknown dataset; AuthError; ApiError;
        NetworkError; TypeError, for an unknown argument.
    """
    refuse_path("dataset", dataset)
    conditions = {
        "bbox": bbox, "aoi": aoi, "point": point, "wrs": wrs, "start": start, "end": end,
        "cloud_cover": cloud_cover, "months": months, "tier": tier, "satellite": satellite,
        "day_night": day_night, "metadata": metadata, "limit": limit, "scenes": scenes,
        "scenes_file": scenes_file,
    }  # fmt: skip
    if isinstance(dataset, Config):
        refuse_beside_config(conditions)
        config = dataset
    else:
        # In a thread, since paths are looked at.
        config = await anyio.to_thread.run_sync(search_settings, {"dataset": dataset, **conditions})
    plan = await anyio.to_thread.run_sync(search_plan_of, config)
    chosen = await choose_service(config, service, credentials)
    notices: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)
        emit(event)

    async with chosen.client(watch) as client, naming_datasets(client, plan):
        found = await catalogued_scenes(client, plan, config, watch)
    return Scenes(map(hit_of, found.scenes), total=found.total_hits, notices=notices)
