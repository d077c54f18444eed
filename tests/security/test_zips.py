"""What a zip holds is written inside its folder, as plain files, or not at all."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncdl.errors import AsyncdlError, WrongContent
from asyncdl.job.places import extraction
from asyncdl.job.places.extraction import ExtractError, Unpacked, Unpacker, UnpackSpec
from asyncdl.transfer.verification import inflating
from asyncdl.transfer.verification.checks import Expected, verify_file
from asyncdl.transfer.verification.structure import Form
from tests.security.test_bundles import NAMES
from tests.unit.test_zip import kinds
from tests.zips import pack_zip

MIB = 1024**2

pytestmark = pytest.mark.allow_blocking  # the bytes pass where it is convenient


async def arrive(folder: Path, data: bytes, piece_bytes: int = 4000, **more: Any) -> Unpacked:
    """Let an archive pass by as it does while it arrives, into the folder ``S``."""
    order = UnpackSpec(
        is_wanted=lambda name: True,
        target_of=lambda name: folder / "S" / name,
        expected_of=lambda name, size: Expected(size_bytes=size),
        **more,
    )
    path = folder / "S.archive"
    path.write_bytes(data)
    async with Unpacker("S.archive", order) as unpacker:
        expected = Expected(Form.ARCHIVE, unpack=unpacker.begin)
        hashers = expected.new_hashers()
        for at in range(0, len(data), piece_bytes):
            hashers.update(data[at : at + piece_bytes])
        verify_file(path, expected, url="S.archive", hashers=hashers)
        return unpacker.finish()


def files_below(folder: Path) -> dict[str, bytes]:
    root = folder / "S"
    found = {p.relative_to(root).as_posix(): p for p in root.rglob("*") if not p.is_dir()}
    assert not any(path.is_symlink() for path in found.values())
    return {name: path.read_bytes() for name, path in found.items()}


async def assert_refused(
    folder: Path, data: bytes, error: type[Exception] = ExtractError, **more: Any
) -> None:
    for is_there in (False, True):
        with pytest.raises(error):
            await (unpack_there(folder, data, **more) if is_there else arrive(folder, data, **more))
        assert [path.name for path in folder.rglob("*")] == ["S.archive"], "nothing is left of it"


async def unpack_there(folder: Path, data: bytes, **more: Any) -> Unpacked:
    """Unpack an archive that has been there."""
    path = folder / "S.archive"
    path.write_bytes(data)
    order = UnpackSpec(
        is_wanted=lambda name: True,
        target_of=lambda name: folder / "S" / name,
        expected_of=lambda name, size: Expected(size_bytes=size),
        **more,
    )
    async with Unpacker(path.name, order) as unpacker:
        return await extraction.unpack(path, unpacker)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
)
@given(kind=kinds, piece_bytes=st.integers(1, 3000))
async def test_all_files_come_out_in_their_folders(
    tmp_path_factory: pytest.TempPathFactory, kind: dict[str, Any], piece_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    contents: dict[str, bytes | str] = {
        "S.SAFE/": b"",
        "S.SAFE/GRANULE/IMG/B02.jp2": b"\0\0\0\x0cjP" * 200,
        "S.SAFE/GRANULE/IMG/B03.jp2": b"other" * 200,
        "S.SAFE/manifest.safe": b"<xml/>",
        "readme": b"",
    }
    held, _ = await arrive(folder, pack_zip(contents, **kind), piece_bytes)
    truth = {name: content for name, content in contents.items() if not name.endswith("/")}
    assert files_below(folder) == truth and list(held) == list(truth)


HARMLESS_HERE = {"folder/file", "a\0b"}
"""Folders are kept, and ``zipfile`` writes no name behind a NUL."""


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n and n not in HARMLESS_HERE] + ["a//b", "a/./b"]
)
async def test_a_name_that_is_no_plain_path_spoils_the_zip(tmp_path: Path, name: str) -> None:
    await assert_refused(tmp_path, pack_zip({"good": b"good", name: b"x"}))


@pytest.mark.parametrize("name", ["../", "/", "a/../../", "CON/"])
async def test_a_folder_with_such_a_name_does_too(tmp_path: Path, name: str) -> None:
    await assert_refused(tmp_path, pack_zip({"good": b"good", name: b""}))


@pytest.mark.parametrize("target", ["good", "../S.archive", "/etc/passwd"])
async def test_a_link_spoils_the_zip_though_only_its_end_tells(tmp_path: Path, target: str) -> None:
    await assert_refused(tmp_path, pack_zip({"good": b"good", "link": target}))


@pytest.mark.parametrize("mode", [0o010644, 0o020644, 0o040755, 0o060644, 0o140755])
async def test_a_device_spoils_the_zip(tmp_path: Path, mode: int) -> None:
    data = pack_zip({"odd": b""})
    at = data.index(b"PK\1\2") + 40
    await assert_refused(tmp_path, data[:at] + mode.to_bytes(2, "little") + data[at + 2 :])


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("a/b", "A/B"), ("a", "a/b"), ("a/b", "a"), ("\u00e9", "e\u0301"), ("a/", "A")],
)
async def test_names_that_some_volume_takes_for_one_spoil_the_zip(
    tmp_path: Path, one: str, other: str
) -> None:
    await assert_refused(tmp_path, pack_zip({one: b"", other: b""}))


async def test_a_name_that_is_there_twice_spoils_the_zip(tmp_path: Path) -> None:
    data = pack_zip({"aa": b"first", "ab": b"second"}).replace(b"ab", b"aa")
    await assert_refused(tmp_path, data)


async def test_more_files_than_any_bundle_has_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "MAX_MEMBERS", 3)
    await assert_refused(tmp_path, pack_zip(dict.fromkeys("abcd", b"")))
    await arrive(tmp_path, pack_zip(dict.fromkeys("abc", b"")))


@pytest.mark.parametrize("is_piped", [False, True])
async def test_a_file_larger_than_is_allowed_spoils_the_zip(tmp_path: Path, is_piped: bool) -> None:
    """Also where nothing says beforehand how large it will be."""
    data = pack_zip({"zeros": bytes(3 * MIB)}, is_piped=is_piped)
    await assert_refused(tmp_path, data, max_bytes=2 * MIB)


@pytest.mark.parametrize("form", ["zip", "piped zip", "tgz"])
async def test_a_bomb_is_neither_unpacked_nor_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(inflating, "HARMLESS_BYTES", 4 * MIB)
    data = bomb(form, 32 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(WrongContent, match="200 times its size"):
            await arrive(tmp_path, data)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [path.name for path in tmp_path.rglob("*")] == ["S.archive"]
    assert peak_bytes < 8 * MIB


def bomb(form: str, size_bytes: int) -> bytes:
    if form != "tgz":
        return pack_zip({"zeros": bytes(size_bytes)}, is_piped=form == "piped zip")
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo("zeros")
        info.size = size_bytes
        archive.addfile(info, io.BytesIO(bytes(size_bytes)))
    return gzip.compress(sink.getvalue())


async def test_an_archive_in_an_archive_is_a_file(tmp_path: Path) -> None:
    inner = pack_zip({"a": b"text"})
    await arrive(tmp_path, pack_zip({"inner.zip": inner}))
    assert files_below(tmp_path) == {"inner.zip": inner}


@pytest.mark.parametrize("kind", ["encrypted", "Deflate64"])
async def test_what_cannot_be_read_spoils_the_zip_and_says_so(tmp_path: Path, kind: str) -> None:
    data = bytearray(pack_zip({"a": b"text"}))
    at = data.index(b"PK\1\2")
    if kind == "encrypted":
        data[6] = data[at + 8] = 1
    else:
        data[8] = data[at + 10] = 9
    with pytest.raises(ExtractError, match=kind):
        await arrive(tmp_path, bytes(data))
    await assert_refused(tmp_path, bytes(data))


async def test_members_that_overlap_make_it_unsound(tmp_path: Path) -> None:
    """Two entries of the directory that lead to the same bytes, as bombs have them."""
    data = pack_zip({"a": b"text", "b": b"text"})
    second = data.rindex(b"PK\1\2")
    overlapping = data[: second + 42] + bytes(4) + data[second + 46 :]
    with pytest.raises(WrongContent, match="central directory"):
        await arrive(tmp_path, overlapping)
    assert [path.name for path in tmp_path.rglob("*")] == ["S.archive"]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=80,
)
@given(data=st.data(), kind=kinds)
async def test_a_zip_that_was_cut_or_changed_names_no_file_with_other_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    contents: dict[str, bytes | str] = {"a/b.tif": b"II*\0" * 300, "c.txt": b"text"}
    whole = bytearray(pack_zip(contents, **kind))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole)))])
    try:
        await arrive(folder, changed)
    except AsyncdlError:
        assert [path.name for path in folder.rglob("*")] == ["S.archive"]
    else:
        assert files_below(folder) == contents


async def test_zipfile_itself_is_not_used_to_write_anything(tmp_path: Path) -> None:
    """What it would do with a name that climbs is of no matter."""
    data = pack_zip({"../../escaped": b"x"})
    assert zipfile.is_zipfile(io.BytesIO(data))
    await assert_refused(tmp_path, data)
