"""When file system calls are made on the loop, and when they no longer are."""

from pathlib import Path

import pytest

from asyncdl.errors import DiskError
from asyncdl.transfer.parts.disk import COOLDOWN_FACTOR, SLOW_CALL_S, Disk

PATH = Path("file.part")


class Clock:
    """Stands still, but for calls that take their time."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def spend(self, seconds: float) -> None:
        self.now_s += seconds


def test_brief_calls_stay_on_the_loop() -> None:
    clock = Clock()
    disk = Disk(1, clock)
    disk.run_inline(PATH, lambda: clock.spend(SLOW_CALL_S / 2))
    assert disk.is_quick


@pytest.mark.parametrize("took_s", [0.03, 3.0])
def test_a_slow_call_spares_the_loop_in_proportion(took_s: float) -> None:
    clock = Clock()
    disk = Disk(1, clock)
    disk.run_inline(PATH, lambda: clock.spend(took_s))
    clock.spend(0.99 * took_s * COOLDOWN_FACTOR)
    assert not disk.is_quick
    clock.spend(0.02 * took_s * COOLDOWN_FACTOR)
    assert disk.is_quick


def test_a_slow_call_counts_even_when_it_fails() -> None:
    clock = Clock()
    disk = Disk(1, clock)

    def hang() -> None:
        clock.spend(1.0)
        raise OSError(5, "Input/output error")

    with pytest.raises(DiskError, match="Input/output error"):
        disk.run_inline(PATH, hang)
    assert not disk.is_quick
