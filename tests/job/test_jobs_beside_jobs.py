"""Jobs of one account that want the same scenes: each ends complete, whatever the others do.

They do not know each other: each has a directory, a journal and a label of its own, as
jobs on different machines have. What one leans on another one may take away.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest

from asyncdl.m2m.calling.gate import AccountGate
from asyncdl.sandbox import Faults, Service
from asyncdl.sandbox.admin_api import CleanupReport
from asyncdl.sandbox.injected_faults import Repeats
from tests.job.bench import RED, Bench
from tests.job.beside import WANTED, Schedule, cut, finish

pytestmark = pytest.mark.slow

FORMS = get_args(Repeats)


async def cut_when(bench: Bench, happens: Callable[[str], bool], *products: dict[str, Any]) -> None:
    """Run a job and cancel it at a moment of the sandbox."""
    with anyio.CancelScope() as scope:

        def watch(moment: str) -> None:
            if happens(moment):
                scope.cancel()

        bench.service.watch = watch
        await bench.job(*products).run()
    bench.service.watch = lambda moment: None
    assert scope.cancelled_caught
    while bench.service.running:
        await anyio.sleep(0.001)


def after_request(moment: str) -> bool:
    return moment == "download-request answered"


def after_look(moment: str) -> bool:
    return moment == "download-retrieve answered"


@pytest.fixture
async def one_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the jobs of this process wait in one line, and not look at lock files every 50 ms."""
    gate = AccountGate(tmp_path / "gate", "sandbox", "user")
    monkeypatch.setattr("asyncdl.m2m.m2m_client.AccountGate", lambda *_: gate)
    # Debug mode is for the other tests: it would double the time of these.
    asyncio.get_running_loop().set_debug(False)


@pytest.mark.parametrize("repeats", FORMS)
@pytest.mark.parametrize("preparing", [0.0, 1.0])
@pytest.mark.parametrize("moment", [after_request, after_look])
async def test_an_order_that_others_leaned_on_is_removed_and_all_come_to_their_end(
    service: Service,
    tmp_path: Path,
    repeats: Repeats,
    preparing: float,
    moment: Callable[[str], bool],
) -> None:
    """b cut, c cut while it leans on b's order, b whole, d cut, then c, then d."""
    b, c, d = (Bench(service, tmp_path / name) for name in "bcd")
    service.faults = Faults(repeats=repeats, preparing=preparing, polls=2)
    await cut_when(b, after_request, WANTED)
    if moment is after_request or (repeats == "old" and not preparing):
        await cut_when(c, after_request, WANTED)
    else:
        await cut_when(c, moment, WANTED)
    await b.complete(WANTED)
    await cut_when(d, after_request, WANTED)
    for bench in (c, d):
        await finish(bench)
    assert service.cleanup_report == CleanupReport()


@pytest.mark.parametrize("repeats", FORMS)
async def test_urls_of_an_order_that_was_removed_are_renewed_under_the_own_label(
    service: Service, tmp_path: Path, repeats: Repeats
) -> None:
    """The older host knows nothing but the download's id: a URL dies with the order."""
    b, c = (Bench(service, tmp_path / name) for name in "bc")
    service.faults = Faults(repeats=repeats, dds=1.0)
    await cut_when(b, after_request, RED)
    looked = False

    def remove_b(moment: str) -> None:
        nonlocal looked
        if moment in ("download-retrieve answered", "download-request answered") and not looked:
            looked = True
            for item in list(service.queue):
                service.queue.remove(item)

    service.watch = remove_b
    await c.complete(RED)
    assert looked and service.cleanup_report == CleanupReport()


@pytest.mark.parametrize("repeats", FORMS)
@pytest.mark.parametrize("preparing", [0.0, 1.0])
@pytest.mark.parametrize("early_replies", [False, True])
async def test_what_another_job_fetched_and_reported_complete_is_had_all_the_same(
    service: Service, tmp_path: Path, repeats: Repeats, preparing: float, early_replies: bool
) -> None:
    """No look lists a complete order, and an early reply names no file of the older host."""
    b, c = (Bench(service, tmp_path / name) for name in "bc")
    service.faults = Faults(
        repeats=repeats, preparing=preparing, dds=1.0, proxied=1.0, early_replies=early_replies
    )
    await cut_when(b, after_request, RED)
    await c.complete(RED)
    before = service.calls["download-request"]
    await b.complete(RED)
    assert service.calls["download-request"] - before <= 2
    assert service.cleanup_report == CleanupReport()


