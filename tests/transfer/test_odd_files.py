"""Files that are odd and whole are kept: a look that may be wrong does not outweigh a length."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from asyncdl.errors import TransferError, WrongContent
from asyncdl.events import Notice
from asyncdl.transfer.verification.checks import Expected, verify_file
from asyncdl.transfer.verification.structure import form_of
from tests.transfer.fault_server import QUICK, End, HostedFile, fixed, rig


def packed(*, end: bytes) -> bytes:
    """Return a tar of one member with another end than two zero blocks."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("a.txt")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    return buffer.getvalue()[:1024] + end


DOCUMENT = "<?xml version='1.0' encoding='{}'?><scene><name>観測 é</name></scene>"

SOUND = {
    "utf-16.xml": DOCUMENT.format("utf-16").encode("utf-16"),
    "utf-16-be.xml": b"\xfe\xff" + DOCUMENT.format("utf-16").encode("utf-16-be"),
    "utf-16-unmarked.xml": DOCUMENT.format("utf-16").encode("utf-16-be"),
    "utf-32.xml": DOCUMENT.format("utf-32").encode("utf-32"),
    "utf-32-unmarked.xml": DOCUMENT.format("ucs-4").encode("utf-32-be"),
    "shift-jis.xml": DOCUMENT.format("Shift_JIS").encode("shift_jis", errors="ignore"),
    "gb.xml": DOCUMENT.format("GB18030").encode("gb18030"),
    "utf-16-unmarked.json": json.dumps({"a": [1, 2]}).encode("utf-16-be"),
    "utf-16.json": json.dumps({"a": [1, 2]}).encode("utf-16"),
    "lines.json": b'{"a": 1}\n{"b": [2]}\n\n"three"\n',
    "sequence.json": b'\x1e{"a": 1}\n\x1e{"b": 2}\n',
    "scalar.json": b"true",
    "utf-16.txt": "GROUP = LANDSAT\n".encode("utf-16"),
    "html.html": b"<!doctype html><p>",
}
"""Forms that others read, and that are known here as well."""

ODD = {
    "mac.xml": DOCUMENT.format("x-mac-greek").encode("ascii", errors="ignore"),
    "broken-shift-jis.xml": b"<?xml version='1.0' encoding='shift_jis'?><a>\x81\x20</a>",
    "entity.xml": b"<a>&nbsp;</a>",
    "remarks.json": b'{"a": 1, /* none */ "b": 2}\n',
    "zero.txt": b"one\0two\n",
    "one-block.tar": packed(end=bytes(512)),
    "half-a-block.tar": packed(end=bytes(200)),
    "block-and-a-half.tar": packed(end=bytes(800)),
    "no-blocks.tar": packed(end=b""),
    "gzip.tar": gzip.compress(packed(end=bytes(1024))),
    "jpeg.png": b"\xff\xd8\xff\xe0" + bytes(range(256)),
    "gzip.tif": gzip.compress(b"II*\0"),
    "counts.tif": b"II*\0\x08\0\0\0\x01\0" + b"\x11\x01\x04\0\x01\0\0\0\x08\0\0\0" + bytes(4),
}
"""What nobody here can vouch for, and somebody may read."""


@pytest.mark.parametrize("name", SOUND)
async def test_what_others_read_is_read_here(tmp_path: Path, name: str) -> None:
    async with rig(tmp_path, HostedFile(SOUND[name])) as r:
        fetched = await r.fetch(name)
        assert not r.told(Notice)
    assert r.content(name) == SOUND[name]
    assert fetched.proof == f"length+{form_of(name)}"


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_file_is_kept_with_a_word_if_its_length_is_met(
    tmp_path: Path, name: str
) -> None:
    async with rig(tmp_path, HostedFile(ODD[name])) as r:
        fetched = await r.fetch(name)
        (notice,) = r.told(Notice)
    assert r.content(name) == ODD[name]
    assert fetched.proof == "length" and name in notice.text and "whole" in notice.text


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_file_of_unknown_length_is_refused(tmp_path: Path, name: str) -> None:
    responder = fixed(body=ODD[name], length=None, end=End.CLOSE)
    async with rig(tmp_path, responder, limits=QUICK) as r:
        with pytest.raises(TransferError):
            await r.fetch(name)
    assert r.names == []


CUT = {
    "shift-jis.xml": SOUND["shift-jis.xml"][:-9],
    "within-a-sign.xml": SOUND["gb.xml"][: SOUND["gb.xml"].index(b"<name>") + 7],
    "utf-32.xml": SOUND["utf-32.xml"][:-6],
    "utf-16-unmarked.json": SOUND["utf-16-unmarked.json"][:-2],
    "a.xml": DOCUMENT.format("utf-8").encode()[:-9],
    "a.json": b'{"a": [1, 2',
    "b.json": b'{"a": "some wor',
    "a.tar": packed(end=b"")[:-100],
    "a.tif": ODD["counts.tif"][:12],
}


@pytest.mark.parametrize("name", CUT)
async def test_what_ends_too_early_is_refused_whatever_was_announced(
    tmp_path: Path, name: str
) -> None:
    """A host that keeps what a broken connection has left announces the length of that."""
    async with rig(tmp_path, HostedFile(CUT[name]), limits=QUICK) as r:
        with pytest.raises(WrongContent, match="broken file"):
            await r.fetch(name)


@pytest.mark.parametrize("name", ["words.tif", "zeros.tif", "page.xml", "words.json"])
async def test_a_message_in_place_of_the_file_is_refused(tmp_path: Path, name: str) -> None:
    bodies = {
        "words.tif": "Kein Zugriff auf diese Datei - später noch einmal".encode(),
        "zeros.tif": bytes(2000),
        "page.xml": b"<!DOCTYPE HTML><html>not here",
        "words.json": b"Not found",
    }
    async with rig(tmp_path, HostedFile(bodies[name]), limits=QUICK) as r:
        with pytest.raises(WrongContent) as refused:
            await r.fetch(name)
    assert refused.value.reason == "error-page"


def test_a_digest_outweighs_every_look(tmp_path: Path) -> None:
    from tests.transfer.test_verification import sha512

    path = tmp_path / "a.json"
    path.write_bytes(CUT["a.json"])
    proof = verify_file(
        path, Expected(form_of("a.json"), digests=(sha512(CUT["a.json"]),)), url="http://h.test/"
    )
    assert proof.checks == ("sha512",) and proof.warning
