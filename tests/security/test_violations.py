"""What the real service would frown on is noticed, by the tests and by people."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from asyncdl.cli.options import Embedded
from asyncdl.cli.service_access import VIOLATION, access_to, open_service
from asyncdl.config import ServiceConfig
from asyncdl.sandbox import Faults


@pytest.mark.violates
async def test_a_run_with_the_sandbox_tells_each_violation_once(
    violations: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the suite notes them of any sandbox; without the mark this test would fail."""
    old_key = {"X-Auth-Token": "old"}
    wish = Embedded(Faults())
    access = access_to(ServiceConfig(), wish)
    async with open_service(access) as service, ClientSession() as session:
        for _ in range(2):
            await session.post(f"{service.config.url}login-token", json={}, headers=old_key)
    complaint = "old key sent along with login-token"
    assert violations == [complaint] * 2
    told = capsys.readouterr().err.splitlines()
    assert told[1:] == [f"{VIOLATION}: {complaint} (2 times)"]
