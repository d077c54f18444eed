"""What the report says of how a run went follows from its events and stays small."""

from __future__ import annotations

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
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
    EndpointCalls,
    HistoryRecorder,
    ProofCount,
    RunHistory,
    StrainSpan,
)
from asyncdl.run_state import RunState


def ending(name: str, state: FileState = FileState.DOWNLOADED, proof: str = "") -> FileFinished:
    return FileFinished("bands", "S", name, state, proof=proof, source="stac" if proof else "")


def history_of(*events: tuple[float, Event], end_s: float) -> RunHistory:
    recorder, state = HistoryRecorder(), RunState()
    for now_s, event in events:
        recorder.take(event, state, now_s)
    return recorder.history(state, end_s)


def test_the_slowest_files_are_those_that_took_longest_from_their_first_byte() -> None:
    started = [(100.0 - n, TransferStarted(f"f{n}", "", None, 0)) for n in range(30)]
    slowest = history_of(
        *started, *((200.0, ending(f"f{n}")) for n in range(30)), end_s=200
    ).slowest
    assert [slow.file for slow in slowest] == [f"f{29 - n}" for n in range(MAX_SLOWEST)]
    assert slowest[0].elapsed_s == 129.0


def test_proofs_are_counted_by_what_was_shown_and_who_promised_it() -> None:
    endings = (ending("a", proof="length+sha512"), ending("b"), ending("c"),
               ending("d", FileState.FAILED, proof="length"))  # fmt: skip
    assert history_of(*((0.0, event) for event in endings), end_s=1.0).proofs == (
        ProofCount("", "", 2), ProofCount("length+sha512", "stac", 1)
    )  # fmt: skip


def test_calls_are_counted_by_endpoint() -> None:
    history = history_of(
        (2.0, ApiCalled("scene-search", 1.5, None)),
        (3.0, ApiCalled("scene-search", 0.25, "RATE_LIMIT")),
        end_s=3.0,
    )
    assert history.api == {"scene-search": EndpointCalls(2, 1, 1.75)}


def test_footprints_are_kept_up_to_a_number() -> None:
    scenes = tuple(FoundScene(f"{n}", "", "", None) for n in range(MAX_SCENES))
    found = ScenesFound(MAX_SCENES, None, scenes)
    assert history_of((0.0, found), (0.0, found), end_s=0.0).found_scenes == scenes


def test_row_e9_the_report_has_a_mark_for_each_time_of_strain() -> None:
    changes = [
        (1.0, "a", 8), (2.0, "a", 4), (3.0, "b", 8), (4.0, "a", 5), (9.0, "a", 16), (9.5, "a", 8)
    ]  # fmt: skip
    events = [(now_s, HostStrain(host, "http-429", n, 16)) for now_s, host, n in changes]
    assert history_of(*events, end_s=10.0).strains == (
        StrainSpan("a", "http-429", 1.0, 9.0, 4, 16),
        StrainSpan("b", "http-429", 3.0, None, 8, 16),
        StrainSpan("a", "http-429", 9.5, None, 8, 16),
    )


def test_waits_connections_and_preparation_are_on_the_timeline() -> None:
    events = (ConnectionsInUse("h", 4), FilesPreparing(3), QuotaWait(60), HostWait("h", "", 5),
              ServiceWait("m2m", "HTTP 503", 0, 30), ServiceBack("m2m", 0))  # fmt: skip
    timeline = history_of(*((1.0, event) for event in events), end_s=2.0).timeline
    assert (timeline.connections, timeline.preparing) == ((0, 4, 4), (0, 3, 3))
    assert [(wait.what, wait.end_s) for wait in timeline.waits] == [
        ("download quota used up", 2.0), ("backoff for h", 2.0), ("m2m is down", 1.0)
    ]  # fmt: skip
