"""A bundle is unpacked whole or not at all, and nothing in it is believed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import DiskError
from asyncdl.job import extraction
from asyncdl.job.extraction import ExtractError, folder_of, unpack

BANDS = {"S_B4.TIF": b"red", "S_MTL.txt": b"meta"}


def member(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def write_tar(path: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in BANDS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return path


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_members_come_out_beside_the_tar(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    await unpack(tar)
    assert files_in(tmp_path / "S") == BANDS
    assert names_in(tmp_path) == ["S", "S.tar"]


async def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    folder_of(tar).mkdir()
    await unpack(tar)
    assert files_in(tmp_path / "S") == {}


async def test_what_an_earlier_run_left_half_done_is_begun_anew(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    (tmp_path / "S.part").mkdir()
    (tmp_path / "S.part" / "S_B4.TIF").write_bytes(b"re")
    await unpack(tar)
    assert files_in(tmp_path / "S") == BANDS and not (tmp_path / "S.part").exists()


@pytest.mark.parametrize(
    "bad",
    [
        member("../escaped"),
        member("/tmp/absolute"),
        member("folder/file"),
        member("folder", tarfile.DIRTYPE),
        member("link", tarfile.SYMTYPE),
        member("link", tarfile.LNKTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
        member("S_B4.TIF"),
    ],
    ids=lambda info: f"{info.name} {info.type.decode()}",
)
async def test_one_bad_member_spoils_the_whole_tar(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    """Outside names, links, devices, and a second file of the same name."""
    tar = write_tar(tmp_path / "S.tar", bad)
    with pytest.raises(ExtractError) as caught:
        await unpack(tar)
    assert caught.value.reason == "extract-failed"
    assert names_in(tmp_path) == ["S.tar"], "the tar is kept"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"x" * 2048])
async def test_what_is_no_tar_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "S.tar").write_bytes(content)
    with pytest.raises(ExtractError):
        await unpack(tmp_path / "S.tar")


async def test_a_full_disk_is_not_the_tars_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", no_space)
    with pytest.raises(DiskError):
        await unpack(write_tar(tmp_path / "S.tar"))
    assert names_in(tmp_path) == ["S.tar"]


async def test_cancelled_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tar = write_tar(tmp_path / "S.tar")
    with anyio.CancelScope() as scope:

        def cancel(tar: Path, info: tarfile.TarInfo, into: Path) -> None:
            anyio.from_thread.run_sync(scope.cancel)

        monkeypatch.setattr(extraction, "_check", cancel)
        await unpack(tar)
    assert scope.cancelled_caught
    assert names_in(tmp_path) == ["S.tar"]
