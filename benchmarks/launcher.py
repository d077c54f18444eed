"""Runs one program and reports what it took: as small a process as Python has.

A program's peak of memory is never less than that of the process that started it. So this one
imports next to nothing, and stands between the benchmarks and what they measure::

    python -I -S launcher.py DESCRIPTOR PROGRAM [ARGUMENT …]

To a descriptor it writes seconds of wall time and of CPU time, KiB at the peak, the wait status.
"""

import os
import sys
import time

descriptor = int(sys.argv[1])
os.set_inheritable(descriptor, False)
began_s = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
wall_s = time.perf_counter() - began_s
cpu_s = usage.ru_utime + usage.ru_stime
os.write(descriptor, f"{wall_s} {cpu_s} {usage.ru_maxrss} {status}".encode())
