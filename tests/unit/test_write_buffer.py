"""Bytes on their way to one write, and how many they may be."""

import pytest

from asyncdl.transfer import Limits
from asyncdl.transfer.limits import KIB, MIB
from asyncdl.transfer.parts.part_file import WriteBuffer


def test_what_is_owned_outlives_the_buffer_it_was_borrowed_from() -> None:
    buffer = bytearray(b"abcd")
    batch = WriteBuffer(10)
    batch.add(memoryview(buffer)[:3])
    batch.copy_borrowed()
    buffer[:] = b"xxxx"
    assert batch.chunks == [b"abc"]
    assert (batch.start, batch.stop) == (10, 13)


def test_a_batch_without_bytes_has_nothing_to_write() -> None:
    batch = WriteBuffer(0)
    batch.add(b"")
    assert batch.chunks == []


@pytest.mark.parametrize(
    ("connections", "expected"), [(1, MIB), (8, MIB), (16, MIB), (32, 512 * KIB), (1000, 256 * KIB)]
)
def test_many_connections_collect_less_each(connections: int, expected: int) -> None:
    assert Limits(connections=connections).write_bytes == expected
