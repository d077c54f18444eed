"""Scene lists are gone after every way out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from asyncdl.errors import ApiError
from asyncdl.m2m import ClientOptions, M2MClient
from asyncdl.m2m.scene_lists import MAX_SCENES, new_list_id
from tests.m2m.fake_m2m import DOWN, FakeM2M, Reply

MakeClient = Callable[..., M2MClient]

LANDSAT = "landsat_ot_c2_l2"


async def test_a_list_lives_as_long_as_its_block(client: M2MClient, service: FakeM2M) -> None:
    service.will_reply("scene-list-add", Reply(data=1))
    async with client.open_scene_list(LANDSAT, ["A", "B"]) as scenes:
        assert (scenes.sent, scenes.added) == (2, 1)
        assert service.called == ["login-token", "scene-list-add"]
    assert service.calls[1].payload["timeToLive"] == "P1D"
    assert service.calls[2].endpoint == "scene-list-remove"
    assert service.calls[2].payload == {"listId": scenes.list_id}


def test_no_two_lists_have_the_same_name() -> None:
    names = {new_list_id() for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("asyncdl-") and len(name) <= 50 for name in names)


async def test_an_error_in_the_block_removes_the_list(client: M2MClient, service: FakeM2M) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.open_scene_list(LANDSAT, ["A"]):
            raise ZeroDivisionError
    assert service.called[-1] == "scene-list-remove"


async def test_a_cancelled_block_removes_the_list(client: M2MClient, service: FakeM2M) -> None:
    with anyio.CancelScope() as scope:
        async with client.open_scene_list(LANDSAT, ["A"]):
            scope.cancel()
            await anyio.sleep_forever()
    assert service.called[-1] == "scene-list-remove"


async def test_a_list_that_is_kept_is_removed_when_the_caller_likes(
    make_client: MakeClient, service: FakeM2M
) -> None:
    async with make_client() as client:
        async with client.open_scene_list(LANDSAT, ["A"], keep=True) as scenes:
            pass
        assert service.called[-1] == "scene-list-add"
        await client.scene_list_remove(scenes.list_id)
    assert service.called[-2:] == ["scene-list-remove", "logout"]
    assert service.called.count("scene-list-remove") == 1


async def test_a_list_that_is_kept_is_removed_when_the_client_closes(
    make_client: MakeClient, service: FakeM2M
) -> None:
    async with make_client() as client, client.open_scene_list(LANDSAT, ["A"], keep=True):
        pass
    assert service.called[-2:] == ["scene-list-remove", "logout"]


async def test_no_list_is_kept_after_an_error(client: M2MClient, service: FakeM2M) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.open_scene_list(LANDSAT, ["A"], keep=True):
            raise ZeroDivisionError
    assert service.called[-1] == "scene-list-remove"


async def test_an_addition_that_was_cut_off_is_removed(client: M2MClient, service: FakeM2M) -> None:
    """The service may have made the list, whether its reply arrived or not."""
    service.held["scene-list-add"] = anyio.Event()

    async def open_list() -> None:
        async with client.open_scene_list(LANDSAT, ["A"]):
            raise AssertionError("never opened")

    async with anyio.create_task_group() as tg:
        tg.start_soon(open_list)
        await service.arrived["scene-list-add"].wait()
        tg.cancel_scope.cancel()
    assert service.called == ["login-token", "scene-list-add", "scene-list-remove"]


async def test_a_refused_addition_leaves_nothing_to_remove(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("scene-list-add", Reply(code="DATASET_INVALID"))
    with pytest.raises(ApiError):
        async with client.open_scene_list("nothing", ["A"]):
            raise AssertionError("never opened")
    assert service.called == ["login-token", "scene-list-add"]


async def test_a_list_that_could_not_be_removed_is_removed_at_the_end(
    make_client: MakeClient,
    service: FakeM2M,
    options: ClientOptions,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.will_reply("scene-list-remove", *[DOWN] * options.backoff.attempts)
    async with make_client() as client:
        async with client.open_scene_list(LANDSAT, ["A"]):
            pass
        assert "could not remove scene list" in caplog.text
    removals = [c.payload for c in service.calls if c.endpoint == "scene-list-remove"]
    assert len(removals) == options.backoff.attempts + 1
    assert service.called[-2:] == ["scene-list-remove", "logout"]


@pytest.mark.slow
async def test_a_removal_that_hangs_ends_at_the_deadline_and_the_logout_has_its_time(
    make_client: MakeClient, service: FakeM2M, options: ClientOptions
) -> None:
    service.held["scene-list-remove"] = anyio.Event()
    client = make_client(options=replace(options, exit_deadline_s=1.0))
    with anyio.fail_after(60):
        async with client, client.open_scene_list(LANDSAT, ["A"]):
            pass
    assert service.called[2:] == ["scene-list-remove", "scene-list-remove", "logout"]


@pytest.mark.parametrize("count", [0, MAX_SCENES + 1])
async def test_a_list_has_room_for_1_to_50000_ids(
    client: M2MClient, service: FakeM2M, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(ValueError, match="50000 ids"):
        async with client.open_scene_list(LANDSAT, ["A"] * count):
            raise AssertionError("never opened")
    assert service.called == []
