"""asyncdl and others over long lines, beside the limit.

::

    python -m benchmarks.lines [--scenario NAME] [--client NAME] [--rounds N] [--write]
                               [--timeline] [--requests]

Clients take turns within each round; every file is compared with its original. With ``--timeline``
each run is followed by what it did, second by second; with ``--requests``, request by request.
"""

from __future__ import annotations

import argparse
import compileall
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.compare import PACKAGE, workplace
from benchmarks.contestants import VERSIONS
from benchmarks.lines.jobs import USGSXPLORE, job_course
from benchmarks.lines.lists import Course, list_course
from benchmarks.lines.scenarios import SCENARIOS, JobScenario, ListScenario
from benchmarks.lines.timeline import timeline
from benchmarks.measuring import Run, in_turns
from benchmarks.report import headline, table, write_into

_USGSXPLORE_VERSION = (
    "from importlib.metadata import version as v; print('usgsxplore', v('usgsxplore'))"
)
FIGURES = Path(__file__).parents[1] / "lines.md"
PROGRAMS = {
    **{name: VERSIONS[name] for name in ("asyncdl", "nginx", "curl", "aria2c")},
    "usgsxplore": [str(USGSXPLORE), "-c", _USGSXPLORE_VERSION],
}
CLIENTS = list(dict.fromkeys(name for scenario in SCENARIOS for name in scenario.clients))


def course_of(scenario: ListScenario | JobScenario, folder: Path) -> AbstractContextManager[Course]:
    if isinstance(scenario, ListScenario):
        return list_course(scenario, folder)
    return job_course(scenario, folder)


def compare(scenario: ListScenario | JobScenario, options: argparse.Namespace, folder: Path) -> str:
    """Run a scenario; return its table."""
    clients = [c for c in scenario.clients if not options.client or c in options.client]
    with course_of(scenario, folder) as course:

        def run_once(client: str) -> Run:
            taken = course.run_once(client)
            if (options.timeline or options.requests) and scenario.line is not None:
                print(timeline(folder / "nginx", is_detailed=options.requests), file=sys.stderr)
            return taken

        results = in_turns(scenario.name, clients, options.rounds, run_once)
        limit_s = course.limit_s()
    return table(_title(scenario, limit_s), scenario.name, results, limit_s)


def _title(scenario: ListScenario | JobScenario, limit_s: float) -> str:
    title = scenario.files.title if isinstance(scenario, ListScenario) else scenario.title
    return f"{title}; limit {limit_s:.1f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lines", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--scenario", action="append", choices=[s.name for s in SCENARIOS])
    parser.add_argument("--client", action="append", choices=CLIENTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"put the table into {FIGURES.name}")
    parser.add_argument("--timeline", action="store_true", help="what each run did by the second")
    parser.add_argument("--requests", action="store_true", help="when each request was made")
    options = parser.parse_args(arguments)
    compileall.compile_dir(PACKAGE, quiet=1)
    parts = [headline(options.rounds, PROGRAMS)]
    for scenario in SCENARIOS:
        if options.scenario and scenario.name not in options.scenario:
            continue
        with workplace() as folder:
            parts.append(compare(scenario, options, folder))
            print(parts[-1], flush=True)
    if options.write:
        write_into(FIGURES, "\n".join(parts))


if __name__ == "__main__":
    main()
