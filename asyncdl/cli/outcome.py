"""The end of a run, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.printing import echo
from asyncdl.cli.quantities import count, duration, size
from asyncdl.job.telling.report import REPORT_NAME, Summary

SHOWN_FAILURES = 10
"""The rest stands in the report."""


def print_summary(summary: Summary, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Print the outcome to stdout: one JSON object, or a few lines, or only what went wrong."""
    if as_json:
        echo_json(summary.as_json())
        return
    lines = [] if quiet and summary.is_complete else describe(summary, directory)
    for line in lines:
        echo(line)


def describe(summary: Summary, directory: Path) -> list[str]:
    """Return the outcome as lines for people."""
    lines = [f"{HEADLINES.get(summary.status, summary.status)}: {_totals(summary)}"]
    lines += [
        f"  {kind:<12}{_counts(counts)}"
        for kind, counts in summary.by_kind.items()
        if any(counts.values())
    ]
    lines.append(f"  in {directory}")
    if summary.error:
        lines.append(f"The run had to stop: {summary.error}")
    lines += _failures(summary)
    if summary.failures:
        lines.append(f"All of them: {directory / REPORT_NAME}")
    if summary.status != "complete":
        lines.append("Run the same command again to continue.")
    return lines


HEADLINES = {
    "complete": "Complete",
    "incomplete": "Incomplete",
    "stopped": "Stopped",
    "interrupted": "Interrupted",
}


def _totals(summary: Summary) -> str:
    rate = summary.downloaded_bytes / summary.elapsed_s if summary.elapsed_s else 0
    return (
        f"{count(summary.scenes, 'scene')}, {count(summary.files['total'], 'file')}, "
        f"{size(summary.total_bytes)}; received {size(summary.downloaded_bytes)} "
        f"in {duration(summary.elapsed_s)} ({size(rate)}/s)"
    )


def _counts(counts: Mapping[str, int]) -> str:
    words = {"downloaded": "downloaded", "skipped": "already there"}
    parts = [f"{n:,} {words.get(state, state)}" for state, n in counts.items() if n]
    total = count(sum(counts.values()), "file")
    return f"{total}: {', '.join(parts)}"


def _failures(summary: Summary) -> list[str]:
    lines = []
    for failure in summary.failures[:SHOWN_FAILURES]:
        lines.append(f"{failure.state}: {failure.file}: {failure.detail} [{failure.reason}]")
        lines.append(f"    {failure.remedy}")
    hidden = len(summary.failures) - SHOWN_FAILURES
    if hidden > 0:
        lines.append(f"… and {hidden:,} more")
    return lines
