"""Failures among good answers are chance; what is strain is shown."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from asyncdl.events import Event, HostStrain
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Limits, adaptive_concurrency
from tests.clock import simulated
from tests.transfer.fault_server import (
    HostedFile,
    Received,
    Reply,
    Rig,
    downloading,
    rig,
    serving,
    status,
)
from tests.transfer.test_waiting_rows import BY_WIRE, fetch_list, names_of, urls_of

pytestmark = pytest.mark.slow

FILE = HostedFile(bytes(range(256)) * 4)
LIMITS = Limits(connections=16, per_host=16, flush_interval_s=0.0)
PATIENT = replace(LIMITS, max_wait_s=600.0)


@BY_WIRE
@pytest.mark.parametrize("limits", [LIMITS, PATIENT], ids=["tries", "patient"])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.10])
@simulated
async def test_row_e9_random_503_cost_their_own_retries_only(
    tmp_path: Path, share: float, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine that is slow itself makes a file of 1 KiB as slow as a strained host does.
    monkeypatch.setattr(adaptive_concurrency, "MIN_STREAM_BYTES_S", 0.0)
    monkeypatch.setattr(adaptive_concurrency, "SLOW_S", math.inf)
    chance, failures = random.Random(share), 0

    def host(received: Received) -> Reply:
        nonlocal failures
        if chance.random() < share:
            failures += 1
            return status(503)(received)
        return FILE(received)

    events: list[Event] = []
    async with serving(host) as server, downloading(limits, events.append) as downloader:
        outcomes = await fetch_list(downloader, urls_of(server.url, 300), tmp_path)
        engine = downloader._engine
        assert engine is not None
        assert engine.host_limiter.connections(server.url) == limits.per_host
    assert len(names_of(outcomes)) == 300
    assert failures > 0
    compared = [r for r in server.requests if r.headers.get("range") == "bytes=0-0"]
    assert len(server.requests) - len(compared) == 300 + failures - 0
    assert len(compared) <= failures
    assert [event for event in events if isinstance(event, HostStrain)] == []


def strains(r: Rig) -> list[tuple[str, int, int]]:
    return [(event.reason, event.connections, event.allowed) for event in r.told(HostStrain)]


async def test_row_e9_what_is_strained_is_an_event(tmp_path: Path) -> None:
    limits = replace(LIMITS, backoff=Backoff(first_s=0.0))
    async with rig(tmp_path, status(429, Retry_After=0), FILE, limits=limits) as r:
        await r.fetch()
        assert r.told(HostStrain)[0].host in r.server.url
    assert strains(r) == [("http-429", 8, 16)]


async def test_row_e9_a_503_that_names_a_rest_is_strain_and_one_that_does_not_is_none(
    tmp_path: Path,
) -> None:
    limits = replace(LIMITS, backoff=Backoff(first_s=0.0))
    async with rig(tmp_path, status(503), status(503, Retry_After=0), FILE, limits=limits) as r:
        await r.fetch()
    assert strains(r) == [("http-503", 8, 16)]


async def test_row_e9_many_failures_at_once_are_strain(tmp_path: Path) -> None:
    limits = replace(LIMITS, backoff=Backoff(first_s=0.0, attempts=10))
    async with rig(tmp_path, *[status(500)] * 8, FILE, limits=limits) as r:
        await r.fetch()
    assert strains(r) == [("http-500", 8, 16)]
