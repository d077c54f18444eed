"""Each process of a cluster in a store is killed at random moments: no wrong byte, no file lost."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

import asyncdl.sandbox
from tests.beyond.kill_rounds import FILE_BYTES, VICTIMS, play_rounds
from tests.beyond.store_jobs import StoreJobs

ROUNDS = int(os.environ.get("ASYNCDL_KILL_ROUNDS", len(VICTIMS)))
"""More of them: ``python -m tests.beyond.kill_rounds --rounds 200``, or by this variable."""

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.timeout(120 + 60 * ROUNDS)]


async def test_kills_of_each_process_in_turn_cost_no_file_and_no_byte(
    store_jobs: StoreJobs,
) -> None:
    async with asyncdl.sandbox.serve(file_size=FILE_BYTES) as service:
        figures = await play_rounds(
            store_jobs.processes, replace(store_jobs, service=service), ROUNDS, seed=3
        )
    assert figures.rounds == ROUNDS
    assert sum(figures.kills.values()) > ROUNDS // 2, "each job was faster"
