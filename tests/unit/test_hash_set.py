"""A set of hashes in little memory is a set all the same."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.hash_set import HashSet

HASHES = st.integers(-(1 << 63), (1 << 63) - 1)
NEAR = st.integers(-600, 600)


@given(st.lists(HASHES | NEAR), st.lists(HASHES | NEAR))
def test_it_holds_what_was_added_and_nothing_else(added: list[int], others: list[int]) -> None:
    small, plain = HashSet(), set[int]()
    for number in added:
        assert small.add(number) is (number not in plain)
        plain.add(number)
    assert len(small) == len(plain)
    assert all((number in small) is (number in plain) for number in added + others)


def test_a_hash_takes_nine_bytes() -> None:
    tracemalloc.start()
    try:
        small = HashSet()
        empty_bytes, _ = tracemalloc.get_traced_memory()
        for number in range(50_000):
            small.add(hash(str(number)))
        taken_bytes = tracemalloc.get_traced_memory()[0] - empty_bytes
    finally:
        tracemalloc.stop()
    assert taken_bytes / 50_000 < 10
