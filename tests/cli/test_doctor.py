"""The doctor sees all that a run depends on, and no check that fails stops the others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from asyncdl.doctor.finding import Check, CheckState, guarded
from asyncdl.doctor.host_checks import HostReply, check_clock, check_host
from asyncdl.doctor.machine_checks import check_disk, check_versions
from asyncdl.doctor.run_checks import check_limits, check_notices, check_permission
from asyncdl.errors import AuthError, DiskError, NetworkError
from asyncdl.job.choosing.preflight import MACHINE_ADVICE
from asyncdl.m2m import M2MClient
from asyncdl.m2m.models import Limit, Notification, RateLimits
from asyncdl.sandbox import Faults, Service
from tests.cli.terminal import Terminal

TOKEN = "sandbox-token"
NAMES = [
    "versions", "disk", "journal", "trust", "proxy", "api", "stac", "files", "clock",
    "credentials", "login", "permission", "notices", "limits",
]  # fmt: skip


def checks_of(terminal: Terminal) -> dict[str, dict[str, str]]:
    [line] = terminal.out.splitlines()
    return {check["name"]: check for check in orjson.loads(line)["checks"]}


def test_all_is_well_with_the_sandbox(terminal: Terminal, folder: Path) -> None:
    assert terminal.run("doctor", "--sandbox", "--json") == 0
    checks = checks_of(terminal)
    assert list(checks) == NAMES
    assert {(check["state"], check["advice"]) for check in checks.values()} == {("ok", "")}
    assert TOKEN not in terminal.out + terminal.err


def test_people_get_a_mark_and_a_line_each(terminal: Terminal, folder: Path) -> None:
    assert terminal.run("doctor", "examples/anchorage.toml", "--sandbox") == 0
    lines = terminal.out.splitlines()
    assert [line.partition(":")[0].split() for line in lines] == [["ok", name] for name in NAMES]
    assert any("examples/data" in line for line in lines)


@pytest.mark.parametrize("variable", ["ASYNCDL_TOKEN", "M2M_TOKEN"])
def test_the_source_of_the_token_is_shown_and_not_the_token(
    variable: str, terminal: Terminal, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USGS_USERNAME", served.username)
    monkeypatch.setenv(variable, served.token)
    assert terminal.run("doctor", "--url", served.url, "--json") == 0
    seen = checks_of(terminal)["credentials"]["seen"]
    assert seen == f"user name sandbox from USGS_USERNAME, token from {variable}"
    assert TOKEN not in terminal.out + terminal.err


def test_without_a_token_the_rest_is_looked_at_all_the_same(
    terminal: Terminal, served: Service
) -> None:
    assert terminal.run("doctor", "--url", served.url, "--json") == 3
    checks = checks_of(terminal)
    assert checks["credentials"]["state"] == "fail"
    assert "asyncdl login" in checks["credentials"]["advice"]
    assert checks["api"]["state"] == checks["disk"]["state"] == "ok"
    assert {checks[name]["state"] for name in NAMES[10:]} == {"warn"}
    assert served.calls["login-token"] == 0


def test_a_token_that_is_refused_is_tried_once(
    terminal: Terminal, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASYNCDL_USERNAME", served.username)
    monkeypatch.setenv("ASYNCDL_TOKEN", "wrong-token")
    assert terminal.run("doctor", "--url", served.url) == 3
    assert "fail  login: " in terminal.out
    assert "wrong-token" not in terminal.out + terminal.err
    assert served.calls["login-token"] == 1


def test_an_outage_is_reported_without_waiting(
    terminal: Terminal, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASYNCDL_USERNAME", served.username)
    monkeypatch.setenv("ASYNCDL_TOKEN", served.token)
    served.faults = Faults(api_down=True)
    assert terminal.run("doctor", "--url", served.url, "--json") == 1
    assert checks_of(terminal)["login"]["state"] == "fail"


def test_a_missing_host_is_reported(terminal: Terminal) -> None:
    assert terminal.run("doctor", "--url", "http://127.0.0.1:9/", "--json") == 3
    check = checks_of(terminal)["api"]
    assert check["state"] == "fail" and "127.0.0.1:9: connection refused" in check["seen"]
    assert "proxy" in check["advice"]


def client_with(**replies: Any) -> M2MClient:
    """Return a client whose calls give these replies."""

    def call(reply: Any) -> Any:
        async def respond() -> Any:
            return reply

        return respond

    return cast(
        M2MClient, SimpleNamespace(**{name: call(reply) for name, reply in replies.items()})
    )


async def test_an_account_without_the_role_learns_how_to_get_it() -> None:
    check = await check_permission(client_with(permissions=["user"]))
    assert (check.state, check.is_refusal, check.advice) == (CheckState.FAIL, True, MACHINE_ADVICE)


async def test_a_notice_that_warns_is_a_warning() -> None:
    quiet = [Notification(subject="hello", severity_code="I")]
    loud = [Notification(subject="outage", message_content="at noon", severity_code="E")]
    assert (await check_notices(client_with(notifications=quiet))).state is CheckState.OK
    check = await check_notices(client_with(notifications=quiet + loud))
    assert check.state is CheckState.WARN and "outage: at noon" in check.seen


@pytest.mark.parametrize(("left", "state"), [(12, CheckState.OK), (0, CheckState.WARN)])
async def test_a_quota_that_is_used_up_is_a_warning(left: int, state: CheckState) -> None:
    limits = RateLimits(remaining_limits=[Limit("user", left, 20_000, 20_000)])
    check = await check_limits(client_with(rate_limit_summary=limits))
    assert (check.state, bool(check.advice)) == (state, state is CheckState.WARN)


@pytest.mark.parametrize(
    ("ahead_s", "state", "seen"),
    [
        (1.5, CheckState.OK, "agrees with host"),
        (-59.0, CheckState.OK, "agrees with host"),
        (-90.0, CheckState.WARN, "90 s behind host"),
        (7200.0, CheckState.WARN, "7,200 s ahead of host"),
        (None, CheckState.WARN, "no host sent the time"),
    ],
)
def test_a_clock_is_compared_with_that_of_a_host(
    ahead_s: float | None, state: CheckState, seen: str
) -> None:
    check = check_clock([HostReply("mute", 200, 0.1, None), HostReply("host", 200, 0.1, ahead_s)])
    assert (check.state, check.seen) == (state, seen)


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (404, "ok"), (503, "warn")])
def test_any_response_ends_an_outage_but_that_of_a_broken_host(status: int, state: str) -> None:
    assert check_host("api", HostReply("host", status, 0.1, None)).state == state


def test_versions_name_what_is_optional_and_not_there() -> None:
    seen = check_versions().seen
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in seen


def test_an_invalid_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError):
        check_disk(tmp_path / "file")
    assert check_disk(tmp_path / "not" / "yet" / "there").state is CheckState.OK


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncdl.doctor.machine_checks.free_bytes", lambda directory: 10**9)
    assert check_disk(tmp_path).state is CheckState.WARN


@pytest.mark.parametrize(
    ("error", "is_refusal", "advice"),
    [
        (AuthError("login-token", message="no"), True, "mine"),
        (NetworkError("ask host", "no connection"), False, "proxy"),
        (DiskError(Path("data"), OSError(28, "No space left on device")), False, "Make room"),
        (ZeroDivisionError("token=abcdefgh"), False, "report"),
    ],
)
async def test_whatever_a_check_raises_is_a_finding(
    error: Exception, is_refusal: bool, advice: str
) -> None:
    async def fail() -> Check:
        raise error

    check = await guarded("it", fail(), "mine")
    assert (check.state, check.is_refusal) == (CheckState.FAIL, is_refusal)
    assert advice in check.advice
    assert "abcdefgh" not in check.seen
