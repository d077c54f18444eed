"""What a tar holds is written inside its folder, as plain files, or not at all."""

from __future__ import annotations

import io
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asyncdl.job.places import extraction
from asyncdl.job.places.extraction import ExtractError
from tests.unit.test_extraction import unpack

MIB = 1024**2


def info(name: str, kind: bytes = tarfile.REGTYPE, **facts: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for fact, value in facts.items():
        setattr(member, fact, value)
    return member


def write_tar(path: Path, *members: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> Path:
    """A good file, and then the members."""
    good = info("good.txt", size=4)
    with tarfile.open(path, "w", format=form) as archive:
        archive.addfile(good, io.BytesIO(b"good"))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return path


async def assert_refused(tar: Path) -> None:
    around = sorted(tar.parent.rglob("*"))
    with pytest.raises(ExtractError) as refused:
        await unpack(tar)
    assert refused.value.reason == "extract-failed"
    assert sorted(tar.parent.rglob("*")) == around, "nothing is left of it"


NAMES = [
    "../escaped", "../../escaped", "/tmp/escaped", "folder/../../escaped", "..", ".",
    "", "C:\\escaped", "C:escaped", "\\\\host\\share", "..\\escaped", "CON", "nul.txt", "COM1",
    "a\0b", "a\nb", "a\x1b[2J", "gpj\u202eexe", ".hidden", "trailing.", "a:stream", "x" * 300,
]  # fmt: skip


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("name", [name for name in NAMES if "\0" not in name])
async def test_a_name_that_is_no_plain_file_name_spoils_the_tar(
    tmp_path: Path, name: str, form: int
) -> None:
    await assert_refused(write_tar(tmp_path / "S.tar", info(name, size=1), form=form))


@pytest.mark.parametrize("target", ["good.txt", "../S.tar", "/etc/passwd"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
async def test_a_link_spoils_the_tar_wherever_it_leads(
    tmp_path: Path, kind: bytes, target: str
) -> None:
    await assert_refused(write_tar(tmp_path / "S.tar", info("link", kind, linkname=target)))


@pytest.mark.parametrize(
    "kind",
    [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE],
)
async def test_a_device_spoils_the_tar(tmp_path: Path, kind: bytes) -> None:
    await assert_refused(write_tar(tmp_path / "S.tar", info("odd", kind)))


async def test_a_sparse_file_that_claims_any_size_spoils_the_tar(tmp_path: Path) -> None:
    facts = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1"}
    sparse = info("big", size=1, pax_headers=facts | {"GNU.sparse.size": str(2**50)})
    await assert_refused(write_tar(tmp_path / "S.tar", sparse))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
async def test_a_header_that_is_a_bomb_is_not_read(tmp_path: Path, form: int) -> None:
    tar = write_tar(tmp_path / "S.tar", info("x" * (32 * MIB)), form=form)
    tracemalloc.start()
    try:
        await assert_refused(tar)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * MIB


async def test_more_files_than_any_bundle_has_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "MAX_MEMBERS", 3)
    await assert_refused(write_tar(tmp_path / "S.tar", info("a"), info("b"), info("c")))
    await unpack(write_tar(tmp_path / "T.tar", info("a"), info("b")))


@pytest.mark.parametrize("archive", ["S.tar.bz2", "S.tar.xz"])
async def test_a_compressed_tar_is_none(tmp_path: Path, archive: str) -> None:
    """Nothing but gzip is decompressed, so there is no bomb to burst."""
    path = tmp_path / "S.tar"
    with tarfile.open(path, f"w:{archive.rpartition('.')[2]}") as packed:  # type: ignore[call-overload]
        packed.addfile(info("zeros", size=MIB), io.BytesIO(bytes(MIB)))
    await assert_refused(path)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
async def test_owners_and_modes_in_it_mean_nothing(tmp_path: Path) -> None:
    await unpack(write_tar(tmp_path / "S.tar", info("tool", mode=0o6777, uid=0, size=3)))
    mode = (tmp_path / "S" / "tool").stat().st_mode
    assert mode & 0o7111 == 0


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(name=st.text(min_size=1), kind=st.sampled_from([bytes([c]) for c in b"0123456789SVNAMD"]))
@example(name="a.tif", kind=b"0")
@example(name="\0a", kind=b"0")
async def test_whatever_a_member_is_nothing_gets_outside(
    tmp_path_factory: pytest.TempPathFactory, name: str, kind: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    tar = write_tar(folder / "S.tar", info(name.encode("utf-8", "replace").decode(), kind))
    try:
        await unpack(tar)
    except ExtractError:
        assert os.listdir(folder) == ["S.tar"]
    else:
        assert sorted(os.listdir(folder)) == ["S", "S.tar"]
        assert all(path.is_file() and not path.is_symlink() for path in (folder / "S").iterdir())
