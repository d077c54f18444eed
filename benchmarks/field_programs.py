"""asyncdl, curl, wget2 and aria2c: the command that each gets for the same wish.

The options are those that a user would give who wants a file whole and a download continued,
and no more: ``asyncdl get``, ``curl -fLO -C -``, ``wget2 -c``, ``aria2c -c``. What else a case
needs, it adds for each of them. None reads a configuration.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = "asyncdl"
PROGRAMS = (OURS, "curl", "wget2", "aria2c")
LONGEST_S = 60.0
"""A program is stopped after this, if its case says nothing else."""
_NOTES = (".part", ".part.state", ".aria2")
"""Endings of what lies beside an unfinished file."""

Options = Mapping[str, Sequence[str]]
"""Further ones, by program."""


@dataclass(frozen=True)
class Wish:
    """What is to be fetched into the current folder."""

    urls: tuple[str, ...]
    name: str = ""
    """Of the one file; empty leaves it to the program."""
    more: Options = field(default_factory=dict)
    goes_on: bool = True
    """Whether what is unfinished is to be continued."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    status: int | None
    """``None`` if it was stopped because it took too long."""
    text: str
    """All that it printed."""
    seconds: float

    @property
    def how(self) -> str:
        """The status in words."""
        return "stopped as too slow" if self.status is None else f"exit {self.status}"


def _asyncdl(wish: Wish) -> list[str]:
    name = ["-o", wish.name] if wish.name else []
    return [sys.executable, "-m", "asyncdl", "get", "--no-progress", *name, *wish.urls]


def _curl(wish: Wish) -> list[str]:
    going_on = ["-C", "-"] if wish.goes_on else []
    several = ["-Z", "--parallel-max", "5"] if len(wish.urls) > 1 else []
    name = ["-o", wish.name] if wish.name else ["--remote-name-all"] if wish.urls else []
    return ["curl", "-q", "-fsSL", *going_on, *several, *name, *wish.urls]


def _wget2(wish: Wish) -> list[str]:
    going_on = ["-c"] if wish.goes_on else []
    name = ["-O", wish.name] if wish.name else []
    return ["wget2", "--no-config", "-nv", *going_on, *name, *wish.urls]


def _aria2c(wish: Wish) -> list[str]:
    going_on = ["-c"] if wish.goes_on else []
    name = ["-o", wish.name] if wish.name else []
    several = ["-Z"] if len(wish.urls) > 1 else []
    quiet = ["--console-log-level=error", "--summary-interval=0", "--download-result=hide"]
    return ["aria2c", "--no-conf", *quiet, *going_on, *several, *name, *wish.urls]


_COMMANDS: dict[str, Callable[[Wish], list[str]]] = {
    OURS: _asyncdl,
    "curl": _curl,
    "wget2": _wget2,
    "aria2c": _aria2c,
}


class Running:
    """A program at work, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._began_s = time.monotonic()
        self._output = (folder.parent / f"{folder.name}.out").open("w+b")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def signal(self, number: int) -> None:
        """Send a signal to the program and to all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def wait(self, longest_s: float) -> Ended:
        """Wait for its end, and stop it if there is none for so long."""
        status: int | None = None
        try:
            status = self.process.wait(longest_s)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        seconds = time.monotonic() - self._began_s
        self._output.seek(0)
        text = self._output.read().decode("utf-8", "replace")
        self._output.close()
        return Ended(status, text, seconds)


@dataclass(frozen=True)
class Attempt:
    """One program with one case: its name, and an empty folder."""

    program: str
    folder: Path
    python: str = sys.executable
    """Which runs asyncdl."""

    def start(
        self,
        wish: Wish,
        *,
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Running:
        """Start the program.

        Args:
            wish: What is to be fetched.
            environment: Variables besides the usual ones.
            before: A command that takes the program's own behind it.
        """
        command = _COMMANDS[self.program](wish)
        if self.program == OURS:
            command[0] = self.python
        more = wish.more.get(self.program, ())
        return Running(
            [*before, *command, *more], self.folder, self._environment(environment or {})
        )

    def get(
        self,
        *urls: str,
        name: str = "",
        more: Options | None = None,
        goes_on: bool = True,
        environment: Mapping[str, str] | None = None,
        longest_s: float = LONGEST_S,
    ) -> Ended:
        """Run the program to its end."""
        wish = Wish(urls, name, more or {}, goes_on)
        return self.start(wish, environment=environment).wait(longest_s)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        home = self.folder.parent
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), **more}

    def content(self, name: str) -> bytes | None:
        """Return what a finished file holds; ``None`` if there is none."""
        path = self.folder / name
        is_unfinished = (self.folder / f"{name}.aria2").exists()
        return path.read_bytes() if path.is_file() and not is_unfinished else None

    @property
    def names(self) -> list[str]:
        """The finished files."""
        paths = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        found = sorted(str(path) for path in paths if (self.folder / path).is_file())
        beside = {name.removesuffix(".aria2") for name in found if name.endswith(".aria2")}
        return [name for name in found if not name.endswith(_NOTES) and name not in beside]
