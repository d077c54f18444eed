"""What the report tells of how a run went follows from its events and stays small."""

from __future__ import annotations

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    FileFinished,
    FilesPreparing,
    FileState,
    FoundScene,
    HostStrain,
    HostWait,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferStarted,
)
from asyncdl.job.reporting.run_history import (
    MAX_SCENES,
    MAX_SLOWEST,
    MAX_STRAINS,
    EndpointTally,
    HistoryRecorder,
    ProofCount,
    StrainSpan,
)


def ending(name: str, state: FileState = FileState.DOWNLOADED, proof: str = "") -> FileFinished:
    return FileFinished("bands", "S", name, state, proof=proof, source="stac" if proof else "")


def test_the_slowest_files_are_those_that_took_longest_from_their_first_byte() -> None:
    recorder = HistoryRecorder()
    for number in range(30):
        recorder.take(TransferStarted(f"f{number}", "", None, 0), 100.0 - number)
    for number in range(30):
        recorder.take(ending(f"f{number}"), 200.0)
    slowest = recorder.record(200.0).slowest
    assert [slow.file for slow in slowest] == [f"f{29 - n}" for n in range(MAX_SLOWEST)]
    assert slowest[0].elapsed_s == 129.0


def test_proofs_are_counted_by_what_was_shown_and_who_promised_it() -> None:
    recorder = HistoryRecorder()
    for event in (ending("a", proof="length+sha512"), ending("b"), ending("c"),
                  ending("d", FileState.FAILED, proof="length")):  # fmt: skip
        recorder.take(event, 0.0)
    assert recorder.record(1.0).proofs == (
        ProofCount("", "", 2), ProofCount("length+sha512", "stac", 1)
    )  # fmt: skip


def test_calls_are_counted_by_endpoint() -> None:
    recorder = HistoryRecorder()
    recorder.take(ApiCalled("scene-search", 1.5, None), 2.0)
    recorder.take(ApiCalled("scene-search", 0.25, "RATE_LIMIT"), 3.0)
    assert recorder.record(3.0).api == {"scene-search": EndpointTally(2, 1, 1.75)}


def test_footprints_are_kept_up_to_a_number() -> None:
    recorder = HistoryRecorder()
    scenes = tuple(FoundScene(f"{n}", "", "", None) for n in range(MAX_SCENES))
    for _ in range(2):
        recorder.take(ScenesFound(MAX_SCENES, None, scenes), 0.0)
    assert recorder.record(0.0).found_scenes == scenes


def test_row_e9_the_report_has_a_mark_for_each_time_of_strain() -> None:
    recorder = HistoryRecorder()
    for now_s, host, connections in [
        (1.0, "a", 8), (2.0, "a", 4), (3.0, "b", 8), (4.0, "a", 5), (9.0, "a", 16), (9.5, "a", 8)
    ]:  # fmt: skip
        recorder.take(HostStrain(host, "http-429", connections, 16), now_s)
    assert recorder.record(10.0).strains == (
        StrainSpan("a", "http-429", 1.0, 9.0, 4, 16),
        StrainSpan("b", "http-429", 3.0, None, 8, 16),
        StrainSpan("a", "http-429", 9.5, None, 8, 16),
    )


def test_the_marks_of_strain_are_bounded() -> None:
    recorder = HistoryRecorder()
    for number in range(2 * MAX_STRAINS):
        recorder.take(HostStrain(f"host{number}", "slow", 1, 16), 0.0)
    assert len(recorder.record(1.0).strains) == MAX_STRAINS


def test_waits_connections_and_preparation_are_on_the_timeline() -> None:
    recorder = HistoryRecorder()
    for event in (ConnectionsInUse("h", 4), FilesPreparing(3), QuotaWait(60), HostWait("h", "", 5),
                  ServiceWait("m2m", "HTTP 503", 0, 30), ServiceBack("m2m", 0)):  # fmt: skip
        recorder.take(event, 1.0)
    timeline = recorder.record(2.0).timeline
    assert (timeline.connections, timeline.preparing) == ((0, 4, 4), (0, 3, 3))
    assert [(wait.what, wait.end_s) for wait in timeline.waits] == [
        ("download quota used up", 2.0), ("h rests", 2.0), ("m2m is down", 1.0)
    ]  # fmt: skip
