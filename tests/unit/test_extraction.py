"""A bundle is unpacked whole or not at all, and nothing in it is believed."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.errors import ChecksumMismatch, DiskError
from asyncdl.job.places import extraction
from asyncdl.job.places.extraction import ExtractError, Unpacker, UnpackSpec
from asyncdl.job.places.layout import Unpacking
from asyncdl.transfer import Digest
from asyncdl.transfer.verification.checks import Expected

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


async def unpack(tar: Path, **more: Any) -> extraction.Unpacked:
    """Unpack all of a tar beside itself, or what ``more`` of its order says."""
    order = UnpackSpec(
        is_wanted=lambda name: True,
        target_of=lambda name: tar.with_suffix("") / name,
        expected_of=lambda name, size: Expected(size_bytes=size, fingerprint="sha256"),
    )
    async with Unpacker(tar.name, replace(order, **more)) as unpacker:
        return await extraction.unpack(tar, unpacker)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_members_come_out_beside_the_tar(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    await unpack(tar)
    assert files_in(tmp_path / "S") == BANDS
    assert names_in(tmp_path) == ["S", "S.tar"]


async def test_what_else_is_in_a_folder_stays(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    (tmp_path / "S").mkdir()
    (tmp_path / "S" / "mine").write_bytes(b"mine")
    await unpack(tar)
    assert files_in(tmp_path / "S") == {**BANDS, "mine": b"mine"}


async def test_only_what_is_wanted_comes_out_and_all_that_is_there_is_told(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    member_names, (red,) = await unpack(tar, is_wanted="S_B4.TIF".__eq__)
    assert (member_names, red.name) == (tuple(BANDS), "S_B4.TIF")
    assert names_in(tmp_path / "S") == ["S_B4.TIF"]
    assert red.proof.digests == (Digest("sha256", sha256(b"red").hexdigest()),)


async def test_a_member_with_other_bytes_than_expected_fails_all(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    wrong = Expected(digests=(Digest("sha256", "00" * 32),))
    with pytest.raises(ChecksumMismatch):
        await unpack(tar, expected_of=lambda name, size: wrong if "MTL" in name else Expected())
    assert names_in(tmp_path) == ["S.tar"]


async def test_a_tar_without_anything_that_is_wanted_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match=re.escape("products.members")):
        await unpack(write_tar(tmp_path / "S.tar"), is_wanted=lambda name: False)


SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"


@pytest.mark.parametrize(
    ("words", "suffixes"),
    [
        ((), ["SR_B4.TIF", "SR_B10.TIF", "MTL.txt", "MTL.json"]),
        (("red",), ["SR_B4.TIF"]),
        (("MTL", "SR_B10"), ["SR_B10.TIF", "MTL.txt", "MTL.json"]),
        (("SR_*", "mtl.json"), ["SR_B4.TIF", "SR_B10.TIF", "MTL.json"]),
        (("ST_*",), []),
    ],
)
def test_members_are_named_as_the_bands_of_single_files(
    words: tuple[str, ...], suffixes: list[str]
) -> None:
    names = [f"{SCENE}_{suffix}" for suffix in ("SR_B4.TIF", "SR_B10.TIF", "MTL.txt", "MTL.json")]
    wanted = Unpacking(words).wanted_of(names, SCENE)
    assert wanted == tuple(f"{SCENE}_{suffix}" for suffix in suffixes)


async def test_what_an_earlier_run_left_half_done_is_begun_anew(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    (tmp_path / "S").mkdir()
    for name in BANDS:
        (tmp_path / "S" / f"{name}.part.member").write_bytes(b"re")
    await unpack(tar, is_wanted="S_B4.TIF".__eq__)
    assert names_in(tmp_path / "S") == ["S_B4.TIF"]


@pytest.mark.parametrize(
    "bad",
    [
        member("../escaped"),
        member("/tmp/absolute"),
        member("folder/../../escaped"),
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


async def test_members_may_stand_in_folders(tmp_path: Path) -> None:
    """As the gap masks of Landsat 7 have stood."""
    tar = write_tar(
        tmp_path / "S.tar", member("gap_mask", tarfile.DIRTYPE), member("gap_mask/S_GM_B1.TIF")
    )
    await unpack(tar)
    assert (tmp_path / "S" / "gap_mask" / "S_GM_B1.TIF").is_file()


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

    monkeypatch.setattr("asyncdl.system.files.write_at", no_space)
    with pytest.raises(DiskError):
        await unpack(write_tar(tmp_path / "S.tar"))
    assert names_in(tmp_path) == ["S.tar"]


async def test_cancelled_it_leaves_nothing(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "S.tar")
    with anyio.CancelScope() as scope:

        def cancel(name: str) -> bool:
            anyio.from_thread.run_sync(scope.cancel)
            return True

        await unpack(tar, is_wanted=cancel)
    assert scope.cancelled_caught
    assert names_in(tmp_path) == ["S.tar"]
