"""When file system calls are made on the loop, and when they no longer are."""

import time
from pathlib import Path

import pytest

from asyncdl.errors import DiskError
from asyncdl.system.scheduling import times_waited
from asyncdl.transfer.parts.disk import COOLDOWN_FACTOR, SLOW_CALL_S, SURELY_SLOW_S, Disk

PATH = Path("file.part")


class Clock:
    """Stands still, but for calls that take their time."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def spend(self, seconds: float) -> None:
        self.now_s += seconds


class Waits:
    """How often a thread has waited."""

    times = 0

    def __call__(self) -> int:
        return self.times


def test_brief_calls_stay_on_the_loop() -> None:
    clock = Clock()
    disk = Disk(1, clock)
    disk.run_inline(PATH, lambda: clock.spend(SLOW_CALL_S / 2))
    assert disk.is_quick


@pytest.mark.parametrize("took_s", [0.03, 3.0])
def test_a_slow_call_spares_the_loop_in_proportion(took_s: float) -> None:
    """Where nothing is known of waits, one is enough."""
    clock = Clock()
    disk = Disk(1, clock, lambda: None)
    disk.run_inline(PATH, lambda: clock.spend(took_s))
    clock.spend(0.99 * took_s * COOLDOWN_FACTOR)
    assert not disk.is_quick
    clock.spend(0.02 * took_s * COOLDOWN_FACTOR)
    assert disk.is_quick


def test_a_busy_processor_is_no_slow_disk() -> None:
    """Calls that took long without waiting lost the processor, which threads would not change."""
    clock = Clock()
    disk = Disk(1, clock, Waits())
    for _ in range(10):
        disk.run_inline(PATH, lambda: clock.spend(0.05))
        assert disk.is_quick


def test_a_second_slow_call_that_waited_is_the_disk_s() -> None:
    clock, waits = Clock(), Waits()
    disk = Disk(1, clock, waits)

    def wait() -> None:
        waits.times += 1
        clock.spend(0.05)

    disk.run_inline(PATH, wait)
    assert disk.is_quick, "one may have been an accident"
    disk.run_inline(PATH, wait)
    assert not disk.is_quick


def test_what_takes_very_long_needs_no_second_one() -> None:
    clock = Clock()
    disk = Disk(1, clock, Waits())
    disk.run_inline(PATH, lambda: clock.spend(SURELY_SLOW_S * 1.1))
    assert not disk.is_quick


def test_a_thread_that_sleeps_has_waited() -> None:
    before = times_waited()
    time.sleep(0.001)
    after = times_waited()
    assert before is None or (after is not None and after > before)


def test_a_slow_call_counts_even_when_it_fails() -> None:
    clock = Clock()
    disk = Disk(1, clock)

    def hang() -> None:
        clock.spend(1.0)
        raise OSError(5, "Input/output error")

    with pytest.raises(DiskError, match="Input/output error"):
        disk.run_inline(PATH, hang)
    assert not disk.is_quick
