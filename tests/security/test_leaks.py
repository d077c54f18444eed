"""Token, key and signatures of a run appear in nothing that it leaves or shows."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from asyncdl import Credentials, Job, parse_config
from asyncdl.events import Event, FileFinished
from asyncdl.sandbox import Faults, Service
from tests.e2e.conftest import COMMAND, MakeConfig, environment
from tests.e2e.test_secrets import ENCODED


def assert_clean(name: str, text: bytes, service: Service) -> None:
    """The sandbox's keys, signatures and download tokens all begin alike."""
    assert not ENCODED.search(text), f"{name}: {ENCODED.findall(text)[:3]!r}"
    assert service.token.encode() not in text, name


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".TIF":
            yield path.name, path.read_bytes()


def job_for(service: Service, directory: Path) -> Job:
    raw = {
        "service": {"url": service.url},
        "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
        "products": [{"kind": "bands", "bands": ["SR_B4", "QA_PIXEL", "ANG"]}, {"kind": "bundle"}],
        "download": {"directory": str(directory), "attempts": 2},
        "poll": {"interval": 0.01, "deadline": 2},
    }
    return Job(parse_config(raw), credentials=Credentials(service.username, service.token))


@pytest.mark.slow
@pytest.mark.allow_blocking  # the test looks into the files of a run that goes on
@pytest.mark.parametrize("faults", [[], ["chaos=5"], ["url_lifetime_s=0", "strikes=0"], ["dds=1"]])
async def test_a_run_leaks_nothing_while_it_runs(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture, faults: list[str]
) -> None:
    """All loggers at debug level, ours and aiohttp's and asyncio's; events; the journal's files."""
    caplog.set_level(logging.DEBUG)
    service.faults = Faults.parse(faults)
    events: list[Event] = []
    seen: set[str] = set()
    async with job_for(service, tmp_path / "data") as job:
        async for event in job:
            events.append(event)
            if isinstance(event, FileFinished):
                for name, text in files_of(tmp_path):
                    seen.add(name)
                    assert_clean(name, text, service)
    # Of the loops only asyncio's own writes a log.
    of_loop = () if importlib.util.find_spec("uvloop") else ("asyncio",)
    assert {*of_loop, "asyncdl.job"} <= {record.name for record in caplog.records}
    assert {"journal.sqlite", "journal.sqlite-wal"} <= seen
    told = [str(vars(record)) + record.getMessage() for record in caplog.records]
    told += [repr(event) for event in events] + [repr(job.summary)]
    assert_clean("logs and events", "\n".join(told).encode(), service)
    for name, text in files_of(tmp_path):
        assert_clean(name, text, service)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_the_list_of_processes_shows_no_secret(
    service: Service, make_config: MakeConfig
) -> None:
    service.faults = Faults.parse(["api_latency_s=0.05"])
    with anyio.fail_after(200):
        async with await anyio.open_process(
            [*COMMAND, "run", str(make_config()), "--quiet"],
            env=environment(service),
            stdin=subprocess.DEVNULL,
        ) as process:
            while not service.file_log and process.returncode is None:
                await anyio.sleep(0.01)
            for name in ("cmdline", "comm", "status"):
                assert_clean(name, Path(f"/proc/{process.pid}/{name}").read_bytes(), service)
            assert b"run" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
            assert await process.wait() == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.allow_blocking  # the test looks into the folder
async def test_what_a_run_leaves_is_as_open_as_the_user_wants(
    service: Service, tmp_path: Path
) -> None:
    """Journal, lock and report hold no secret; the user's umask alone decides who reads them."""
    before = os.umask(0o027)
    try:
        await job_for(service, tmp_path / "data").run()
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "data").rglob("*")}
    assert {path.name for path in modes} >= {".asyncdl", "journal.sqlite", "asyncdl-report.json"}
    assert [path for path, mode in modes.items() if mode & 0o027] == []
