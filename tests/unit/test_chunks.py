from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.wire.chunks import Chunks
from asyncdl.transfer.wire.heads import NotHttp

WHOLE = b"3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\n"


@given(cuts=st.lists(st.integers(0, len(WHOLE)), max_size=9))
def test_the_body_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    chunks, edges = Chunks(), [0, *sorted(cuts), len(WHOLE)]
    came = b"".join(chunks.feed(WHOLE[a:b]) for a, b in pairwise(edges))
    assert (came, chunks.is_ended, chunks.has_surplus) == (b"abc0123456789", True, False)


@given(stop=st.integers(0, len(WHOLE) - 1))
def test_a_body_that_was_cut_off_has_not_ended(stop: int) -> None:
    chunks = Chunks()
    assert b"abc0123456789".startswith(chunks.feed(WHOLE[:stop]))
    assert not chunks.is_ended


def test_what_follows_the_end_is_noticed() -> None:
    chunks = Chunks()
    chunks.feed(WHOLE + b"HTTP")
    assert chunks.has_surplus


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"-3\r\nabc\r\n",
        b"f" * 16 + b"\r\n",
        b"3\r\nabcdef\r\n",
        b"0x3\r\n",
        b"\r\n",
        b"1" * 9000,
        b"0\r\n" + b"A: b\r\n" * 20_000,
    ],
)
def test_chunks_that_make_no_sense_are_refused(data: bytes) -> None:
    with pytest.raises(NotHttp):
        Chunks().feed(data)
