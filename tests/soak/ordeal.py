"""One job that is cut short again and again, and what has to be true after each time."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import orjson
from anyio.abc import Process

from asyncdl.job.deferred_calls import MAX_WAITING
from asyncdl.sandbox import Service
from asyncdl.transfer.dispatch import MAX_WAITING_PER_HOST
from tests.soak.blows import Blow, striker

COMMAND = (sys.executable, "-m", "asyncdl")
SEARCH = """
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = 2020-03-01
end = 2020-03-15
cloud_cover = [0, 60]
"""
BANDS = 'kind = "bands"\nbands = ["SR_B4", "QA_PIXEL", "ST_B10", "ANG"]'
BUNDLE = 'kind = "bundle"'
GROUP = 'kind = "band_group"\nfile_groups = ["ls_c2l2_sr_band"]'
KINDS = (BANDS, BUNDLE, GROUP)
WORKERS = 3
LONGEST_RUN_S = 200.0
MOST_LISTS = MAX_WAITING + 2
"""Scene lists at a time: those whose removal waits, one being removed, one in use."""


@dataclass
class Ordeal:
    """Runs a job against a sandbox in this process, and audits what each run leaves.

    The sandbox may do whatever it likes but refuse URLs: every file is requested once.
    """

    service: Service
    folder: Path
    command: Sequence[str] = COMMAND
    products: Sequence[str] = KINDS
    search: str = SEARCH
    download: str = f"workers = {WORKERS}"
    is_steady: bool = True
    """Whether the config stays; another one may want another copy of a file that is there."""
    kills: int = 0
    stderr: str = ""
    """Of the last run."""
    final: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Each file with its final name: when it was made, and how often it was asked for."""
    _lists: set[str] = field(default_factory=set)
    """Scene lists that killed runs have left."""
    _lost_bytes: int = 0
    """What kills may have cost so far."""
    _flowing: set[str] = field(default_factory=set)
    """Files of which the last run got some bytes."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = orjson.loads((self.data / "asyncdl-report.json").read_bytes())
        return report

    # --- runs -----------------------------------------------------------------------

    async def strike(self, blow: Blow) -> int:
        """Run until the blow falls, and audit; return the status, negative for a kill."""
        status = await self.run(blow)
        is_killed = status == -signal.SIGKILL
        self.kills += is_killed
        self.audit(is_cut=status != 0, may_leave_lists=is_killed or len(blow.signals) > 1)
        return status

    async def complete(self) -> dict[str, Any]:
        """Run to the end, audit all, and return the report."""
        status = await self.run()
        assert status == 0, self.stderr
        self.audit()
        self.audit_end()
        return self.report

    async def run(self, blow: Blow | None = None) -> int:
        """Run until the blow falls, or to the end, and return the status."""
        self._write_config()
        self._flowing.clear()
        async with await anyio.open_process(
            [*self.command, "run", str(self.folder / "job.toml"), "--no-progress"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as process:
            self.service.watch = self._watcher(process, blow)
            assert process.stderr is not None
            with anyio.fail_after(LONGEST_RUN_S):
                told = b"".join([chunk async for chunk in process.stderr])
                status = await process.wait()
        self.stderr = told.decode()
        while self.service.running:  # a call whose caller has been killed
            await anyio.sleep(0.005)
        return status

    def _watcher(self, process: Process, blow: Blow | None) -> Callable[[str], None]:
        strike = striker(process, blow) if blow else None

        def watch(moment: str) -> None:
            name, _, what = moment.rpartition(" ")
            if what == "flows":
                self._flowing.add(name)
            if strike:
                strike(moment)

        return watch

    @property
    def _environment(self) -> dict[str, str]:
        # What is killed leaves no coverage behind, or half of it.
        own = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
        return own | {
            "ASYNCDL_USERNAME": self.service.username,
            "ASYNCDL_TOKEN": self.service.token,
            "XDG_STATE_HOME": str(self.folder / "state"),
        }

    def _write_config(self) -> None:
        products = "\n".join(f"[[products]]\n{product}" for product in self.products)
        (self.folder / "job.toml").write_text(
            f'[service]\nurl = "{self.service.url}"\nstac_url = "{self.service.stac_url}"\n'
            "scenes_per_call = 1\nfiles_per_request = 8\n"
            f"[search]\n{self.search}\n{products}\n"
            f'[download]\ndirectory = "data"\n{self.download}\n'
            "[poll]\ninterval = 0.05\n"
        )

    # --- audits ---------------------------------------------------------------------

    def audit(self, *, is_cut: bool = False, may_leave_lists: bool = False) -> None:
        """Check what is true after every run, however it ended."""
        assert self.service.violations == []
        self._audit_files()
        self._audit_requests()
        self._audit_lists(may_leave_lists)
        self._audit_bytes(is_cut)

    def _audit_files(self) -> None:
        """A file with its final name is right, and never touched or asked for again."""
        requests = self.service.file_requests
        now = {p: (p.stat().st_mtime_ns, requests[p.name]) for p in self._named_files()}
        for path, (mtime_ns, count) in self.final.items():
            assert path in now and now[path][0] == mtime_ns, f"{path} was touched"
            assert now[path][1] == count or not self.is_steady, f"{path} was asked for again"
        for path in now.keys() - self.final.keys():
            assert path.read_bytes() == self.service.file_bytes(path.name), f"{path} is wrong"
        self.final = now
        self._audit_unpacked()

    def _audit_unpacked(self) -> None:
        """A folder with the name of a bundle holds all of it."""
        for folder in self.data.glob("bundle/*_T?"):
            truth = self.service.bundle_bytes(folder.name)
            with tarfile.open(fileobj=io.BytesIO(truth), mode="r:") as tar:
                members = {m.name: tar.extractfile(m) for m in tar.getmembers()}
                right = {name: file.read() for name, file in members.items() if file}
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == right

    def _audit_requests(self) -> None:
        """Nothing is requested twice, or paid for twice, or under another label.

        A run that is complete has the service forget what the job has asked for so far.
        """
        asked: Counter[tuple[str, str]] = Counter()
        due = 0
        for call in self.service.call_log:
            if call.endpoint == "download-request":
                items = call.payload["downloads"]
                asked.update((item["entityId"], item["productId"]) for item in items)
                due += len(items)
            elif call.endpoint == "download-order-remove":
                asked.clear()
            assert max(asked.values(), default=0) <= 1, "requested twice"
        assert self.service.queue.count_recent(time.monotonic(), float("inf")) == due
        labels = {c.payload["label"] for c in self.service.call_log if "label" in c.payload}
        assert len(labels) <= 1

    def _audit_lists(self, may_leave_lists: bool) -> None:
        """A killed run leaves the few scene lists that it had, and these with a time to live."""
        left = set(self.service.scene_lists.names) - self._lists
        assert len(left) <= (MOST_LISTS if may_leave_lists else 0)
        self._lists |= left
        added = [call for call in self.service.call_log if call.endpoint == "scene-list-add"]
        assert all(call.payload["timeToLive"] for call in added)

    def _audit_bytes(self, is_cut: bool) -> None:
        """A kill costs no more than the files that were under way."""
        if is_cut:
            under_way = self._flowing - {path.name for path in self.final}
            # Those that wait for their next try have stepped aside and hold no worker.
            assert len(under_way) <= WORKERS + MAX_WAITING_PER_HOST
            self._lost_bytes += sum(self._size(n) for n in under_way)
        sent = sum(request.sent_bytes for request in self.service.file_log)
        due = sum(self._size(name) for name in self.service.file_requests)
        spoilt = sum(self._spoilt_bytes(name) for name in self.service.file_requests)
        assert sent <= due + spoilt + self._lost_bytes or not self.is_steady, "fetched twice"

    def _spoilt_bytes(self, name: str) -> int:
        faults, requests = self.service.faults, self.service.file_requests[name]
        cuts = sum(
            faults.hits(fault, name, nth)
            for fault in ("short_body", "reset")
            for nth in range(1, requests + 1)
        )
        has_ranges = faults.bundle_ranges if name.endswith(".tar") else faults.ranges
        # Without them a resume is asked for in two more ways, each answered with everything.
        return cuts * self._size(name) * (1 if has_ranges else 3)

    def _size(self, name: str) -> int:
        return self.service.expected_files.size_of(name)

    def audit_end(self) -> None:
        """Everything is there, and nothing else, on either side."""
        files = self.report["files"]
        assert files["total"] == files["downloaded"] + files["skipped"] == len(self.final)
        assert [path for path in self._files() if path not in self.final] == []
        assert len(self.service.queue) == 0

    def _named_files(self) -> list[Path]:
        return [path for path in self._files() if ".part" not in path.name]

    def _files(self) -> list[Path]:
        """All files but the state, the report, and what was unpacked."""
        found = [path for path in self.data.glob("*/*/*") if path.parts[-3] != "bundle"]
        return [path for path in (*found, *self.data.glob("bundle/*")) if path.is_file()]
