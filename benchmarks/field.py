"""The 24 cases from the field, with asyncdl, curl, wget2 and aria2c against the same servers.

::

    python -m benchmarks.field [--only E2] [--program curl] [--uvloop PYTHON] [--write]

Nothing is timed but what a case bounds; each program has an empty folder and a limit of time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants import versions
from benchmarks.field_cases import CASES, Case, Finding
from benchmarks.field_programs import OURS, PROGRAMS, ROOT, Attempt
from benchmarks.field_servers import FieldServers, serve_field
from benchmarks.report import machine_facts, write_into

PAGE = Path(__file__).with_name("field.md")
UVLOOP = ROOT / ".venv-uvloop" / "bin" / "python"
_MARKS = {True: "right", False: "**wrong**", None: "—"}

VERSIONS = {
    "asyncdl": [sys.executable, "-m", "asyncdl", "--version"],
    "nginx": ["nginx", "-v"],
    "apache2": ["apache2", "-v"],
    "lighttpd": ["lighttpd", "-v"],
    "curl": ["curl", "--version"],
    "wget2": ["wget2", "--version"],
    "aria2c": ["aria2c", "--version"],
}

Row = Mapping[str, Finding]


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder that servers under other accounts may read."""
    with tempfile.TemporaryDirectory(prefix="asyncdl-field-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("data", "servers", "work"):
            (folder / part).mkdir()
        yield folder


def try_case(case: Case, programs: Sequence[str], servers: FieldServers, work: Path) -> Row:
    """Run one case with each program; all at once where they only wait."""

    def judge(program: str) -> Finding:
        folder = work / f"{case.name}-{program}" / "files"
        folder.mkdir(parents=True)
        found = case.judge(Attempt(program, folder), servers)
        print(f"{case.name} {program}: {_MARKS[found.is_right]}: {found.what}", file=sys.stderr)
        return found

    with ThreadPoolExecutor(len(programs) if case.is_long else 1) as pool:
        return dict(zip(programs, pool.map(judge, programs), strict=True))


def table(rows: Mapping[Case, Row], programs: Sequence[str]) -> str:
    """Return the findings as Markdown, with a line that counts them."""
    lines = [
        f"| | | right is | served by | {' | '.join(programs)} |",
        f"|---|---|---|---|{'---|' * len(programs)}",
    ]
    for case, row in rows.items():
        cells = " | ".join(_cell(row[program]) for program in programs)
        lines.append(f"| {case.name} | {case.title} | {case.right} | {case.server} | {cells} |")
    counts = (_count(program, [row[program] for row in rows.values()]) for program in programs)
    return "\n".join([*lines, "", "; ".join(counts) + "."])


def _cell(found: Finding) -> str:
    mark = _MARKS[found.is_right]
    return f"{mark}: {found.what}" if found.what else mark


def _count(program: str, findings: Sequence[Finding]) -> str:
    tried = [found for found in findings if found.is_right is not None]
    return f"{program}: right in {sum(bool(f.is_right) for f in tried)} of {len(tried)}"


def _python_with_uvloop(given: str) -> str:
    if given:
        # Cases run in other folders. Not resolved: its link is what makes it an environment.
        return str(Path(given).absolute())
    if UVLOOP.exists():
        return str(UVLOOP)
    return sys.executable if find_spec("uvloop") else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases; exit with 1 if asyncdl is wrong in one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--program", action="append", choices=PROGRAMS)
    parser.add_argument("--uvloop", default="", help="a Python that has asyncdl and uvloop")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args(arguments)
    programs = [name for name in PROGRAMS if not options.program or name in options.program]
    os.environ["FIELD_UVLOOP"] = _python_with_uvloop(options.uvloop)
    chosen = [case for case in CASES if not options.only or case.name in options.only]
    with workplace() as folder, serve_field(folder / "data", folder / "servers") as servers:
        rows = {case: try_case(case, programs, servers, folder / "work") for case in chosen}
    text = table(rows, programs)
    print(text)
    if options.write:
        write_into(PAGE, f"{machine_facts(versions(VERSIONS))}\n{text}\n")
    return int(any(row[OURS].is_right is False for row in rows.values() if OURS in row))


if __name__ == "__main__":
    sys.exit(main())
