"""Makes the states under ``tests/data/older`` with any version of asyncdl that is installed.

It knows that version by ``python -m asyncdl`` alone, so that nothing in here changes with it::

    git worktree add --detach ../then 818423e
    python3 -m venv ../then/.venv && ../then/.venv/bin/pip install ../then
    python -m tests.older.make --python ../then/.venv/bin/python --name 818423e

Kept are the journal, the notes beside partial files, reports, STAC items and the account, byte by
byte. Data files are kept as their lengths, times and digests: whoever serves them can make them
again. The one thing that is changed is what names this machine beside the lock.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.older.host import plain_host

STATES = Path(__file__).parents[1] / "data" / "older"
WAIT_S = 60.0
DIGITS = 5
"""Of every port: a state is brought to another address only if that is as long."""

SCENE = 'scenes = ["LC08_L2SP_068018_20200310_20200822_02_T1"]'
AREA = """dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = 2020-03-01
end = 2020-03-15
cloud_cover = [0, 60]"""
BANDS = 'kind = "bands"\nbands = ["SR_B4", "QA_PIXEL"]'
MORE_BANDS = 'kind = "bands"\nbands = ["SR_B4", "QA_PIXEL", "SR_B2"]'
BUNDLE = 'kind = "bundle"'


@dataclass(frozen=True)
class Served:
    """An embedded service in a process of its own."""

    url: str
    stac_url: str
    username: str
    token: str

    @property
    def address(self) -> str:
        return self.url.split("/")[2]


@dataclass(frozen=True)
class Maker:
    """Makes states below one folder with one Python."""

    python: str
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        return [self.python, "-m", "asyncdl", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("ASYNCDL", "PYTHONPATH"))}
        home = str(self.folder / "home")
        return own | {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home} | more

    @contextmanager
    def sandbox(self, *options: str) -> Iterator[Served]:
        """Serve the embedded service of that version."""
        command = self.command("sandbox", "--port", str(free_port()), *options)
        process = subprocess.Popen(
            command, env=self.environment(), cwd=self.folder, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            lines = dict(process.stdout.readline().split(" = ") for _ in range(4))
            yield Served(**{key.strip(): value.strip() for key, value in lines.items()})
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            process.stdout.close()

    def job(self, served: Served, search: str, *products: str, download: str = "") -> Path:
        """Write a config; ``{url}`` and ``{stac_url}`` stand for the service in what is kept."""
        chosen = "\n".join(f"[[products]]\n{product}" for product in products)
        text = (
            '[service]\nurl = "{url}"\nstac_url = "{stac_url}"\n'
            f"[search]\n{search}\n{chosen}\n"
            f'[download]\ndirectory = "data"\n{download}\n'
            "[poll]\ninterval = 0.05\ndeadline = 1000000000\n"
        )
        (self.folder / "job.toml.kept").write_text(text)
        path = self.folder / "job.toml"
        path.write_text(text.replace("{url}", served.url).replace("{stac_url}", served.stac_url))
        return path

    def account(self, served: Served) -> dict[str, str]:
        return {"ASYNCDL_USERNAME": served.username, "ASYNCDL_TOKEN": served.token}

    def run(self, served: Served, path: Path, status: int) -> None:
        """Run a job to its end, which is known."""
        done = subprocess.run(
            self.command("run", str(path), "-q"), env=self.environment(**self.account(served)),
            cwd=self.folder, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.returncode

    def cut_short(self, arguments: list[str], number: signal.Signals, is_time: Callable[[], bool],
                  **env: str) -> None:  # fmt: skip
        """Begin a command and send it a signal at a moment."""
        process = subprocess.Popen(
            self.command(*arguments), env=self.environment(**env), cwd=self.folder
        )
        wait_until(lambda: process.poll() is not None or is_time())
        assert process.poll() is None, "it has ended by itself"
        process.send_signal(number)
        process.wait()


# --- the states ---------------------------------------------------------------------


def make_killed(maker: Maker) -> dict[str, str]:
    """A job in the middle: single files there, a bundle in pieces, one file in preparation."""
    faults = ("rate=100000", "bundle_etag", "preparing=*SR_B2.TIF", "polls=100000")
    options = [option for fault in faults for option in ("--fault", fault)]
    data = maker.folder / "data"
    with maker.sandbox("--file-size", "300000", *options) as served:
        account = {"ASYNCDL_CONFIG_DIR": str(maker.folder / "account")}
        subprocess.run(
            maker.command("login", "--url", served.url, "--username", served.username,
                          "--token-stdin"),
            env=maker.environment(**account),
            input=served.token, text=True, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        path = maker.job(served, SCENE, MORE_BANDS, BUNDLE)

        def is_time() -> bool:
            return len(spans_beside(data, "*.tar")) > 1 and len([*data.rglob("*.TIF")]) == 2

        maker.cut_short(["run", str(path), "-q"], signal.SIGKILL, is_time, **account)
        return {"address": served.address}


def make_finished(maker: Maker) -> dict[str, str]:
    """A job of ``since = "last-run"`` that is complete, with STAC items."""
    with maker.sandbox("--pixels", "16") as served:
        path = maker.job(served, f'{AREA}\nsince = "last-run"', BANDS, download="stac = true")
        maker.run(served, path, 0)
        return {"address": served.address}


def make_failed(maker: Maker) -> dict[str, str]:
    """A job with a file that failed on its way and one whose preparation failed."""
    faults = ("corrupt=*068017*QA_PIXEL.TIF", "corrupt_times=0", "fails=*067018*SR_B4.TIF")
    options = [option for fault in faults for option in ("--fault", fault)]
    with maker.sandbox("--pixels", "16", *options) as served:
        maker.run(served, maker.job(served, AREA, BANDS), 1)
        return {"address": served.address}


async def make_list(maker: Maker) -> dict[str, str]:
    """A list of URLs that was interrupted: a file there, one in pieces, one not begun."""
    data = maker.folder / "data"
    async with plain_host(rate=100_000) as host:
        assert len(host.origin.rpartition(":")[2]) == DIGITS
        (maker.folder / "list.txt.kept").write_text(
            "{origin}/small.bin\n{origin}/large.bin\n{origin}/late.bin\n"
        )
        listed = maker.folder / "list.txt"
        listed.write_text((maker.folder / "list.txt.kept").read_text()
                          .replace("{origin}", host.origin))  # fmt: skip

        def is_time() -> bool:
            return len(spans_beside(data, "large.bin")) > 1 and (data / "small.bin").exists()

        arguments = ["get", "-q", "-j1", "-x4", "-i", str(listed), "-d", str(data)]
        await asyncio.to_thread(maker.cut_short, arguments, signal.SIGINT, is_time)
        return {"address": host.origin.removeprefix("http://")}


MAKERS: dict[str, Callable[[Maker], Any]] = {
    "killed": make_killed,
    "finished": make_finished,
    "failed": make_failed,
    "list": lambda maker: asyncio.run(make_list(maker)),
}


# --- what is kept -------------------------------------------------------------------


def keep(made: Path, kept: Path, facts: dict[str, str]) -> None:
    """Copy a state, with what is told of data files in place of these."""
    files: dict[str, Any] = {}
    for path in sorted(p for p in made.rglob("*") if p.is_file()):
        name = path.relative_to(made)
        if name.parts[0] == "home" or name.name in ("job.toml", "list.txt"):
            continue
        if path.suffix == ".kept":
            copy(path, kept / name.with_suffix(""))
        elif path.suffix in (".TIF", ".tar", ".bin", ".part"):
            files[str(name)] = described(path)
        elif not path.name.endswith("-shm"):  # SQLite makes it anew
            copy(path, kept / name)
    without_this_machine(kept)
    note = {**facts, "files": files}
    (kept / "state.json").write_text(json.dumps(note, indent=1) + "\n")


def described(path: Path) -> dict[str, Any]:
    """Return what a data file is known by; of a partial one, the bytes that its note speaks of."""
    body, found = path.read_bytes(), path.stat()
    spans = spans_of(path) if path.suffix == ".part" else [[0, found.st_size]]
    held = b"".join(body[start:stop] for start, stop in spans)
    return {
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "spans": spans,
        "sha256": hashlib.sha256(held).hexdigest(),
    }


def spans_of(part: Path) -> list[list[int]]:
    """Return the bytes that the note beside a partial file speaks of."""
    note = part.with_name(f"{part.name}.state").read_bytes()
    done = json.loads(note.partition(b" ")[2])["done"]["spans"]
    return [[span["start"], span["stop"]] for span in done]


def spans_beside(data: Path, pattern: str) -> list[list[int]]:
    """Return those of the one partial file whose final name matches; none if it has no note."""
    for note in data.rglob(f"{pattern}.part.state"):
        try:
            return spans_of(note.with_suffix(""))
        except (OSError, ValueError, IndexError):  # it is being replaced
            return []
    return []


def without_this_machine(kept: Path) -> None:
    """Put another machine, and another start of it, in place of this one beside the lock."""
    for path in kept.glob("data/.asyncdl/holder.json"):
        holder = json.loads(path.read_text())
        path.write_text(json.dumps(holder | {"host": "older.example", "boot": "an-earlier-one"}))
    name = socket.gethostname().encode()
    for path in kept.rglob("*"):
        assert not path.is_file() or name not in path.read_bytes(), f"{path} names this machine"


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def free_port() -> int:
    """Return a free port of five digits."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
        if len(str(port)) == DIGITS:
            return port


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError("the moment has not come")
        time.sleep(0.01)


def main() -> None:
    """Make all states."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="of the version to use")
    parser.add_argument("--name", required=True, help="of the folder, such as a commit")
    given = parser.parse_args()
    if not re.fullmatch(r"[\w.]+", given.name):
        parser.error(f"--name {given.name}: letters, digits and dots")
    for name, make in MAKERS.items():
        kept = STATES / given.name / name
        shutil.rmtree(kept, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            facts = make(Maker(given.python, Path(folder)))
            keep(Path(folder), kept, facts)
        size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
        sys.stdout.write(f"{kept}: {size:,} bytes\n")


if __name__ == "__main__":
    main()
