"""The proof of a file while it arrives, in whatever order its bytes come."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from asyncdl.transfer.parts.part_file import WriteBuffer
from asyncdl.transfer.ranges import Coverage, Span
from asyncdl.transfer.verification import incremental_hasher as module
from asyncdl.transfer.verification.checks import Expected, verify_file
from asyncdl.transfer.verification.digests import Digest
from asyncdl.transfer.verification.hashers import Hashers
from asyncdl.transfer.verification.incremental_hasher import IncrementalHasher
from asyncdl.transfer.verification.structure import Form
from tests.unit.test_tar import pack

# The file is written where it is convenient, not where it holds up nobody.
pytestmark = pytest.mark.allow_blocking

BODY = bytes(range(251)) * 40
HASHED = Expected(fingerprint="sha256")


class Part:
    """A partial file that is written as :class:`Holding` does it, and followed."""

    def __init__(self, path: Path, expected: Expected = HASHED) -> None:
        self.path = path
        self.path.touch()
        self.done = Coverage()
        self.runs = 0
        self.follower = IncrementalHasher(path, expected, self.run)

    async def run(self, path: Path, count: int, call: Callable[[], None]) -> None:
        self.runs += 1
        call()

    def put(self, start: int, data: bytes) -> None:
        """Write, as an earlier run did."""
        with self.path.open("r+b") as file:
            file.seek(start)
            file.write(data)
        self.done = self.done.add(Span(start, start + len(data)))

    async def write(self, start: int, data: bytes) -> None:
        """Write out of a buffer that is used for something else afterwards."""
        self.put(start, data)
        buffer, batch = bytearray(data), WriteBuffer(start)
        for at in range(0, len(data), 300):
            batch.add(memoryview(buffer)[at : at + 300])
        await self.follower.add(batch, self.done.prefix_bytes)
        buffer[:] = bytes(len(data))

    def drop(self) -> None:
        os.truncate(self.path, 0)
        self.done = Coverage()
        self.follower.reset()

    def taken(self) -> int:
        return self.follower.finish().taken_bytes

    def value(self) -> str:
        """Read what is missing, and return the digest of the whole file."""
        hashers = self.follower.finish()
        proof = verify_file(self.path, HASHED, url="", hashers=hashers)
        return proof.digests[0].value


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Part(tmp_path / "file.part")


async def test_bytes_in_order_are_taken_as_they_come(part: Part) -> None:
    """Nothing is left to be read, and nothing is read: the file may be anything."""
    for start in range(0, len(BODY), 1000):
        await part.write(start, BODY[start : start + 1000])
        os.truncate(part.path, 0)
    hashers = part.follower.finish()
    assert (hashers.taken_bytes, hashers.digests()) == (
        len(BODY),
        (Digest("sha256", sha256(BODY)),),
    )


async def test_a_gap_is_read_from_the_file_once_it_is_closed(part: Part) -> None:
    await part.write(0, BODY[:100])
    await part.write(500, BODY[500:600])
    assert part.taken() == 100
    await part.write(100, BODY[100:500])
    assert part.taken() == 500
    await part.write(600, BODY[600:])
    assert (part.taken(), part.value()) == (len(BODY), sha256(BODY))


async def test_bytes_of_an_earlier_run_are_read_a_part_with_each_write(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read is behind what is there, until the proof has caught up."""
    monkeypatch.setattr(module, "CATCH_UP_BYTES", 1000)
    part.put(0, BODY[:5000])
    taken = []
    for start in range(5000, 7000, 200):
        await part.write(start, BODY[start : start + 200])
        taken.append(part.taken())
    assert taken == [1000, 2000, 3000, 4000, 5000, 6200, 6400, 6600, 6800, 7000]
    assert part.value() == sha256(BODY[:7000])


