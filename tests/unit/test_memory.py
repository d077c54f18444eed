"""Threads of the program share heaps."""

from __future__ import annotations

import subprocess
import sys

import pytest

from asyncdl.system import memory

# Ten threads, each of which takes a thousand small pieces and waits for the others.
PROGRAM = """
import sys, threading
from asyncdl.system.memory import keep_little
if sys.argv[1] == "shared":
    assert keep_little()
together = threading.Barrier(11)
def work():
    kept = [bytes(1000 + n) for n in range(1000)]
    together.wait()
    together.wait()
for _ in range(10):
    threading.Thread(target=work, daemon=True).start()
together.wait()
# Heaps of threads start at multiples of 64 MiB.
starts = (line.partition("-")[0] for line in open("/proc/self/maps"))
print(sum(int(start, 16) % (64 << 20) == 0 for start in starts))
together.wait()
"""


def heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(
    not (sys.platform == "linux" and memory._is_glibc()), reason="only glibc has such heaps"
)
def test_threads_share_heaps() -> None:
    assert heaps("shared") < memory.ARENAS < heaps("apart")


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_is_glibc", lambda: False)
    assert not memory.keep_little()