async def test_the_journal_follows_a_file_to_its_new_request(
    service: Service, tmp_path: Path
) -> None:
    """c leans on b's order, which is removed; c asks anew, is cut, and goes on without asking."""
    b, c = (Bench(service, tmp_path / name) for name in "bc")
    service.faults = Faults(preparing=1.0, polls=4)
    await cut_when(b, after_request, RED)
    requests = 0

    def is_waiting_anew(moment: str) -> bool:
        nonlocal requests
        if moment == "download-retrieve called" and requests == 1:
            for item in list(service.queue):
                service.queue.remove(item)
        requests += moment == "download-request answered"
        return requests == 2 and moment == "download-retrieve answered"

    await cut_when(c, is_waiting_anew, RED)
    [label] = {item.label for item in service.queue}
    before = service.calls["download-request"]
    await c.complete(RED)
    assert service.calls["download-request"] == before
    asked = [call for call in service.call_log if call.endpoint == "download-retrieve"]
    assert asked[-1].payload == {"label": label}


async def test_an_order_that_is_taken_away_again_and_again_is_not_asked_for_for_ever(
    service: Service, tmp_path: Path
) -> None:
    """Whoever removes it is always faster: the job says so in bounded time."""
    c = Bench(service, tmp_path / "c")
    service.faults = Faults(preparing=1.0, polls=1000)

    def remove(moment: str) -> None:
        if moment == "download-retrieve called":
            for item in list(service.queue):
                service.queue.remove(item)

    service.watch = remove
    summary = await c.run(RED)
    assert {failure.reason for failure in summary.failures} == {"vanished"}
    assert "requested again" in summary.failures[0].detail
    assert "other jobs" in summary.failures[0].remedy
    assert summary.api_calls["download-request"] <= 25


# --- any order of things ----------------------------------------------------------------


@pytest.mark.usefixtures("one_gate")
@pytest.mark.parametrize("repeats", FORMS)
@pytest.mark.parametrize("seed", range(2))
async def test_jobs_that_are_cut_and_resumed_in_any_order_all_end_complete(
    service: Service, tmp_path: Path, repeats: Repeats, seed: int
) -> None:
    (tmp_path / "jobs").mkdir()
    service.faults = Faults(
        seed=seed,
        repeats=repeats,
        preparing=0.4,
        polls=2,
        dds=0.4,
        proxied=0.3,
        preparing_listed=seed % 2 == 1,
        early_replies=seed % 2 == 0,
    )
    schedule = Schedule(service, tmp_path / "jobs", seed)
    await schedule.run(steps=4)
    assert schedule.counts["cut"] >= 1
    assert service.cleanup_report == CleanupReport()
    assert service.remarks == []


# --- very many --------------------------------------------------------------------------

AT_ONCE = 8


@pytest.mark.usefixtures("one_gate")
@pytest.mark.parametrize(("repeats", "jobs"), [("anew", 50), ("duplicate", 25), ("old", 25)])
async def test_very_many_jobs_eight_at_a_time_a_third_of_them_cut(
    service: Service, tmp_path: Path, repeats: Repeats, jobs: int
) -> None:
    draw = random.Random(7)
    service.faults = Faults(repeats=repeats, preparing=0.2, polls=2)
    limiter = anyio.CapacityLimiter(AT_ONCE)
    ends, cuts = 0, 0

    async def job(number: int, after: int | None) -> None:
        nonlocal ends, cuts
        bench = Bench(service, tmp_path / f"job-{number}")
        async with limiter:
            if after is not None:
                was_cut = await cut(bench, after, WANTED)
                cuts += was_cut
            await finish(bench)
            ends += 1

    async with anyio.create_task_group() as tasks:
        for number in range(jobs):
            tasks.start_soon(job, number, draw.randint(5, 20) if number % 3 == 0 else None)
    assert (ends, cuts) == (jobs, -(-jobs // 3))
    assert service.cleanup_report == CleanupReport()


CONFIG = """
[service]
url = "{url}"
stac_url = "{stac_url}"
[search]
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = 2020-03-01
end = 2020-03-15
cloud_cover = [0, 60]
[[products]]
kind = "bands"
bands = ["SR_B4", "QA_PIXEL"]
[download]
directory = "data"
[poll]
interval = 0.05
"""


async def run_in_a_process(service: Service, folder: Path) -> None:
    """Run a job as on a machine of its own, but for the lock that keeps calls apart."""
    folder.mkdir()
    (folder / "job.toml").write_text(CONFIG.format(url=service.url, stac_url=service.stac_url))
    account = {
        "ASYNCDL_USERNAME": service.username,
        "ASYNCDL_TOKEN": service.token,
        "XDG_STATE_HOME": str(folder.parent / "state"),
    }
    ended = await anyio.run_process(
        [sys.executable, "-m", "asyncdl", "run", str(folder / "job.toml"), "--no-progress"],
        env=os.environ | account,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()


async def test_jobs_in_processes_of_their_own_all_end_complete(
    service: Service, tmp_path: Path
) -> None:
    service.faults = Faults(preparing=0.4, polls=2, dds=0.3)
    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(run_in_a_process, service, tmp_path / f"job-{number}")
    for number in range(4):
        bench = Bench(service, tmp_path / f"job-{number}" / "data")
        assert len(bench.files) == 6
        bench.check_files()
    assert service.cleanup_report == CleanupReport()
