"""A bench for jobs: one sandbox, one directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.sandbox import Service
from tests.job.bench import Bench


@pytest.fixture
def bench(service: Service, tmp_path: Path) -> Bench:
    """Jobs against ``service`` into a directory of the test's own."""
    return Bench(service, tmp_path / "data")
