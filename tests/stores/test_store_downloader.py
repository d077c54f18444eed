"""Any URL into a store: ``StoreDownloader``, and ``asyncdl get -d s3://…``."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import anyio
import pytest

from asyncdl import ConfigError, FileRequest, StoreDownloader, StoreError
from asyncdl.sandbox import Faults, serve
from asyncdl.transfer import Digest
from tests.stores.real_store import act_as
from tests.stores.store_bench import StoreBench

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az", "gs")]

RED = "LC08_L2SP_068017_20200310_20200822_02_T1_SR_B4.TIF"


def opened(bench: StoreBench, spool: Path | None = None) -> StoreDownloader:
    return StoreDownloader(bench.target, endpoint=bench.endpoint, spool=spool)


async def test_a_url_goes_into_the_store_and_is_there_the_second_time(
    store_bench: StoreBench,
) -> None:
    url = store_bench.service.file_url(RED)
    async with opened(store_bench) as downloader:
        fetched = await downloader.fetch(FileRequest(url, Path("tiles")))
        again = await downloader.fetch(FileRequest(url, Path("tiles")))
        anew = await downloader.fetch(FileRequest(url, Path("tiles"), overwrite=True))
    assert fetched.address == f"{store_bench.target}/tiles/{RED}" == again.address
    assert not fetched.already_there and again.already_there and not anew.already_there
    assert store_bench.placed == {f"tiles/{RED}": store_bench.truth(RED)}
    assert not fetched.path.exists() and not fetched.path.parent.exists()


async def test_a_digest_decides_whether_a_file_is_there(store_bench: StoreBench) -> None:
    url, truth = store_bench.service.file_url(RED), store_bench.truth(RED)
    right = Digest("sha256", hashlib.sha256(truth).hexdigest())
    async with opened(store_bench) as downloader:
        await downloader.fetch(FileRequest(url, Path(), digests=(right,)))
        other = FileRequest(url + "?other=1", Path(), name=RED, digests=(right,))
        assert (await downloader.fetch(other)).already_there
        wrong = Digest("sha256", "0" * 64)
        with pytest.raises(Exception, match="expected 0000"):
            await downloader.fetch(FileRequest(url, Path(), digests=(wrong,)))
    assert store_bench.placed == {RED: truth}, "what was there stays"


@pytest.mark.stores("s3", "az")
async def test_a_store_that_cannot_be_used_is_said_at_once(
    store_bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(monkeypatch, store_bench.weed.refused())
    with pytest.raises(StoreError, match=r"secret key does not fit|access was denied"):
        async with opened(store_bench):
            pass
    with pytest.raises(ConfigError, match="no valid name of a bucket"):
        StoreDownloader("s3:///x")


@pytest.mark.stores("s3", "az")
async def test_get_writes_into_a_store(store_bench: StoreBench, tmp_path: Path) -> None:
    async with serve(faults=Faults()) as service:
        url = service.file_url(RED)
        env = dict(store_bench.weed.environment()) | {
            "AWS_ENDPOINT_URL": store_bench.endpoint, "HOME": str(tmp_path),
            "AZURE_STORAGE_ENDPOINT": store_bench.endpoint,
            "XDG_STATE_HOME": str(tmp_path), "PATH": "",
        }  # fmt: skip
        command = [sys.executable, "-m", "asyncdl", "get", "-d", store_bench.target, url]
        done = await anyio.run_process(command, env=env, check=False)
        assert done.returncode == 0, done.stderr
        assert f"into {store_bench.target}" in done.stdout.decode()
        again = await anyio.run_process([*command, "--json"], env=env, check=False)
        assert b'"state":"skipped"' in again.stdout.replace(b": ", b":"), again
    assert list(store_bench.placed) == [RED]
    assert [path for path in tmp_path.rglob("*.TIF*") if "state" not in path.parts] == []
