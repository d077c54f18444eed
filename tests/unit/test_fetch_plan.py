"""Which bytes of a file a job fetches: all of them, or those of a window."""

from __future__ import annotations

from pathlib import Path

from asyncdl.job.stages.fetching import FetchPlan
from asyncdl.transfer import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.slots import Slot

REQUEST = FileRequest("http://host/a.tif", Path("data"))


def fetched(size_bytes: int) -> Fetched:
    return Fetched(Path("data/a.tif"), size_bytes, size_bytes, False, "length", 1, 0.0)


class Fetcher:
    """Has files of 1,000 bytes."""

    def __init__(self) -> None:
        self.requests: list[FileRequest] = []

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        self.requests.append(request)
        return fetched(1000)

    def is_troubled(self, url: str) -> bool:
        return False


class FirstBytes:
    """A window of the first ten bytes, which the fetcher is not asked for."""

    record = "the first ten"

    async def fetch(
        self, fetcher: FileFetcher, request: FileRequest, slot: Slot | None = None
    ) -> Fetched:
        assert request is REQUEST
        return fetched(10)


async def test_without_a_window_the_request_is_carried_out_as_it_is() -> None:
    fetcher = Fetcher()
    assert (await FetchPlan(REQUEST).carry_out(fetcher)).size_bytes == 1000
    assert fetcher.requests == [REQUEST]


async def test_a_window_decides_how_its_bytes_are_fetched() -> None:
    fetcher = Fetcher()
    plan = FetchPlan(REQUEST, FirstBytes())
    assert (await plan.carry_out(fetcher)).size_bytes == 10
    assert (plan.record, FetchPlan(REQUEST).record) == ("the first ten", "")
    assert fetcher.requests == []
