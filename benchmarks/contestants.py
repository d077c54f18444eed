"""Who takes part, and the command line that each gets for the same errand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scenarios import BY_DEFAULT
from benchmarks.servers import SBIN


@dataclass(frozen=True)
class Errand:
    """Files to fetch into a folder."""

    urls: tuple[str, ...]
    folder: Path
    """Where the files go; there, and empty."""
    notes: Path
    """A folder for lists and configs."""
    certificate: Path
    at_once: int
    connections: int
    """Per file."""

    @property
    def list(self) -> str:
        """The URLs in a file, one a line."""
        path = self.notes / "urls.txt"
        path.write_text("".join(f"{url}\n" for url in self.urls))
        return str(path)


Command = Callable[[Errand], list[str]]


def asyncdl_by_default(errand: Errand) -> list[str]:
    return [
        *(sys.executable, "-m", "asyncdl", "get", "--quiet", "-d", str(errand.folder)),
        *("-i", errand.list),
    ]


def asyncdl(errand: Errand) -> list[str]:
    limits = ["-j", str(errand.at_once), "-x", str(errand.connections)]
    return [*asyncdl_by_default(errand), *limits]


def asyncdl_one(errand: Errand) -> list[str]:
    command = asyncdl(errand)
    command[command.index("-x") + 1] = "1"
    return command


def curl(errand: Errand) -> list[str]:
    config = errand.notes / "curl.conf"
    entries = (
        f'url = "{url}"\noutput = "{errand.folder}/{url.rpartition("/")[2]}"\n'
        for url in errand.urls
    )
    config.write_text("".join(entries))
    many = ["-Z", "--parallel-max", str(errand.at_once)] if len(errand.urls) > 1 else []
    quiet = ["--silent", "--show-error", "--no-progress-meter"]
    return ["curl", *quiet, "--cacert", str(errand.certificate), *many, "-K", str(config)]


def aria2c(errand: Errand) -> list[str]:
    # Without preallocation, which would write every byte twice.
    return [
        *("aria2c", "--quiet", "--no-conf", "--file-allocation=none", "-d", str(errand.folder)),
        *("-j", str(errand.at_once), "-x", str(errand.connections), "-s", str(errand.connections)),
        *("-k", "1M", f"--ca-certificate={errand.certificate}", "-i", errand.list),
    ]


def wget2(errand: Errand) -> list[str]:
    chunks = ["--chunk-size=64M"] if errand.connections > 1 else []
    threads = max(errand.at_once, errand.connections) if chunks else errand.at_once
    return [
        *("wget2", "--quiet", "--no-config", f"--max-threads={threads}", *chunks),
        *("-P", str(errand.folder), f"--ca-certificate={errand.certificate}", "-i", errand.list),
    ]


def notebook(errand: Errand) -> list[str]:
    line = '"$0" -m benchmarks.notebook files "$1" "$2" < "$3"'
    shell = ["sh", "-c", f"exec {line}", sys.executable]
    return [*shell, str(errand.folder), str(errand.at_once), errand.list]


COMMANDS: dict[str, Command] = {
    "asyncdl": asyncdl,
    BY_DEFAULT: asyncdl_by_default,
    "asyncdl -x1": asyncdl_one,
    "curl": curl,
    "aria2c": aria2c,
    "wget2": wget2,
    "notebook": notebook,
}
VERSIONS = {
    "asyncdl": [sys.executable, "-m", "asyncdl", "--version"],
    "nginx": ["nginx", "-v"],
    "curl": ["curl", "--version"],
    "aria2c": ["aria2c", "--version"],
    "wget2": ["wget2", "--version"],
}


def versions(commands: Mapping[str, Sequence[str]] = VERSIONS) -> list[str]:
    """Return the first line that each program says about itself."""
    lines = []
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}
    for command in commands.values():
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        lines.append(done.stdout.splitlines()[0].strip())
    return lines
