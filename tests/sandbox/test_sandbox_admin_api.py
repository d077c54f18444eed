"""The admin API, the expected files without a server, and names that are deprecated."""

from __future__ import annotations

import hashlib

import pytest

import asyncdl.sandbox
from asyncdl.sandbox import CleanupReport, ExpectedFiles, Faults
from tests.sandbox.m2m_caller import (
    BUNDLE,
    PLAIN,
    PRODUCT,
    RED,
    RED_FILE,
    SCENE,
    Caller,
    Json,
    open_caller,
)


async def look(call: Caller) -> Json:
    """Return the state of the sandbox."""
    async with call.session.get(call.service.origin + "/sandbox") as response:
        return await response.json()


async def change(call: Caller, settings: Json) -> tuple[int, Json]:
    """Change faults by the admin API."""
    url = call.service.origin + "/sandbox/faults"
    async with call.session.post(url, json=settings) as response:
        return response.status, await response.json()


async def test_admin_api_shows_requests_and_what_is_left() -> None:
    async with open_caller() as call:
        await call.get(await call.url())
        state = await look(call)
        assert state["calls"] == {"login-token": 1, "download-request": 1}
        assert (state["files"], state["bytes"]) == (1, len(call.service.file_bytes(RED_FILE)))
        assert state["leftovers"]["entries"] == {"job": 1}
        assert (state["violations"], state["running"]) == ([], None)


async def test_admin_api_changes_single_faults_and_keeps_the_others() -> None:
    async with open_caller(Faults(polls=5)) as call:
        status, state = await change(call, ["api_down", "down_mode=html"])
        assert (status, state["faults"]["api_down"], state["faults"]["polls"]) == (200, True, 5)
        assert call.service.faults.down_mode == "html"


@pytest.mark.parametrize("settings", [["short=1"], ["polls=many"], 7, {"api_down": "maybe"}])
async def test_admin_api_refuses_invalid_settings(settings: Json) -> None:
    async with open_caller() as call:
        before = call.service.faults
        status, reply = await change(call, settings)
        assert (status, bool(reply["error"])) == (400, True)
        assert call.service.faults == before


async def test_admin_api_shows_no_secret() -> None:
    async with open_caller(token="!very_Secret") as call:
        assert "very_Secret" not in repr(await look(call))
        assert call.key and call.key not in repr(await look(call))


async def test_expected_files_are_those_a_sandbox_with_the_same_arguments_serves() -> None:
    expected = ExpectedFiles(raster_pixels=16, generated=20, seed=3)
    async with open_caller(raster_pixels=16, generated=20, seed=3) as call:
        for name, pair in ((RED_FILE, (RED, PLAIN)), (f"{PRODUCT}.tar", (SCENE, BUNDLE))):
            _, _, body = await call.get(await call.url(*pair))
            assert body == expected.bytes_of(name)
            assert len(body) == expected.size_of(name)
            assert hashlib.sha512(body).hexdigest() == expected.sha512_of(name)


def test_expected_files_know_no_other_files() -> None:
    for name in ("nothing.TIF", f"{PRODUCT}_SR_B99.TIF"):
        with pytest.raises(KeyError):
            ExpectedFiles().bytes_of(name)


async def test_watch_is_called_at_each_moment_in_order() -> None:
    moments: list[str] = []
    async with open_caller() as call:
        url = await call.url()
        call.service.watch = moments.append
        await call.get(url)
        await call("download-retrieve", label="job")
    assert moments == [
        f"{RED_FILE} flows",
        f"{RED_FILE} sent",
        "download-retrieve called",
        "download-retrieve answered",
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("leftovers", "cleanup_report"), ("truth", "expected_files")]
)
async def test_old_names_of_a_service_still_work_and_warn(old: str, new: str) -> None:
    async with open_caller() as call:
        with pytest.warns(DeprecationWarning, match=f"Service.{old} is Service.{new}"):
            assert getattr(call.service, old) == getattr(call.service, new)


@pytest.mark.parametrize(("old", "new"), [("Leftovers", CleanupReport), ("Truth", ExpectedFiles)])
def test_old_names_of_the_module_still_work_and_warn(old: str, new: type) -> None:
    with pytest.warns(DeprecationWarning, match=new.__name__):
        assert getattr(asyncdl.sandbox, old) is new
