"""Jobs whose replies are damaged on their way, wherever they are not essential."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from asyncdl.m2m.calling import calls
from asyncdl.m2m.models import REPLIES, Json
from asyncdl.sandbox import Faults
from tests.damage import Path, damage
from tests.job.bench import BANDS, BUNDLE, Bench

HARMS = 12
"""In each reply."""

FOLLOWED = frozenset(
    {"secondaryDownloads", "url", "availableDownloads", "preparingDownloads", "eulaCode"}
)


def spares(path: Path) -> bool:
    """Leave what nothing else in the reply can make up for."""
    return path[-1] in FOLLOWED or isinstance(path[-1], int)


@pytest.fixture
def harm(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Let all replies from now on come damaged, each time in other ways for another seed."""
    read = calls.read_envelope

    def begin(seed: object) -> None:
        chance = random.Random(str(seed))

        def read_and_harm(endpoint: str, *args: object, **options: object) -> Json:
            data = read(endpoint, *args, **options)  # type: ignore[arg-type]
            if endpoint not in REPLIES or data is None:
                return data
            return damage(chance, data, REPLIES[endpoint], HARMS, spares)

        monkeypatch.setattr(calls, "read_envelope", read_and_harm)

    return begin


@pytest.mark.parametrize("seed", range(200))
async def test_a_job_on_damaged_replies_is_complete(
    bench: Bench, harm: Callable[[object], None], seed: int
) -> None:
    harm(seed)
    if seed % 3 == 0:
        bench.service.faults = Faults(preparing=0.5, checksums=True)
    summary = await bench.complete(BANDS, BUNDLE)
    assert summary.files["downloaded"] == 15
