"""What is fetched over which line, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.contestants import (
    Command,
    Errand,
    aria2c,
    asyncdl_by_default,
    curl,
    notebook,
)
from benchmarks.lines.limits import Calls
from benchmarks.lines.model import Line
from benchmarks.scenarios import MIB, Scenario

OFFICE = Line(0.1, connection_bytes_s=6e6, total_bytes_s=60e6, loss_every_bytes=100 * MIB)
"""From an office to Sioux Falls: far away, and each connection has its share."""
LOSSY = replace(OFFICE, connection_bytes_s=50e6, loss_every_bytes=7 * MIB)


def at_most(command: Command, at_once: int, connections: int = 1) -> Command:
    """Return a program with its own numbers of files at once and connections per file."""

    def limited(errand: Errand) -> list[str]:
        return command(replace(errand, at_once=at_once, connections=connections))

    return limited


LIST_CLIENTS: Mapping[str, Command] = {
    "asyncdl": asyncdl_by_default,
    "aria2c": at_most(aria2c, 5),
    "aria2c -j16": at_most(aria2c, 16),
    "aria2c -j5 -x16 -s16 -k1M": at_most(aria2c, 5, 16),
    "curl -Z --parallel-max 5": at_most(curl, 5),
    "curl -Z --parallel-max 16": at_most(curl, 16),
    "notebook": at_most(notebook, 5),
}
"""asyncdl and aria2c at their defaults, the others as they are tuned, the notebook as it is."""


@dataclass(frozen=True)
class ListScenario:
    """A list of files."""

    files: Scenario
    line: Line

    @property
    def name(self) -> str:
        return self.files.name

    @property
    def clients(self) -> tuple[str, ...]:
        return self.files.contestants


NEEDED = ("login-token", "scene-search", "download-options", "download-request")
"""``download-options`` takes ids as well as a list, and states the groups of each file."""


@dataclass(frozen=True)
class JobScenario:
    """A job of the service: calls, links, files."""

    name: str
    title: str
    line: Line | None
    """``None`` for the sandbox itself, without TLS."""
    faults: tuple[str, ...]
    kinds: tuple[str, ...]
    files: int
    """How many there are, each counted once."""
    clients: tuple[str, ...]
    calls: tuple[str, ...] = NEEDED
    """Those without which nothing can be requested."""
    pixels: int = 1365
    """Width and height of rasters; these make bundles of 64 MiB, and bands of 2 and 4."""
    file_size: int | None = None
    """Bytes of each raster, in place of ``pixels``."""

    @property
    def needed(self) -> Calls:
        return Calls(float(self.fault("api_latency_s")), len(self.calls))

    @property
    def connection_line(self) -> Line:
        """What a connection gets: of the line, or of the sandbox's own rate."""
        return self.line or Line(0.0, connection_bytes_s=float(self.fault("rate")))

    def fault(self, name: str) -> str:
        """Return the value of a fault; 0 for one that is not set."""
        found = [fault.partition("=")[2] for fault in self.faults if fault.startswith(f"{name}=")]
        return found[-1] if found else "0"


def _list(name: str, title: str, count: int, size_bytes: int, line: Line) -> ListScenario:
    return ListScenario(Scenario(name, title, count, size_bytes, tuple(LIST_CLIENTS)), line)


ALL_KINDS = ("bands", "bundle", "band_group")
ON_THE_LINE = ("api_latency_s=2", "preparing=0.3", "polls=1", "bundle_etag=true")
"""Bundles have a validator, so that whoever splits them can be sure of what is put together."""
_AS_THE_SERVICE = ("rate=2000000", "api_latency_s=1.5", "preparing=0.3", "polls=1")

SCENARIOS: tuple[ListScenario | JobScenario, ...] = (
    _list("large", "8 files of 64 MiB", 8, 64 * MIB, OFFICE),
    _list("medium", "120 files of 2 MiB", 120, 2 * MIB, OFFICE),
    _list("small", "300 files of 16 KiB", 300, 16 << 10, OFFICE),
    _list("lossy", "3 files of 64 MiB, a loss in 7 MiB", 3, 64 * MIB, LOSSY),
    JobScenario(
        name="job",
        title="12 bands, 3 bundles of 64 MiB, 39 files of a group; calls of 2 s",
        line=OFFICE,
        faults=ON_THE_LINE,
        kinds=ALL_KINDS,
        files=45,
        clients=("asyncdl", "notebook", "links to aria2c"),
    ),
    JobScenario(
        name="bundles",
        title="3 bundles of 64 MiB; calls of 2 s",
        line=OFFICE,
        faults=ON_THE_LINE,
        kinds=("bundle",),
        files=3,
        clients=("asyncdl", "notebook", "usgsxplore", "links to aria2c"),
    ),
    JobScenario(
        name="direct",
        title="the same with bundles of 76 MB in one piece, calls of 1.5 s, no line but 2 MB/s for "
        "each connection",
        line=None,
        file_size=4_000_000,
        faults=_AS_THE_SERVICE,
        kinds=ALL_KINDS,
        files=45,
        clients=("asyncdl", "notebook", "links to aria2c"),
    ),
)
