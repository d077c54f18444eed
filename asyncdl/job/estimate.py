"""How fast missing files may be expected, and what that is estimated from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from anyio import to_thread

from asyncdl.config import DownloadConfig
from asyncdl.errors import ConfigError
from asyncdl.job.reporting.report import Summary, read_report
from asyncdl.journal import Overview, StatePlaces, read_journal

SAME_START_S = 60.0
"""The report and the journal note the start of a run a moment apart."""


class Basis(StrEnum):
    """What a rate is taken from."""

    GIVEN = "told"
    """The caller said so."""
    LAST_RUN = "last-run"
    """The last run of the same service in the same directory, its waits included."""
    MAX_RATE = "max-rate"
    """``download.max_rate``, which is the upper limit."""


@dataclass(frozen=True, slots=True)
class ExpectedRate:
    """The rate at which files are expected."""

    bytes_per_s: float
    basis: Basis
    begun: str = ""
    """When the last run began, if that is the basis."""
    size_bytes: int = 0
    """Bytes that were fetched in it."""


async def find_rate(
    places: StatePlaces, download: DownloadConfig, service: str, expected: float | None = None
) -> ExpectedRate | None:
    """Return the best rate that is known for a job; ``None`` rather than a guess.

    Args:
        places: Of the job's directory and its state.
        download: Its limits.
        service: Name of the service; runs of another one do not count.
        expected: Bytes per second, if the caller knows better.
    Raises: DiskError, when the journal cannot be read.
    """
    async with read_journal(places, service) as journal:
        overview = await journal.overview() if journal else None
    report = await to_thread.run_sync(_report_of, places.report_folder)
    last = report if report and overview and is_same_run(report, overview) else None
    return choose_rate(expected, last, download.max_rate)


def _report_of(directory: Path) -> Summary | None:
    try:
        return read_report(directory)
    except (ConfigError, OSError):
        return None  # no help, and no harm


def is_same_run(report: Summary, overview: Overview) -> bool:
    """Return whether a report is that of the last run which the journal knows for a service."""
    try:
        begun_s = datetime.fromisoformat(report.begun).timestamp()
    except ValueError:
        return False
    return abs(begun_s - overview.begun_at) < SAME_START_S


def choose_rate(
    expected: float | None, last: Summary | None, max_rate: float | None
) -> ExpectedRate | None:
    """Return what the caller expects, else the rate of the last run or the limit."""
    if expected is not None:
        return ExpectedRate(expected, Basis.GIVEN)
    limit = ExpectedRate(max_rate, Basis.MAX_RATE) if max_rate is not None else None
    if last is None or not last.downloaded_bytes or not last.elapsed_s:
        return limit
    seen = ExpectedRate(
        last.downloaded_bytes / last.elapsed_s, Basis.LAST_RUN, last.begun, last.downloaded_bytes
    )
    return limit if limit and limit.bytes_per_s < seen.bytes_per_s else seen
