"""The outcome of a run: written when it ends, read again later.

The summary is one object, the same for ``--json``, for ``<directory>/asyncdl-report.json`` and
for an embedding program. The file also has the history of the run.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any

import anyio.to_thread
import msgspec
import orjson

from asyncdl.background import unhurried
from asyncdl.errors import ConfigError
from asyncdl.events import (
    Event,
    FileFinished,
    FileState,
    Notice,
    SceneSuperseded,
    SceneWithdrawn,
)
from asyncdl.job.reporting.run_history import HistoryRecorder, RunHistory
from asyncdl.job.reporting.views import counts_table, failures_table, notices_list
from asyncdl.markup import element
from asyncdl.outside import check_values, read_at_most
from asyncdl.run_state import RunState
from asyncdl.system.files import replace
from asyncdl.system.volumes import flush
from asyncdl.transfer.parts.durable import open_regular_file
from asyncdl.units import count, duration, size

REPORT_NAME = "asyncdl-report.json"
MAX_REPORT_BYTES = 256 * 1024**2
MAX_LISTED_FAILURES = 100_000
"""In a summary and its report, which has some 45 MB then; the journal has all of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that is missing at the end, and what can be done about it."""

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
    """The last HTTP status that was no success, if there was one."""
    detail: str
    """What happened, as a sentence."""
    remedy: str
    """What may help, as a sentence."""
    attempts: int
    """HTTP requests made for it in this run."""


def group_failures(failures: Iterable[Failure]) -> list[list[Failure]]:
    """Group failures with the same state, reason and remedy; the most frequent first."""
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in failures:
        key = failure.state, failure.reason, failure.remedy
        groups.setdefault(key, []).append(failure)
    return sorted(groups.values(), key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Superseded:
    """A product whose files are there, and that the service has reprocessed."""

    product_id: str
    by: str
    """The new product; all its files are there."""
    removed_files: int
    """Files of the old product; 0 if they are kept."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A scene whose files are there, and that the service has deleted."""

    product_id: str
    withdrawn: str
    """When, as the service writes it."""


