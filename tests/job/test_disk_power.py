"""A power cut at any moment of a durable job: copies, unpacked bundles, journal and all.

Over every prefix of what was written, see :mod:`tests.power`; of SQLite it is taken
that with ``synchronous = FULL`` what it has committed is there.
"""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from random import Random

import orjson
import pytest

from asyncdl.events import Event, FileFinished, FileState
from asyncdl.journal import STATE_FOLDER, database
from asyncdl.journal.database import Write
from asyncdl.journal.state_folder import boot_id
from asyncdl.sandbox import Service
from tests.job.bench import ANCHORAGE, GROUP, RED, Bench
from tests.power import Tree, WriteLog, anything, everything, nothing, recording, restore, tree_of

pytestmark = [pytest.mark.slow, pytest.mark.posix("the log follows calls of POSIX")]

ONE_SCENE = {**ANCHORAGE, "limit": 1}
PRODUCTS = (RED, {"kind": "bundle", "extract": True}, GROUP)
"""A file that two products want, an unpacked bundle, and many small files."""


async def test_no_power_cut_costs_a_durable_job_what_it_has_called_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, rng = await record(bench, monkeypatch), Random(1)
    for count, disk in enumerate(log.replay()):
        for survives in (nothing, everything, anything(rng), anything(rng)):
            check(disk.tree(survives), log, count, bench)


@pytest.mark.parametrize("seed", range(3))
async def test_the_run_after_a_power_cut_ends_right(
    bench: Bench, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with monkeypatch.context() as patch:
        log, rng = await record(bench, patch), Random(seed)
    count = rng.randint(0, len(log.steps))
    after = Bench(service, tmp_path / "after")
    restore(log.after(count).tree(anything(rng)), after.directory)
    if journal := log.journal(count):
        (after.directory / ".asyncdl").mkdir()
        (after.directory / ".asyncdl" / "journal.sqlite").write_bytes(journal)
    summary = await after.run(*PRODUCTS, search=ONE_SCENE, durable=True)
    assert summary.status == "complete", summary.failures or summary.error
    left = tree_of(after.directory)
    check(left, log, len(log.steps), after)
    assert [path for path in left if ".part" in path] == []
    skipped = [e for e in endings(after) if e.state is FileState.SKIPPED]
    assert log.promised(count) <= {path for e in skipped for path in (e.file, *e.members)}


# --- without durable -----------------------------------------------------------------


def tear(path: Path) -> None:
    """Lose bytes of a file the way a power cut does: neither its length nor its date tells."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


async def cut_off(bench: Bench, boot: str, *, durable: bool = False) -> Path:
    """Leave a directory as a run does whose machine stopped; return the file that it lost."""
    await bench.complete(RED)
    bench.events.clear()
    holder = {"pid": 1, "host": "here", "boot": boot, "durable": durable}
    (bench.directory / STATE_FOLDER / "holder.json").write_bytes(orjson.dumps(holder))
    tear(bench.files[0])
    return bench.files[0]


async def test_what_a_run_had_finished_before_a_power_cut_is_proven_again(bench: Bench) -> None:
    torn = await cut_off(bench, "another")
    summary = await bench.complete(RED)
    assert (summary.files["downloaded"], summary.files["skipped"]) == (1, 2)
    assert torn.read_bytes() == bench.truth(torn.name)


@pytest.mark.parametrize(("boot", "durable"), [(boot_id(), False), ("another", True)])
async def test_after_a_kill_or_a_durable_run_nothing_is_read_again(
    bench: Bench, boot: str, durable: bool
) -> None:
    await cut_off(bench, boot, durable=durable)
    summary = await bench.run(RED)
    assert summary.files["skipped"] == 3, "the torn file is taken for untouched"


def endings(bench: Bench) -> list[FileFinished]:
    return [event for event in bench.events if isinstance(event, FileFinished)]


async def record(bench: Bench, patch: pytest.MonkeyPatch) -> WriteLog:
    """Run the job and return what it wrote."""
    bench.directory.mkdir()
    with recording(bench.directory) as log:
        patch.setattr(database, "_run_all", noting(log))

        def watch(event: Event) -> None:
            if isinstance(event, FileFinished):
                for path in event.members or (event.file,):
                    log.promise(path)

        summary = await bench.job(*PRODUCTS, search=ONE_SCENE, durable=True).run(watch)
        log.check()
    assert summary.status == "complete"
    return log


def noting(log: WriteLog) -> object:
    """Commit, and remember the whole journal as it is then."""
    commit = database._run_all

    def commit_and_note(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
        commit(connection, writes)
        with log.lock:
            log.journals.append((len(log.steps), alone(connection.serialize())))

    return commit_and_note


def alone(journal: bytes) -> bytes:
    """Mark a database as one without a write-ahead log beside it.

    Source: SQLite's file format, section 1.3, bytes 18 and 19.
    """
    return journal[:18] + b"\x01\x01" + journal[20:]


def check(tree: Tree, log: WriteLog, count: int, bench: Bench) -> None:
    """What has a final name is right, and what was promised has one."""
    files = {path: content for path, content in tree.items() if content is not None}
    finished = {p: c for p, c in files.items() if ".part" not in p}
    for path, content in finished.items():
        assert content == truth_of(path, bench), path
    assert log.promised(count) | verified(log.journal(count)) <= finished.keys()


def truth_of(path: str, bench: Bench) -> bytes:
    folder, _, name = path.rpartition("/")
    if folder.startswith("bundle/"):
        return members_of(f"{folder}.tar", bench)[name]
    return bench.truth(name.replace(".unpacking.tar", ".tar"))


MEMBERS: dict[str, dict[str, bytes]] = {}


def members_of(tar: str, bench: Bench) -> dict[str, bytes]:
    if tar not in MEMBERS:
        with tarfile.open(fileobj=io.BytesIO(bench.truth(tar.rpartition("/")[2]))) as archive:
            found = {member.name: archive.extractfile(member) for member in archive}
            MEMBERS[tar] = {name: file.read() for name, file in found.items() if file}
    return MEMBERS[tar]


@cache
def verified(journal: bytes | None) -> frozenset[str]:
    """Return the files that the journal calls verified."""
    if journal is None:
        return frozenset()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(journal)
        return frozenset(path for (path,) in connection.execute(VERIFIED))


VERIFIED = "SELECT path FROM file WHERE state = 'verified'"