async def test_only_the_gap_is_read(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that have just been written come out of memory, behind it."""
    stops, read = list[int](), Hashers.read

    def note(hashers: Hashers, file: BufferedReader, stop: int) -> None:
        stops.append(stop)
        read(hashers, file, stop)

    monkeypatch.setattr(Hashers, "read", note)
    part.put(0, BODY[:700])
    await part.write(700, BODY[700:900])
    await part.write(900, BODY[900:])
    assert (stops, part.taken()) == ([700], len(BODY))


async def test_bytes_that_are_written_over_are_taken_again(part: Part) -> None:
    await part.write(0, b"x" * 900)
    await part.write(300, BODY[300:900])
    await part.write(0, BODY[:300])
    await part.write(900, BODY[900:])
    assert part.value() == sha256(BODY)


async def test_a_file_that_begins_again_is_taken_from_its_beginning(part: Part) -> None:
    await part.write(0, b"x" * 900)
    part.drop()
    await part.write(0, BODY)
    assert (part.taken(), part.value()) == (len(BODY), sha256(BODY))


async def test_nothing_is_done_for_nothing(tmp_path: Path) -> None:
    part = Part(tmp_path / "file.part", Expected(Form.TIFF))
    await part.write(0, BODY)
    assert part.follower.is_idle and part.runs == 0


async def test_what_turns_out_to_be_needed_is_computed_from_then_on(part: Part) -> None:
    """The same need, however it is put, does not begin again."""
    await part.write(0, BODY[:5000])
    part.follower.expect(Expected(Form.TIFF, 5, fingerprint="sha256"))
    assert part.taken() == 5000
    part.follower.expect(Expected(digests=(Digest("md5", "00" * 16),)))
    await part.write(5000, BODY[5000:])
    assert part.follower.finish().digests()[0].value == hashlib.md5(BODY).hexdigest()


async def test_a_course_that_failed_is_not_trusted(part: Part) -> None:
    async def fail(path: Path, count: int, call: Callable[[], None]) -> None:
        call()
        raise OSError

    await part.write(0, BODY[:100])
    part.follower._run = fail
    with pytest.raises(OSError):
        await part.write(100, BODY[100:200])
    assert part.taken() == 0


async def test_one_write_at_a_time_is_followed(part: Part) -> None:
    """What is written meanwhile is read from the file later; a new beginning waits for nobody."""
    going_on, ended = anyio.Event(), anyio.Event()

    async def hold(path: Path, count: int, call: Callable[[], None]) -> None:
        going_on.set()
        await ended.wait()
        call()

    part.follower._run = hold
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(part.write, 0, BODY[:1000])
        await going_on.wait()
        await part.write(1000, BODY[1000:2000])
        ended.set()
    assert part.taken() == 1000
    await part.write(2000, BODY[2000:3000])
    assert (part.taken(), part.value()) == (3000, sha256(BODY[:3000]))


async def test_a_late_end_does_not_disturb_a_new_beginning(part: Part) -> None:
    going_on, ended = anyio.Event(), anyio.Event()

    async def hold(path: Path, count: int, call: Callable[[], None]) -> None:
        going_on.set()
        await ended.wait()
        call()

    part.follower._run, run = hold, part.follower._run
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(part.write, 0, b"x" * 1000)
        await going_on.wait()
        part.drop()
        part.follower._run = run
        await part.write(0, BODY[:500])
        ended.set()
    await part.write(500, BODY[500:])
    assert (part.taken(), part.value()) == (len(BODY), sha256(BODY))


@pytest.mark.slow
@given(st.data())
def test_row_166_any_order_of_pieces_and_restarts_gives_the_digest_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: DataObject
) -> None:
    """Pieces may overlap, with other bytes; the file may begin again, in this run or another."""
    path = tmp_path_factory.mktemp("follower") / "file.part"

    async def run() -> None:
        part = Part(path)
        for byte in range(data.draw(st.integers(1, 12))):
            piece = bytes([byte]) * data.draw(st.integers(1, 400))
            match data.draw(st.sampled_from(["next", "next", "next", "any", "drop", "new run"])):
                case "drop":
                    part.drop()
                case "new run":
                    part.follower = IncrementalHasher(path, HASHED, part.run)
                case "next":
                    await part.write(part.done.prefix_bytes, piece)
                case _:
                    await part.write(data.draw(st.integers(0, 1500)), piece)
        assert part.value() == sha256(path.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CATCH_UP_BYTES", 150)
        anyio.run(run)


async def test_members_are_taken_as_they_come(tmp_path: Path) -> None:
    contents = {"a": BODY, "b": b""}
    members = {name: (Digest("sha256", sha256(data)),) for name, data in contents.items()}
    data, expected = pack(contents), Expected(Form.TAR, members=members)
    part = Part(tmp_path / "a.tar.part", expected)
    for start in range(0, len(data), 700):
        await part.write(start, data[start : start + 700])
    hashers = part.follower.finish()
    assert hashers.taken_bytes == len(data)
    assert hashers.check_archive("") == ("members-sha256",)
