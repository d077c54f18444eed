"""Imported by each Python that a test starts: what its parent lacks, it lacks too."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[3])
sys.path.append(ROOT)

from tests.portable.taken import is_on, take_away  # noqa: E402

if is_on():
    take_away()
