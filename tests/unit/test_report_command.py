"""``asyncdl report``: the last run's report, as text and as JSON."""

from __future__ import annotations

from pathlib import Path

import anyio
import orjson
import pytest

from asyncdl.cli.main import exit_status
from asyncdl.cli.report import settings_of
from asyncdl.config import load_config
from asyncdl.events import FileFinished, FileState, FilesWanted
from asyncdl.job.reporting.report import REPORT_NAME, Report, write_report

JOB = """
[search]
dataset = "landsat_ot_c2_l2"
bbox = [-150, 61, -149, 62]
[[products]]
kind = "bands"
bands = ["SR_B4"]
"""
FAILED = FileFinished(
    "bands", "S", "bands/S/S_SR_B4.TIF", FileState.FAILED,
    reason="http-404", detail="gone", remedy="Ask.",
)  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A config whose directory is there, and empty."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    return path


@pytest.fixture
def reported(job: Path) -> Path:
    """The same after a run."""
    report = Report(["bands"])
    for event in (FilesWanted(1, 10), FAILED):
        report.take(event)
    anyio.run(write_report, job.parent / "data", report.summary())
    return job


def test_the_text_is_the_screen_after_the_run(
    reported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(["report", str(reported)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The run of 2") and " UTC\nIncomplete: 0 scenes, 1 file" in out
    assert "1 file failed: gone [http-404]" in out and "--retry-failed" in out


def test_the_json_is_the_object_of_the_report_file(
    reported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(["report", str(reported), "--json"]) == 0
    file = reported.parent / "data" / REPORT_NAME
    assert orjson.loads(capsys.readouterr().out) == orjson.loads(file.read_bytes())


def test_without_a_run_there_is_nothing_to_report(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(["report", str(job)]) == 1
    assert f"{REPORT_NAME} is not there: no run has ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{}", "bytes is missing"),
        ('{"bytes": {}}', "total is missing"),
        ("[1]", "it is JSON of another form"),
        ('{"bytes": 3}', "it is JSON of another form"),
        ('{"bytes": ', "it is not JSON (unexpected end of data"),
        ('{"bytes": {"total": "x", "downloaded": 0}}', "Expected `int`, got `str`"),
    ],
)
def test_a_file_that_is_no_report_is_wrong_usage(
    text: str, why: str, job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (job.parent / "data" / REPORT_NAME).write_text(text)
    assert exit_status(["report", str(job)]) == 2
    assert f"is not a report of a run: {why}" in capsys.readouterr().err


def test_the_page_goes_to_a_file_or_to_stdout(
    reported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = reported.parent / "report.html"
    assert exit_status(["report", str(reported), "--html", str(page)]) == 0
    assert capsys.readouterr().out == ""
    assert exit_status(["report", str(reported), "--html", "-"]) == 0
    assert capsys.readouterr().out.strip() == page.read_text().strip()
    assert "bands/S/S_SR_B4.TIF" in page.read_text()


def test_a_page_that_cannot_be_written_is_told(
    reported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = reported.parent / "missing" / "report.html"
    assert exit_status(["report", str(reported), "--html", str(page)]) == 1
    assert str(page) in capsys.readouterr().err


def test_settings_are_shown_without_the_account_and_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    account = '[service]\nusername = "me"\ntoken_file = "hidden-token"\n'
    (tmp_path / "hidden-token").touch()
    path.write_text(f'{account}{JOB}[download]\ndirectory = "d?token=abc"\nworkers = 7\n')
    settings = dict(settings_of(load_config(path)))
    assert settings["search.bbox"] == "-150.0, 61.0, -149.0, 62.0"
    assert settings["download.workers"] == "7" and "download.attempts" not in settings
    assert settings["products: bands"] == "bands = SR_B4"
    assert (
        "hidden" not in str(settings)
        and "abc" not in str(settings)
        and "me" not in settings.values()
    )
