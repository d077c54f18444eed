"""What a disk does to the job's own writes: copies, unpacked bundles and the report."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from asyncdl.job.reporting import report
from asyncdl.job.reporting.report import REPORT_NAME, Report, write_report
from asyncdl.system import files
from tests.job.bench import ANCHORAGE, GROUP, RED, Bench

pytestmark = pytest.mark.slow

EXTRACTED = {"kind": "bundle", "extract": True}
PRODUCTS = (RED, EXTRACTED, GROUP)
ONE_SCENE = {**ANCHORAGE, "limit": 1}


def spoil(monkeypatch: pytest.MonkeyPatch, name: str, number: int, is_meant: Any) -> None:
    """Let a call of the system fail where it is about a path that is meant."""
    owner: Any = files if name == "write_at" else os
    call = getattr(owner, name)

    def spoiled(what: Any, *rest: Any, **named: Any) -> Any:
        path = path_of(what)
        if name == "close":
            call(what)
        if path is not None and is_meant(path):
            raise OSError(number, os.strerror(number))
        return None if name == "close" else call(what, *rest, **named)

    monkeypatch.setattr(owner, name, spoiled)


def path_of(what: Any) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else str(what)
    except OSError:
        return None


def is_copy(path: str) -> bool:
    return path.endswith(".part.copy")


def is_member(path: str) -> bool:
    return path.endswith(".part.member")


FAULTS = [
    ("open", errno.EMFILE),
    ("write_at", errno.EIO),
    ("fsync", errno.EIO),
    ("close", errno.EIO),
]


@pytest.mark.parametrize(("call", "number"), FAULTS)
async def test_row_139_an_error_of_the_disk_never_ends_in_the_name_of_a_copy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    with monkeypatch.context() as patch:
        spoil(patch, call, number, is_copy)
        summary = await bench.run(*PRODUCTS, search=ONE_SCENE, durable=call == "fsync")
    assert {(f.kind, f.reason) for f in summary.failures} == {("band_group", "disk")}
    assert len(summary.failures) == 1 and all(f.remedy for f in summary.failures)
    assert not any((bench.directory / f.file).exists() for f in summary.failures)
    await ends_right(bench)


@pytest.mark.parametrize(("call", "number"), FAULTS)
async def test_row_139_an_error_of_the_disk_never_ends_in_an_unpacked_bundle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    with monkeypatch.context() as patch:
        spoil(patch, call, number, is_member)
        summary = await bench.run(*PRODUCTS, search=ONE_SCENE, durable=call == "fsync")
    assert {(f.kind, f.reason) for f in summary.failures} == {("bundle", "extract-failed")}
    there = [path for path in (bench.directory / "bundle").rglob("*") if path.is_file()]
    assert [path.suffix for path in there] == [".tar"], "which is kept, and nothing of it"
    await ends_right(bench)


async def ends_right(bench: Bench) -> None:
    summary = await bench.run(*PRODUCTS, search=ONE_SCENE)
    assert summary.status == "complete", summary.failures
    assert list(bench.directory.rglob("*.part*")) == []


async def test_row_138_short_writes_are_completed_everywhere(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.write_at
    monkeypatch.setattr(files, "write_at", lambda fd, data, at: write(fd, data[:5000], at))
    assert (await bench.run(*PRODUCTS, search=ONE_SCENE)).status == "complete"
    for path in (bench.directory / "band_group").rglob("*.TIF"):
        assert path.read_bytes() == bench.truth(path.name)


@pytest.mark.parametrize("spoiled", ["replace", "flush"])
async def test_a_report_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    summary = Report().summary(status="complete")
    await write_report(tmp_path, summary)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report, spoiled, fail)
    with pytest.raises(OSError, match="No space"):
        await write_report(tmp_path, Report().summary(status="stopped"), durable=True)
    assert [path.name for path in tmp_path.iterdir()] == [REPORT_NAME]
    assert orjson.loads((tmp_path / REPORT_NAME).read_bytes())["status"] == "complete"


async def test_a_journal_that_cannot_be_opened_stops_the_run_at_once(bench: Bench) -> None:
    (bench.directory / ".asyncdl" / "journal.sqlite").mkdir(parents=True)
    summary = await bench.run(RED)
    assert summary.status == "stopped" and "journal.sqlite" in summary.error
    assert bench.service.calls.total() == 0
