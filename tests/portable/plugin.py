"""A plugin for pytest, ``-p tests.portable.plugin``: the tests run without POSIX."""

from __future__ import annotations

import os
from pathlib import Path

from tests.portable.taken import take_away

CHILDREN = Path(__file__).parent / "children"

os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(CHILDREN), os.environ.get("PYTHONPATH", "")])
)
take_away()
