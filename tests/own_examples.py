"""The examples of the project, without what somebody has fetched with them."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def copy_examples(target: Path) -> None:
    """Copy the files right in ``examples/`` into a folder, which is made if missing."""
    target.mkdir(exist_ok=True)
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, target)
