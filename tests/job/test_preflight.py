"""What is looked at before the first scene is searched."""

from __future__ import annotations

import pytest

from asyncdl.errors import ApiError, AuthError, ConfigError
from asyncdl.events import Notice
from asyncdl.m2m import M2MClient
from asyncdl.m2m.models import Notification
from tests.job.bench import RED, Bench


async def test_an_account_that_may_not_download_is_told_where_to_ask(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(self: M2MClient) -> list[str]:
        return ["user"]

    monkeypatch.setattr(M2MClient, "permissions", none)
    with pytest.raises(AuthError, match="Access Request"):
        await bench.run(RED)


async def test_notices_of_the_service_are_passed_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(self: M2MClient) -> list[Notification]:
        return [
            Notification(subject="Outage", message_content="on Sunday", severity_code="W"),
            Notification(subject="Welcome", severity_code="I"),
        ]

    monkeypatch.setattr(M2MClient, "notifications", two)
    await bench.complete(RED)
    notices = [event for event in bench.events if isinstance(event, Notice)]
    assert notices == [Notice("USGS: Outage: on Sunday", "warning"), Notice("USGS: Welcome")]


async def test_a_job_runs_without_the_notices(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: M2MClient) -> list[Notification]:
        raise ApiError("notifications", error_code="UNKNOWN")

    monkeypatch.setattr(M2MClient, "notifications", fail)
    await bench.complete(RED)


async def test_a_misspelt_dataset_is_told_before_anything_is_searched(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="did you mean landsat_ot_c2_l2") as caught:
        await bench.run(RED, search={"dataset": "landsat_ot_c2_12", "limit": 1})
    assert caught.value.key == "search.dataset"
    assert bench.service.calls["scene-search"] == 0
