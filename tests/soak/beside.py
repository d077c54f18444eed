"""Jobs of one account that want the same scenes, in any order, on a service that is not well."""

from __future__ import annotations

import random
import ssl
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import asyncdl.sandbox
from asyncdl.sandbox import Faults
from asyncdl.sandbox.admin_api import CleanupReport
from tests.job.beside import Schedule
from tests.soak.secure import behind_tls


async def soak_beside(seed: int, tls: ssl.SSLContext) -> Counter[str]:
    """Play one schedule; return what happened to its jobs."""
    # ``duplicates`` are orders of a job that never ends, so they would be left over.
    trouble = replace(Faults.chaos(seed), duplicates=0.0)
    calm = Faults(seed=seed, preparing=0.4, polls=2, dds=0.2, repeats=trouble.repeats)
    draw = random.Random(f"beside {seed}")
    with tempfile.TemporaryDirectory() as name:
        async with (
            asyncdl.sandbox.serve(faults=draw.choice((trouble, calm))) as service,
            behind_tls(service, tls, seed),
        ):
            schedule = Schedule(service, Path(name), seed)
            await schedule.run(steps=draw.randint(2, 8))
            assert service.violations == []
            assert service.remarks == []
            assert replace(service.cleanup_report, open_keys=0) == CleanupReport()
    return schedule.counts + Counter(sets=1)
