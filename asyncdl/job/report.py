"""What a run came to: counted as it goes, written when it ends.

The summary is one object, the same for ``--json``, for
``<directory>/asyncdl-report.json`` and for an embedding program.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import InitVar, asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiofiles
import aiofiles.os
import anyio.to_thread
import orjson

from asyncdl.events import (
    Event,
    FileFinished,
    FileState,
    FilesWanted,
    Notice,
    ScenesFound,
    TransferProgress,
)

REPORT_NAME = "asyncdl-report.json"
BAD = (FileState.FAILED, FileState.UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that is not there at the end, and what can be done about it."""

    file: str
    kind: str
    state: str
    reason: str
    error: str
    """Class of the error, such as ``HttpStatusError``; empty where the service gave the reason."""
    http_status: int | None
    """The last status of the host that was no success, if there was one."""
    detail: str
    remedy: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a run."""

    status: str
    """``complete``, ``incomplete``, ``stopped`` or ``interrupted``."""
    scenes: int
    files: Mapping[str, int]
    """``total`` and the number in each final state."""
    by_kind: Mapping[str, Mapping[str, int]]
    """The same for each product kind, in the order of the config."""
    total_bytes: int
    """Sizes of all files that are there now."""
    downloaded_bytes: int
    """Received over the network in this run, whatever became of it."""
    elapsed_s: float
    api_calls: Mapping[str, int]
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()
    error: str = ""
    """Why the run had to stop, if it had to."""

    @property
    def is_complete(self) -> bool:
        """Whether every wanted file is there and verified."""
        return self.status == "complete"

    def as_json(self) -> dict[str, Any]:
        """Return the summary as ``--json`` and the report file show it."""
        return {
            "event": "summary",
            "status": self.status,
            "scenes": self.scenes,
            "files": dict(self.files),
            "by_kind": {kind: dict(counts) for kind, counts in self.by_kind.items()},
            "bytes": {"downloaded": self.downloaded_bytes, "total": self.total_bytes},
            "elapsed_s": round(self.elapsed_s, 3),
            "api_calls": dict(self.api_calls),
            "failures": [asdict(failure) for failure in self.failures],
            "notices": list(self.notices),
            **({"error": self.error} if self.error else {}),
        }


@dataclass
class Report:
    """Counts events while a run goes on.

    Args:
        kinds: Product kinds of the job, in the order in which the summary shows them.
        clock: Monotonic seconds.
    """

    kinds: InitVar[Iterable[str]] = ()
    clock: Callable[[], float] = time.monotonic
    scenes: int = 0
    wanted: int = 0
    states: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(init=False)
    total_bytes: int = 0
    downloaded_bytes: int = 0
    failures: list[Failure] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    _received: dict[str, int] = field(default_factory=dict)

    def __post_init__(self, kinds: Iterable[str]) -> None:
        self._began = self.clock()
        self.by_kind = {kind: Counter() for kind in kinds}

    def take(self, event: Event) -> None:
        """Count one event."""
        match event:
            case ScenesFound():
                self.scenes = event.found
            case FilesWanted():
                self.wanted += event.count
            case Notice():
                self.notices.append(event.text)
            case TransferProgress():
                # Cumulative per file, and a file that fails leaves no other trace of its bytes.
                self.downloaded_bytes += event.received_bytes - self._received.get(event.key, 0)
                self._received[event.key] = event.received_bytes
            case FileFinished():
                self._finish(event)
            case _:
                pass

    def _finish(self, event: FileFinished) -> None:
        self.states[event.state] += 1
        self.by_kind.setdefault(event.kind, Counter())[event.state] += 1
        counted = self._received.pop(event.key or event.file, 0)
        self.downloaded_bytes += max(0, event.received_bytes - counted)
        if event.state in BAD:
            self.failures.append(
                Failure(
                    event.file,
                    event.kind,
                    event.state.value,
                    event.reason,
                    event.error,
                    event.http_status,
                    event.detail,
                    event.remedy,
                    event.attempts,
                )
            )
        else:
            self.total_bytes += event.size_bytes or 0

    @property
    def status(self) -> str:
        """``complete`` when every wanted file is there, else ``incomplete``."""
        finished = sum(self.states.values())
        is_bad = any(self.states[state] for state in BAD) or finished < self.wanted
        return "incomplete" if is_bad else "complete"

    def summary(
        self, *, status: str = "", error: str = "", api_calls: Mapping[str, int] | None = None
    ) -> Summary:
        """Return the outcome so far; ``status`` follows from the counts when not given."""
        finished = sum(self.states.values())
        total = max(self.wanted, finished)
        return Summary(
            status=status or self.status,
            scenes=self.scenes,
            files={"total": total} | {state.value: self.states[state] for state in FileState},
            by_kind={
                kind: {state.value: counts[state] for state in FileState}
                for kind, counts in self.by_kind.items()
            },
            total_bytes=self.total_bytes,
            downloaded_bytes=self.downloaded_bytes,
            elapsed_s=self.clock() - self._began,
            api_calls=dict(api_calls or {}),
            failures=tuple(self.failures),
            notices=tuple(self.notices),
            error=error,
        )


async def write_report(directory: Path, summary: Summary, *, durable: bool = False) -> Path:
    """Write ``asyncdl-report.json``, whole or not at all.

    Args:
        directory: The download directory.
        summary: What the run came to.
        durable: Whether a power cut may not tear it.
    Raises: OSError; the report of the last run is then still there.
    """
    path = directory / REPORT_NAME
    partial = path.with_suffix(".json.part")
    text = orjson.dumps(summary.as_json(), option=orjson.OPT_INDENT_2) + b"\n"
    try:
        async with aiofiles.open(partial, "wb") as file:
            await file.write(text)
            if durable:
                await file.flush()
                await anyio.to_thread.run_sync(os.fsync, file.fileno())
        await aiofiles.os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            await aiofiles.os.remove(partial)
        raise
    return path
