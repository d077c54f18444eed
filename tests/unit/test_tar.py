"""Archives: walked through in a file and as they stream by, sound and broken."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import BLOCK_BYTES, ByteSink, Member, TarReader, read_tar

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
END = bytes(2 * BLOCK_BYTES)


def pack(members: dict[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def header(kind: bytes = b"0", size: bytes = b"00000000000\0", name: bytes = b"a") -> bytes:
    """A header with a right checksum, whatever it says."""
    block = bytearray(BLOCK_BYTES)
    block[: len(name)], block[124:136], block[156:157] = name, size, kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


class Listing:
    """Hashes all members."""

    def __init__(self) -> None:
        self.hashers: list[tuple[Member, hashlib._Hash]] = []

    def note(self, member: Member) -> Sequence[ByteSink]:
        self.hashers.append((member, hashlib.sha256()))
        return (self.hashers[-1][1],)

    def files(self) -> dict[str, str]:
        return {m.name: hasher.hexdigest() for m, hasher in self.hashers if m.is_file}


def stream(data: bytes, cuts: Sequence[int] = ()) -> Listing:
    """Read an archive in pieces. Raises: Malformed."""
    listing = Listing()
    reader = TarReader(listing.note)
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        reader.update(memoryview(data)[start:stop])
    reader.finish()
    return listing


def is_sound(data: bytes) -> bool:
    """Tell what a walk through the file says."""
    try:
        read_tar(io.BytesIO(data), len(data))
    except Malformed:
        return False
    return True


def streams_soundly(data: bytes, cuts: Sequence[int] = ()) -> bool:
    try:
        stream(data, cuts)
    except Malformed:
        return False
    return True


# Long names are told by extended headers, and so are odd ones.
names = st.builds(
    str.__mul__,
    st.text(st.characters(codec="utf-8", exclude_characters="\0/."), min_size=1, max_size=5),
    st.sampled_from([1, 30]),
)
archives = st.dictionaries(names, st.binary(max_size=1500), min_size=1, max_size=4)


def cuts_of(data: bytes) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, len(data)), max_size=6).map(sorted)


@pytest.mark.slow
@given(st.data(), archives, st.sampled_from(FORMATS[1:]))
def test_members_are_those_of_the_standard_library_however_the_bytes_come(
    draw: st.DataObject, members: dict[str, bytes], tar_format: int
) -> None:
    data = pack(members, tar_format)
    listing = stream(data, draw.draw(cuts_of(data)))
    assert listing.files() == {
        name: hashlib.sha256(content).hexdigest() for name, content in members.items()
    }


@pytest.mark.slow
@given(st.data(), archives)
def test_walking_and_streaming_agree_about_any_damage(
    draw: st.DataObject, members: dict[str, bytes]
) -> None:
    """Whatever is changed, cut off or added, both say the same and nothing else is raised."""
    data = bytearray(pack(members))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    data = data[: draw.draw(st.integers(0, len(data)))] + draw.draw(st.binary(max_size=40))
    cuts = draw.draw(cuts_of(bytes(data)))
    assert is_sound(bytes(data)) is streams_soundly(bytes(data), cuts)


@pytest.mark.parametrize("size", [b"-0000001000\0", b"+0000001000\0", b"0_000001000\0", b"9\0" * 6])
def test_a_size_that_is_no_octal_number_is_refused(size: bytes) -> None:
    """A negative one would lead back to its own header, for ever."""
    data = header(size=size) + bytes(BLOCK_BYTES) + END
    assert not is_sound(data) and not streams_soundly(data)


@pytest.mark.parametrize("size", [b"\x80" + b"\xff" * 11, b"\xff" * 12, b"7" * 11 + b"\0"])
@pytest.mark.parametrize("kind", [b"0", b"x", b"L", b"g", b"S"])
def test_a_size_beyond_the_file_takes_no_memory(kind: bytes, size: bytes) -> None:
    data = header(kind, size) + bytes(BLOCK_BYTES) + END
    assert not is_sound(data) and not streams_soundly(data)


@pytest.mark.parametrize("name", [b"", b"\0", b"\0hidden"])
def test_a_member_without_a_name_is_refused(name: bytes) -> None:
    with pytest.raises(Malformed, match="without a name"):
        stream(header(name=name) + bytes(1024))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_extended_header_of_megabytes_is_refused(kind: bytes) -> None:
    """Whoever unpacks the archive would hold all of it in memory."""
    size_bytes = 3 << 20
    data = header(kind, b"%011o\0" % size_bytes) + bytes(size_bytes) + header() + END
    assert not is_sound(data) and not streams_soundly(data)


@pytest.mark.parametrize(
    ("records", "name"),
    [
        (b"10 path=b\n", "b"),
        (b"10 path=b\n10 path=c\n", "c"),
        (b"20 comment=10 path=\n10 path=b\n", "b"),
        (b"99 path=b\n", "a"),
        (b"0 path=b\n", "a"),
        (b"path=b\n", "a"),
        (b"\xff\0" * 9, "a"),
    ],
)
def test_pax_records_are_read_one_by_one(records: bytes, name: str) -> None:
    data = header(b"x", b"%011o\0" % len(records)) + records.ljust(512, b"\0") + header() + END
    assert stream(data).files().keys() == {name}


def test_what_an_extended_header_says_is_about_one_member() -> None:
    records = b"10 path=b\n"
    extended = header(b"x", b"%011o\0" % len(records)) + records.ljust(512, b"\0")
    data = extended + header() + header(name=b"c") + END
    assert stream(data).files().keys() == {"b", "c"}


def test_a_long_name_of_ustar_is_put_together() -> None:
    name = "d" * 90 + "/" + "f" * 90
    assert stream(pack({name: b"1"}, tarfile.USTAR_FORMAT)).files().keys() == {name}


def test_holes_of_a_sparse_file_are_no_members() -> None:
    """The map of its holes may go on for blocks before its bytes."""
    sparse = bytearray(header(b"S", b"00000000005\0"))
    sparse[482] = 1
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    more = bytearray(b"1" * 504 + bytes(8))
    more[504] = 1
    data = bytes(sparse + more) + b"1" * 504 + bytes(8) + b"12345".ljust(512, b"\0") + END
    assert is_sound(data) and len(stream(data).hashers) == 1


def links() -> Iterator[bytes]:
    for kind in b"123456":
        yield header(bytes([kind]), size=b"00000001000\0")


def test_links_and_devices_bring_no_bytes() -> None:
    """Whatever their size says; and they are no files."""
    data = b"".join(links()) + END
    assert is_sound(data) and stream(data).files() == {}


def test_bytes_behind_the_end_are_not_looked_at() -> None:
    data = pack({"a": b"1"}) + b"junk"
    assert is_sound(data) and streams_soundly(data)


def test_the_problem_says_where() -> None:
    data = header() + b"x" * BLOCK_BYTES
    with pytest.raises(Malformed, match="before byte 1024"):
        read_tar(io.BytesIO(data), len(data))
    with pytest.raises(Malformed, match="before byte 1024"):
        stream(data)
