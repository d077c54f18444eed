"""Jobs whose faults, configs, ends and journals are up to chance."""

from __future__ import annotations

import shutil
import signal
import ssl
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import asyncdl.sandbox
from asyncdl.sandbox import Faults
from tests.soak.blows import EARLY, LATE, QUEUE, Blow, blow_at_call, blow_at_file
from tests.soak.ordeal import BANDS, BUNDLE, GROUP, KINDS, Ordeal
from tests.soak.secure import behind_tls

MOST_RUNS = 25
"""Of one job, before the one that is left alone."""
LOSES_ITS_JOURNAL = 0.15
CHANGES_ITS_CONFIG = 0.5
SIGNALS = (
    *[(signal.SIGKILL,)] * 5,
    (signal.SIGINT,),
    (signal.SIGTERM,),
    (signal.SIGINT, signal.SIGINT),
)
ALL = ('kind = "bands"\nbands = ["SR_*", "QA_PIXEL", "ST_B10", "ANG"]', BUNDLE, GROUP)
"""Whatever any of the configs wants, so that in the end nothing is there that nobody wants."""
CONFIGS: Sequence[Sequence[str]] = (
    KINDS,
    (GROUP, BANDS),
    (BUNDLE,),
    (BANDS, 'kind = "bundle"\nextract = true'),
    ('kind = "bands"\nbands = ["SR_B4"]', BUNDLE),
    ('kind = "bands"\nbands = ["SR_*", "ANG"]',),
)
DOWNLOADS = (
    "workers = 1\nattempts = 20",
    "workers = 3\nattempts = 20",
    "workers = 3\nattempts = 20\ndurable = true",
    'workers = 2\nattempts = 20\nconnections = 2\nverify = "size"',
)


async def soak_job(seed: int, tls: ssl.SSLContext) -> Counter[str]:
    """Cut one job short at random moments until it is let go; return what happened to it.

    Args:
        seed: Of all that is up to chance.
        tls: What hosts speak TLS with, where they do.
    Raises: AssertionError, when something was lost or done twice.
    """
    rng = Random(seed)
    counts: Counter[str] = Counter(jobs=1)
    with tempfile.TemporaryDirectory() as name:
        async with (
            asyncdl.sandbox.serve(faults=random_faults(rng)) as service,
            behind_tls(service, tls, seed),
        ):
            ordeal = Ordeal(
                service,
                Path(name),
                download=rng.choice(DOWNLOADS),
                products=ALL,
                is_steady=rng.random() < 0.5,
            )
            for _ in range(rng.randint(1, MOST_RUNS)):
                counts += change_something(rng, ordeal)
                blow = random_blow(rng)
                status = await ordeal.strike(blow)
                # At the very end of a process its signals mean what they mean to any other.
                is_right = status in (0, 130, *(-number for number in blow.signals))
                assert is_right, (blow, status, ordeal.stderr, ordeal.report)
                counts[{0: "ended", 130: "interrupts"}.get(status, "kills")] += 1
            ordeal.products = ALL
            await ordeal.complete()
            counts["files"] += len(ordeal.final)
    return counts


def random_faults(rng: Random) -> Faults:
    """Choose faults for which no URL has to be asked for again."""
    return Faults(
        seed=rng.randrange(1 << 30),
        preparing=rng.choice((0.0, 0.5, 1.0)),
        polls=rng.randint(1, 4),
        checksums=rng.random() < 0.5,
        dds=rng.choice((0.0, 0.3)),
        short_body=rng.choice((0.0, 0.2)),
        reset=rng.choice((0.0, 0.2)),
        no_length=rng.choice((0.0, 0.2)),
        ranges=rng.random() < 0.8,
        bundle_ranges=rng.random() < 0.8,
        etag=rng.random() < 0.8,
        bundle_etag=rng.random() < 0.5,
        last_modified=rng.random() < 0.3,
        disposition=rng.choice(("quoted", "unquoted", "missing")),
        rate=rng.choice((0, 0, 400_000)),
    )


def change_something(rng: Random, ordeal: Ordeal) -> Counter[str]:
    """Change the config, or lose the journal, or leave all as it is."""
    counts: Counter[str] = Counter()
    if not ordeal.is_steady and rng.random() < CHANGES_ITS_CONFIG:
        ordeal.products = rng.choice(CONFIGS)
        counts["changes"] += 1
    # With nothing else in its directory a job is new, and looks for no earlier requests.
    is_begun = ordeal.data.exists() and any(p.name != ".asyncdl" for p in ordeal.data.iterdir())
    if rng.random() < LOSES_ITS_JOURNAL and is_begun:
        shutil.rmtree(ordeal.data / ".asyncdl", ignore_errors=True)
        counts["journals lost"] += 1
    return counts


def random_blow(rng: Random) -> Blow:
    """Choose any moment of a run, and any way to end it there."""
    blow = rng.choice(
        (
            blow_at_call(rng, EARLY),
            blow_at_call(rng, QUEUE),
            blow_at_call(rng, LATE),
            blow_at_file(rng, 20),
            blow_at_file(rng, 20),
        )
    )
    return replace(blow, signals=rng.choice(SIGNALS))
