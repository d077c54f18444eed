"""asyncdl against curl, aria2c, wget2 and the notebook's threads, on a real nginx.

::

    python -m benchmarks.compare [--quick] [--only NAME] [--rounds N] [--write]

Programs take turns within each round, so that a noisy moment meets all of them;
every file is compared with its original byte by byte after every run.
"""

from __future__ import annotations

import argparse
import compileall
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contestants import COMMANDS, Errand
from benchmarks.measuring import Run, Summary, in_turns, run
from benchmarks.report import headline, table, write_into
from benchmarks.scenarios import SCENARIOS, Scenario, check_files, make_files, quick
from benchmarks.servers import Servers, serve, trusting

README = Path(__file__).with_name("README.md")
PACKAGE = Path(__file__).parents[1] / "asyncdl"
_IN_MEMORY = Path("/dev/shm")
"""Where there is one, so that no disk is measured."""


@contextmanager
def workplace() -> Iterator[Path]:
    parent = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="asyncdl-bench-", dir=parent) as folder:
        for name in ("data", "nginx", "notes"):
            (Path(folder) / name).mkdir()
        yield Path(folder)


def compare(scenario: Scenario, servers: Servers, folder: Path, rounds: int) -> dict[str, Summary]:
    """Run a scenario ``rounds`` times with each of its contestants."""
    make_files(scenario, folder / "data")

    def once(name: str) -> Run:
        return run_once(scenario, name, servers, folder)

    return in_turns(scenario.name, scenario.contestants, rounds, once)


def run_once(scenario: Scenario, name: str, servers: Servers, folder: Path) -> Run:
    origin, target = servers.origin(scenario.server), folder / "copies"
    target.mkdir()
    try:
        errand = Errand(
            urls=tuple(f"{origin}/{file}" for file in scenario.file_names),
            folder=target,
            notes=folder / "notes",
            certificate=servers.certificate,
            at_once=scenario.at_once,
            connections=scenario.connections,
        )
        taken = run(COMMANDS[name](errand), trusting(servers.certificate))
        check_files(scenario, folder / "data", target)
        return taken
    finally:
        shutil.rmtree(target)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="an eighth of the bytes")
    parser.add_argument("--only", action="append", choices=[s.name for s in SCENARIOS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"put the table into {README.name}")
    options = parser.parse_args(arguments)
    # An installation does so; where Python may not write bytecode, each start would else compile.
    compileall.compile_dir(PACKAGE, quiet=1)
    chosen = [s for s in SCENARIOS if not options.only or s.name in options.only]
    parts = [headline(options.rounds)]
    with workplace() as folder, serve(folder / "data", folder / "nginx") as servers:
        for scenario in map(quick, chosen) if options.quick else chosen:
            results = compare(scenario, servers, folder, options.rounds)
            parts.append(table(scenario.title, scenario.name, results))
            print(parts[-1])
    if options.write:
        write_into(README, "\n".join(parts))


if __name__ == "__main__":
    main()
