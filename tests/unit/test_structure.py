"""The proofs of whole files: TIFF, tar, text, XML and JSON, sound and broken."""

import io
import struct
import tarfile
from pathlib import Path

import pytest

from asyncdl.errors import SizeMismatch, WrongContent
from asyncdl.transfer.verification.archive import NotAnArchive
from asyncdl.transfer.verification.checks import Expected, Verification, verify_file
from asyncdl.transfer.verification.structure import Form, check_head, check_type, form_of
from tests.security.fuzzing import PARSERS

STRIPS, TILES = (273, 279), (324, 325)


def tiff_bytes(order: str = "<", *, big: bool = False, tags: tuple[int, int] = STRIPS) -> bytes:
    """A small image of three strips or tiles: header, data, tables, and the directory last."""
    wide, data = "Q" if big else "I", bytes(range(250)) * 3
    head_bytes = 16 if big else 8
    offsets = struct.pack(f"{order}3{wide}", *(head_bytes + 250 * n for n in range(3)))
    sizes = struct.pack(f"{order}3H", 250, 250, 250)
    offsets_at = head_bytes + len(data)
    sizes_at = offsets_at + len(offsets)
    directory_at = sizes_at + len(sizes)

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        width = 8 if big else 4
        return struct.pack(f"{order}HH{wide}", tag, kind, count) + value.ljust(width, b"\0")

    # Three sizes of two bytes fit into the wider field of BigTIFF.
    sizes_field = sizes if big else struct.pack(f"{order}I", sizes_at)
    entries = [
        entry(256, 3, 1, struct.pack(f"{order}H", 50)),
        entry(tags[0], 16 if big else 4, 3, struct.pack(f"{order}{wide}", offsets_at)),
        entry(tags[1], 3, 3, sizes_field),
    ]
    count = struct.pack(order + ("Q" if big else "H"), len(entries))
    last = struct.pack(f"{order}{wide}", 0)
    mark = b"II" if order == "<" else b"MM"
    start = (
        struct.pack(f"{order}HHHQ", 43, 8, 0, directory_at)
        if big
        else struct.pack(f"{order}HI", 42, directory_at)
    )
    return mark + start + data + offsets + sizes + count + b"".join(entries) + last


def tar_bytes(tar_format: int = tarfile.PAX_FORMAT, name: str = "a.tif") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member = tarfile.TarInfo(name)
        member.size = 1000
        archive.addfile(member, io.BytesIO(bytes(1000)))
    return file.getvalue()


def prove(folder: Path, form: Form, data: bytes) -> Verification:
    path = folder / "file"
    path.write_bytes(data)
    return verify_file(path, Expected(form), url="http://host/file")


SOUND = {
    "tiff": (Form.TIFF, tiff_bytes()),
    "big endian": (Form.TIFF, tiff_bytes(">")),
    "tiled": (Form.TIFF, tiff_bytes(tags=TILES)),
    "bigtiff": (Form.TIFF, tiff_bytes(big=True)),
    "big endian bigtiff": (Form.TIFF, tiff_bytes(">", big=True, tags=TILES)),
    "pax": (Form.TAR, tar_bytes(name="ü" * 120)),
    "gnu": (Form.TAR, tar_bytes(tarfile.GNU_FORMAT, "n" * 120)),
    "ustar": (Form.TAR, tar_bytes(tarfile.USTAR_FORMAT)),
    "text": (Form.TEXT, b"GROUP = L1_METADATA_FILE\n"),
    "xml": (Form.XML, b"\xef\xbb\xbf<?xml version='1.0'?><a><b/></a>\n"),
    "json": (Form.JSON, b'{"a": [1]}'),
}


BY_FIRST_BYTES = {Form.JPEG, Form.PNG, Form.GZIP, Form.ZIP}
"""Formats of which no more is checked; of zips more is where they are unpacked."""
NOT_OF_ONE_FORMAT = {Form.ANY, Form.HTML, Form.ARCHIVE}


def test_the_structure_of_every_format_is_checked_or_left_out_on_purpose() -> None:
    checked = {form for form, _ in SOUND.values()}
    assert checked | BY_FIRST_BYTES | NOT_OF_ONE_FORMAT == set(Form)
    assert {form.value for form in checked} - {"text"} <= PARSERS.keys(), "not fuzzed"


@pytest.mark.parametrize("form", sorted(set(Form) - NOT_OF_ONE_FORMAT))
def test_no_format_takes_random_bytes(tmp_path: Path, form: Form) -> None:
    with pytest.raises(WrongContent):
        prove(tmp_path, form, b"\0\x01\xfe" * 1000)


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_file_is_proved(tmp_path: Path, kind: str) -> None:
    form, data = SOUND[kind]
    assert prove(tmp_path, form, data).checks == (form.value,)


