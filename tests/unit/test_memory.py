"""Threads of the program share heaps, and large blocks are given back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from asyncdl.system import memory

# Ten threads, each of which takes a thousand small pieces and waits for the others.
HEAPS = """
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


ON_GLIBC = pytest.mark.skipif(
    not (sys.platform == "linux" and memory._is_glibc()), reason="only glibc has such heaps"
)


def printed(program: str, how: str) -> int:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    command = [sys.executable, "-c", program, how]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return int(done.stdout)


@ON_GLIBC
def test_threads_share_heaps() -> None:
    assert printed(HEAPS, "shared") < memory.ARENAS < printed(HEAPS, "apart")


# Eight threads, each of which takes and frees what the part of an upload takes.
LARGE = """
import re, sys, threading
from asyncdl.system.memory import give_back_large
if sys.argv[1] == "given back":
    assert give_back_large()
def resident_kib():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1])
together = threading.Barrier(9)
def work():
    for _ in range(3):
        part = b"x" * (5 << 20)
        del part
    together.wait()
    together.wait()
before = resident_kib()
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
together.wait()
print(resident_kib() - before)
together.wait()
"""


@ON_GLIBC
def test_large_blocks_are_given_back() -> None:
    assert printed(LARGE, "given back") < 8 << 10 < printed(LARGE, "kept")


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_is_glibc", lambda: False)
    assert not memory.keep_little()
