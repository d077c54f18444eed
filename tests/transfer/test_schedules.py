"""Whatever a host does, alone or combined: the six invariants of the engine hold.

300 schedules in all, a third of them with each client; ``make soak`` runs more.
"""

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transfer.schedules import make_schedule, play


@pytest.mark.slow
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**64))
async def test_the_invariants_hold_under_every_schedule(seed: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        await play(make_schedule(Random(seed)), Path(directory))