@dataclass(frozen=True, slots=True)
class WindowTotals:
    """Windows that are there now, beside the whole rasters that they are of."""

    files: int = 0
    bytes: int = 0
    """Of the windows."""
    whole_bytes: int = 0
    """Of the rasters, as far as the service states their lengths."""

    def add(self, event: FileFinished) -> WindowTotals:
        """Return the totals with one more."""
        size_bytes = event.size_bytes or 0
        whole_bytes = size_bytes if event.whole_bytes is None else event.whole_bytes
        return WindowTotals(self.files + 1, self.bytes + size_bytes, self.whole_bytes + whole_bytes)


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """The outcome of a run."""

    status: str
    """``complete``, ``incomplete``, ``stopped`` or ``interrupted``."""
    scenes: int
    """Found by the search or named by the config."""
    files: Mapping[str, int]
    """``total`` and the number in each final state."""
    by_kind: Mapping[str, Mapping[str, int]]
    """The same for each product kind, in the order of the config."""
    total_bytes: int
    """Sizes of all files that are there now."""
    downloaded_bytes: int
    """Received over the network in this run, also for files that failed."""
    elapsed_s: float
    """Seconds of the whole run."""
    api_calls: Mapping[str, int]
    """Calls by endpoint, retries and logins included."""
    failures: tuple[Failure, ...] = ()
    """One for each destination where a wanted file is missing; the first
    :data:`MAX_LISTED_FAILURES` of them."""
    notices: tuple[str, ...] = ()
    """What the user should read, in order."""
    superseded: tuple[Superseded, ...] = ()
    """Found in this run."""
    withdrawn: tuple[Withdrawn, ...] = ()
    """Found in this run."""
    windows: WindowTotals | None = None
    """What windows are there; ``None`` without any."""
    error: str = ""
    """Why the run had to stop; empty if it did not."""
    begun: str = ""
    """When the run began, in UTC, such as ``2026-03-01T06:15:00Z``."""
    history: RunHistory = field(default_factory=RunHistory)
    """How the run went; in the report file, not in ``--json``."""

    @property
    def record(self) -> RunHistory:
        """The same as :attr:`history`, which is its name from version 0.3 on."""
        warnings.warn("Summary.record is called Summary.history", DeprecationWarning, stacklevel=2)
        return self.history

    def __repr__(self) -> str:
        counts = (f"{n:,} {state}" for state, n in self.files.items() if n and state != "total")
        files = f"{count(self.files.get('total', 0), 'file')} ({', '.join(counts)})"
        received = f"{size(self.downloaded_bytes)} received in {duration(self.elapsed_s)}"
        parts = filter(None, (self.status, files, received, self.error))
        return f"<Summary: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        files = count(self.files.get("total", 0), "file")
        head = f"{self.status.capitalize()}: {count(self.scenes, 'scene')}, {files}, "
        received = f"{size(self.downloaded_bytes)} in {duration(self.elapsed_s)}"
        states = list(dict.fromkeys(state for kind in self.by_kind.values() for state in kind))
        return element(
            "div",
            element("p", element("strong", head + size(self.total_bytes))),
            element("p", f"Received {received}."),
            counts_table(self.by_kind, states),
            element("p", self.error) if self.error else None,
            failures_table([(f.file, f.detail or f.reason, f.remedy) for f in self.failures]),
            notices_list(self.notices),
        )

    @property
    def is_complete(self) -> bool:
        """Whether every wanted file is there and verified."""
        return self.status == "complete"

    def as_json(self) -> dict[str, Any]:
        """Return the summary as ``--json`` shows it, without the history."""
        return self._facts([asdict(failure) for failure in self.failures])

    def _facts(self, failures: Sequence[Any]) -> dict[str, Any]:
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
            "failures": failures,
            "notices": list(self.notices),
            "superseded": [asdict(scene) for scene in self.superseded],
            "withdrawn": [asdict(scene) for scene in self.withdrawn],
            **({"windows": asdict(self.windows)} if self.windows else {}),
            **({"error": self.error} if self.error else {}),
        }

    def as_report(self) -> dict[str, Any]:
        """Return the summary and the history, as written to the report file."""
        return self.as_json() | self._history

    @property
    def _history(self) -> dict[str, Any]:
        history: dict[str, Any] = msgspec.to_builtins(self.history)
        if not history["workers"]:
            del history["workers"]  # as in every version before there were clusters
        return history

    def report_parts(self) -> Iterator[bytes]:
        """Yield the report file in pieces: one key per line, with its value on the same line.

        Samples, footprints and failures have a line each.
        """
        facts = self._facts([*self.failures]) | self._history
        for number, (key, value) in enumerate(facts.items()):
            yield b",\n  " if number else b"{\n  "
            yield orjson.dumps(key) + b": "
            yield from _parts_of(value)
        yield b"\n}\n"

    @staticmethod
    def from_report(report: Mapping[str, Any]) -> Summary:
        """Return what :meth:`as_report` gave, in this version or an earlier one.

        Raises: msgspec.ValidationError, KeyError, TypeError, if it is something else.
        """
        sizes = report["bytes"]
        flat = {"total_bytes": sizes["total"], "downloaded_bytes": sizes["downloaded"]}
        history = msgspec.convert(report, RunHistory)
        return msgspec.convert({**report, **flat, "history": history}, Summary)


