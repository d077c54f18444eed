"""The synchronous face, called from ordinary functions against a sandbox in another thread."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest

import asyncdl
from asyncdl import sync
from asyncdl.errors import MisuseError
from asyncdl.events import FileFinished
from asyncdl.sandbox import Service, serve
from docs import make_sync
from tests.job.bench import ANCHORAGE, RED


@pytest.fixture
def elsewhere() -> Iterator[Service]:
    """A sandbox on a loop of its own."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve()) as service,
    ):
        yield service


def loops() -> int:
    """Threads but for the workers, which a loop keeps for a while; the sandbox's has some, too."""
    return sum("worker" not in thread.name for thread in threading.enumerate())


@contextmanager
def no_thread_is_left() -> Iterator[None]:
    before = loops()
    yield
    assert loops() == before


def test_the_stub_is_up_to_date() -> None:
    assert make_sync.STUB.read_text(encoding="utf-8") == make_sync.stub()


def config_for(service: Service, directory: Path) -> asyncdl.Config:
    raw: dict[str, Any] = {
        "service": {"url": service.url, "stac_url": service.stac_url},
        "search": dict(ANCHORAGE),
        "products": [dict(RED)],
        "download": {"directory": str(directory)},
    }
    return asyncdl.parse_config(raw)


def credentials_for(service: Service) -> asyncdl.Credentials:
    return asyncdl.Credentials(service.username, service.token)


def test_a_client_is_called_like_any_object(elsewhere: Service) -> None:
    with no_thread_is_left(), sync.M2MClient(credentials_for(elsewhere), url=elsewhere.url) as m2m:
        assert "download" in m2m.permissions()
        page = m2m.scene_search("landsat_ot_c2_l2", max_results=2)
        assert page.records_returned == 2 and m2m.calls["scene-search"] == 1
        ids = [scene.entity_id for scene in page.results or ()]
        with m2m.open_scene_list("landsat_ot_c2_l2", ids) as scene_list:
            assert m2m.download_options("landsat_ot_c2_l2", list_id=scene_list.list_id)
    assert elsewhere.calls["logout"] == 1 and not elsewhere.scene_lists.names


def test_a_job_gives_its_events_one_after_the_other(elsewhere: Service, tmp_path: Path) -> None:
    config = config_for(elsewhere, tmp_path / "data")
    with no_thread_is_left(), sync.Job(config, credentials=credentials_for(elsewhere)) as job:
        finished = [event for event in job if isinstance(event, FileFinished)]
    assert len(finished) == 3 and job.summary is not None and job.summary.is_complete


def test_a_job_can_be_run_by_one_call(elsewhere: Service, tmp_path: Path) -> None:
    config, events = config_for(elsewhere, tmp_path / "data"), list[Any]()
    account = credentials_for(elsewhere)
    assert sync.run_job(config, credentials=account, emit=events.append).is_complete
    assert sync.run_job(config, credentials=account).files["skipped"] == 3
    assert any(isinstance(event, FileFinished) for event in events)


def test_errors_come_out_as_they_are(elsewhere: Service, tmp_path: Path) -> None:
    with (
        pytest.raises(asyncdl.AuthError),
        sync.M2MClient(asyncdl.Credentials(elsewhere.username, "wrong"), url=elsewhere.url) as m2m,
    ):
        m2m.permissions()
    with pytest.raises(asyncdl.TransferError), sync.Downloader() as downloader:
        downloader.fetch(asyncdl.FileRequest(f"{elsewhere.origin}/none", tmp_path))


def test_who_leaves_early_cancels_the_run(elsewhere: Service, tmp_path: Path) -> None:
    config = config_for(elsewhere, tmp_path / "data")
    with no_thread_is_left(), sync.Job(config, credentials=credentials_for(elsewhere)) as job:
        for event in job:
            if isinstance(event, FileFinished):
                break
    assert job.summary is not None and job.summary.status == "interrupted"
    assert elsewhere.calls["logout"] == elsewhere.calls["login-token"]


def test_outside_its_block_an_object_says_so(elsewhere: Service) -> None:
    client = sync.M2MClient(credentials_for(elsewhere), url=elsewhere.url)
    with pytest.raises(MisuseError, match="M2MClient works inside its `with` block only"):
        client.permissions()
    with pytest.raises(AttributeError, match="outside its block"):
        assert client.calls
    assert elsewhere.calls == {}


def test_classes_show_what_they_take_and_can() -> None:
    """To ``help``, and to the completion of IPython, which look at the running objects."""
    for name in ("M2MClient", "Downloader", "Job"):
        face, behind = getattr(sync, name), getattr(asyncdl, name)
        assert inspect.signature(face) == inspect.signature(behind)
        for method, function in inspect.getmembers(behind, inspect.isfunction):
            if not method.startswith("_") and method != "aclose":
                assert inspect.signature(getattr(face, method)) == inspect.signature(function)
                assert getattr(face, method).__doc__ == function.__doc__
    assert "scene_search" in dir(sync.M2MClient) and "aclose" not in dir(sync.M2MClient)
    assert "config" in inspect.signature(sync.run_job).parameters


async def test_a_sandbox_of_its_own_loop_is_refused(elsewhere: Service) -> None:
    """As in a notebook, whose cells would hang: the sandbox could not respond."""
    async with serve() as service:
        assert service.is_served_here and not elsewhere.is_served_here
        with pytest.raises(MisuseError, match=r"sync\.search .* `await asyncdl\.search"):
            sync.search("landsat_ot_c2_l2", limit=1, service=service)


async def test_it_works_where_a_loop_runs_already(elsewhere: Service) -> None:
    """As in a notebook, whose cells run on a loop."""

    def cell() -> list[str]:
        with sync.M2MClient(credentials_for(elsewhere), url=elsewhere.url) as m2m:
            return m2m.permissions()

    assert "download" in await anyio.to_thread.run_sync(cell)
