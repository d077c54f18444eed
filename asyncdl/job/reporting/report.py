"""What a run came to: counted as it goes, written when it ends, read again later.

The summary is one object, the same for ``--json``, for
``<directory>/asyncdl-report.json`` and for an embedding program. The file holds
the record of how the run went, too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import InitVar, asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiofiles
import aiofiles.os
import anyio.to_thread
import msgspec
import orjson

from asyncdl.errors import ConfigError
from asyncdl.events import (
    Event,
    FileFinished,
    FileState,
    FilesWanted,
    Notice,
    ScenesFound,
    SceneSuperseded,
    SceneWithdrawn,
    TransferEnded,
    TransferProgress,
)
from asyncdl.job.reporting.run_history import HistoryRecorder, RunHistory
from asyncdl.outside import check_values, read_at_most
from asyncdl.system.files import replace
from asyncdl.system.volumes import flush
from asyncdl.transfer.parts.durable import open_regular_file

REPORT_NAME = "asyncdl-report.json"
MAX_REPORT_BYTES = 256 * 1024**2
BAD = (FileState.FAILED, FileState.UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that is not there at the end, and what can be done about it."""

    file: str
    """Path below the download directory, with forward slashes."""
    kind: str
    """``bands``, ``bundle`` or ``band_group``."""
    state: str
    """``failed`` or ``unresolved``."""
    reason: str
    """Stable code, such as ``http-404``."""
    error: str
    """Class of the error, such as ``HttpStatusError``; empty where the service gave the reason."""
    http_status: int | None
    """The last status of the host that was no success, if there was one."""
    detail: str
    """What happened, for people."""
    remedy: str
    """What may help, for people."""
    attempts: int
    """Requests that were made for it in this run."""


