"""Checks of account and names, and the calls that wait until the first request was made."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from asyncdl.errors import ApiError, AuthError, ConfigError, NetworkError
from asyncdl.events import ApiCalled, Event, Notice
from asyncdl.job import deferred_calls, run_context
from asyncdl.m2m import M2MClient
from asyncdl.m2m.models import Notification
from asyncdl.sandbox import Faults
from tests.job.bench import ANCHORAGE, BANDS, BUNDLE, GROUP, RED, Bench

FLOWING = Faults(rate=300_000)
"""Bundles take a second, so that calls can be made beside them."""
SCENES = [
    "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC08_L2SP_068018_20200310_20200822_02_T1",
    "LC08_L2SP_067018_20200303_20200822_02_T1",
]


async def test_an_account_whose_request_was_accepted_is_not_checked(bench: Bench) -> None:
    await bench.complete(RED)
    assert bench.service.calls["permissions"] == 0


@pytest.fixture
def long_flow(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles take a second, so that there is time for all calls."""
    monkeypatch.setattr(run_context, "LONG_FLOW_BYTES", 1)
    bench.service.faults = FLOWING


@pytest.mark.usefixtures("long_flow")
async def test_notices_of_the_service_are_passed_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(self: M2MClient) -> list[Notification]:
        return [
            Notification(subject="Outage", message_content="on Sunday", severity_code="W"),
            Notification(subject="Welcome", severity_code="I"),
        ]

    monkeypatch.setattr(M2MClient, "notifications", two)
    await bench.complete(BUNDLE)
    notices = [event for event in bench.events if isinstance(event, Notice)]
    assert notices == [Notice("USGS: Outage: on Sunday", "warning"), Notice("USGS: Welcome")]


@pytest.mark.usefixtures("long_flow")
async def test_a_job_runs_without_the_notices(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: M2MClient) -> list[Notification]:
        raise ApiError("notifications", error_code="UNKNOWN")

    monkeypatch.setattr(M2MClient, "notifications", fail)
    await bench.complete(BUNDLE)


async def test_a_misspelt_dataset_is_reported_by_the_search_that_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="did you mean landsat_ot_c2_l2") as caught:
        await bench.run(RED, search={"dataset": "landsat_ot_c2_12", "limit": 1})
    assert caught.value.key == "search.dataset"
    assert bench.service.calls["download-request"] == bench.service.calls["scene-list-add"] == 0


# --- calls that no request needs ------------------------------------------------------------

BEFORE_THE_REQUEST = [
    "login-token",
    "scene-search",
    "download-options",
    "download-request",
]
MISSPELT = {"dataset": "landsat_ot_c2_12", "scenes": ["LC80680172020070LGN00"]}


def calls_of(bench: Bench) -> list[str]:
    """Return the endpoints of all calls that had a response, in order."""
    return [event.endpoint for event in bench.events if isinstance(event, ApiCalled)]


async def test_only_what_a_request_needs_comes_before_it(bench: Bench) -> None:
    await bench.complete(BANDS, BUNDLE, GROUP)
    late = ["download-order-remove", "logout"]
    assert [c for c in calls_of(bench) if c != "notifications"] == [*BEFORE_THE_REQUEST, *late]


@pytest.mark.usefixtures("long_flow")
async def test_named_scenes_go_through_a_list_that_is_removed_while_files_flow(
    bench: Bench,
) -> None:
    scene = "LC08_L2SP_068017_20200310_20200822_02_T1"
    await bench.complete(BUNDLE, search={"scenes": [scene]})
    calls = calls_of(bench)
    assert calls[:4] == ["login-token", "scene-list-add", "download-options", "download-request"]
    assert calls.index("scene-list-remove") < calls.index("notifications")
    assert calls.index("notifications") < calls.index("download-order-remove")


async def test_what_is_in_preparation_is_polled_before_any_other_call(bench: Bench) -> None:
    bench.service.faults = replace(FLOWING, preparing=0.5, polls=1)
    await bench.complete(BUNDLE, BANDS, interval=30)
    assert calls_of(bench)[:5] == [*BEFORE_THE_REQUEST, "download-retrieve"]
    assert bench.service.calls["download-retrieve"] == 1


async def test_notices_are_left_out_where_files_are_there_before(bench: Bench) -> None:
    bench.service.faults = Faults(api_latency_s=0.1)
    await bench.complete(RED)
    assert bench.service.calls["notifications"] == 0


async def test_a_run_without_anything_to_request_makes_the_other_calls_too(bench: Bench) -> None:
    await bench.complete(RED)
    bench.events.clear()
    await bench.complete(RED)
    assert "notifications" in calls_of(bench)


