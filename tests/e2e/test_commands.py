"""The other commands as processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import anyio
import orjson
import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import COMMAND, MakeConfig, Run, environment, files_under


async def test_plan_counts_without_requesting_or_writing(
    asyncdl_run: Run, make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    ended = await asyncdl_run("plan", make_config(), "--json")
    assert ended.status == 0, ended.stderr
    assert ended.summary["scenes"] == 3
    assert ended.summary["products"]["bands"]["files"] == 6
    assert ended.summary["requests"] == 6
    assert service.calls["download-request"] == 0
    assert not (tmp_path / "data").exists()


async def test_plan_knows_what_is_there_already(asyncdl_run: Run, make_config: MakeConfig) -> None:
    config = make_config()
    await asyncdl_run("run", config)
    ended = await asyncdl_run("plan", config, "--json")
    assert ended.summary["products"]["bands"]["present_files"] == 6
    assert ended.summary["requests"] == 0


@pytest.mark.parametrize("form", ["table", "json", "csv", "geojson"])
async def test_search_shows_the_scenes_in_every_form(
    asyncdl_run: Run, make_config: MakeConfig, form: str
) -> None:
    ended = await asyncdl_run("search", make_config(), "--format", form)
    assert ended.status == 0, ended.stderr
    assert ended.stdout.count("LC08_L2SP_068017_20200310_20200822_02_T1") >= 1
    assert "3 of 3 scenes" in ended.stderr


async def test_search_as_geojson_is_a_feature_collection_with_footprints(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("search", make_config(), "--format", "geojson")
    collection = orjson.loads(ended.stdout)
    assert collection["type"] == "FeatureCollection"
    assert {f["geometry"]["type"] for f in collection["features"]} == {"Polygon"}


async def test_datasets_and_file_groups_list_names(asyncdl_run: Run, service: Service) -> None:
    datasets = await asyncdl_run("datasets", "landsat_ot", "--url", service.url, "--json")
    assert "landsat_ot_c2_l2" in {line["dataset"] for line in datasets.lines}
    groups = await asyncdl_run("file-groups", "landsat_ot_c2_l2", "--url", service.url)
    assert "ls_c2l2_sr_band" in groups.stdout
    told = await asyncdl_run("file-groups", "landsat_ot_c2_l2", "--url", service.url, "--json")
    files = {line["file_group"]: line["files"] for line in told.lines}
    assert any("SR_B4" in name for name in files["ls_c2l2_sr_band"])
    assert isinstance(files["ls_c2l2_sr_band"], list)


async def test_bands_needs_no_account_and_no_network(asyncdl_run: Run) -> None:
    ended = await asyncdl_run("bands", "landsat_ot_c2_l2", "--json", ASYNCDL_TOKEN="")
    assert ended.status == 0
    assert {"SR_B4", "QA_PIXEL"} <= {line["band"] for line in ended.lines}


async def test_a_wrong_dataset_gets_a_suggestion(asyncdl_run: Run) -> None:
    ended = await asyncdl_run("bands", "landsat_ot_l2")
    assert ended.status == 2
    assert "did you mean landsat_ot_c2_l2?" in ended.stderr


async def test_get_fetches_urls_and_then_skips_them(
    asyncdl_run: Run, tmp_path: Path, static_file: str
) -> None:
    first = await asyncdl_run("get", static_file, "-d", tmp_path / "out", "--json")
    assert first.status == 0, first.stderr
    assert first.summary["files"]["downloaded"] == 1
    assert len(files_under(tmp_path / "out")) == 1
    again = await asyncdl_run("get", static_file, "-d", tmp_path / "out", "--json")
    assert again.summary["files"]["skipped"] == 1


async def test_get_reads_a_list_and_names_what_failed(
    asyncdl_run: Run, tmp_path: Path, static_file: str
) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_text(f"# two files\n{static_file}\n\n{static_file}.missing\n")
    ended = await asyncdl_run("get", "-i", listed, "-o", tmp_path / "out", "--json")
    assert ended.status == 1
    assert ended.summary["files"] | {"skipped": 0} == {
        "total": 2, "downloaded": 1, "skipped": 0, "failed": 1, "unresolved": 0,
    }  # fmt: skip
    assert ended.summary["failures"][0]["reason"] == "http-404"


@pytest.mark.parametrize("is_piped", [False, True])
async def test_get_reads_a_list_with_a_byte_order_mark(
    tmp_path: Path, static_file: str, is_piped: bool
) -> None:
    told = f"\ufeff{static_file}\r\n".encode()
    (tmp_path / "urls.txt").write_bytes(told)
    listed = "-" if is_piped else str(tmp_path / "urls.txt")
    ended = await anyio.run_process(
        [*COMMAND, "get", "-i", listed, "-o", str(tmp_path / "out"), "--json"],
        env=environment(),
        input=told,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert b'"state":"downloaded"' in ended.stdout


@pytest.mark.parametrize("jobs", ["1", "5"])
async def test_get_tells_two_urls_with_one_name_apart(
    asyncdl_run: Run, tmp_path: Path, static_file: str, jobs: str
) -> None:
    """The same URL twice counts once; another one that comes to its name has failed."""
    listed = tmp_path / "urls.txt"
    listed.write_text(f"{static_file}\n{static_file}#twice\n{static_file}?other\n")
    ended = await asyncdl_run("get", "-i", listed, "-o", tmp_path, "-j", jobs, "--json")
    assert ended.status == 1
    assert ended.summary["files"] == {
        "total": 2, "downloaded": 1, "skipped": 0, "failed": 1, "unresolved": 0,
    }  # fmt: skip
    assert [failure["reason"] for failure in ended.summary["failures"]] == ["name-taken"]
    assert "another folder" in ended.summary["failures"][0]["remedy"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http://127.0.0.1:9/a", "--sha256", "xyz"],
        ["http://127.0.0.1:9/a", "--limit-rate", "fast"],
        ["http://127.0.0.1:9/a", "-H", "no colon"],
        ["http://127.0.0.1:9/a", "-j", "0"],
    ],
)
async def test_get_refuses_wrong_usage(asyncdl_run: Run, arguments: list[str]) -> None:
    ended = await asyncdl_run("get", *arguments)
    assert ended.status == 2
    assert "Traceback" not in ended.stderr


async def test_the_sandbox_command_serves_until_it_is_told_to_stop() -> None:
    async with await anyio.open_process(
        [*COMMAND, "sandbox", "--port", "0", "--fault", "preparing=0.5"],
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        with anyio.fail_after(200):
            assert (await process.stdout.receive()).startswith(b"url      = http://127.0.0.1:")
            process.terminate()
            assert await process.wait() in (0, 130)


async def test_an_unknown_fault_lists_those_there_are(asyncdl_run: Run) -> None:
    ended = await asyncdl_run("sandbox", "--fault", "gremlins=1")
    assert ended.status == 2
    assert "preparing" in ended.stderr


def test_a_reader_that_leaves_early_causes_no_complaint() -> None:
    script = f"{sys.executable} -m asyncdl bands landsat_ot_c2_l2 | head -n 1"
    done = subprocess.run(script, shell=True, capture_output=True, timeout=200, check=False)
    assert done.stdout.startswith(b"band")
    assert done.stderr == b""


def test_the_library_prints_nothing_of_its_own() -> None:
    script = "import asyncdl, logging; logging.getLogger('asyncdl.job').warning('heard by nobody')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=200, check=True
    )
    assert done.stdout + done.stderr == b""


async def test_get_begins_before_its_list_has_ended(tmp_path: Path, static_file: str) -> None:
    """A pipe that brings one URL and then waits holds up nothing, and an interrupt ends it."""
    async with await anyio.open_process(
        [*COMMAND, "get", "-i", "-", "-o", str(tmp_path), "--json"],
        env=environment(PYTHONUNBUFFERED="1"),
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with anyio.fail_after(200):
            await process.stdin.send(f"{static_file}\n".encode())
            assert b'"state":"downloaded"' in await process.stdout.receive()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130


async def test_a_full_disk_ends_get_at_once(tmp_path: Path, static_file: str) -> None:
    script = (
        "import errno, sys; from asyncdl.cli.main import exit_status;"
        "from asyncdl.errors import DiskError; from asyncdl.transfer import Downloader\n"
        "async def full(self, request, slot=None): raise DiskError("
        "request.directory, OSError(errno.ENOSPC, 'No space left on device'))\n"
        "Downloader.fetch = full; sys.exit(exit_status(sys.argv[1:]))"
    )
    urls = [f"{static_file}?{n}" for n in range(50)]
    done = await anyio.run_process(
        [sys.executable, "-c", script, "get", *urls, "-o", str(tmp_path), "--json"], check=False
    )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    summary = orjson.loads(done.stdout.splitlines()[-1])
    assert summary["status"] == "stopped"
    assert summary["files"]["failed"] < 50
