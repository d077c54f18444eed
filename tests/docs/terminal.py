"""A reader's terminal: the commands of a page, one after the other, and what they say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.docs.blocks import Block

NOT_RUN = {
    "asyncdl run job.toml --engine dask --scheduler": "needs a cluster; tests/beyond",
    "asyncdl get -d s3://": "needs a store; tests/stores/test_store_page.py",
    "dask ": "a process of its own; tests/beyond",
    "make ": "sets up an environment of its own; the Makefile is what decides about a change",
    "pip install ": "asyncdl is installed where tests run; packages come from elsewhere",
    ".venv/bin/": "the checks that run this test",
    "asyncdl sandbox": "stays until it is stopped: tests/e2e/test_sandbox_option.py",
    "curl ": "calls a running sandbox: tests/sandbox/test_sandbox_admin_api.py",
    "systemctl ": "changes the reader's machine",
}
"""Commands by how they begin, each with the reason why this terminal leaves them out."""

NEEDS = {
    "python examples/ndvi.py": "rioxarray",
    "asyncdl run examples/anchorage.toml --sandbox --engine dask": "distributed",
}
"""Commands that are run where a package is installed, as ``make examples`` does."""

MODULES = {
    "matplotlib", "odc.stac", "prometheus_client", "rasterio", "rioxarray", "shapely.geometry",
}  # fmt: skip
"""What the Python of the pages imports and the tests do without; ``make extras`` has them."""

AS = {"make demo": "asyncdl run examples/anchorage.toml --sandbox"}
"""What a command comes to once it has set things up."""

TALKS_TO_USGS = re.compile(
    r"\basyncdl (run|plan|search|map|verify|status|datasets|file-groups|login|doctor)"
    r"(?![^|\n]*--sandbox)"
)
ANYTHING = "…"
"""In the output of a page: any text within a line, or any lines where it stands alone."""


@dataclass(frozen=True)
class Step:
    """One command of a block."""

    block: Block
    command: str
    shown: list[str]
    """The output as the page has it; empty if it has none."""

    @property
    def is_run(self) -> bool:
        needed = next((NEEDS[start] for start in NEEDS if self.command.startswith(start)), None)
        if needed and importlib.util.find_spec(needed) is None:
            return False
        return self.command in AS or not self.command.startswith(tuple(NOT_RUN))


def steps_of(block: Block) -> Iterator[Step]:
    """Yield the commands of a ``console`` block; a backslash continues a line."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", "").partition("\n")
        yield Step(block, command.partition("  #")[0].strip(), shown.rstrip().splitlines())


def against_the_sandbox(command: str) -> str:
    """Return a command that asks the embedded service where it would ask USGS."""
    return TALKS_TO_USGS.sub(r"\g<0> --sandbox", AS.get(command, command))


async def play(step: Step, folder: Path, env: Mapping[str, str]) -> list[str]:
    """Run a command in a shell and return the lines it printed. Fails unless it ends well."""
    with anyio.fail_after(200):
        done = await anyio.run_process(
            ["bash", "-c", against_the_sandbox(step.command)],
            cwd=folder,
            env=env,
            check=False,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
    output = done.stdout.decode()
    assert done.returncode == 0, f"{step.block}: {step.command}\n{output}"
    return output.rstrip().splitlines()


def looks_as_shown(shown: list[str], printed: list[str]) -> bool:
    """Tell whether the output of a command is what its page shows."""
    return not shown or bool(re.fullmatch("".join(map(_pattern, shown)), _joined(printed)))


def _joined(lines: list[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*"
    return ".+?".join(map(re.escape, line.rstrip().split(ANYTHING))) + r"\n"
