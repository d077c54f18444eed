"""The errands that are compared: how many files, how large, from which server."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

MIB = 1 << 20
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Scenario:
    """One errand and who runs it."""

    name: str
    title: str
    count: int
    size_bytes: int
    contestants: tuple[str, ...]
    server: str = "http"
    at_once: int = 5
    connections: int = 1
    """Per file."""

    @property
    def file_names(self) -> list[str]:
        """The files, named by size so that scenarios share them."""
        return [f"{self.size_bytes}-{n:05}.bin" for n in range(self.count)]


BY_DEFAULT = "asyncdl, no options"
_ALL = ("asyncdl", BY_DEFAULT, "curl", "aria2c", "wget2", "notebook")
_SPLITTING = ("asyncdl", "aria2c", "wget2")

SCENARIOS = (
    Scenario("startup", "nothing at all: what starting costs", 0, 0, ("asyncdl", "aria2c")),
    Scenario("one", "1 file of 1 GiB", 1, 1024 * MIB, _ALL),
    Scenario("many", "48 files of 20 MiB, 5 at once", 48, 20 * MIB, _ALL),
    Scenario("tls", "48 files of 20 MiB, 5 at once, TLS", 48, 20 * MIB, _ALL, server="tls"),
    Scenario("small", "2,000 files of 16 KiB, 5 at once", 2000, 16 << 10, _ALL),
    Scenario("four", "1 file of 1 GiB, 4 connections", 1, 1024 * MIB, _SPLITTING, connections=4),
    Scenario(
        "capped",
        "1 file of 256 MiB, 8 MiB/s per connection, 16 connections",
        1,
        256 * MIB,
        ("asyncdl", BY_DEFAULT, "asyncdl -x1", "aria2c"),
        server="capped",
        connections=16,
    ),
)


def quick(scenario: Scenario) -> Scenario:
    """Return a scenario with an eighth of the bytes, to see that everything works."""
    if scenario.count > 100:
        return replace(scenario, title=f"quick: {scenario.title}", count=scenario.count // 8)
    size_bytes = scenario.size_bytes // 8
    return replace(scenario, title=f"quick: {scenario.title}", size_bytes=size_bytes)


def make_files(scenario: Scenario, folder: Path) -> None:
    """Make the files of a scenario, unless another one has made them. No byte repeats."""
    for name in scenario.file_names:
        path = folder / name
        if path.exists():
            continue
        with path.open("wb") as file:
            for start in range(0, scenario.size_bytes, _BLOCK_BYTES):
                file.write(os.urandom(min(_BLOCK_BYTES, scenario.size_bytes - start)))


def check_files(scenario: Scenario, originals: Path, copies: Path) -> None:
    """Compare every byte. Raises: ValueError, for a file that is not like its original."""
    for name in scenario.file_names:
        if not _is_same(originals / name, copies / name):
            raise ValueError(f"{name} differs from its original")


def _is_same(one: Path, other: Path) -> bool:
    with one.open("rb") as a, other.open("rb") as b:
        while block := a.read(_BLOCK_BYTES):
            if b.read(_BLOCK_BYTES) != block:
                return False
        return not b.read(1)
