"""What the log of a command holds, and where it goes."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from asyncdl.cli.logs import FileHandler, LogOptions, StderrHandler, start_logging
from asyncdl.cli.main import exit_status
from asyncdl.events import Event, HostStrain, HostWait, QuotaWait, ServiceBack, ServiceWait
from asyncdl.job.reporting.event_log import log_event
from tests.unit.test_metrics import example_of

SECRET = "https://host/x?requestSignature=abcdef"
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """Take the handlers of a test away again."""
    logger = logging.getLogger("asyncdl")
    level = logger.level
    logger.setLevel(logging.NOTSET)
    yield
    end_logging()
    logger.setLevel(level)


def end_logging() -> None:
    """Close the handlers, as the end of the program does."""
    logger = logging.getLogger("asyncdl")
    for handler in list(logger.handlers):
        if isinstance(handler, FileHandler | StderrHandler):
            logger.removeHandler(handler)
            handler.close()


def written(file: Path) -> str:
    """Return all that a log file gets."""
    end_logging()
    return file.read_text(encoding="utf-8")


def say() -> None:
    """Log a line of each level, one with an exception; secrets and controls among them."""
    log = logging.getLogger("asyncdl.job")
    log.debug("deep")
    log.info("fetching %s", SECRET)
    try:
        raise ValueError(f"no {SECRET}\nFORGED \x1b[2J")
    except ValueError:
        log.warning("odd\nFORGED", exc_info=True)


@pytest.mark.parametrize(("verbose", "levels"), [(0, "IW"), (1, "IW"), (2, "DIW")])
def test_the_file_is_appended_to_and_has_info_in_any_case(
    verbose: int, levels: str, tmp_path: Path
) -> None:
    file = tmp_path / "log.txt"
    file.write_text("before\n")
    start_logging(LogOptions(verbose, file))
    say()
    first, *lines = written(file).splitlines()
    assert first == "before"
    records = [line for line in lines if not line.startswith("    ")]
    assert all(UTC_TIME.match(line) for line in records)
    assert "".join(line.split()[1][0] for line in records) == levels


def test_no_secret_and_no_control_gets_into_a_log(tmp_path: Path) -> None:
    for form in ("text", "json"):
        start_logging(LogOptions(0, tmp_path / form, form))
    say()
    for form in ("text", "json"):
        text = written(tmp_path / form)
        assert "requestSignature=***" in text and "abcdef" not in text
        assert all(line.isprintable() for line in text.splitlines())
        assert not any(line.startswith("FORGED") for line in text.splitlines())


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (QuotaWait(60), "The download quota is used up; checking again in 60 s"),
        (HostWait("files", "HTTP 429", 20), "Backing off from files for 20 s: HTTP 429"),
        (HostStrain("files", "http-429", 8, 16), "files gets 8 of 16 connections: http-429"),
        (
            ServiceWait("m2m", "HTTP 503", 5, 2),
            "m2m has been down for 0:05 (HTTP 503); trying again in 2 s",
        ),
        (ServiceBack("m2m", 750), "m2m is back after 12:30"),
    ],
)
def test_the_log_says_what_is_waited_for_as_the_screen_does(
    event: Event, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "asyncdl.job"):
        log_event(event)
    assert caplog.messages == [line]


NOT_LOGGED = {
    "ApiRetry", "CheckProgress", "ConnectionsInUse", "FileChecked", "FilesPreparing", "FilesWanted",
    "LinkRenewal", "QuotaLeft", "TransferEnded", "TransferProgress", "TransferStarted",
    "WorkerActivity",
}  # fmt: skip
"""Events without a line of their own."""


@pytest.mark.parametrize("kind", Event.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_event_is_logged_or_left_out_on_purpose(
    kind: type[Event], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "asyncdl.job"):
        log_event(example_of(kind))
    assert bool(caplog.messages) is (kind.__name__ not in NOT_LOGGED)


def test_json_lines_hold_the_record(tmp_path: Path) -> None:
    start_logging(LogOptions(0, tmp_path / "log", "json"))
    say()
    info, warning = map(orjson.loads, written(tmp_path / "log").splitlines())
    assert list(info) == ["time", "level", "logger", "message"]
    assert (info["level"], info["logger"]) == ("INFO", "asyncdl.job")
    assert UTC_TIME.fullmatch(info["time"] + " ")
    assert warning["message"] == "odd\nFORGED"
    assert warning["exception"].startswith("Traceback") and "ValueError: no" in warning["exception"]


def test_lines_go_to_what_stderr_is_at_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live display stands in for stderr while it is drawn."""
    start_logging(LogOptions(1))
    display = io.StringIO()
    monkeypatch.setattr(sys, "stderr", display)
    logging.getLogger("asyncdl.job").info("hello")
    logging.getLogger("asyncdl.job").debug("nobody asked")
    assert display.getvalue() == "INFO asyncdl.job: hello\n"


def test_a_file_that_cannot_be_opened_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "missing" / "log.txt"
    assert exit_status(["status", "job.toml", "--log-file", str(file)]) == 2
    told = capsys.readouterr().err
    assert f"cannot open log file {file}: No such file" in told


@pytest.mark.parametrize("order", [1, -1])
def test_the_options_may_stand_in_any_order(order: int, tmp_path: Path) -> None:
    options = [("--log-file", str(tmp_path / "log")), ("-vv",), ("--log-format", "json")][::order]
    exit_status(["status", str(tmp_path / "no.toml"), *(word for pair in options for word in pair)])
    logging.getLogger("asyncdl.job").debug("deep")
    assert orjson.loads(written(tmp_path / "log"))["message"] == "deep"


def test_a_plain_download_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    url = "http://127.0.0.1:1/file"
    assert (
        exit_status(["get", url, "-o", str(tmp_path), "--attempts", "1", "--log-file", str(log)])
        == 1
    )
    assert f"WARNING asyncdl.cli: {url}: failed:" in written(log)
