"""The bandwidth limit, on a clock that only sleeping moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer import engine
from asyncdl.transfer.engine import RateLimit


class Clock:
    """Time for one stream after the other: each sleeps, and the latest end is now."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def current_time(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += max(0.0, seconds)


@given(
    limit=st.floats(1e3, 1e9),
    sizes=st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50),
)
async def test_the_limit_holds_within_five_percent_from_the_first_second(
    limit: float, sizes: list[float]
) -> None:
    clock, passed, is_full = Clock(), 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "anyio", clock)
        shared = RateLimit(limit)
        while clock.now_s < 1.0:
            for size in sizes:
                count = max(1, int(size * shared.grain_bytes))
                await shared.take(count)
                passed += count
                is_full = clock.now_s >= 0.99
                assert passed <= 1.05 * limit * clock.now_s + 1
    assert is_full
    assert passed >= 0.95 * limit * clock.now_s


async def test_without_a_limit_nothing_waits() -> None:
    await RateLimit(None).take(10**12)
