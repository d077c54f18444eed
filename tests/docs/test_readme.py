"""The README's figures are those that were measured, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asyncdl.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "benchmarks" / "README.md"
LINES = ROOT / "benchmarks" / "lines.md"
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
NOT_MEASURED = "\N{EN DASH}"
MEASURED = {
    "1 file of 1 GiB": "one",
    "48 files of 20 MiB, 5 at once": "many",
    "the same with TLS": "tls",
    "2,000 files of 16 KiB, 5 at once": "small",
    "256 MiB, each connection held to 8 MiB/s": "capped",
}
"""Rows of the README, and the scenario that each is from."""
OVER_LINES = {
    "8 files of 64 MiB": "large",
    "120 files of 2 MiB": "medium",
    "300 files of 16 KiB": "small",
    "3 files of 64 MiB, a loss in 7 MiB": "lossy",
}
ON_LINES = (
    "asyncdl", "aria2c", "aria2c -j16", "aria2c -j5 -x16 -s16 -k1M", "curl -Z --parallel-max 16",
    "notebook",
)  # fmt: skip
"""Columns of the table of long lines, but for the limit."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def measured(scenario: str, page: Path = FIGURES) -> dict[str, tuple[str, str]]:
    """Return seconds and MiB of each program in one scenario."""
    section = page.read_text(encoding="utf-8").partition(f"(`{scenario}`)")[2].partition("\n##")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("|")]
    return {row[0]: (row[1], row[4]) for row in rows[2:]}


@pytest.mark.parametrize(("title", "scenario"), MEASURED.items())
def test_the_figures_are_those_of_the_benchmarks(title: str, scenario: str) -> None:
    [row] = [line for line in README.splitlines() if line.startswith(f"| {title} |")]
    given = measured(scenario)
    for program, told in zip(
        ("asyncdl", "notebook", "curl", "aria2c", "wget2"), cells(row)[1:], strict=True
    ):
        if program not in given:
            assert told == NOT_MEASURED
            continue
        seconds, _, mebibytes = told.replace(",", "").partition(" s")
        assert seconds == given[program][0]
        assert mebibytes in ("", f" {given[program][1]} MiB")


@pytest.mark.parametrize(("title", "scenario"), OVER_LINES.items())
def test_the_figures_of_long_lines_are_those_of_the_benchmarks(title: str, scenario: str) -> None:
    [row] = [line for line in README.splitlines() if line.startswith(f"| {title} |")]
    given = measured(scenario, LINES)
    *told, limit = cells(row)[1:]
    assert told == [given[program][0] for program in ON_LINES]
    assert f"limit {limit} s (`{scenario}`)" in LINES.read_text(encoding="utf-8")


def test_the_figures_name_the_commit_that_they_were_measured_at() -> None:
    [commit] = re.findall(r"commit (\w+)\)", README)
    assert f"commit {commit}" in FIGURES.read_text(encoding="utf-8")


def test_every_command_is_in_the_table() -> None:
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`(?:asyncdl )?([\w-]+)", cells(row)[0])}
    assert named == set(COMMANDS)


@pytest.mark.parametrize("target", sorted(set(LINK.findall(README))))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
