"""An agent's engine alone: what it is asked for while it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.cluster import agent_engine
from asyncdl.cluster.agent_engine import AgentEngine
from asyncdl.cluster.messages import AgentSettings, Instructions
from asyncdl.cluster.orders import FileOrder
from asyncdl.transfer import Limits


async def test_an_order_that_meets_the_end_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transfers save their state meanwhile, which may take long; nobody takes orders then."""
    is_ending, may_end = anyio.Event(), anyio.Event()

    @asynccontextmanager
    async def slow_to_close(*_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            is_ending.set()
            with anyio.CancelScope(shield=True):
                await may_end.wait()

    monkeypatch.setattr(agent_engine, "open_place", slow_to_close)
    certificates = (None, None, None)
    settings = AgentSettings("", str(tmp_path), "", "", Limits(), certificates, lease_s=60)
    engine = AgentEngine(settings, tmp_path)
    order = FileOrder(7, "http://127.0.0.1:9/a.tif", str(tmp_path))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        await anyio.wait_all_tasks_blocked()
        engine.stop()
        await is_ending.wait()
        try:
            engine.take(Instructions(orders=[order]))
        finally:
            may_end.set()
    (outcome,) = (await engine.report()).outcomes
    assert (outcome.number, outcome.is_interrupted) == (7, True)