async def test_lists_do_not_gather_while_there_is_nothing_to_request(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"scenes": SCENES}
    await bench.complete(RED, search=named)
    bench.events.clear()
    monkeypatch.setattr(deferred_calls, "MAX_WAITING", 0)
    bench.service.faults = Faults(api_latency_s=0.2)
    await bench.complete(RED, search=named, scenes_per_call=1)
    calls = calls_of(bench)
    last = max(n for n, call in enumerate(calls) if call == "scene-list-add")
    assert "scene-list-remove" in calls[:last]
    assert len(bench.service.scene_lists) == 0


@pytest.mark.parametrize("refusing", ["scene-search", "download-options", "download-request"])
async def test_a_refusal_is_explained_by_what_the_account_may_not_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    async def none(self: M2MClient) -> list[str]:
        return ["user"]

    async def refuse(self: M2MClient, *_: object, **__: object) -> None:
        raise ApiError(refusing, error_code="UNAUTHORIZED", message="no")

    monkeypatch.setattr(M2MClient, "permissions", none)
    method = {"download-options": "download_options_by_scene"}.get(refusing)
    monkeypatch.setattr(M2MClient, method or refusing.replace("-", "_"), refuse)
    with pytest.raises(AuthError, match="Access Request"):
        await bench.run(RED)
    assert len(bench.service.scene_lists) == 0


@pytest.mark.parametrize("may_be_asked", [True, False])
async def test_a_refusal_for_another_reason_stays_what_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, may_be_asked: bool
) -> None:
    async def permissions(self: M2MClient) -> list[str]:
        if may_be_asked:
            return ["download"]
        raise ApiError("permissions", error_code="UNKNOWN")

    async def refuse(self: M2MClient, *_: object, **__: object) -> None:
        raise ApiError("scene-search", error_code="INPUT_INVALID", message="of this search")

    monkeypatch.setattr(M2MClient, "permissions", permissions)
    monkeypatch.setattr(M2MClient, "scene_search", refuse)
    summary = await bench.run(RED)
    assert summary.status == "stopped" and "of this search" in summary.error


async def test_a_failing_check_of_the_account_stops_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: M2MClient) -> list[str]:
        raise ApiError("permissions", error_code="UNKNOWN", message="of no use")

    search = {**ANCHORAGE, "since": "last-run"}
    await bench.complete(RED, search=search)
    monkeypatch.setattr(M2MClient, "permissions", fail)
    summary = await bench.run(RED, search=search)
    assert summary.status == "stopped" and "of no use" in summary.error


@pytest.mark.usefixtures("long_flow")
@pytest.mark.parametrize(
    "endpoint", ["notifications", "scene_list_remove", "download_order_remove"]
)
async def test_no_run_fails_for_a_call_that_no_file_needs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    async def fail(self: M2MClient, *_: object, **__: object) -> None:
        raise NetworkError(f"call {endpoint}", "refused")

    with monkeypatch.context() as patch:
        patch.setattr(M2MClient, endpoint, fail)
        await bench.complete(BUNDLE, search={"scenes": SCENES})


async def test_named_scenes_of_a_misspelt_dataset_are_reported_as_before(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="did you mean landsat_ot_c2_l2") as caught:
        await bench.run(RED, search=MISSPELT)
    assert caught.value.key == "search.dataset"


async def test_named_scenes_of_a_closed_dataset_end_the_run(bench: Bench) -> None:
    bench.service.faults = Faults(withdrawn_dataset="landsat_ot_c2_l2")
    scene = "LC08_L2SP_068017_20200310_20200822_02_T1"
    with pytest.raises(AuthError, match="closed to this account, or was withdrawn"):
        await bench.run(RED, search={"scenes": [scene]})


async def test_in_an_empty_directory_the_queue_is_not_searched_and_nothing_is_requested_twice(
    bench: Bench,
) -> None:
    """The earlier run of this directory is unknown; its label gives the same downloads."""
    bench.service.faults = Faults(preparing=1.0, polls=2, never="*068018*")
    await bench.run(BANDS, deadline=0.05)
    queued = {item.download_id for item in bench.service.queue}
    shutil.rmtree(bench.directory)
    bench.events.clear()
    seen: set[int] = set()

    def watch(event: Event) -> None:
        bench.events.append(event)
        seen.update(item.download_id for item in bench.service.queue)

    scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
    summary = await bench.job(BANDS, search={"scenes": scenes}).run(watch)
    assert summary.status == "complete" and summary.files["downloaded"] == 4
    calls = calls_of(bench)
    assert "download-search" not in calls[: calls.index("download-request")]
    assert seen == queued, "a repeated request gives the downloads that there are"
    assert len(bench.service.queue) == 0, "nor is anything of the first run left"


async def test_a_directory_that_holds_anything_may_have_lost_its_journal(bench: Bench) -> None:
    bench.directory.mkdir()
    (bench.directory / "notes.txt").write_text("by hand")
    await bench.run(RED)
    calls = calls_of(bench)
    assert calls.index("download-search") < calls.index("download-request")
