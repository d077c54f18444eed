"""``asyncdl clean`` and the doctor's line about a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asyncdl.doctor.finding import CheckState
from asyncdl.doctor.store_checks import check_store
from asyncdl.errors import StoreError
from asyncdl.job.cleaning import clean_job, clean_place
from asyncdl.job.places.store_placer import StorePlace
from asyncdl.stores.address import StoreAddress
from tests.job.bench import RED
from tests.stores.real_store import READER, act_as
from tests.stores.store_bench import StoreBench

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az")]


@pytest.fixture
async def begun(store_bench: StoreBench) -> AsyncIterator[StoreBench]:
    """A job with files there, and others in the spool and half uploaded."""
    await store_bench.complete(RED)
    path = next(iter(store_bench.placed))
    for key in (path, ".asyncdl/journal.sqlite", "bands/of somebody else"):
        store_bench.weed.begin_upload(f"{store_bench.prefix}/{key}")
    spool = store_bench.places.directory
    for name in (f"{path}.part", f"{path}.part.state", "bundle/S.tar"):
        (spool / name).parent.mkdir(parents=True, exist_ok=True)
        (spool / name).write_bytes(b"123")
    yield store_bench


async def test_what_is_unfinished_goes_and_what_is_finished_stays(begun: StoreBench) -> None:
    placed = begun.placed
    cleaned = await clean_job(begun.config(RED), "sandbox", lambda text: None)
    # Blocks of Azure are in no listing that the library knows.
    uploads = {"s3": 2, "az": 0}[begun.weed.scheme]
    assert (cleaned.files, cleaned.size_bytes, cleaned.uploads) == (2, 9, uploads)
    assert cleaned.lists_uploads is (begun.weed.scheme == "s3")
    assert begun.spooled == [] and begun.placed == placed
    assert begun.weed.uploads(begun.prefix) == [f"{begun.prefix}/bands/of somebody else"]
    again = await clean_job(begun.config(RED), "sandbox", lambda text: None)
    assert (again.files, again.uploads) == (0, 0)


async def test_uploads_are_said_to_be_refused(
    begun: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(monkeypatch, begun.weed.environment(READER))
    with pytest.raises(StoreError, match="access was denied"):
        await clean_job(begun.config(RED), "sandbox", lambda text: None)


@pytest.mark.stores("s3")
async def test_what_a_killed_get_has_left_goes_once_it_is_old(
    begun: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing says whose uploads they are, so those that may still go on stay."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", begun.weed.endpoint)
    address = StoreAddress.parse(begun.target)
    assert (await clean_place(address, 86400)).uploads == 0
    assert (await clean_place(address, 0)).uploads == 3
    assert begun.weed.uploads(begun.prefix) == [] and len(begun.spooled) == 3


@pytest.mark.allow_blocking
async def test_the_doctor_says_what_may_be_done(
    store_bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = StorePlace.of(store_bench.config(RED))
    check = check_store(place)
    assert check.state is CheckState.OK and "nothing is there yet" in check.seen
    assert store_bench.weed.names(store_bench.prefix) == []
    act_as(monkeypatch, store_bench.weed.environment(READER))
    with pytest.raises(StoreError, match="access was denied"):
        check_store(place)


def test_the_spool_is_named_after_the_bucket(store_bench: StoreBench) -> None:
    place = StorePlace.of(store_bench.config(RED))
    assert place.spool.name == "spool" and place.spool.parent.name.startswith("landsat-")
    assert place.spool.parent.parent == Path(store_bench.directory)
