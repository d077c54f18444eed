"""Windows of rasters whose place is a store: what is uploaded is the window, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asyncdl.events import TransferStarted
from asyncdl.job.plan import make_plan
from asyncdl.job.source import open_source
from asyncdl.job.status import status_of
from asyncdl.job.verifying import Checked, verify_job
from asyncdl.journal import FileStatus
from asyncdl.m2m import ClientOptions, Credentials
from asyncdl.sandbox import serve
from tests.job.bench import GROUP
from tests.job.full_size import LAKE, Truth, cut
from tests.job.test_job_windows import NAME, ONE, SCENE
from tests.stores.door import Door, refusal
from tests.stores.store_bench import StoreBench
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

RED = cut(window=LAKE)
WITH_TEXT = cut("SR_B4", "MTL.txt", window=LAKE)


@pytest.fixture
async def wide(weed: Weed, door: Door, prefix: str, tmp_path: Path) -> AsyncIterator[StoreBench]:
    """As the bench of other tests, with rasters of real size."""
    async with serve(full_size=True) as service:
        yield StoreBench(
            service, tmp_path / "state", weed=weed, prefix=prefix, endpoint=door.endpoint
        )


def check(bench: StoreBench, folder: Path) -> int:
    """Compare each tile in the store with the raster that it is from; return how many."""
    rasters = []
    for path, data in bench.placed.items():
        if path.endswith(".TIF"):
            at = folder.joinpath(*path.split("/"))
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(data)
            rasters.append(at)
    return Truth().check_windows(rasters)


async def verified(bench: StoreBench, *products: dict[str, Any], reads: bool) -> Checked:
    checked = await verify_job(
        bench.config(*products, search=ONE), "sandbox", bench.events.append, reads=reads
    )
    assert isinstance(checked, Checked)
    return checked


async def test_the_window_is_in_the_store_and_comes_once(wide: StoreBench, tmp_path: Path) -> None:
    first = await wide.run(WITH_TEXT, search=ONE)
    assert first.status == "complete", first.failures
    assert {path.rpartition("/")[0] for path in wide.placed} == {f"bands/{SCENE}/{NAME}"}
    assert check(wide, tmp_path / "copy") >= 6
    assert wide.spooled == []
    facts = wide.weed.facts(f"{wide.prefix}/bands/{SCENE}/{NAME}/{SCENE}_SR_B4.TIF")
    assert facts["proof"] == "length+tiles-checksum+tiff"
    requested, files = wide.requested, len(wide.service.file_log)
    again = await wide.run(WITH_TEXT, search=ONE)
    assert again.files["skipped"] == again.files["total"] == 2
    assert (wide.requested, len(wide.service.file_log)) == (requested, files)


async def test_another_machine_knows_it_by_the_journal(wide: StoreBench, tmp_path: Path) -> None:
    await wide.run(RED, search=ONE)
    files = len(wide.service.file_log)
    wide.directory = tmp_path / "another machine"
    again = await wide.run(RED, search=ONE)
    assert again.files["skipped"] == 1 and len(wide.service.file_log) == files


async def test_status_verify_plan_and_report_know_it(wide: StoreBench, door: Door) -> None:
    await wide.run(RED, search=ONE)
    (data,) = wide.placed.values()
    asked, read = await verified(wide, RED, reads=False), await verified(wide, RED, reads=True)
    assert (asked.damaged, asked.read_bytes) == ([], 0)
    assert (read.damaged, read.read_bytes) == ([], len(data))
    config = wide.config(RED, search=ONE)
    account = Credentials(wide.service.username, wide.service.token)
    plan_of = await wide.job(RED, search=ONE)._whole_search_plan()
    async with open_source(config, account, ClientOptions(), wide.events.append) as client:
        plan = await make_plan(client, config, plan_of, "sandbox")
    assert (plan.window, plan.requests, plan.kinds["bands"].present_files) == (NAME, 0, 1)
    report = json.loads(wide.weed.read(f"{wide.prefix}/asyncdl-report.json"))
    assert report["windows"]["files"] == 1
    door.shut()
    status = await status_of(wide.places, "sandbox")
    assert status is not None and status.overview.files["bands"] == {"verified": 1}


async def test_a_changed_object_is_noticed_and_comes_again(
    wide: StoreBench, tmp_path: Path
) -> None:
    await wide.run(RED, search=ONE)
    ((path, data),) = wide.placed.items()
    changed = bytearray(data)
    changed[-1000] ^= 1
    wide.weed.put(f"{wide.prefix}/{path}", bytes(changed))
    assert [c.file for c in (await verified(wide, RED, reads=False)).damaged] == [path]
    assert [c.file for c in (await verified(wide, RED, reads=True)).damaged] == [path]
    again = await wide.run(RED, search=ONE, only=(FileStatus.DAMAGED,))
    assert again.files["downloaded"] == 1
    assert check(wide, tmp_path / "copy") >= 6


async def test_another_window_is_another_object(wide: StoreBench, tmp_path: Path) -> None:
    await wide.run(RED, search=ONE)
    await wide.run(cut(window=[-150.0, 61.0, -149.9, 61.05]), search=ONE)
    assert len(wide.placed) == 2
    assert check(wide, tmp_path / "copy") > 6


async def test_a_layout_places_windows_and_moves_them(wide: StoreBench) -> None:
    await wide.run(RED, search=ONE)
    files = len(wide.service.file_log)
    await wide.run(RED, search=ONE, layout="{window}/{file}")
    assert list(wide.placed) == [f"{NAME}/{SCENE}_SR_B4.TIF"]
    assert len(wide.service.file_log) == files


async def test_a_second_product_gets_its_copy_from_the_store(
    wide: StoreBench, tmp_path: Path
) -> None:
    group = {**GROUP, "window": LAKE}
    await wide.run(RED, search=ONE)
    both = await wide.run(RED, group, search=ONE)
    again = await wide.run(group, search=ONE)
    assert both.status == "complete", both.failures
    assert again.files["skipped"] == again.files["total"] and again.downloaded_bytes == 0
    assert wide.spooled == []
    assert check(wide, tmp_path / "copy") > 6


async def test_items_are_those_of_the_window(wide: StoreBench) -> None:
    await wide.run(WITH_TEXT, search=ONE, stac=True)
    (name,) = (name for name in wide.weed.names(f"{wide.prefix}/stac/") if "/LC08" in name)
    item = json.loads(wide.weed.read(name))
    assert item["id"] == f"{SCENE}_{NAME}"
    assert item["properties"]["proj:shape"] == [512, 768]
    href = item["assets"]["red"]["href"]
    assert href == f"{wide.target}/bands/{SCENE}/{NAME}/{SCENE}_SR_B4.TIF"


async def test_what_could_not_be_uploaded_is_not_fetched_again(
    wide: StoreBench, door: Door, tmp_path: Path
) -> None:
    """What it is made of stays in the spool until the window is in its place."""

    def shut(event: object) -> None:
        if isinstance(event, TransferStarted):
            door.shut()
            door.is_shut, door.notice = False, refusal("403 Forbidden", "AccessDenied")

    stopped = await wide.job(RED, search=ONE).run(shut)
    assert stopped.status != "complete" and wide.spooled
    door.notice = b""
    summary = await wide.run(RED, search=ONE)
    assert summary.status == "complete", summary.failures
    assert summary.downloaded_bytes == 0
    assert check(wide, tmp_path / "copy") >= 6
    assert wide.spooled == []
