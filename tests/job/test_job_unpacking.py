"""Bundles unpacked: what is wanted of them is there, proven and known; their tars are not."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import ConfigError, WrongContent
from asyncdl.events import Event, FileFinished, TransferRetry
from asyncdl.job.choosing.scope import DAMAGED
from asyncdl.job.places import extraction
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.job.stages import placing
from asyncdl.job.status import status_of
from asyncdl.job.verifying import Checked, verify_files
from asyncdl.journal import FinishedFile, StatePlaces, open_state
from asyncdl.journal.file_rows import Files
from asyncdl.sandbox.injected_faults import Faults
from asyncdl.transfer.verification.structure import BROKEN_FILE
from tests.job.bench import ANCHORAGE, BUNDLE, RED, Bench, outcome

pytestmark = pytest.mark.slow

UNPACKED = {"kind": "bundle", "extract": True}
KEPT = {**UNPACKED, "keep_tar": True}
RED_ONLY = {**UNPACKED, "members": ["red"]}
ONE = {**ANCHORAGE, "limit": 1}


class Killed(BaseException):
    """Stands for a process that ends here."""


def tars(bench: Bench) -> list[Path]:
    return sorted(bench.directory.rglob("*.tar"))


def names(bench: Bench) -> Counter[str]:
    """What is there of how many scenes."""
    return Counter(path.name[41:] for path in bench.files if path.suffix != ".tar")


def check_unpacked(tar: Path) -> None:
    """Compare the folder beside a tar with what is in the tar."""
    folder = tar.with_suffix("")
    with tarfile.open(tar) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]  # they are all files
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == members


async def verified(bench: Bench) -> Checked:
    async with open_state(bench.directory, "sandbox") as journal:
        return await verify_files(FolderPlacer(bench.directory), journal, bench.events.append)


# --- what is there afterwards -----------------------------------------------------------


async def test_all_files_of_a_bundle_come_out_and_its_tar_does_not_stay(bench: Bench) -> None:
    summary = await bench.complete(UNPACKED)
    assert (summary.files["downloaded"], tars(bench)) == (3, [])
    assert names(bench)["SR_B4.TIF"] == names(bench)["MTL.txt"] == 3
    assert not [path for path in bench.directory.rglob("*") if ".part" in path.name]


async def test_the_ending_of_a_bundle_names_what_came_out(bench: Bench) -> None:
    for _ in range(2):
        bench.events.clear()
        await bench.complete(UNPACKED)
        told = [m for e in bench.events if isinstance(e, FileFinished) for m in e.members]
        there = bench.directory.glob("bundle/*/*")
        assert sorted(told) == sorted(p.relative_to(bench.directory).as_posix() for p in there)


async def test_a_tar_that_is_asked_for_stays(bench: Bench) -> None:
    summary = await bench.run(KEPT)
    assert summary.is_complete and len(tars(bench)) == 3
    for tar in tars(bench):
        check_unpacked(tar)


async def test_only_the_members_that_are_named_come_out(bench: Bench) -> None:
    await bench.complete({**UNPACKED, "members": ["SR_B?", "MTL", "qa_pixel"]})
    assert names(bench).keys() >= {"SR_B4.TIF", "MTL.txt", "QA_PIXEL.TIF"}
    assert not {"ST_B10.TIF", "SR_B10.TIF", "ANG.txt"} & names(bench).keys()


async def test_members_go_to_where_the_layout_has_single_files(bench: Bench) -> None:
    await bench.complete(RED_ONLY, layout="{band}/{date}/{file}")
    folders = {path.parent.relative_to(bench.directory).as_posix() for path in bench.files}
    assert all(folder.startswith("SR_B4/2020-03-") for folder in folders) and tars(bench) == []


async def test_a_member_that_no_scene_has_is_told_before_anything_is_asked_for(
    bench: Bench,
) -> None:
    told = await outcome(bench.job({**UNPACKED, "members": ["SR_B44"]}))
    assert isinstance(told, ConfigError) and "SR_B4" in str(told)
    assert not bench.requested


# --- while it arrives -------------------------------------------------------------------


def partials(bench: Bench) -> dict[str, bytes]:
    """The members that have no final name yet."""
    found = bench.directory.glob("bundle/*/*.part.member")
    return {path.name.removesuffix(".part.member"): path.read_bytes() for path in found}


@pytest.mark.allow_blocking  # the watcher looks at the disk
async def test_a_bundle_is_unpacked_while_it_arrives(bench: Bench) -> None:
    """Whenever it is cut, the members that have come are there beside their final names."""
    bench.service.faults = Faults(short_body=1.0, bundle_etag=True)
    seen = list[dict[str, bytes]]()

    def watch(event: Event) -> None:
        if isinstance(event, TransferRetry):
            assert list(bench.directory.glob("bundle/*.unpacking.tar.part"))
            seen.append(partials(bench))

    assert (await bench.job(UNPACKED, search=ONE).run(watch)).is_complete
    assert seen and all(seen)
    for name, content in chain.from_iterable(members.items() for members in seen):
        assert bench.truth(name).startswith(content)
    assert any(content == bench.truth(name) for name, content in seen[-1].items())
    bench.check_files()


@pytest.mark.parametrize("product", [UNPACKED, RED_ONLY, KEPT])
@pytest.mark.parametrize("is_other", [False, True], ids=["same version", "other version"])
async def test_a_run_that_is_killed_halfway_through_a_bundle_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, product: dict[str, object], is_other: bool
) -> None:
    """What it leaves of the members is never taken for more than it is."""
    bench.service.faults = Faults(short_body=1.0, bundle_etag=True, bundle_changes=is_other)

    def kill(event: Event) -> None:
        if isinstance(event, TransferRetry):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("asyncdl.job.places.extraction._Pass.end", lambda passage: None)
        with pytest.raises((Killed, BaseExceptionGroup)):
            await bench.job(product, search=ONE).run(kill)
    left = partials(bench)
    assert left
    for name in left:
        (bench.directory / f"bundle/{name[:40]}/{name}.part.member").write_bytes(b"junk")
    assert (await bench.run(product, search=ONE)).is_complete
    assert partials(bench) == {}
    for path in bench.files:
        # Another version of a tar tells other times.
        assert path.suffix == ".tar" or path.read_bytes() == bench.truth(path.name)
    for tar in tars(bench) if "members" not in product else ():
        check_unpacked(tar)


@pytest.mark.parametrize(
    ("first", "then"),
    [(UNPACKED, BUNDLE), (UNPACKED, KEPT), (KEPT, UNPACKED), (BUNDLE, UNPACKED), (KEPT, BUNDLE)],
)
async def test_a_bundle_that_was_begun_goes_on_when_it_is_to_be_unpacked_otherwise(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    first: dict[str, object],
    then: dict[str, object],
) -> None:
    """What a killed run has left is used under its new name, or removed."""
    bench.service.faults = Faults(short_body=1.0, bundle_etag=True)

    def kill(event: Event) -> None:
        if isinstance(event, TransferRetry):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("asyncdl.job.places.extraction._Pass.end", lambda passage: None)
        with pytest.raises((Killed, BaseExceptionGroup)):
            await bench.job(first, search=ONE).run(kill)
    summary = await bench.complete(then, search=ONE)
    (scene,) = {path.name[:40] for path in bench.files}
    assert summary.downloaded_bytes < len(bench.service.bundle_bytes(scene)), "it went on"
    assert not [path for path in bench.directory.rglob("*") if ".part" in path.name]
    assert len(tars(bench)) == (0 if then is UNPACKED else 1)


@pytest.mark.parametrize("then", [BUNDLE, KEPT])
async def test_a_tar_that_was_to_pass_by_is_kept_when_it_is_to_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, then: dict[str, object]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "MAX_MEMBERS", 3)
        assert (await bench.run(UNPACKED)).files["failed"] == 3
    summary = await bench.complete(then)
    assert summary.downloaded_bytes == 0
    assert [path.name[40:] for path in tars(bench)] == [".tar"] * 3


async def test_a_run_that_is_stopped_leaves_the_tar_for_the_next_and_no_members(
    bench: Bench,
) -> None:
    bench.service.faults = Faults(short_body=1.0, bundle_etag=True)
    with anyio.CancelScope() as scope:

        def stop(event: Event) -> None:
            if isinstance(event, TransferRetry):
                scope.cancel()

        await bench.job(UNPACKED, search=ONE).run(stop)
    assert sorted(path.name[41:] for path in bench.directory.glob("bundle/*")) == [
        "unpacking.tar.part",
        "unpacking.tar.part.state",
    ]
    await bench.complete(UNPACKED, search=ONE)


# --- the next run -----------------------------------------------------------------------


@pytest.mark.parametrize("product", [UNPACKED, KEPT, RED_ONLY])
async def test_a_second_run_knows_what_came_out_and_fetches_nothing(
    bench: Bench, product: dict[str, object]
) -> None:
    await bench.run(product)
    mine = next(bench.directory.glob("bundle/L*/")) / "notes.txt"
    mine.write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in bench.files}
    summary = await bench.run(product)
    assert (summary.files["skipped"], summary.downloaded_bytes) == (3, 0)
    assert {path: path.stat().st_mtime_ns for path in bench.files} == before
    assert set(bench.requested.values()) == {1}


async def test_fewer_members_than_before_are_there_already(bench: Bench) -> None:
    await bench.run(UNPACKED)
    assert (await bench.run(RED_ONLY)).files["skipped"] == 3


async def test_more_members_than_before_are_fetched(bench: Bench) -> None:
    await bench.run(RED_ONLY)
    assert (await bench.complete(UNPACKED)).files["downloaded"] == 3
    assert names(bench)["SR_B3.TIF"] == 3


async def test_a_kept_tar_gives_more_members_without_a_request(bench: Bench) -> None:
    await bench.run({**KEPT, "members": ["red"]})
    summary = await bench.run(KEPT)
    assert (summary.files["skipped"], summary.downloaded_bytes) == (3, 0)
    for tar in tars(bench):
        check_unpacked(tar)


async def test_a_tar_that_is_wanted_later_is_fetched(bench: Bench) -> None:
    await bench.run(UNPACKED)
    assert (await bench.run(BUNDLE)).files["downloaded"] == len(tars(bench)) == 3


async def test_bundles_that_are_there_are_unpacked_later_and_left_alone(bench: Bench) -> None:
    await bench.run(BUNDLE)
    for _ in range(2):
        summary = await bench.run(UNPACKED)
        assert (summary.files["skipped"], summary.downloaded_bytes) == (3, 0)
        for tar in tars(bench):
            check_unpacked(tar)
    assert len(tars(bench)) == 3


async def test_a_member_that_is_gone_brings_its_bundle_again(bench: Bench) -> None:
    await bench.run(UNPACKED)
    bench.files[0].unlink()
    summary = await bench.complete(UNPACKED)
    assert (summary.files["skipped"], summary.files["downloaded"]) == (2, 1)


async def test_what_came_out_moves_with_the_layout(bench: Bench) -> None:
    await bench.complete(UNPACKED)
    summary = await bench.complete(UNPACKED, layout="{kind}/{date}/{file}")
    assert (summary.files["skipped"], summary.downloaded_bytes) == (3, 0)
    assert not list(bench.directory.glob("bundle/L*"))
    assert not (await verified(bench)).damaged


# --- verify and status ------------------------------------------------------------------


async def test_verify_reads_what_came_out_and_repairs_it(bench: Bench) -> None:
    await bench.complete(UNPACKED)
    there = len(list(bench.directory.glob("bundle/*/*")))
    bad = next(path for path in bench.files if path.name.endswith("SR_B4.TIF"))
    bad.write_bytes(b"II*\0 bad")
    checked = await verified(bench)
    assert checked.total == there
    assert [c.file for c in checked.damaged] == [bad.relative_to(bench.directory).as_posix()]
    summary = await bench.complete(UNPACKED, only=DAMAGED)
    assert summary.files["downloaded"] == 1
    assert not (await verified(bench)).damaged


async def test_status_counts_bundles_and_what_came_out(bench: Bench) -> None:
    await bench.complete(RED_ONLY)
    status = await status_of(StatePlaces(bench.directory), "sandbox")
    assert status is not None
    assert status.overview.files == {"bundle": {"unpacked": 3, "verified": 3}}
    assert status.overview.size_bytes == sum(path.stat().st_size for path in bench.files)


# --- things that go wrong ----------------------------------------------------------------


async def test_a_bundle_that_cannot_be_unpacked_fails_alone_and_is_not_fetched_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "MAX_MEMBERS", 3)
        summary = await bench.run(UNPACKED, RED)
    assert {(f.kind, f.reason) for f in summary.failures} == {("bundle", "extract-failed")}
    assert summary.by_kind["bands"]["downloaded"] == 3
    assert sorted(bench.directory.glob("bundle/*")) == tars(bench), "and no folder"
    assert len(tars(bench)) == 3 and set(bench.endings.values()) == {1}
    summary = await bench.complete(UNPACKED, RED)
    assert (summary.downloaded_bytes, tars(bench)) == (0, [])


async def test_a_tar_with_a_broken_file_in_it_is_fetched_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise WrongContent("S_B4.TIF", "a broken file", reason=BROKEN_FILE)

    with monkeypatch.context() as patch:
        patch.setattr(extraction, "verify_file", broken)
        summary = await bench.run(RED_ONLY, search=ONE)
    assert ([f.reason for f in summary.failures], tars(bench)) == ([BROKEN_FILE], [])
    assert (await bench.complete(RED_ONLY, search=ONE)).files["downloaded"] == 1


@pytest.mark.parametrize("moment", ["rename", "_publish", "record", "remove_transient", "emit"])
@pytest.mark.parametrize("product", [RED_ONLY, KEPT])
async def test_a_run_that_is_killed_at_any_moment_is_repaired_by_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str, product: dict[str, object]
) -> None:
    """Whatever has its final name then is right, and nothing is fetched twice."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    def kill_at_the_end(event: Event) -> None:
        if isinstance(event, FileFinished):
            raise Killed

    async def kill_record(self: Files, files: Iterable[FinishedFile]) -> None:
        if list(files):
            raise Killed

    with monkeypatch.context() as patch:
        if moment == "record":
            patch.setattr(Files, moment, kill_record)
        elif moment != "emit":
            patch.setattr(placing if moment == "remove_transient" else extraction, moment, kill)
        watch = kill_at_the_end if moment == "emit" else bench.events.append
        with pytest.raises((Killed, BaseExceptionGroup)):
            await bench.job(product, search=ONE).run(watch)
    check_finals(bench)
    summary = await bench.complete(product, search=ONE)
    assert summary.downloaded_bytes == 0
    assert len(tars(bench)) == (1 if product is KEPT else 0)
    assert not (await verified(bench)).damaged


def check_finals(bench: Bench) -> None:
    for path in bench.files:
        if ".part" not in str(path) and ".unpacking" not in path.name:
            assert path.read_bytes() == bench.truth(path.name)