@pytest.mark.parametrize("kind", [kind for kind in SOUND if kind != "text"])
def test_a_file_that_lost_its_end_is_not(tmp_path: Path, kind: str) -> None:
    form, data = SOUND[kind]
    shorter = data.rstrip(b"\0\n")[:-2] if form is not Form.TIFF else data[: len(data) // 2]
    with pytest.raises(WrongContent):
        prove(tmp_path, form, shorter)


@pytest.mark.parametrize("kind", ["tiff", "tiled", "bigtiff", "gnu"])
def test_no_cut_anywhere_ends_in_another_error(tmp_path: Path, kind: str) -> None:
    form, data = SOUND[kind]
    for length in range(0, len(data), 97):
        try:
            prove(tmp_path, form, data[:length])
        except WrongContent as refused:
            assert refused.reason in ("broken-file", "error-page")


@pytest.mark.parametrize("kind", ["tiff", "tiled", "bigtiff", "gnu", "pax"])
def test_no_flipped_byte_ends_in_another_error(tmp_path: Path, kind: str) -> None:
    form, data = SOUND[kind]
    for at in range(0, min(len(data), 2000), 3):
        spoiled = bytearray(data)
        spoiled[at] ^= 0xFF
        try:
            prove(tmp_path, form, bytes(spoiled))
        except WrongContent as refused:
            assert refused.reason in ("broken-file", "error-page")


def test_directories_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    circle = b"II*\0" + struct.pack("<IHI", 8, 0, 8)
    with pytest.raises(WrongContent, match="circle"):
        prove(tmp_path, Form.TIFF, circle)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (Form.TAR, bytes(10_240)),
        (Form.TEXT, b"GROUP\0"),
        (Form.XML, b"<a><b></a>"),
        (Form.JSON, b'{"a": '),
        (Form.TIFF, b""),
        (Form.TAR, tar_bytes(tarfile.USTAR_FORMAT)[:2560]),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, form: Form, data: bytes) -> None:
    with pytest.raises(WrongContent):
        prove(tmp_path, form, data)


def test_xml_that_blows_itself_up_is_refused(tmp_path: Path) -> None:
    """Each entity is ten of the one before; the last would be gigabytes."""
    entities = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(9)
    )
    bomb = f"<!DOCTYPE a [{entities}]><a>&e8;</a>".encode()
    with pytest.raises(WrongContent):
        prove(tmp_path, Form.XML, bomb)


@pytest.mark.parametrize("data", [b"[" * 1_000_000, b"[" + b"1" * 100_000 + b"]"])
def test_json_that_cannot_be_held_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WrongContent):
        prove(tmp_path, Form.JSON, data)


@pytest.mark.parametrize("form", [Form.TIFF, Form.TAR, Form.TEXT, Form.XML, Form.JSON, Form.ZIP])
@pytest.mark.parametrize("page", [b"<!DOCTYPE HTML><html>", b"\xef\xbb\xbf\n <html lang=en>"])
def test_row_094_a_page_is_told_by_its_first_bytes(form: Form, page: bytes) -> None:
    with pytest.raises(WrongContent):
        check_head(form, page, "http://host/file")


@pytest.mark.parametrize(
    ("form", "content_type", "is_refused"),
    [
        (Form.ANY, "text/html; charset=utf-8", True),
        (Form.HTML, "text/html", False),
        (Form.TIFF, "image/tiff", False),
        (Form.TIFF, "text/plain", False),
        (Form.TIFF, "application/json", True),
        (Form.TAR, "Text/XML", True),
        (Form.TEXT, "application/json", True),
        (Form.JSON, "application/json", False),
        (Form.XML, "application/xml", False),
        (Form.ANY, "application/json", False),
        (Form.TIFF, None, False),
    ],
)
def test_row_094_a_page_is_told_by_its_type(
    form: Form, content_type: str | None, is_refused: bool
) -> None:
    try:
        check_type(form, content_type, "http://host/file")
    except WrongContent as refused:
        assert is_refused and refused.reason == "error-page"
    else:
        assert not is_refused


@pytest.mark.parametrize(
    ("name", "form"),
    [("a_SR_B4.TIF", Form.TIFF), ("a.tar", Form.TAR), ("a.tar.gz", Form.GZIP),
     ("a_MTL.txt", Form.TEXT), ("a_MTL.xml", Form.XML), ("a", Form.ANY), ("tif", Form.ANY)],
)  # fmt: skip
def test_the_suffix_tells_the_form(name: str, form: Form) -> None:
    assert form_of(name) is form


def test_another_length_is_told_before_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12")
    with pytest.raises(SizeMismatch):
        verify_file(path, Expected(Form.TIFF, 3), url="http://host/file")


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"PK\3\4" + bytes(508), None),
        (b"\x1f\x8b\x08" + bytes(509), None),
        (tar_bytes()[:512], None),
        (b"II*\0" + bytes(508), NotAnArchive),
        (b"UHL11190000W0370000N".ljust(512), NotAnArchive),
        (b"<!DOCTYPE html>".ljust(512), WrongContent),
        (b"<?xml version='1.0'?><Error/>", WrongContent),
        (b'{"errorCode": "SERVER_ERROR"}', WrongContent),
        (b"Access denied", WrongContent),
        (b"", WrongContent),
    ],
)
def test_what_is_to_be_unpacked_is_an_archive_a_message_or_neither(
    head: bytes, error: type[Exception] | None
) -> None:
    """Only a message in its place is the host's fault."""
    if error is None:
        check_head(Form.ARCHIVE, head, "http://host/file")
        return
    with pytest.raises(error):
        check_head(Form.ARCHIVE, head, "http://host/file")
