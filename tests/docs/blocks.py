"""The code blocks of a page, in order."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str
    line: int
    language: str
    title: str
    """The file that a reader shall make of it; empty if none."""
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the blocks of a page, which is named as from the project's folder."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        inner = textwrap.dedent(fence["text"])
        yield Block(page, line, fence["language"], fence["title"] or "", inner)


def pages() -> list[str]:
    """Return every page that people read, but for the generated figures of benchmarks."""
    found = ["README.md", "CONTRIBUTING.md"]
    found += sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))
    return found
