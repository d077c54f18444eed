"""How much of a body is collected for one write."""

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.write_size import LEAST_BYTES, worth_a_write

MIB = 1024**2
AMOUNTS = st.integers(0, 1 << 50)
TIMES_S = st.floats(0.0, 1e9)
MOST_BYTES = st.integers(1, 16 * MIB)


def test_a_slow_body_is_written_in_small_pieces_and_a_fast_one_in_large_ones() -> None:
    assert worth_a_write(0, 0.0, MIB) == LEAST_BYTES
    assert worth_a_write(60 * MIB, 10.0, MIB) == LEAST_BYTES
    assert worth_a_write(120 * MIB, 10.0, MIB) == 2 * LEAST_BYTES
    assert worth_a_write(1000 * MIB, 10.0, MIB) == MIB


@given(AMOUNTS, TIMES_S, MOST_BYTES)
def test_no_write_is_larger_than_allowed(came: int, elapsed_s: float, most_bytes: int) -> None:
    assert 0 < worth_a_write(came, elapsed_s, most_bytes) <= most_bytes


@given(AMOUNTS, TIMES_S, MOST_BYTES)
def test_there_are_few_sizes(came: int, elapsed_s: float, most_bytes: int) -> None:
    size_bytes = worth_a_write(came, elapsed_s, most_bytes)
    doublings = (size_bytes // LEAST_BYTES).bit_length() - 1
    assert size_bytes in (most_bytes, LEAST_BYTES << max(0, doublings))


@given(AMOUNTS, AMOUNTS, TIMES_S)
def test_a_faster_body_never_has_the_smaller_write(one: int, other: int, elapsed_s: float) -> None:
    less, more = sorted((one, other))
    assert worth_a_write(less, elapsed_s, 8 * MIB) <= worth_a_write(more, elapsed_s, 8 * MIB)
