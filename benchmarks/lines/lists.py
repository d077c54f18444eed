"""Lists of files behind a line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contestants import Errand
from benchmarks.lines.limits import list_limit_s
from benchmarks.lines.scenarios import LIST_CLIENTS, ListScenario
from benchmarks.lines.serving import HOST, behind_line, serving_files
from benchmarks.lines.timeline import most_open
from benchmarks.measuring import Run, run
from benchmarks.scenarios import check_files, make_files
from benchmarks.servers import free_ports, trusting


@dataclass(frozen=True)
class Course:
    """A scenario that is ready to be run."""

    run_once: Callable[[str], Run]
    """Runs one client, checks its files, and removes them."""
    limit_s: Callable[[], float]
    """The least time; for jobs known after the first run."""


@contextmanager
def list_course(scenario: ListScenario, folder: Path) -> Iterator[Course]:
    """Serve the files of a scenario; ``folder`` has ``data``, ``nginx`` and ``notes``."""
    make_files(scenario.files, folder / "data")
    public, port = free_ports(2)
    with serving_files(folder / "data", folder / "nginx", port) as certificate:

        def run_once(client: str) -> Run:
            with behind_line(scenario.line, public, port, folder / "nginx"):
                taken = _fetch(scenario, client, f"https://{HOST}:{public}", folder, certificate)
            return replace(taken, connections=most_open(folder / "nginx"))

        yield Course(run_once, lambda: _limit_s(scenario))
    for name in scenario.files.file_names:
        (folder / "data" / name).unlink()


def _limit_s(scenario: ListScenario) -> float:
    return list_limit_s([scenario.files.size_bytes] * scenario.files.count, scenario.line)


def _fetch(
    scenario: ListScenario, client: str, origin: str, folder: Path, certificate: Path
) -> Run:
    target = folder / "copies"
    target.mkdir()
    try:
        errand = Errand(
            urls=tuple(f"{origin}/{name}" for name in scenario.files.file_names),
            folder=target,
            notes=folder / "notes",
            certificate=certificate,
            at_once=scenario.files.at_once,
            connections=scenario.files.connections,
        )
        taken = run(LIST_CLIENTS[client](errand), trusting(certificate))
        check_files(scenario.files, folder / "data", target)
        return taken
    finally:
        shutil.rmtree(target)
