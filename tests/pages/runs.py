"""Runs as their reports tell them."""

from __future__ import annotations

from dataclasses import dataclass

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
    FileFinished,
    FileState,
    FilesWanted,
    FoundScene,
    HostStrain,
    HostWait,
    Notice,
    ScenesFound,
    TransferStarted,
)
from asyncdl.job.reporting.report import Report, Summary


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def run_of(*scenes: FoundScene, files: int = 8, text: str = "gone") -> Summary:
    """Return a run of some minutes in which every fourth file failed.

    Args:
        scenes: That were found.
        files: Wanted.
        text: What the service and the hosts say, whatever they are asked.
    """
    clock = Clock()
    report = Report(["bands"], clock=clock)

    def take(*events: Event) -> None:
        for event in events:
            report.take(event)

    take(ScenesFound(len(scenes), len(scenes), scenes), FilesWanted(files, files * 1000))
    take(Notice(text), ApiCalled("scene-search", 1.5, None), ConnectionsInUse(text, 4))
    take(HostWait(text, text, 20.0), HostStrain(text, text, 4, 16))
    for number in range(files):
        take(TransferStarted(f"bands/{number}/{text}", text, 1000, 0))
        clock.now += 300.0 / files
        take(ending(number, text))
    return report.summary()


def ending(number: int, text: str) -> FileFinished:
    name = f"bands/{number}/{text}"
    if number % 4 == 3:
        return FileFinished(
            "bands", "S", name, FileState.FAILED, reason="http-404", detail=text, remedy=text
        )
    return FileFinished(
        "bands", "S", name, FileState.DOWNLOADED, 50_000_000 + number, 50_000_000 + number,
        "length+sha512+tiff", "stac",
    )  # fmt: skip
