"""The outcome of a run on one screen: totals, checks, failures, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.printing import echo
from asyncdl.job.reporting.report import (
    REPORT_NAME,
    Failure,
    Summary,
    WindowTotals,
    group_failures,
)
from asyncdl.job.reporting.run_history import ProofCount
from asyncdl.journal import StatePlaces
from asyncdl.units import count, duration, rate, size

SHOWN_FAILURES = 10
"""More are in the report."""
SHOWN_REASONS = 4
"""Kinds of failures; with three names each, a screen of 24 lines has room for the totals."""
SHOWN_NAMES = 3
"""Files of one kind of failure."""
SHOWN_PROOFS = 5
INDENT = " " * 14
"""As wide as a row's title."""


def print_summary(
    summary: Summary,
    places: StatePlaces,
    *,
    as_json: bool,
    quiet: bool,
    next_steps: Sequence[str] = (),
) -> None:
    """Print the outcome to stdout: one JSON object, or a screen, or only what went wrong."""
    if as_json:
        echo_json(summary.as_json())
        return
    lines = [] if quiet and summary.is_complete else describe(summary, places, next_steps)
    for line in lines:
        echo(line)


def describe(summary: Summary, places: StatePlaces, next_steps: Sequence[str] = ()) -> list[str]:
    """Return the outcome as lines for people."""
    lines = [f"{HEADLINES.get(summary.status, summary.status)}: {_totals(summary)}"]
    lines += [
        f"  {kind:<12}{_counts(counts)}"
        for kind, counts in summary.by_kind.items()
        if any(counts.values())
    ]
    lines += _windows(summary.windows)
    lines += _proofs(summary.history.proofs)
    lines += _replaced(summary)
    lines.append(f"  in {places.target}")
    if summary.error:
        lines.append(f"The run had to stop: {summary.error}")
    lines += _failures(summary.failures)
    if summary.failures:
        lines.append(f"All of them: {places.report_folder / REPORT_NAME}")
    lines += next_steps
    if summary.failures or summary.status in ("stopped", "interrupted"):
        lines.append("Run the same command again to continue.")
    return lines


def next_steps(
    summary: Summary, config: Path, *, is_sandbox: bool, is_piped: bool = False
) -> list[str]:
    """Return commands to copy that continue from an outcome; none if it is complete.

    Args:
        summary: The outcome.
        config: Of the job.
        is_sandbox: Whether the embedded service was used.
        is_piped: Whether the scenes came from standard input; that command is not known here.
    """
    if summary.is_complete:
        return []
    file = shlex.quote(str(config))
    embedded = " --sandbox" if is_sandbox else ""
    commands = [(f"asyncdl report {file} --html report.html", "how it went, as a page")]
    if summary.failures and not is_piped:
        commands.insert(0, (f"asyncdl run {file}{embedded} --retry-failed", "only what is missing"))
    width = max(len(command) for command, _ in commands)
    return ["Next:", *(f"  {command:<{width}}  # {what}" for command, what in commands)]


HEADLINES = {
    "complete": "Complete",
    "incomplete": "Incomplete",
    "stopped": "Stopped",
    "interrupted": "Interrupted",
}


def _totals(summary: Summary) -> str:
    bytes_s = summary.downloaded_bytes / summary.elapsed_s if summary.elapsed_s else 0
    return (
        f"{count(summary.scenes, 'scene')}, {count(summary.files['total'], 'file')}, "
        f"{size(summary.total_bytes)}; received {size(summary.downloaded_bytes)} "
        f"in {duration(summary.elapsed_s)} ({rate(bytes_s)})"
    )


def _counts(counts: Mapping[str, int]) -> str:
    words = {"downloaded": "downloaded", "skipped": "already there"}
    parts = [f"{n:,} {words.get(state, state)}" for state, n in counts.items() if n]
    total = count(sum(counts.values()), "file")
    return f"{total}: {', '.join(parts)}"


def _windows(windows: WindowTotals | None) -> list[str]:
    """Return a line about windows and the whole rasters that they are of."""
    if windows is None:
        return []
    sizes = f"{size(windows.bytes)} of {size(windows.whole_bytes)}"
    share = windows.bytes / windows.whole_bytes if windows.whole_bytes else 1.0
    return [f"  {'windows':<12}{count(windows.files, 'file')}: {sizes} ({share:.1%})"]


def _proofs(proofs: Sequence[ProofCount]) -> list[str]:
    lines = [f"{_proof(proof)}: {count(proof.files, 'file')}" for proof in proofs[:SHOWN_PROOFS]]
    hidden = sum(proof.files for proof in proofs[SHOWN_PROOFS:])
    if hidden:
        lines.append(f"otherwise: {count(hidden, 'file')}")
    return [
        f"  {'verified by':<12}{line}" if i == 0 else INDENT + line for i, line in enumerate(lines)
    ]


def _proof(proof: ProofCount) -> str:
    """Return what was checked, and where the expected digest is from."""
    source = f" (digest: {proof.source})" if proof.source else ""
    return (proof.proof or "nothing") + source


def _replaced(summary: Summary) -> list[str]:
    """Return lines about reprocessed and withdrawn scenes."""
    lines = []
    if summary.superseded:
        removed = sum(old.removed_files for old in summary.superseded)
        files = f"{count(removed, 'old file')} removed" if removed else "old files kept"
        lines.append(f"reprocessed: {count(len(summary.superseded), 'scene')}, {files}")
    if summary.withdrawn:
        lines.append(f"withdrawn: {count(len(summary.withdrawn), 'scene')}, files kept")
    return [f"  {line}" for line in lines]


def _failures(failures: Sequence[Failure]) -> list[str]:
    groups = group_failures(failures)
    lines = [line for group in groups[:SHOWN_REASONS] for line in _group(group)]
    hidden = sum(map(len, groups[SHOWN_REASONS:]))
    if hidden:
        reasons = count(len(groups) - SHOWN_REASONS, "more reason")
        lines.append(f"… and {count(hidden, 'file')} for {reasons}")
    return lines


def _group(group: Sequence[Failure]) -> list[str]:
    """Return one kind of failure: how many and why, what to do, and the first files."""
    first = group[0]
    lines = [
        f"{count(len(group), 'file')} {first.state}: {first.detail} [{first.reason}]",
        f"    {first.remedy}",
    ]
    lines += [f"      {failure.file}" for failure in group[:SHOWN_NAMES]]
    hidden = len(group) - SHOWN_NAMES
    return [*lines, f"      … and {hidden:,} more"] if hidden > 0 else lines