class Report:
    """The outcome of a run: a view of its state, and what the user reads at the end.

    Args:
        kinds: Product kinds of the job, in the order in which the summary shows them.
        clock: Monotonic seconds.
        service: Its name in the journal.
    """

    def __init__(
        self,
        kinds: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        service: str = "",
    ) -> None:
        self.state = RunState(kinds)
        self.is_partial = False
        """Whether the run leaves out files that no run has considered yet."""
        self._clock = clock
        self._began_s = clock()
        self._begun = datetime.now(UTC)
        # A user name in front of the host stays out of the report.
        self._recorder = HistoryRecorder(service.rpartition("@")[2])
        self._failures: list[Failure] = []
        self._unlisted = 0
        """Failures beyond those that are listed."""
        self._notices: list[str] = []
        self._superseded: list[Superseded] = []
        self._withdrawn: list[Withdrawn] = []
        self._windows: WindowTotals | None = None

    def take(self, event: Event) -> None:
        """Take one event of the run."""
        self._recorder.take(event, self.state, self._clock() - self._began_s)
        match event:
            case FileFinished(state=FileState.FAILED | FileState.UNRESOLVED):
                self._fail(event)
            case FileFinished() if event.window:
                self._windows = (self._windows or WindowTotals()).add(event)
            case Notice():
                self._notices.append(event.text)
            case SceneSuperseded(product_id, by, removed_files):
                self._superseded.append(Superseded(product_id, by, removed_files))
            case SceneWithdrawn(product_id, withdrawn):
                self._withdrawn.append(Withdrawn(product_id, withdrawn))

    def _fail(self, event: FileFinished) -> None:
        if len(self._failures) < MAX_LISTED_FAILURES:
            self._failures.append(_failure_of(event))
        else:
            self._unlisted += 1

    @property
    def status(self) -> str:
        """``complete`` when every wanted file is there, else ``incomplete``."""
        files = self.state.files
        is_bad = files.missing or files.finished < files.wanted
        return "incomplete" if is_bad or self.is_partial else "complete"

    def summary(
        self, *, status: str = "", error: str = "", api_calls: Mapping[str, int] | None = None
    ) -> Summary:
        """Return the outcome so far; by default ``status`` follows from the counts."""
        state, files = self.state, self.state.files
        elapsed_s = self._clock() - self._began_s
        return Summary(
            status=status or self.status,
            scenes=state.scenes,
            files={"total": files.total} | _by_name(files.states),
            by_kind={kind: _by_name(states) for kind, states in files.by_kind.items()},
            total_bytes=files.there_bytes,
            downloaded_bytes=state.received_bytes,
            elapsed_s=elapsed_s,
            api_calls=dict(api_calls or {}),
            failures=tuple(self._failures),
            notices=(*self._notices, *_notices_of_unlisted(len(self._failures), self._unlisted)),
            superseded=tuple(self._superseded),
            withdrawn=tuple(self._withdrawn),
            windows=self._windows,
            error=error,
            begun=f"{self._begun:%Y-%m-%dT%H:%M:%SZ}",
            history=self._recorder.history(state, elapsed_s),
        )


def _by_name(states: Mapping[FileState, int]) -> dict[str, int]:
    return {state.value: number for state, number in states.items()}


def _notices_of_unlisted(listed: int, unlisted: int) -> Iterator[str]:
    if unlisted:
        yield (
            f"The first {listed:,} failures are listed, and {unlisted:,} more are not;"
            " the status of the job has all of them."
        )


def _failure_of(event: FileFinished) -> Failure:
    # The same few sentences for thousands of files are in memory once.
    return Failure(
        file=event.file,
        kind=event.kind,
        state=event.state.value,
        reason=intern(event.reason),
        error=intern(event.error),
        http_status=event.http_status,
        detail=intern(event.detail),
        remedy=intern(event.remedy),
        attempts=event.attempts,
    )


async def write_report(directory: Path, summary: Summary, *, durable: bool = False) -> Path:
    """Write ``asyncdl-report.json`` completely, or leave the old one.

    Args:
        directory: The download directory.
        summary: Of the run.
        durable: Whether it must survive a power failure.
    Raises: OSError; the report of the last run is then still there.
    """
    path = directory / REPORT_NAME
    partial = path.with_suffix(".json.part")
    await anyio.to_thread.run_sync(_write_report, path, partial, summary, durable)
    return path


def _write_report(path: Path, partial: Path, summary: Summary, durable: bool) -> None:
    try:
        with open(partial, "wb", opener=_open_own) as file:
            file.writelines(unhurried(summary.report_parts()))
            if durable:
                file.flush()
                flush(file.fileno())
        replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def _open_own(path: str, flags: int) -> int:
    return open_regular_file(Path(path), flags)


def _parts_of(value: Any) -> Iterator[bytes]:
    if not isinstance(value, list) or not value:
        yield orjson.dumps(value)
        return
    for number, item in enumerate(value):
        yield (b",\n    " if number else b"[\n    ") + orjson.dumps(item)
    yield b"\n  ]"


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
        raise ConfigError(f"is not a report of a run: {_why(error)}", file=path) from None


def _why(error: Exception) -> str:
    """Return what is wrong with a file."""
    match error:
        case KeyError():
            return f"{error.args[0]} is missing"
        case TypeError():
            return "it is JSON of another form"
        case orjson.JSONDecodeError():
            return f"it is not JSON ({error})"
    return str(error)
