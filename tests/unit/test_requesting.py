"""Calls are as large as they may be, and no file gets lost between two."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import ByteCount, ServiceConfig
from asyncdl.job.queue.link_window import LinkWindow
from asyncdl.job.stages.requesting import request_batches
from asyncdl.m2m.downloads.selection import WantedFile


def wanted(number: int, size_bytes: int) -> WantedFile:
    return WantedFile(f"E{number}", "p", "S", f"S_B{number}.TIF", ("bands",), None, size_bytes)


def bytes_of(group: list[WantedFile]) -> int:
    return sum(file.estimate_bytes for file in group)


async def regroup(batches: list[list[WantedFile]], bounds: ServiceConfig) -> list[list[WantedFile]]:
    send, receive = anyio.create_memory_object_stream[list[WantedFile]](len(batches))
    with send, receive:
        for batch in batches:
            send.send_nowait(batch)
        send.close()
        return [list(group) async for group in request_batches(receive, bounds, LinkWindow())]


@given(
    st.lists(st.lists(st.integers(0, 100), max_size=9), max_size=6),
    st.integers(1, 8),
    st.integers(1, 300),
)
def test_groups_hold_every_file_once_and_are_full(
    batches: list[list[int]], files: int, size_bytes: int
) -> None:
    numbered = enumerate(size for batch in batches for size in batch)
    all_files = [wanted(number, size) for number, size in numbered]
    source = iter(all_files)
    sent = [[next(source) for _ in batch] for batch in batches]
    bounds = ServiceConfig(files_per_request=files, bytes_per_request=ByteCount(size_bytes))
    groups = anyio.run(regroup, sent, bounds)
    assert [file for group in groups for file in group] == all_files
    for group in groups:
        assert 0 < len(group) <= files
        assert len(group) == 1 or bytes_of(group) <= size_bytes
    for group, following in pairwise(groups):
        assert len(group) == files or bytes_of([*group, following[0]]) > size_bytes


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (10, 1), (11, 2), (30, 3)])
async def test_as_many_calls_as_the_batch_size_requires(count: int, calls: int) -> None:
    batches = [[wanted(number, 1)] for number in range(count)]
    assert len(await regroup(batches, ServiceConfig(files_per_request=10))) == calls
