"""Who reads along while a file is received: what is said to be there is there, and stays."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from asyncdl.errors import ChecksumMismatch
from asyncdl.system.files import TAKES_OPEN_FILES
from asyncdl.transfer import Digest, Form
from asyncdl.transfer.growth import FileGrowth
from asyncdl.transfer.verification.checks import Expected, verify_file
from tests.transfer.fault_server import HostedFile, cut, rig

pytestmark = pytest.mark.skipif(not TAKES_OPEN_FILES, reason="open files cannot be renamed")

OLD = os.urandom(3_000_000)
NEW = os.urandom(3_000_000)
SHA256 = Digest("sha256", hashlib.sha256(OLD).hexdigest())


class Reader:
    """Copies what is ready as soon as it is."""

    def __init__(self) -> None:
        self.copy = b""
        self.grown: list[FileGrowth] = []

    def take(self, growth: FileGrowth) -> None:
        self.grown.append(growth)
        if not growth.ready_bytes:
            self.copy = b""
            return
        have, descriptor = len(self.copy), os.open(growth.part, os.O_RDONLY)
        self.copy += os.pread(descriptor, growth.ready_bytes - have, have)
        os.close(descriptor)


async def test_a_reader_has_the_file_when_its_last_byte_is_there(tmp_path: Path) -> None:
    reader = Reader()
    async with rig(tmp_path, HostedFile(OLD)) as r:
        fetched = await r.fetch(digests=(SHA256,), on_growth=reader.take)
    assert reader.copy == OLD
    ready = [growth.ready_bytes for growth in reader.grown]
    assert ready == sorted(ready) and ready[0] and ready[-1] == len(OLD)
    last = reader.grown[-1]
    assert (last.final, last.total_bytes) == (fetched.path, len(OLD))
    assert last.expected.foreseen is not None
    assert last.expected.foreseen.digests == fetched.digests == (SHA256,)
    assert "+".join(("length", *last.expected.foreseen.checks)) == fetched.proof


async def test_it_goes_on_after_a_break_in_what_is_there(tmp_path: Path) -> None:
    reader, file = Reader(), HostedFile(OLD)
    async with rig(tmp_path, cut(file, 1_500_000), file) as r:
        await r.fetch(on_growth=reader.take)
    assert reader.copy == OLD
    assert all(growth.ready_bytes for growth in reader.grown)


async def test_it_hears_that_another_version_takes_the_place(tmp_path: Path) -> None:
    reader = Reader()
    new = HostedFile(NEW, etag='"v2"')
    async with rig(tmp_path, cut(HostedFile(OLD), 1_500_000), new) as r:
        fetched = await r.fetch(on_growth=reader.take)
    assert 0 in [growth.ready_bytes for growth in reader.grown]
    assert reader.copy == NEW == fetched.path.read_bytes()


async def test_it_hears_that_wrong_bytes_are_dropped(tmp_path: Path) -> None:
    reader = Reader()
    async with rig(tmp_path, HostedFile(NEW)) as r:
        with pytest.raises(ChecksumMismatch):
            await r.fetch(digests=(SHA256,), on_growth=reader.take)
    assert reader.grown[-1].ready_bytes == 0


@pytest.mark.parametrize(
    "expected",
    [
        Expected(),
        Expected(digests=(SHA256,)),
        Expected(digests=(Digest("md5", hashlib.md5(OLD).hexdigest().upper()), SHA256)),
        Expected(form=Form.TEXT, digests=(SHA256,)),
    ],
)
def test_what_a_check_will_say_is_known_before(tmp_path: Path, expected: Expected) -> None:
    path = tmp_path / "x"
    path.write_bytes(OLD)
    said = verify_file(path, expected, url="x")
    foreseen = expected.foreseen
    assert foreseen is not None
    assert (foreseen.digests, foreseen.checks) == (said.digests, said.checks) or said.warning


@pytest.mark.parametrize(
    "expected",
    [
        Expected(fingerprint="sha256"),
        Expected(form=Form.ARCHIVE),
        Expected(members={"x": ()}),
    ],
)
def test_what_only_the_bytes_decide_is_not_foreseen(expected: Expected) -> None:
    assert expected.foreseen is None
