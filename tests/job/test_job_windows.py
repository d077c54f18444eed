"""Windows: of each raster only the tiles that touch the area, in files of their own."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import anyio
import pytest

import asyncdl.sandbox
from asyncdl.events import Notice
from asyncdl.job.choosing.scope import FAILED
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.job.plan import make_plan
from asyncdl.job.verifying import verify_files
from asyncdl.journal import FileStatus, open_state
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.sandbox import Faults, Service
from tests.job.bench import ANCHORAGE, GROUP, Bench
from tests.job.full_size import LAKE, Truth, cut
from tests.windows.handmade import read_tiff

pytestmark = pytest.mark.slow

AROUND_LAKE = {**ANCHORAGE, "bbox": LAKE}
SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
ONE = {"scenes": [SCENE]}
NAME = "box_-150_61.1_-149.9_61.15"
PATIENCE_S = 200.0


@pytest.fixture
async def full() -> AsyncIterator[Service]:
    """A sandbox with rasters of real size."""
    async with asyncdl.sandbox.serve(full_size=True) as service:
        yield service


@pytest.fixture
def wide(full: Service, tmp_path: Path) -> Bench:
    return Bench(full, tmp_path / "data")


def rasters(bench: Bench) -> list[Path]:
    return [path for path in bench.files if path.suffix == ".TIF"]


def notices(bench: Bench) -> list[str]:
    return [event.text for event in bench.events if isinstance(event, Notice)]


class TestBytes:
    async def test_of_five_kilometres_two_percent_are_fetched_at_most(self, wide: Bench) -> None:
        bands = ("SR_B4", "QA_PIXEL", "SR_QA_AEROSOL", "ANG")
        summary = await wide.run(cut(*bands), search=AROUND_LAKE)
        truth = Truth()
        assert summary.status == "complete", summary.failures
        assert truth.check_windows(rasters(wide)) >= 9
        whole = sum(truth.raster(path.name).size for path in rasters(wide))
        assert summary.downloaded_bytes <= 0.02 * whole
        assert summary.windows is not None
        assert (summary.windows.files, summary.windows.whole_bytes) == (6, whole)
        texts = [path for path in wide.files if path.suffix == ".txt"]
        assert len(texts) == 2
        for path in texts:
            assert path.read_bytes() == wide.truth(path.name)
        assert {path.parent.name for path in wide.files} == {NAME}
        assert not wide.service.violations

    async def test_overviews_and_the_order_of_bytes_are_kept(self, wide: Bench) -> None:
        large = cut("QA_PIXEL", window=[-150.5, 60.9, -149.5, 61.3])
        await wide.run(large, search=ONE)
        (path,) = rasters(wide)
        raster, *overviews = read_tiff(path.read_bytes())
        assert path.read_bytes()[8:].startswith(b"GDAL_STRUCTURAL_METADATA")
        assert overviews[0].size[0] == -(-raster.size[0] // 2)
        assert Truth().check_windows([path]) > 20

    async def test_a_host_without_ranges_costs_the_whole_file_once(self, wide: Bench) -> None:
        product = cut("SR_QA_AEROSOL", window=LAKE)
        await wide.run(product, search=ONE)
        (by_ranges,) = (path.read_bytes() for path in rasters(wide))
        other = Bench(wide.service, wide.directory.with_name("other"))
        wide.service.faults = Faults(ranges=False)
        summary = await other.run(product, search=ONE, stall_timeout=30)
        (path,) = rasters(other)
        assert path.read_bytes() == by_ranges
        assert summary.downloaded_bytes == Truth().raster(path.name).size
        assert [p.name for p in path.parent.iterdir()] == [path.name]

    async def test_a_torn_tile_is_fetched_again(self, wide: Bench) -> None:
        wide.service.faults = Faults(corrupt=1.0, corrupt_times=1)
        summary = await wide.run(cut("SR_B4", window=LAKE), search=ONE)
        assert summary.status == "complete", summary.failures
        Truth().check_windows(rasters(wide))

    async def test_a_refused_url_is_renewed_and_breaks_are_mended(self, wide: Bench) -> None:
        wide.service.faults = Faults(seed=3, refuse=1.0, reset=0.5, short_body=0.5)
        summary = await wide.run(cut("SR_B4", "QA_PIXEL", window=LAKE), search=ONE)
        assert summary.status == "complete", summary.failures
        assert Truth().check_windows(rasters(wide)) >= 6


class TestJobs:
    async def test_nothing_is_fetched_twice_and_the_journal_knows_the_source(
        self, wide: Bench
    ) -> None:
        await wide.run(cut(window=LAKE), search=ONE)
        again = await wide.run(cut(window=LAKE), search=ONE)
        assert (again.files["skipped"], again.downloaded_bytes) == (1, 0)
        async with open_state(wide.directory, "sandbox") as journal:
            (file,) = await journal.files.finished([FileStatus.VERIFIED])
            checked = await verify_files(FolderPlacer(wide.directory), journal, wide.events.append)
        record = json.loads(file.cut)
        source = Truth().raster(record["source"])
        assert (file.window, record["source_bytes"]) == (NAME, source.size)
        assert record["validator"].startswith('"')
        assert record["columns"][1] - record["columns"][0] == 768
        assert record["proof"] == f"checksum:{record['tiles']}"
        assert file.proof == "length+tiles-checksum+tiff"
        assert (checked.total, checked.damaged) == (1, [])

    async def test_another_window_is_another_file_and_the_first_one_stays(
        self, wide: Bench
    ) -> None:
        await wide.run(cut(window=LAKE), search=ONE)
        (first,) = rasters(wide)
        was = first.read_bytes()
        await wide.run(cut(window=[-150.0, 61.0, -149.9, 61.05]), search=ONE)
        assert [path.parent.name for path in rasters(wide)] == [
            "box_-150_61.1_-149.9_61.15",
            "box_-150_61_-149.9_61.05",
        ]
        assert first.read_bytes() == was
        Truth().check_windows(rasters(wide))
        assert "The layout has changed" not in " ".join(notices(wide))

    async def test_a_whole_file_beside_windows_is_another_file(self, bench: Bench) -> None:
        await bench.run(cut(window=LAKE), search=ONE)
        await bench.run(cut(window=None), search=ONE)
        paths = [path.relative_to(bench.directory).as_posix() for path in bench.files]
        assert paths == [
            f"bands/{SCENE}/{SCENE}_SR_B4.TIF",
            f"bands/{SCENE}/{NAME}/{SCENE}_SR_B4.TIF",
        ]
        assert bench.files[0].read_bytes() == bench.truth(bench.files[0].name)

    async def test_a_second_product_gets_a_copy_that_is_known_from_then_on(
        self, wide: Bench
    ) -> None:
        red = cut(window=LAKE)
        group = {**GROUP, "window": LAKE}
        await wide.run(red, search=ONE)
        both = await wide.run(red, group, search=ONE)
        again = await wide.run(group, search=ONE)
        assert (both.status, again.status) == ("complete", "complete")
        assert (again.files["skipped"], again.downloaded_bytes) == (again.files["total"], 0)
        copied = [path for path in rasters(wide) if path.name.endswith("_SR_B4.TIF")]
        assert len({path.read_bytes() for path in copied}) == 1 < len(copied)

    async def test_a_damaged_window_is_found_and_fetched_again(self, wide: Bench) -> None:
        await wide.run(cut(window=LAKE), search=ONE)
        (path,) = rasters(wide)
        data = bytearray(path.read_bytes())
        data[-1000] ^= 1
        path.write_bytes(bytes(data))
        async with open_state(wide.directory, "sandbox") as journal:
            checked = await verify_files(FolderPlacer(wide.directory), journal, wide.events.append)
        assert [found.file for found in checked.damaged] == [
            path.relative_to(wide.directory).as_posix()
        ]
        await wide.run(cut(window=LAKE), search=ONE, only=(FileStatus.DAMAGED,))
        Truth().check_windows(rasters(wide))

    async def test_what_failed_is_fetched_as_a_window(self, wide: Bench) -> None:
        wide.service.faults = Faults(gone=1.0)
        failed = await wide.run(cut(window=LAKE), search=ONE, url_renewals=0)
        assert failed.files["failed"] == 1
        wide.service.faults = Faults()
        summary = await wide.run(cut(window=LAKE), search=ONE, only=FAILED)
        assert (summary.status, summary.files["downloaded"]) == ("complete", 1)
        assert Truth().check_windows(rasters(wide)) > 0

    async def test_a_layout_may_place_windows(self, wide: Bench) -> None:
        await wide.run(cut(window=LAKE), search=ONE, layout="{window}/{product_id}/{file}")
        (path,) = rasters(wide)
        assert path.relative_to(wide.directory).as_posix() == f"{NAME}/{SCENE}/{path.name}"

    async def test_items_say_where_the_window_lies(self, wide: Bench) -> None:
        await wide.run(cut("SR_B4", "MTL.txt", window=LAKE), search=ONE, stac=True)
        (path,) = wide.directory.glob("stac/*/LC08*.json")
        item = json.loads(path.read_bytes())
        assert item["id"] == f"{SCENE}_{NAME}"
        west, south, east, north = item["bbox"]
        assert -150.3 < west < LAKE[0] and LAKE[2] < east < -149.7
        assert 61.0 < south < LAKE[1] and LAKE[3] < north < 61.3
        assert item["properties"]["proj:shape"] == [512, 768]
        assert item["properties"]["eo:cloud_cover"] is not None
        assert item["assets"]["red"]["proj:transform"][0] == 30

    async def test_scenes_that_have_none_of_it_are_left_out(self, bench: Bench) -> None:
        summary = await bench.run(cut(window=[10, 10, 11, 11]))
        assert (summary.status, summary.files["total"]) == ("complete", 0)
        assert any("No scene touches the window" in text for text in notices(bench))

    async def test_a_raster_that_has_none_of_it_says_so(self, bench: Bench) -> None:
        """The footprints of named scenes are not known."""
        summary = await bench.run(cut(window=[10, 10, 11, 11]), search=ONE)
        (failure,) = summary.failures
        assert (failure.reason, failure.attempts) == ("outside-window", 1)
        assert "no pixel" in failure.remedy
        assert bench.files == []

    async def test_a_plan_says_what_a_window_saves(self, wide: Bench) -> None:
        config = wide.config(cut("SR_B4", "ANG"), search=AROUND_LAKE)
        credentials = Credentials(wide.service.username, wide.service.token)
        async with M2MClient(credentials, url=wide.service.url) as client:
            plan = await make_plan(client, config, search_plan_of(config), "sandbox")
        fetched = await wide.run(cut("SR_B4", "ANG"), search=AROUND_LAKE)
        assert plan.window == NAME
        assert plan.as_json()["saved_bytes"] == plan.saved_bytes > 98 * 2 * 10**6
        assert 0.3 < plan.missing_bytes / fetched.downloaded_bytes < 3
        assert plan.requests == 4


class TestKills:
    @pytest.mark.posix("a process is killed by a signal")
    async def test_a_kill_costs_the_range_that_was_coming(self, tmp_path: Path) -> None:
        """What came before it is not fetched again, and the pixels are right."""
        faults = Faults(rate=3_000_000)
        async with asyncdl.sandbox.serve(full_size=True, faults=faults) as service:
            bench = Bench(service, tmp_path / "data")
            await kill_again_and_again(bench, Random(5), kills=3)


async def kill_again_and_again(bench: Bench, chance: Random, *, kills: int) -> None:
    """Kill runs of one job at any moment of their transfers; the last one is left alone."""
    service = bench.service
    config = bench.directory.with_name("job.toml")
    config.write_text(
        f"""
        [service]
        url = "{service.url}"
        stac_url = "{service.stac_url}"
        username = "{service.username}"
        [search]
        dataset = "landsat_ot_c2_l2"
        bbox = {LAKE}
        start = 2020-03-01
        end = 2020-03-15
        [[products]]
        kind = "bands"
        bands = ["SR_B4", "SR_B5", "QA_PIXEL"]
        window = "aoi"
        [download]
        directory = "{bench.directory}"
        """
    )
    struck = 0
    for _ in range(kills):
        before = len(service.file_log)
        struck += await run_until(
            bench, config, before + chance.randint(2, 14), chance.random() / 4
        )
    assert await run_until(bench, config, None, 0) == 0
    assert Truth().check_windows(rasters(bench)) >= 9
    assert not list(bench.directory.rglob("*.part*"))
    fetched = Counter((entry.path, entry.range) for entry in service.file_log)
    twice = Counter(path for (path, _), count in fetched.items() for _ in range(count - 1))
    assert all(count <= struck for count in twice.values()), fetched


async def run_until(bench: Bench, config: Path, requests: int | None, wait_s: float) -> int:
    """Run the job; kill it some time after so many file requests. Returns: how often, 0 or 1."""
    command = [sys.executable, "-m", "asyncdl", "run", str(config), "--quiet"]
    environment = {"ASYNCDL_TOKEN": bench.service.token}
    async with await anyio.open_process(
        command, stdout=None, stderr=None, env={**os.environ, **environment}
    ) as process:
        with anyio.fail_after(PATIENCE_S):
            while process.returncode is None:
                if requests is not None and len(bench.service.file_log) >= requests:
                    await anyio.sleep(wait_s)
                    with suppress(ProcessLookupError):  # it was faster
                        process.kill()
                    return int(await process.wait() == -signal.SIGKILL)
                await anyio.sleep(0.005)
        assert process.returncode == 0
    return 0
