"""What a run came to is counted from its events alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
import orjson
import pytest
from msgspec.structs import replace

from asyncdl.errors import ConfigError
from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    FoundScene,
    HostStrain,
    HostWait,
    JobStarted,
    Notice,
    ScenesFound,
    SceneSuperseded,
    SceneWithdrawn,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferStarted,
)
from asyncdl.job.reporting import report as reporting
from asyncdl.job.reporting.report import (
    REPORT_NAME,
    Report,
    Summary,
    read_report,
    write_report,
)

KINDS = ("bundle", "bands")


@dataclass
class Clock:
    now: float = 5.0

    def __call__(self) -> float:
        return self.now


def finished(
    name: str, state: FileState = FileState.DOWNLOADED, kind: str = "bands", received: int = 0
) -> FileFinished:
    return FileFinished(kind, "S", name, state, size_bytes=10, received_bytes=received)


def summary_of(*events: Event, status: str = "", error: str = "") -> Summary:
    clock = Clock()
    report = Report(KINDS, clock=clock)
    for event in events:
        report.take(event)
    clock.now += 2.5
    return report.summary(status=status, error=error, api_calls={"logout": 1})


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], "complete"),
        ([FileState.DOWNLOADED, FileState.SKIPPED], "complete"),
        ([FileState.DOWNLOADED, FileState.FAILED], "incomplete"),
        ([FileState.DOWNLOADED, FileState.UNRESOLVED], "incomplete"),
    ],
)
def test_a_run_is_complete_when_no_file_is_amiss(states: list[FileState], status: str) -> None:
    events = [finished(f"f{n}", state) for n, state in enumerate(states)]
    summary = summary_of(FilesWanted(len(states), 0), *events)
    assert (summary.status, summary.is_complete) == (status, status == "complete")
    assert summary.files["total"] == len(states)


def test_a_file_without_an_ending_makes_a_run_incomplete() -> None:
    summary = summary_of(FilesWanted(2, 20), finished("a"))
    assert summary.status == "incomplete"
    assert summary.files == {
        "total": 2, "downloaded": 1, "skipped": 0, "failed": 0, "unresolved": 0
    }  # fmt: skip


def test_kinds_are_shown_in_the_order_of_the_config() -> None:
    summary = summary_of(finished("a", kind="bands"), finished("b", kind="bundle"))
    assert list(summary.by_kind) == list(KINDS)
    assert summary.by_kind["bundle"]["downloaded"] == 1


def test_a_kind_without_files_is_shown_all_the_same() -> None:
    assert summary_of().by_kind["bands"] == dict.fromkeys(FileState, 0)


def test_received_bytes_are_counted_once_however_they_are_told() -> None:
    events = [TransferProgress("a", 4, 4), TransferProgress("a", 2, 9)]
    assert summary_of(*events, finished("a", received=12)).downloaded_bytes == 12


def test_the_bytes_of_a_failed_file_count_as_received() -> None:
    events = [TransferProgress("a", 4, 4), finished("a", FileState.FAILED)]
    summary = summary_of(*events)
    assert (summary.downloaded_bytes, summary.total_bytes) == (4, 0)


def test_a_file_that_got_its_name_from_the_host_is_counted_once() -> None:
    named = FileFinished("bundle", "S", "real.zip", FileState.DOWNLOADED, received_bytes=9, key="S")
    assert summary_of(TransferProgress("S", 4, 4), named).downloaded_bytes == 9


def test_failures_say_which_file_and_why() -> None:
    failed = FileFinished(
        "bands", "S", "a", FileState.FAILED, reason="html", detail="d", remedy="r", attempts=3
    )
    (failure,) = summary_of(failed).as_json()["failures"]
    assert failure == {
        "file": "a", "kind": "bands", "state": "failed", "reason": "html",
        "error": "", "http_status": None, "detail": "d", "remedy": "r", "attempts": 3,
    }  # fmt: skip


def test_failures_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "MAX_LISTED_FAILURES", 3)
    failures = [finished(str(number), FileState.FAILED) for number in range(5)]
    summary = summary_of(*failures)
    assert [failure.file for failure in summary.failures] == ["0", "1", "2"]
    assert summary.files["failed"] == 5
    (notice,) = summary.notices
    assert notice.startswith("The first 3 failures are listed, and 2 more are not;")
    assert summary_of(*failures[:3]).notices == ()


def test_failures_share_the_sentences_that_they_have_in_common() -> None:
    events = [
        replace(finished(str(n), FileState.FAILED), detail="".join("it failed")) for n in "ab"
    ]
    one, other = summary_of(*events).failures
    assert one.detail is other.detail


def test_the_summary_as_json_keeps_the_contract() -> None:
    events = (ScenesFound(3, 5), Notice("cut"), FilesWanted(1, 10), finished("a", received=10))
    written = summary_of(*events, status="stopped", error="disk full").as_json()
    assert written["event"] == "summary" and written["status"] == "stopped"
    assert written["bytes"] == {"downloaded": 10, "total": 10}
    assert (written["scenes"], written["elapsed_s"]) == (3, 2.5)
    assert (written["notices"], written["error"]) == (["cut"], "disk full")
    assert written["api_calls"] == {"logout": 1}


async def test_the_report_is_written_whole(tmp_path: Path) -> None:
    path = await write_report(tmp_path, summary_of(finished("a")))
    assert orjson.loads(path.read_bytes())["files"]["downloaded"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["asyncdl-report.json"]


SCENE = FoundScene("S", "E", "2020-03-10", 9.5, (((170.0, 1.0), (190.0, 1.0), (180.0, 3.0)),), "")


async def test_a_report_that_is_read_is_the_one_that_was_written(tmp_path: Path) -> None:
    events = (
        ScenesFound(1, 1, (SCENE,)),
        TransferStarted("a", "a", 10, 0),
        finished("a", received=10),
        finished("b", FileState.FAILED),
    )
    summary = summary_of(*events)
    await write_report(tmp_path, summary)
    assert await anyio.to_thread.run_sync(read_report, tmp_path) == summary
    assert summary.history.found_scenes == (SCENE,)
    assert [slow.file for slow in summary.history.slowest] == ["a"]
    assert sum(summary.history.timeline.received_bytes) == summary.downloaded_bytes == 10


def test_a_report_of_an_earlier_version_has_no_record(tmp_path: Path) -> None:
    written = summary_of(finished("a")).as_json()
    del written["begun"]
    (tmp_path / REPORT_NAME).write_bytes(orjson.dumps(written))
    read = read_report(tmp_path)
    assert read is not None and read.files["downloaded"] == 1
    assert read.history.timeline.received_bytes == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bytes": {"total": "x", "downloaded": 0}}'])
def test_what_is_no_report_is_told_so(tmp_path: Path, text: str) -> None:
    (tmp_path / REPORT_NAME).write_text(text)
    with pytest.raises(ConfigError, match=r"asyncdl-report\.json: is not a report of a run"):
        read_report(tmp_path)


def test_there_may_be_no_report(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None


# --- reports of the version before ------------------------------------------------

OLD_REPORT = Path(__file__).parents[1] / "data" / "reports" / "report_0.1.0.json"
"""Written by version 0.1.0 from the events below."""
RUN: tuple[tuple[float, Event], ...] = (
    (0, JobStarted("data", "label")),
    (1, ScenesFound(1, 3, (
        FoundScene(
            "LC08_L2SP_068017_20200310_20200822_02_T1", "LC80680172020070LGN00", "2020-03-10", 9.5,
            (((-150.0, 61.0), (-148.0, 61.0), (-149.0, 62.0)),),
            "https://landsatlook.usgs.gov/gen-browse?size=rrb",
        ),
    ))),
    (1, Notice("Taking 1 of 3 scenes.", "warning")),
    (1, FilesWanted(3, 300)),
    (1.5, ApiCalled("scene-search", 0.5, None)),
    (2, FilesPreparing(1, "bands/a", 1.0, 30.0)),
    (2, ConnectionsInUse("h", 2)),
    (2, TransferStarted("bands/a", "a", 100, 0)),
    (3, TransferProgress("bands/a", 60, 60)),
    (3, HostStrain("h", "http-429", 1, 8)),
    (4, HostWait("h", "http-429", 5)),
    (5, HostStrain("h", "http-429", 8, 8)),
    (6, ServiceWait("m2m", "HTTP 503", 1, 30)),
    (8, ServiceBack("m2m", 3)),
    (9, TransferEnded("bands/a", "", 100, 7)),
    (9, FileFinished("bands", "P", "bands/a", FileState.DOWNLOADED, 100, 100, "length+sha512",
                     "m2m", attempts=1)),
    (9.5, FileFinished("bands", "P", "bands/b", FileState.SKIPPED, 100, 0, "length")),
    (10, FileFinished("bundle", "P", "bundle/c", FileState.FAILED, None, 0, "", "", "http-404",
                      "HttpStatusError", 404, "the host answered 404", "Ask.", 2)),
    (10, SceneSuperseded("OLD", "NEW", 2)),
    (10, SceneWithdrawn("GONE", "2021-03-11")),
)  # fmt: skip


def test_the_report_is_the_one_that_the_version_before_wrote(tmp_path: Path) -> None:
    clock = Clock(0.0)
    report = Report(("bands",), clock=clock, service="m2m.cr.usgs.gov")
    for now_s, event in RUN:
        clock.now = now_s
        report.take(event)
    clock.now = 12.5
    written = orjson.loads(OLD_REPORT.read_bytes())
    assert written["timeline"]["waits"][0].pop("what") == "h rests"
    ours = orjson.loads(b"".join(report.summary(api_calls={"login-token": 1}).report_parts()))
    # Waits are in plainer words now, and have their reason.
    waits = ours["timeline"]["waits"]
    assert waits[0].pop("what") == "backoff for h"
    assert [wait.pop("reason") for wait in waits] == ["http-429", "HTTP 503"]
    assert ours | {"begun": written["begun"]} == written


def test_a_report_of_the_version_before_is_read(tmp_path: Path) -> None:
    (tmp_path / REPORT_NAME).write_bytes(OLD_REPORT.read_bytes())
    read = read_report(tmp_path)
    assert read is not None
    again = b"".join(read.report_parts()).replace(b',"reason":""}', b"}")
    assert again == OLD_REPORT.read_bytes()
    assert [strain.host for strain in read.history.strains] == ["h"]


def test_the_history_still_has_its_old_name_with_a_warning() -> None:
    summary = summary_of(finished("a"))
    with pytest.warns(DeprecationWarning, match=r"Summary\.history"):
        assert summary.record is summary.history
