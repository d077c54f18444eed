"""What all tests share."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from blockbuster import blockbuster_ctx

import asyncdl.sandbox
from asyncdl.m2m.account.credentials import TOKEN_VARIABLES, USERNAME_VARIABLES
from asyncdl.m2m.account.stored_account import CONFIG_DIR_VARIABLE
from asyncdl.net.tls import VARIABLES
from asyncdl.sandbox import Service
from asyncdl.sandbox.request_log import RequestLog
from tests.portable import taken

LANE = "make extras"
"""What a skipped test names when it needs what that brings."""

# Under python -O an assert of what tests import would be none.
# What takes POSIX away has none, and is imported before anything else.
pytest.register_assert_rewrite(
    *(f"tests.{p.stem}" for p in Path(__file__).parent.iterdir() if p.stem != "portable")
)

# Noisy machines make examples slow now and then; how many there are stays the default. Which they
# are stays the same, so that a change is judged by what it changes, until somebody wants others:
# --hypothesis-profile=explore.
hypothesis.settings.register_profile(
    "explore", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "asyncdl", hypothesis.settings.get_profile("explore"), derandomize=True
)
hypothesis.settings.load_profile("asyncdl")


# A shell without job control starts what runs behind it with Ctrl-C ignored, and so would be
# every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# In debug mode the loop warns of each callback that took a tenth of a second. On a busy machine
# any may, and what blocks the loop fails its test anyway.
logging.getLogger("asyncio").addFilter(lambda record: not str(record.msg).startswith("Executing %"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the lane of the extras say that nothing may be missing."""
    parser.addoption(
        "--with-extras", action="store_true", help="a test that is skipped for want of one fails"
    )
    parser.addoption(
        "--with-beyond", action="store_true", help="the same, for what `make beyond` brings"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that ``make extras`` should have had everything for."""
    return _told_of_missing((yield), item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """The same for whole files."""
    return _told_of_missing((yield), collector.config)


def _told_of_missing(report: Any, config: pytest.Config) -> Any:
    lanes = {"--with-extras": LANE, "--with-beyond": "make beyond"}
    wanted = [lane for option, lane in lanes.items() if config.getoption(option)]
    if report.skipped and any(lane in str(report.longrepr) for lane in wanted):
        report.outcome = "failed"
    return report


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run all tests on the loop that the commands take: uvloop's if it is installed."""
    if taken.is_on():
        return {"overlapped": asyncio.SelectorEventLoop}
    from tests import loops  # once its asserts are rewritten

    return {loops.NAME: loops.new_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is about POSIX where there is none."""
    is_windows = os.name == "nt"
    absent = [("unix", is_windows), ("posix", is_windows or taken.is_on())]
    for item in items:
        for name, is_absent in absent:
            if is_absent and (marker := item.get_closest_marker(name)):
                item.add_marker(pytest.mark.skip(reason=f"not on Windows: {marker.args[0]}"))


@pytest.fixture(autouse=True)
def own_user_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Keep lock files, credentials and trust of the person who runs the tests out of them."""
    home = tmp_path_factory.mktemp("home")
    for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(variable, str(home))
    for variable in (*USERNAME_VARIABLES, *TOKEN_VARIABLES, CONFIG_DIR_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    yield


@pytest.fixture(autouse=True)
def blocking_calls_fail(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a call of ours that blocks the loop fail the test."""
    if "allow_blocking" in request.keywords:
        yield
        return
    with blockbuster_ctx("asyncdl") as guard:
        # What is brief is done on the loop on purpose, as long as the disk is quick.
        for function in guard.functions.values():
            function.can_block_in("asyncdl/transfer/parts/disk.py", "run_inline")
            if taken.is_on():
                # The substitute for locks that Windows has removes a file.
                function.can_block_in("asyncdl/m2m/calling/gate.py", "drop")
            # Coverage takes a lock of its own when a new file begins to run.
            function.can_block_in("coverage/collector.py", "lock_data")
        yield


@pytest.fixture(autouse=True)
def violations(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """Fail a test in which any sandbox recorded a violation of the service's rules."""
    violations: list[str] = []
    record = RequestLog.record_violation

    def record_violation(log: RequestLog, what: str) -> None:
        violations.append(what)
        record(log, what)

    monkeypatch.setattr(RequestLog, "record_violation", record_violation)
    yield violations
    if "violates" not in request.keywords:
        assert violations == []


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The embedded M2M service, without faults; tests change ``service.faults``."""
    async with asyncdl.sandbox.serve() as service:
        yield service


@pytest.fixture
def unused_tcp_port() -> int:
    """A port that nobody listens on, and that no other test gets; not so pytest-asyncio's."""
    from tests.ports import free_ports  # once its asserts are rewritten

    return free_ports(1)[0]


@pytest.fixture
def data() -> Path:
    """Recorded and documented replies."""
    return Path(__file__).parent / "data"
