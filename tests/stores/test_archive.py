"""Files from the archive whose readers pay, which here is SeaweedFS behind a turnstile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

import asyncdl
from asyncdl.archive.bucket import ObjectAddress
from asyncdl.archive.scene_files import UNLISTED
from asyncdl.job.source import NO_ACCOUNT, open_source
from asyncdl.m2m import ClientOptions
from asyncdl.sandbox import Service, serve
from asyncdl.stac import StacCatalog
from tests.stores.real_store import READER
from tests.stores.turnstile import Turnstile, open_turnstile
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

BUCKET = "usgs-landsat"
SCENES = ["LC08_L2SP_068017_20200310_20200822_02_T1", "LC08_L2SP_068018_20200310_20200822_02_T1"]


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as service:
        yield service


async def fill(weed: Weed, service: Service) -> None:
    """Put the files of the scenes where the catalogue says that they are."""
    async with StacCatalog(service.stac_url) as catalog:
        found = await catalog.digests(SCENES)
    client = weed.client()
    if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    for files in found.values():
        for name, digest in files.items():
            address = ObjectAddress.parse(digest.archived_at)
            if address is not None and not name.endswith(UNLISTED):
                data = service.file_bytes(name)
                client.put_object(Bucket=address.bucket, Key=address.key, Body=data)


@pytest.fixture
async def turnstile(weed: Weed, service: Service) -> AsyncIterator[Turnstile]:
    await fill(weed, service)
    async with open_turnstile(weed.endpoint) as turnstile:
        yield turnstile


def config(service: Service, turnstile: Turnstile, folder: Path, **search: Any) -> asyncdl.Config:
    return asyncdl.parse_config(
        {
            "service": {"url": service.url, "stac_url": service.stac_url},
            "search": search or {"scenes": SCENES},
            "products": [{"kind": "bands", "bands": ["red", "QA_PIXEL", "ANG"]}],
            "download": {"directory": str(folder), "source": "s3"},
            "archive": {"endpoint": turnstile.url},
        },
        base=folder,
    )


async def test_named_scenes_need_no_account_and_no_call(
    service: Service, turnstile: Turnstile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ASYNCDL_USERNAME", "ASYNCDL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    summary = await asyncdl.Job(config(service, turnstile, tmp_path)).run()
    assert summary.is_complete and summary.files["downloaded"] == 6, summary.failures
    assert set(service.calls) <= {"stac"}
    for path in tmp_path.glob("bands/*/*"):
        assert path.read_bytes() == service.file_bytes(path.name)
    assert any("your AWS account" in notice for notice in summary.notices)
    proofs = {proof.source for proof in summary.history.proofs}
    assert proofs == {"stac"}


async def test_a_second_run_reads_listings_and_no_file(
    service: Service, turnstile: Turnstile, tmp_path: Path
) -> None:
    await asyncdl.Job(config(service, turnstile, tmp_path)).run()
    before = len(turnstile.passed)
    again = await asyncdl.Job(config(service, turnstile, tmp_path)).run()
    assert again.files["skipped"] == 6
    assert len(turnstile.passed) - before == len(SCENES)


async def test_searched_scenes_are_found_by_the_service_and_read_from_the_archive(
    service: Service, turnstile: Turnstile, tmp_path: Path
) -> None:
    where = {"dataset": "landsat_ot_c2_l2", "wrs": [[68, 17], [68, 18]],
             "start": "2020-03-10", "end": "2020-03-10"}  # fmt: skip
    account = asyncdl.Credentials(service.username, service.token)
    job = asyncdl.Job(config(service, turnstile, tmp_path, **where), credentials=account)
    summary = await job.run()
    assert summary.is_complete and summary.files["downloaded"] == 6, summary.failures
    assert not [name for name in service.calls if name.startswith("download")]


async def test_a_link_that_is_refused_is_renewed(
    service: Service, turnstile: Turnstile, tmp_path: Path
) -> None:
    async with StacCatalog(service.stac_url) as catalog:
        found = await catalog.digests(SCENES[:1])
    address = ObjectAddress.parse(found[SCENES[0]][f"{SCENES[0]}_SR_B4.TIF"].archived_at)
    assert address is not None
    turnstile.expired.add(f"/{address.bucket}/{address.key}")
    summary = await asyncdl.Job(config(service, turnstile, tmp_path)).run()
    assert summary.is_complete and turnstile.refused == 1


async def test_a_plan_says_who_pays_for_what(
    service: Service, turnstile: Turnstile, tmp_path: Path
) -> None:
    plan = await asyncdl.plan(config(service, turnstile, tmp_path))
    assert (plan.source, plan.scenes, plan.requests) == ("s3", 2, 6)
    whole = sum(
        len(service.file_bytes(f"{scene}_{suffix}"))
        for scene in SCENES
        for suffix in ("SR_B4.TIF", "QA_PIXEL.TIF", "ANG.txt")
    )
    assert plan.missing_bytes == whole
    assert not [line for line in turnstile.passed if "TIF" in line]


async def test_who_does_not_pay_reads_nothing(service: Service, turnstile: Turnstile) -> None:
    """The turnstile is one: without the word of the request nothing passes."""
    async with ClientSession() as session, session.get(f"{turnstile.url}/{BUCKET}") as response:
        assert response.status == 403


async def test_refused_credentials_stop_the_run_and_are_said(
    service: Service, turnstile: Turnstile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong and s3cret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER[0])
    summary = await asyncdl.Job(config(service, turnstile, tmp_path)).run()
    assert summary.status == "stopped" and "s3cret" not in summary.error
    assert "secret key does not fit" in summary.error or "denied" in summary.error


async def test_without_credentials_nothing_begins(
    service: Service, turnstile: Turnstile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(asyncdl.ConfigError, match="credentials for AWS"):
        await asyncdl.Job(config(service, turnstile, tmp_path)).run()


async def test_links_are_in_no_event(
    service: Service, turnstile: Turnstile, tmp_path: Path
) -> None:
    events: list[object] = []
    await asyncdl.Job(config(service, turnstile, tmp_path)).run(events.append)
    assert not [e for e in events if "X-Amz-Signature" in repr(e)]


async def test_the_client_makes_no_call_of_its_own(
    service: Service, turnstile: Turnstile, tmp_path: Path
) -> None:
    settings = config(service, turnstile, tmp_path)
    async with open_source(settings, NO_ACCOUNT, ClientOptions(), lambda event: None) as client:
        assert await client.permissions() == ["download"]
        assert await client.notifications() == [] and await client.download_search("x") == []
        assert (await client.rate_limit_summary()).room is None
        assert (await client.download_retrieve("x")).entries == []
        assert await client.download_order_remove("x") == 0
    assert set(service.calls) == {"stac"}  # by which the archive was filled
