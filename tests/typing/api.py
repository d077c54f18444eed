"""The public API as a type checker sees it. Checked by mypy, never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from opentelemetry.metrics import MeterProvider

import asyncdl
from asyncdl import metrics, sync
from asyncdl.config.aoi import GeoInterface
from asyncdl.events import Emit, Event
from asyncdl.metrics.otel import OpenTelemetry


async def job(path: Path) -> None:
    config = asyncdl.load_config(path)
    assert_type(config, asyncdl.Config)
    assert_type(asyncdl.parse_config({}), asyncdl.Config)
    summary = await asyncdl.Job(config).run(lambda event: None)
    assert_type(summary, asyncdl.Summary)
    assert_type(summary.failures, tuple[asyncdl.Failure, ...])
    async with asyncdl.Job(config, credentials=asyncdl.Credentials("name", "token")) as watched:
        async for event in watched:
            assert_type(event, Event)
    assert_type(watched.summary, asyncdl.Summary | None)


async def calls(directory: Path, shape: GeoInterface) -> None:
    scenes = await asyncdl.search("landsat_ot_c2_l2", aoi=shape, start="2020-03-01", limit=5)
    assert_type(scenes, asyncdl.Scenes)
    assert_type(scenes[0], asyncdl.SceneHit)
    assert_type(scenes[:2], asyncdl.Scenes)
    assert_type((await asyncdl.plan(scenes, bundle=True)).requests, int)
    watch = asyncdl.progress.progress_display()
    assert_type(await asyncdl.download(scenes, bands="red", emit=watch), asyncdl.Summary)
    assert_type(sync.download(["LC08_…"], bands=["red"], directory=directory), asyncdl.Summary)
    assert_type(sync.search("landsat_ot_c2_l2", limit=1), asyncdl.Scenes)
    drawn = await asyncdl.map(scenes)
    assert_type(drawn, asyncdl.SceneMap)
    assert_type(drawn.save(directory / "map.html"), Path)
    assert_type(await asyncdl.status(asyncdl.load_config("job.toml")) is None, bool)
    assert_type(await asyncdl.verify(asyncdl.load_config("job.toml")) is None, bool)


def areas(shape: GeoInterface) -> None:
    for place in ("lake.wkt", Path("lake.geojson"), {"type": "Point"}, shape):
        assert_type(asyncdl.Aoi.of(place), asyncdl.Aoi)


async def client() -> None:
    patient = asyncdl.ClientOptions(max_wait_s=60)
    async with asyncdl.M2MClient(asyncdl.find_credentials(), options=patient) as api:
        assert_type(await api.permissions(), list[str])
        options = await api.download_options("landsat_ot_c2_l2", entity_ids=["a"])
        assert_type(options[0].entity_id, str)


async def engine(directory: Path) -> None:
    tls = asyncdl.TlsSettings(ca_file=directory / "ca.pem")
    netrc = asyncdl.read_netrc(directory / "netrc")
    assert_type(netrc, asyncdl.Netrc)
    limits = asyncdl.Limits(connections=4)
    async with asyncdl.Downloader(limits, tls=tls, netrc=netrc) as downloader:
        request = asyncdl.FileRequest(
            url="https://host/file",
            directory=directory,
            digests=(asyncdl.Digest("sha256", "00" * 32),),
            form=asyncdl.Form.TIFF,
            recheck=asyncdl.Recheck.CHANGED,
        )
        assert_type(await downloader.fetch(request), asyncdl.Fetched)
    try:
        pass
    except asyncdl.AuthError as error:
        assert_type(error.request_id, int | None)
    except asyncdl.ApiError as error:
        assert_type(error.error_code, str)
    except asyncdl.ChecksumMismatch as error:
        assert_type(error.algorithm, str)
    except (asyncdl.TransferError, asyncdl.DiskError) as error:
        assert_type(error.remedy, str)
    except asyncdl.NetworkError as error:
        assert_type(error.cause, str)
    except asyncdl.DirectoryBusyError as error:
        assert_type(error.directory, Path)
    except asyncdl.ConfigError as error:
        assert_type(error.key, str)
    except asyncdl.AsyncdlError as error:
        assert_type(error.retryable, bool)


async def trial() -> None:
    async with asyncdl.sandbox.serve(faults=asyncdl.sandbox.Faults()) as service:
        assert_type(service, asyncdl.sandbox.Service)
        assert_type(service.violations, list[str])


async def measured(config: asyncdl.Config, provider: MeterProvider) -> None:
    counted = metrics.Metrics()
    await asyncdl.Job(config).run(counted.take)
    assert_type(counted.watch(), Emit)
    snapshot = counted.snapshot()
    assert_type(snapshot, metrics.Snapshot)
    assert_type(snapshot.total("asyncdl.received", host="host"), float)
    assert_type(snapshot.families[0].points[0].value, float | metrics.Distribution)
    assert_type(counted.prometheus(), str)
    await asyncdl.Job(config).run(OpenTelemetry(provider).take)


async def into_store(request: asyncdl.FileRequest) -> None:
    try:
        async with asyncdl.StoreDownloader("s3://bucket/prefix", region="us-west-2") as store:
            assert_type(store, asyncdl.StoreDownloader)
            assert_type((await store.fetch(request)).address, str)
    except asyncdl.StoreError as error:
        assert_type(error.remedy, str)
        assert_type(error.stops_run, bool)


def synchronous(config: asyncdl.Config, account: asyncdl.Credentials, directory: Path) -> None:
    with sync.M2MClient(account) as api:
        assert_type(api.permissions(), list[str])
    with sync.Job(config, credentials=account) as watched:
        for event in watched:
            assert_type(event, Event)
    assert_type(watched.summary, asyncdl.Summary | None)
    with sync.Downloader() as downloader:
        request = asyncdl.FileRequest(url="https://host/file", directory=directory)
        assert_type(downloader.fetch(request), asyncdl.Fetched)
    assert_type(sync.run_job(config), asyncdl.Summary)
