"""What a version of before has left: jobs go on, reports are read, nothing is fetched again.

How the states were made is in ``tests/older/make.py``. Only the command line and the sandbox's
public names are used, so that these tests say the same after every change inside.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import anyio
import pytest

import asyncdl.sandbox
from asyncdl.sandbox import Faults, Service
from tests.e2e.conftest import COMMAND, Ended, environment
from tests.older.host import content_of, plain_host
from tests.older.states import Restored, restore, versions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("version", versions()),
    pytest.mark.posix("the states were left by a POSIX machine, with its locks"),
]

FILE_BYTES, PIXELS = 300_000, 16
"""As the service of then was started."""
SCENES = 3
NEW_SCENE = "LC08_L2SP_068017_20200310_20991231_02_T1"


async def run(*arguments: str | Path, **env: str) -> Ended:
    """Run ``asyncdl`` beside a service that goes on."""
    with anyio.fail_after(200):
        done = await anyio.run_process(
            [*COMMAND, *map(str, arguments)], check=False, env=environment(None, **env)
        )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@asynccontextmanager
async def job(
    version: str, name: str, folder: Path, **served: Any
) -> AsyncIterator[tuple[Service, Restored, Callable[..., Awaitable[Ended]]]]:
    """Serve what was served then, and bring back a job; yield what runs commands on it."""
    async with asyncdl.sandbox.serve(**served) as service:
        address = service.origin.removeprefix("http://")
        state = restore(version, name, folder, address, service.file_bytes)
        config = folder / "job.toml"
        config.write_text(
            config.read_text()
            .replace("{url}", service.url)
            .replace("{stac_url}", service.stac_url)
        )  # fmt: skip
        stored = folder / "account"
        for path in stored.glob("*"):
            path.chmod(0o600)
        account = {"ASYNCDL_USERNAME": service.username, "ASYNCDL_TOKEN": service.token}
        env = {"ASYNCDL_CONFIG_DIR": str(stored)} if stored.exists() else account

        async def command(name: str, *options: str) -> Ended:
            return await run(name, config, *options, **env)

        yield service, state, command
        assert service.violations == []


def rows(state: Restored, sql: str) -> list[Any]:
    """Ask a copy of the journal, so that the one of the state stays as it was left."""
    with TemporaryDirectory() as folder:
        shutil.copytree(state.folder / "data" / ".asyncdl", folder, dirs_exist_ok=True)
        with closing(sqlite3.connect(Path(folder) / "journal.sqlite")) as journal:
            return journal.execute(sql).fetchall()


async def request_again(service: Service, state: Restored) -> None:
    """Let the queue of the service hold what the job had requested of the one of then."""
    asked = rows(state, "SELECT entity_id, product_id, label, download_id FROM download "
                        "WHERE download_id IS NOT NULL ORDER BY download_id")  # fmt: skip
    async with aiohttp.ClientSession(service.url) as session:

        async def call(endpoint: str, payload: Any, key: str = "") -> Any:
            headers = {"X-Auth-Token": key} if key else {}
            async with session.post(endpoint, json=payload, headers=headers) as reply:
                told = await reply.json()
            assert told["errorCode"] is None, told
            return told["data"]

        key = await call("login-token", {"username": service.username, "token": service.token})
        items = [{"entityId": entity, "productId": product} for entity, product, *_ in asked]
        reply = await call("download-request", {"downloads": items, "label": asked[0][2]}, key)
        await call("logout", {}, key)
    given = [entry["downloadId"] for part in ("availableDownloads", "preparingDownloads")
             for entry in reply[part]]  # fmt: skip
    assert sorted(given) == [number for *_, number in asked], "other downloads than then"


def are_as_left(state: Restored) -> bool:
    """Whether nobody has touched what was finished."""
    return all(path.stat().st_mtime_ns == then for path, then in state.finished.items())


def right_files(service: Service, folder: Path, pattern: str) -> int:
    """Count files with their final names, all of which are right."""
    found = list(folder.rglob(pattern))
    for path in found:
        assert path.read_bytes() == service.file_bytes(path.name), path
    return len(found)


# --- a job that was killed ----------------------------------------------------------


async def test_a_killed_job_goes_on(version: str, tmp_path: Path) -> None:
    """Nothing is requested twice, no noted byte is fetched twice, and the account is known."""
    faults = Faults(bundle_etag=True, preparing="*SR_B2.TIF", polls=2)
    async with job(version, "killed", tmp_path, file_size=FILE_BYTES, faults=faults) as (
        service, state, command,
    ):  # fmt: skip
        assert (tmp_path / "data" / ".asyncdl" / "journal.sqlite-wal").stat().st_size
        await request_again(service, state)
        requested = service.calls["download-request"]

        shown = await command("status", "--json")
        assert shown.status == 0, shown.stderr
        assert are_as_left(state)

        ended = await command("run", "--json")
        assert ended.status == 0, ended.stderr
        assert service.calls["download-request"] == requested, "requested twice"
        files = ended.summary["files"]
        assert (files["total"], files["downloaded"], files["skipped"]) == (4, 2, 2)
        assert are_as_left(state)
        assert right_files(service, tmp_path, "*.TIF") == 3
        assert right_files(service, tmp_path, "*.tar") == 1
        assert not list(tmp_path.rglob("*.part*"))
        [(name, spans)] = state.spans.items()
        noted = sum(stop - start for start, stop in spans)
        rest = len(service.file_bytes(name)) - noted
        assert sum(r.sent_bytes for r in service.file_log) == rest + FILE_BYTES
        assert not {path.name for path in state.finished} & set(service.file_requests)

        again = await command("verify", "--json")
        assert again.status == 0 and again.summary["files"]["verified"] == 4, again.stderr


# --- a job that was complete --------------------------------------------------------


async def test_a_complete_job_has_nothing_to_do(version: str, tmp_path: Path) -> None:
    """Its books are read, its STAC items stand, and the memory of its last search holds."""
    async with job(version, "finished", tmp_path, raster_pixels=PIXELS) as (
        service,
        state,
        command,
    ):
        report = json.loads((tmp_path / "data" / "asyncdl-report.json").read_bytes())
        items = {path: path.read_bytes() for path in tmp_path.rglob("*_T1.json")}
        assert len(items) == SCENES
        assert len(rows(state, f"SELECT * FROM job WHERE service = '{service.origin[7:]}'")) == 1

        shown = await command("report", "--json")
        assert shown.status == 0, shown.stderr
        assert shown.lines[0]["files"] == report["files"]
        page = await command("report", "--html", str(tmp_path / "report.html"))
        assert page.status == 0 and (tmp_path / "report.html").stat().st_size, page.stderr
        known = await command("status", "--json")
        assert known.summary["files"]["bands"]["verified"] == len(state.finished), known.stdout
        checked = await command("verify", "--json")
        assert checked.summary["files"] == {"total": 6, "verified": 6, "damaged": 0}

        ended = await command("run", "--json")
        assert ended.status == 0, ended.stderr
        assert not service.file_requests and service.calls["download-request"] == 0
        assert service.calls["download-options"] == 0, "scenes that are settled were looked at"
        assert are_as_left(state)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*_T1.json")} == items

        service.publish(NEW_SCENE)
        later = await command("run", "--json")
        assert later.status == 0 and later.summary["files"]["downloaded"] == 2, later.stderr
        assert all("20991231" in name for name in service.file_requests)


# --- a job with files that failed ---------------------------------------------------


async def test_only_what_failed_is_tried_again(version: str, tmp_path: Path) -> None:
    async with job(version, "failed", tmp_path, raster_pixels=PIXELS) as (service, state, command):
        assert len(state.finished) == 4
        shown = await command("report", "--json")
        failed = {entry["file"] for entry in shown.lines[0]["failures"]}
        assert len(failed) == 2
        ended = await command("run", "--retry-failed", "--json")
        assert ended.status == 0, ended.stderr
        assert {Path(name).name for name in failed} == set(service.file_requests)
        assert right_files(service, tmp_path, "*.TIF") == 6
        assert are_as_left(state)


async def test_a_list_of_urls_goes_on(version: str, tmp_path: Path) -> None:
    """What is there stays, and of the file in pieces only the gaps are asked for."""
    async with plain_host() as host:
        address = host.origin.removeprefix("http://")
        state = restore(version, "list", tmp_path, address, content_of)
        listed = tmp_path / "list.txt"
        listed.write_text(listed.read_text().replace("{origin}", host.origin))
        ended = await run("get", "-q", "-i", listed, "-d", tmp_path / "data")
    assert ended.status == 0, ended.stderr
    files = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    assert files == {name: content_of(name) for name in files} and len(files) == 3
    assert are_as_left(state)
    large = len(content_of("large.bin"))
    asked = {(start, stop) for name, start, stop in host.asked if name == "large.bin"}
    # The first look, at a file whose name only the host can tell, is left once it is known.
    assert asked - {(0, large)} == gaps(state.spans["large.bin"], large)


def gaps(spans: list[tuple[int, int]], total: int) -> set[tuple[int, int]]:
    edges = [0, *(edge for span in spans for edge in span), total]
    return {(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b}