def alike(failures: Iterable[Failure]) -> list[list[Failure]]:
    """Put failures together that end and are remedied the same way; the most frequent first."""
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in failures:
        key = failure.state, failure.reason, failure.remedy
        groups.setdefault(key, []).append(failure)
    return sorted(groups.values(), key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Superseded:
    """A product of which there are files, and that the service has processed anew."""

    product_id: str
    by: str
    """The new product, all of whose files are there."""
    removed_files: int
    """Of the old one; 0 if they are kept."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A scene of which there are files, and that the service has deleted."""

    product_id: str
    withdrawn: str
    """When, in the service's words."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a run."""

    status: str
    """``complete``, ``incomplete``, ``stopped`` or ``interrupted``."""
    scenes: int
    """That the run found or was told of."""
    files: Mapping[str, int]
    """``total`` and the number in each final state."""
    by_kind: Mapping[str, Mapping[str, int]]
    """The same for each product kind, in the order of the config."""
    total_bytes: int
    """Sizes of all files that are there now."""
    downloaded_bytes: int
    """Received over the network in this run, whatever became of it."""
    elapsed_s: float
    """Seconds of the whole run."""
    api_calls: Mapping[str, int]
    """Calls that were sent, by endpoint, repeated ones and logins included."""
    failures: tuple[Failure, ...] = ()
    """One for each place where a wanted file is not."""
    notices: tuple[str, ...] = ()
    """What a person should read, in the order in which it came up."""
    superseded: tuple[Superseded, ...] = ()
    """What was found out in this run."""
    withdrawn: tuple[Withdrawn, ...] = ()
    """The same."""
    error: str = ""
    """Why the run had to stop, if it had to."""
    begun: str = ""
    """When the run began, in UTC, such as ``2026-03-01T06:15:00Z``."""
    record: RunHistory = field(default_factory=RunHistory)
    """How it went; stands in the report file, not in ``--json``."""

    @property
    def is_complete(self) -> bool:
        """Whether every wanted file is there and verified."""
        return self.status == "complete"

    def as_json(self) -> dict[str, Any]:
        """Return the summary as ``--json`` shows it, without the record."""
        return {
            "event": "summary",
            "status": self.status,
            "scenes": self.scenes,
            "files": dict(self.files),
            "by_kind": {kind: dict(counts) for kind, counts in self.by_kind.items()},
            "bytes": {"downloaded": self.downloaded_bytes, "total": self.total_bytes},
            "begun": self.begun,
            "elapsed_s": round(self.elapsed_s, 3),
            "api_calls": dict(self.api_calls),
            "failures": [asdict(failure) for failure in self.failures],
            "notices": list(self.notices),
            "superseded": [asdict(scene) for scene in self.superseded],
            "withdrawn": [asdict(scene) for scene in self.withdrawn],
            **({"error": self.error} if self.error else {}),
        }

    def as_report(self) -> dict[str, Any]:
        """Return the summary and the record, as the report file holds them."""
        return self.as_json() | dict(msgspec.to_builtins(self.record))

    @staticmethod
    def from_report(told: Mapping[str, Any]) -> Summary:
        """Return what :meth:`as_report` gave, of this version or an earlier one.

        Raises: msgspec.ValidationError, KeyError, TypeError, if it is something else.
        """
        sizes = told["bytes"]
        flat = {"total_bytes": sizes["total"], "downloaded_bytes": sizes["downloaded"]}
        record = msgspec.convert(told, RunHistory)
        return msgspec.convert({**told, **flat, "record": record}, Summary)


@dataclass
class Report:
    """Counts events while a run goes on.

    Args:
        kinds: Product kinds of the job, in the order in which the summary shows them.
        clock: Monotonic seconds.
        service: What the journal calls the service.
    """

    kinds: InitVar[Iterable[str]] = ()
    clock: Callable[[], float] = time.monotonic
    service: InitVar[str] = ""
    scenes: int = 0
    wanted: int = 0
    states: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(init=False)
    total_bytes: int = 0
    downloaded_bytes: int = 0
    failures: list[Failure] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    superseded: list[Superseded] = field(default_factory=list)
    withdrawn: list[Withdrawn] = field(default_factory=list)
    is_partial: bool = False
    """Whether the run leaves out what no run has looked at yet."""
    _received: dict[str, int] = field(default_factory=dict)
    _recorder: HistoryRecorder = field(default_factory=HistoryRecorder)

    def __post_init__(self, kinds: Iterable[str], service: str) -> None:
        self._began = self.clock()
        self._begun = datetime.now(UTC)
        self.by_kind = {kind: Counter() for kind in kinds}
        self._recorder.service = service.rpartition("@")[2]  # whoever is named there stays out

    def take(self, event: Event) -> None:
        """Count one event."""
        now_s = self.clock() - self._began
        self._recorder.take(event, now_s)
        match event:
            case ScenesFound():
                self.scenes = event.found
            case FilesWanted():
                self.wanted += event.count
            case Notice():
                self.notices.append(event.text)
            case SceneSuperseded(product_id, by, removed_files):
                self.superseded.append(Superseded(product_id, by, removed_files))
            case SceneWithdrawn(product_id, withdrawn):
                self.withdrawn.append(Withdrawn(product_id, withdrawn))
            case TransferProgress() | TransferEnded():
                # A file that fails leaves no other trace of its bytes.
                self._receive(event.key, event.received_bytes, now_s)
            case FileFinished():
                key = event.key or event.file
                self._receive(key, event.received_bytes, now_s)
                self._received.pop(key, None)
                self._finish(event)
            case _:
                pass

    def _receive(self, key: str, received_bytes: int, now_s: float) -> None:
        """Count what came for a file; told are all its bytes so far."""
        more_bytes = received_bytes - self._received.get(key, 0)
        if more_bytes > 0:
            self._received[key] = received_bytes
            self.downloaded_bytes += more_bytes
            self._recorder.receive(more_bytes, now_s)

    def _finish(self, event: FileFinished) -> None:
        self.states[event.state] += 1
        self.by_kind.setdefault(event.kind, Counter())[event.state] += 1
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
        return "incomplete" if is_bad or self.is_partial else "complete"

    def summary(
        self, *, status: str = "", error: str = "", api_calls: Mapping[str, int] | None = None
    ) -> Summary:
        """Return the outcome so far; ``status`` follows from the counts when not given."""
        finished = sum(self.states.values())
        total = max(self.wanted, finished)
        elapsed_s = self.clock() - self._began
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
            elapsed_s=elapsed_s,
            api_calls=dict(api_calls or {}),
            failures=tuple(self.failures),
            notices=tuple(self.notices),
            superseded=tuple(self.superseded),
            withdrawn=tuple(self.withdrawn),
            error=error,
            begun=f"{self._begun:%Y-%m-%dT%H:%M:%SZ}",
            record=self._recorder.record(elapsed_s),
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
    text = report_bytes(summary)
    try:
        async with aiofiles.open(partial, "wb", opener=_open_own) as file:
            await file.write(text)
            if durable:
                await file.flush()
                await anyio.to_thread.run_sync(flush, file.fileno())
        await anyio.to_thread.run_sync(replace, partial, path)
    except OSError:
        with suppress(OSError):
            await aiofiles.os.remove(partial)
        raise
    return path


def _open_own(path: str, flags: int) -> int:
    return open_regular_file(Path(path), flags)


def report_bytes(summary: Summary) -> bytes:
    """Return the report file: a key a line, and what is under it on the same line.

    Samples and footprints, one number a line, would make a file that nobody scrolls through.
    """
    lines = (
        orjson.dumps(key) + b": " + _laid_out(value) for key, value in summary.as_report().items()
    )
    return b"{\n  " + b",\n  ".join(lines) + b"\n}\n"


def _laid_out(value: Any) -> bytes:
    if not isinstance(value, list) or not value:
        return orjson.dumps(value)
    return b"[\n    " + b",\n    ".join(map(orjson.dumps, value)) + b"\n  ]"


def read_report(directory: Path) -> Summary | None:
    """Read the report of the last run; ``None`` if there is none.

    Raises: ConfigError, if the file is something else; OSError, if it cannot be read.
    """
    path = directory / REPORT_NAME
    try:
        with path.open("rb") as file:
            text = read_at_most(file, MAX_REPORT_BYTES)
        check_values(text)
        return Summary.from_report(orjson.loads(text))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"is no report of a run: {_why(error)}", file=path) from None


def _why(error: Exception) -> str:
    """Say what is wrong with a file that somebody else has written."""
    match error:
        case KeyError():
            return f"{error.args[0]} is missing"
        case TypeError():
            return "it is JSON of another kind"
        case orjson.JSONDecodeError():
            return f"it is not JSON ({error})"
    return str(error)
