"""What a store keeps of a job: another machine goes on, and one run at a time."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from anyio import to_thread

from asyncdl.errors import DirectoryBusyError
from asyncdl.events import Notice
from asyncdl.job.places import store_state
from asyncdl.job.places.store_state import HOLDER, JOURNAL_COPY
from asyncdl.job.reporting.report import REPORT_NAME, read_report
from asyncdl.job.status import status_of
from asyncdl.stores import lease
from asyncdl.stores.lease import Lease
from asyncdl.stores.object_store import ObjectStore
from tests.job.bench import BANDS, RED
from tests.stores.store_bench import StoreBench

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az", "gs")]


def no_wait(holder: str) -> None:
    pytest.fail(f"waits for {holder}")


async def test_another_machine_knows_what_this_one_did(
    store_bench: StoreBench, another_bench: Callable[[str], StoreBench]
) -> None:
    await store_bench.complete(RED)
    kept = store_bench.weed.names(f"{store_bench.prefix}/.asyncdl/")
    assert kept == [f"{store_bench.prefix}/{JOURNAL_COPY}"], "and no run holds the place"
    other = another_bench("b")
    requests = dict(store_bench.service.calls)
    summary = await other.complete(RED)
    assert summary.files["skipped"] == 3
    assert other.service.calls["download-request"] == requests["download-request"]
    status = await status_of(other.places, "sandbox")
    assert status is not None and status.overview.runs == 2
    back = await store_bench.complete(BANDS)
    assert back.files["skipped"] == 3 and back.files["downloaded"] == 9
    status = await status_of(store_bench.places, "sandbox")
    assert status is not None and status.overview.runs == 3, "the first one knows of the second"


async def test_the_report_is_beside_the_files_and_in_the_state_folder(
    store_bench: StoreBench,
) -> None:
    await store_bench.complete(RED)
    here = (store_bench.places.report_folder / REPORT_NAME).read_bytes()
    assert store_bench.weed.read(f"{store_bench.prefix}/{REPORT_NAME}") == here
    report = await to_thread.run_sync(read_report, store_bench.places.report_folder)
    assert report is not None and report.is_complete


async def test_a_place_that_another_run_holds_is_left_alone(
    store_bench: StoreBench, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it one of the same machine, with its state elsewhere."""
    holder = Lease(store, HOLDER, "a")
    await to_thread.run_sync(holder.acquire, no_wait)
    here = socket.gethostname()
    monkeypatch.setattr(store_state, "_sleep", lambda seconds: holder.renew())
    with pytest.raises(DirectoryBusyError, match=f"{store_bench.target} is in use.*on {here}"):
        await store_bench.run(RED)
    assert any("to see whether it still runs" in e.text for e in store_bench.events
               if isinstance(e, Notice))  # fmt: skip
    assert store_bench.service.calls["download-request"] == 0 and store_bench.placed == {}
    await to_thread.run_sync(holder.renew)


async def test_a_place_whose_holder_is_gone_is_taken_over(
    store_bench: StoreBench, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await to_thread.run_sync(Lease(store, HOLDER, "a").acquire, no_wait)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    monkeypatch.setattr(store_state, "_sleep", lambda seconds: None)
    monkeypatch.setattr(lease, "LEASE_S", 5.0)
    await store_bench.complete(RED)
    assert store_bench.weed.names(f"{store_bench.prefix}/{HOLDER}") == []


async def test_a_damaged_copy_of_the_journal_costs_nothing(
    store_bench: StoreBench, another_bench: Callable[[str], StoreBench]
) -> None:
    await store_bench.complete(RED)
    store_bench.weed.put(f"{store_bench.prefix}/{JOURNAL_COPY}", b"no journal")
    again = await another_bench("b").complete(RED)
    assert again.files["skipped"] == 3
    again = await store_bench.complete(RED)
    assert again.files["skipped"] == 3
