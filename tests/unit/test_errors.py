"""Errors carry facts and build one line from them; no line holds a secret."""

import errno
from pathlib import Path

import pytest

from asyncdl import errors
from asyncdl.errors import (
    RETRYABLE_STATUS,
    ApiError,
    AsyncdlError,
    AuthError,
    ChecksumMismatch,
    ConfigError,
    DirectoryBusyError,
    DiskError,
    HttpStatusError,
    NetworkError,
    RangeRefused,
    SizeMismatch,
    Stalled,
    TransferError,
    WrongContent,
    ungrouped,
)
from tests.docs.reasons import reasons_in_the_code

URL = "https://host/file.TIF?requestSignature=c2VjcmV0"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ConfigError("no", file=Path("a.toml"), key="x.y", value=3, allowed="1 or 2"),
            "a.toml: x.y = 3: no (allowed: 1 or 2)",
        ),
        (ConfigError("is not TOML", file=Path("a.toml")), "a.toml: is not TOML"),
        (
            DirectoryBusyError(Path("data"), "process 7 on host"),
            "data is in use by process 7 on host; wait for that run or choose another directory",
        ),
        (
            ApiError("dataset", error_code="NOT_FOUND", message="none such", request_id=7),
            "dataset: NOT_FOUND: none such (request 7)",
        ),
        (ApiError("dataset", http_status=503), "dataset: HTTP 503"),
        (AuthError("login-token", message="no user name"), "login-token: no user name"),
        (NetworkError("connect to host", "refused"), "connect to host: refused"),
        (SizeMismatch(URL, expected=2, got=1), "expected 2 bytes, got 1 [size-mismatch] "),
        (
            ChecksumMismatch(URL, algorithm="sha256", expected="aa", got="bb"),
            "sha256 is bb, expected aa [checksum-mismatch] ",
        ),
        (HttpStatusError(URL, 404), "the host responded with 404 [http-404] "),
        (Stalled(URL, seconds=60), "no bytes for 60 s [stalled] "),
        (DiskError(Path("x"), OSError(errno.ENOSPC, "No space left")), "x: No space left"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_one_line_made_of_its_facts(error: AsyncdlError, line: str) -> None:
    text = str(error)
    assert text == line or text.startswith(line)
    assert "\n" not in text
    assert "c2VjcmV0" not in f"{error} {error!r} {error.args} {vars(error)}"


def test_an_error_knows_whether_another_try_makes_sense() -> None:
    assert HttpStatusError(URL, 503).retryable
    assert not HttpStatusError(URL, 404).retryable
    assert HttpStatusError(URL, 403).url_refused
    assert NetworkError("connect", "reset").retryable
    assert not NetworkError("connect", "certificate", retryable=False).retryable
    assert not ApiError("dataset").retryable


def test_a_full_disk_and_a_full_quota_stop_a_run_and_a_bad_name_does_not() -> None:
    for number, is_full in (
        (errno.ENOSPC, True),
        (errno.EDQUOT, True),
        (errno.ENAMETOOLONG, False),
    ):
        assert DiskError(Path("x"), OSError(number, "")).is_full is is_full


def test_every_error_has_one_root_and_transfer_errors_have_a_reason_and_a_remedy() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, Exception)]
    assert all(issubclass(kind, AsyncdlError) for kind in ours)
    assert all(kind.reason and kind.remedy for kind in ours if issubclass(kind, TransferError))


AGAIN = "run the same command again"
MAY_CHANGE = {202, 423} | RETRYABLE_STATUS
"""Statuses after which time may help."""


@pytest.mark.parametrize("status", [*range(201, 209), *range(300, 309), *range(400, 600)])
def test_the_remedy_of_a_status_is_true(status: int) -> None:
    remedy = HttpStatusError(URL, status).remedy
    assert remedy
    assert (AGAIN in remedy.lower()) == (status in MAY_CHANGE)


@pytest.mark.parametrize("reason", sorted(reasons_in_the_code() - {"http-"}))
def test_the_remedy_of_what_never_changes_does_not_name_time(reason: str) -> None:
    """Only another fetch ends by itself, a host comes back, and an interrupt is over."""
    remedy = TransferError(URL, "…", reason=reason, retryable=False).remedy
    assert (AGAIN in remedy.lower()) == (reason in ("busy", "host-down", "interrupted"))


@pytest.mark.parametrize(
    "error",
    [
        WrongContent(URL, "the host insists on gzip", reason="coded", retryable=False),
        WrongContent(URL, "the tar ends too early", reason="broken-file"),
        RangeRefused(URL, "no kind of request returns the rest", retryable=False),
        ChecksumMismatch(URL, algorithm="sha256", expected="aa", got="bb"),
        TransferError(URL, "too many redirects", reason="redirects"),
        TransferError(URL, "not an http or https URL", reason="bad-url"),
        NetworkError("ask host", "its certificate has expired", retryable=False),
    ],
    ids=lambda error: getattr(error, "reason", "network"),
)
def test_no_remedy_says_that_time_helps_where_it_does_not(
    error: TransferError | NetworkError,
) -> None:
    assert AGAIN not in error.remedy.lower()


@pytest.mark.parametrize(
    "error",
    [
        Stalled(URL, seconds=60),
        SizeMismatch(URL, expected=2, got=1),
        RangeRefused(URL, "the file has changed meanwhile"),
        NetworkError("ask host", "refused"),
        HttpStatusError(URL, 503),
    ],
)
def test_where_time_may_help_the_remedy_says_so(error: TransferError | NetworkError) -> None:
    assert AGAIN in error.remedy.lower()


def test_callers_see_the_error_and_not_the_group_around_it() -> None:
    with pytest.raises(ApiError), ungrouped():
        raise ExceptionGroup("tasks", [ExceptionGroup("inner", [ApiError("dataset")])])
