"""A zip that streams by gives what ``zipfile`` reads of it, or nothing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asyncdl.transfer.verification.archive import ArchiveReader, NotAnArchive, read_archive
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import ByteSink, Member
from asyncdl.transfer.verification.zip import ZipReader
from tests.unit.test_tar import pack
from tests.zips import pack_zip

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


class Bag:
    """Keeps the members that it is shown."""

    def __init__(self) -> None:
        self.contents: dict[str, bytearray] = {}
        self.shown: list[Member] = []

    def take(self, member: Member) -> Sequence[ByteSink]:
        self.shown.append(member)
        if member.is_file and not member.problem:
            self.contents[member.name] = bytearray()
            return (Into(self.contents[member.name]),)
        return ()

    @property
    def files(self) -> dict[str, bytes]:
        return {name: bytes(content) for name, content in self.contents.items()}


class Into:
    def __init__(self, content: bytearray) -> None:
        self._content = content

    def update(self, data: bytes | memoryview, /) -> None:
        self._content += data


def stream(data: bytes, piece_bytes: int = 7) -> Bag:
    """Read an archive as it streams by; a form that needs the whole file gets it then."""
    bag = Bag()
    reader = ArchiveReader(bag.take)
    for at in range(0, len(data), piece_bytes):
        reader.update(data[at : at + piece_bytes])
    if reader.needs_file:
        return read_whole(data)
    reader.finish()
    return bag


def read_whole(data: bytes) -> Bag:
    bag = Bag()
    read_archive(io.BytesIO(data), bag.take)
    return bag


def as_zipfile_reads(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()
        }


CONTENTS: dict[str, bytes | str] = {
    "a.tif": b"II*\0" + bytes(5000),
    "folder/": b"",
    "folder/b.txt": b"text" * 500,
    "folder/ü.txt": b"",
}

kinds = st.fixed_dictionaries(
    {
        "method": st.sampled_from(METHODS),
        "is_piped": st.booleans(),
        "is_large": st.booleans(),
        "comment": st.binary(max_size=40).filter(lambda comment: b"PK" not in comment),
    }
)
names = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\\"), min_size=1, max_size=12
)
contents_of_any_kind = st.dictionaries(names, st.binary(max_size=3000), min_size=1, max_size=5).map(
    lambda contents: {name: b"" if name.endswith("/") else contents[name] for name in contents}
)
"""A folder holds no bytes of its own: see the test of one that does."""


@settings(max_examples=150)
@given(contents_of_any_kind, kinds, st.integers(1, 4000))
@example(CONTENTS, {"method": 0, "is_piped": True, "is_large": False, "comment": b""}, 7)
@example(CONTENTS, {"method": 8, "is_piped": True, "is_large": True, "comment": b"of all"}, 1)
def test_whatever_zipfile_writes_comes_out_as_zipfile_reads_it(
    contents: dict[str, bytes | str], kind: dict[str, Any], piece_bytes: int
) -> None:
    data = pack_zip(contents, **kind)
    truth = as_zipfile_reads(data)
    assert stream(data, piece_bytes).files == truth
    assert read_whole(data).files == truth


def test_a_folder_with_bytes_of_its_own_is_refused_where_only_its_end_says_how_many() -> None:
    data = pack_zip({"a/": b"x"}, method=0, is_piped=True, is_large=False, comment=b"")
    with pytest.raises(Malformed, match="'a/' is not what its data descriptor says"):
        stream(data, 7)


@settings(max_examples=300)
@given(st.data(), kinds)
def test_a_zip_that_was_changed_anywhere_gives_the_same_or_is_refused(
    data: st.DataObject, kind: dict[str, Any]
) -> None:
    """One byte other, some left out, some more: never other bytes under a right name."""
    whole = pack_zip(CONTENTS, **kind)
    truth = as_zipfile_reads(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.sampled_from(["other", "less", "more", "end"]))
    changed = {
        "other": whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :],
        "less": whole[:at] + whole[at + 1 :],
        "more": whole[:at] + data.draw(st.binary(min_size=1, max_size=9)) + whole[at:],
        "end": whole[:at],
    }[change]
    for read in (stream, read_whole):
        try:
            bag = read(changed)
        except (Malformed, NotAnArchive):
            continue
        if any(not member.is_file and not member.is_folder for member in bag.shown):
            continue  # it became a link, and says so
        if any(member.problem for member in bag.shown):
            continue  # it cannot be read, and says so
        assert bag.files == truth


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_that_is_not_compressed_and_tells_its_sizes_behind_needs_the_whole_file(
    method: int,
) -> None:
    """All other forms are read while they stream by."""
    reader = ZipReader(Bag().take)
    reader.update(pack_zip(CONTENTS, method, is_piped=True))
    assert reader.needs_file is (method == zipfile.ZIP_STORED)


def local_and_central(data: bytes, name: bytes) -> tuple[int, int]:
    return data.index(name) - 30, data.rindex(name) - 46


def put(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("flag", "problem"), [(1, "is encrypted"), (1 << 6, "is encrypted"), (1 << 13, "is encrypted")]
)
def test_an_encrypted_member_is_shown_as_one(flag: int, problem: str) -> None:
    data = pack_zip({"a": b"secret"})
    for at in (local_and_central(data, b"a")[0] + 6, local_and_central(data, b"a")[1] + 8):
        data = put(data, at, flag.to_bytes(2, "little"))
    (member,) = stream(data).shown
    assert member.problem == problem


@pytest.mark.parametrize(("method", "name"), [(9, "Deflate64"), (98, "PPMd"), (77, "method 77")])
def test_a_member_that_is_compressed_otherwise_is_shown_as_one(method: int, name: str) -> None:
    data = pack_zip({"a": b"text"})
    for at in (local_and_central(data, b"a")[0] + 8, local_and_central(data, b"a")[1] + 10):
        data = put(data, at, method.to_bytes(2, "little"))
    (member,) = stream(data).shown
    assert name in member.problem


def test_a_link_is_shown_as_none_once_the_directory_tells_it() -> None:
    shown = stream(pack_zip({"a": b"text", "link": "/etc/passwd"})).shown
    assert [(member.name, member.is_file) for member in shown] == [
        ("a", True),
        ("link", True),
        ("link", False),
    ]


WHOLE = pack_zip({"a.txt": b"first", "b.txt": b"second"}, zipfile.ZIP_STORED)
SECOND = WHOLE.index(b"PK\3\4", 4)
DIRECTORY = WHOLE.index(b"PK\1\2")
END = WHOLE.index(b"PK\5\6")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (put(WHOLE, SECOND + 30, b"B"), "not what the central directory says"),
        (put(WHOLE, SECOND + 14, b"\0\0\0\0"), "another CRC-32"),
        (put(WHOLE, 35, b"FIRST"), "another CRC-32"),
        (put(WHOLE, DIRECTORY + 16, b"\0\0\0\0"), "not what the central directory says"),
        (put(WHOLE, DIRECTORY + 42, b"\1"), "not where the central directory says"),
        (put(WHOLE, WHOLE.rindex(b"PK\1\2") + 42, b"\0\0\0\0"), "not where the central"),
        (WHOLE[:SECOND] + b"gap" + WHOLE[SECOND:], "belong to no member"),
        (WHOLE[:DIRECTORY] + b"gap" + WHOLE[DIRECTORY:], "belong to no member"),
        (WHOLE[:SECOND] + WHOLE[DIRECTORY:], "not where the central directory says"),
        (WHOLE[:DIRECTORY] + WHOLE[:SECOND] + WHOLE[DIRECTORY:], "does not list"),
        (WHOLE[:DIRECTORY], "ends before"),
        (WHOLE[:-1], "ends before"),
        (put(WHOLE, END + 8, b"\3\0\3\0"), "contradicts the directory"),
        (put(WHOLE, END + 16, b"\1"), "contradicts the directory"),
        (put(WHOLE, END + 4, b"\1"), "was split"),
        (b"PK\5\6" + bytes(18), "without members"),
        (b"junk" * 200 + WHOLE, "no tar header"),
    ],
)
def test_what_contradicts_itself_is_unsound(data: bytes, problem: str) -> None:
    """In front, behind and in the middle; read in either way."""
    with pytest.raises(Malformed, match=problem):
        stream(data)
    with pytest.raises(Malformed):
        read_whole(data)


@pytest.mark.parametrize(
    ("flags", "raw", "name"),
    [
        (0, b"\x81.txt", "ü.txt"),
        (1 << 11, "ü.txt".encode(), "ü.txt"),
        (1 << 11, b"\xff\xfe.txt", "\\xff\\xfe.txt"),
    ],
)
def test_a_name_is_read_by_the_rules_of_its_time(flags: int, raw: bytes, name: str) -> None:
    data = pack_zip({"x" * len(raw): b"text"}).replace(b"x" * len(raw), raw)
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data = put(data, data.index(signature) + at, flags.to_bytes(2, "little"))
    (member,) = stream(data).shown
    assert member.name == name and bool(member.problem) == ("\\" in name)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_tar_in_gzip_is_read_be_it_in_several_streams(parts: int) -> None:
    import gzip

    tar = pack({"a": b"first" * 300, "b": b"second"})
    step = -(-len(tar) // parts)
    data = b"".join(gzip.compress(tar[at : at + step]) for at in range(0, len(tar), step))
    assert (
        stream(data).files
        == read_whole(data + bytes(7)).files
        == {
            "a": b"first" * 300,
            "b": b"second",
        }
    )
    with pytest.raises(Malformed, match="ends before"):
        stream(data[:-9])


def test_what_gzip_has_compressed_that_is_no_tar_is_no_archive() -> None:
    import gzip

    with pytest.raises(NotAnArchive, match="not a tar"):
        stream(gzip.compress(b"II*\0" + bytes(3000)))
