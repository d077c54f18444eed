"""Prints the figures: ``python -m benchmarks.figures [--before REVISION]``."""

from __future__ import annotations

import argparse
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from benchmarks.figures.dialect import BETTER, dialect_of
from benchmarks.figures.live import scratch, sentences_of, walk_of
from benchmarks.figures.modules import figures_of, modules_of

ROOT = Path(__file__).parents[2]
Figures = Mapping[str, float]
Sentences = Mapping[str, Mapping[str, str]]


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--tree", type=Path, default=ROOT, help="a checkout; this one by default")
    parser.add_argument("--before", metavar="REVISION", help="of this repository, to compare with")
    parser.add_argument("--no-run", action="store_true", help="leave out what commands show")
    parser.add_argument("--words", action="store_true", help="how often each word is there")
    parser.add_argument("--sentences", action="store_true", help="what is said of each fault")
    given = parser.parse_args()
    columns: dict[str, Figures] = {}
    for name, root in trees(given.before, given.tree):
        with root as tree:
            figures, said = count(tree, runs=not given.no_run, words=given.words)
        columns[name] = figures
        if given.sentences:
            print("\n".join(listed(name, said)))
    print(table(columns))


def trees(before: str | None, now: Path) -> Iterator[tuple[str, AbstractContextManager[Path]]]:
    """Yield what is to be counted, with the heading of its column."""
    if before:
        yield before, checkout(ROOT, before)
    yield "now", nullcontext(now.resolve())


def count(root: Path, *, runs: bool, words: bool) -> tuple[Figures, Sentences]:
    """Return all figures of a tree, and what is said of each fault.

    Args:
        root: Of the tree.
        runs: Whether commands are run, which takes a quarter of a minute.
        words: Whether each word has a line of its own.
    """
    figures = dict(figures_of(modules_of(root)))
    code, pages = dialect_of(root)
    figures["words of the old dialect in the code"] = code.total()
    figures["words of the old dialect in pages"] = pages.total()
    if words:
        figures |= {f"  {shown(word)}": code[word] + pages[word] for word in BETTER}
    if not runs:
        return figures, {}
    with scratch(root) as tree:
        figures |= walk_of(tree)
        said = sentences_of(tree)
    for fault, by_part in said.items():
        figures[f"sentences for a host: {fault}"] = len(set(by_part.values()))
    return figures, said


def listed(name: str, said: Sentences) -> Iterator[str]:
    """Yield lines that say what each part says of each fault."""
    for fault, by_part in said.items():
        yield f"{name}: {fault}"
        yield from (f"  {part:<16}{sentence}" for part, sentence in by_part.items())


def shown(pattern: str) -> str:
    """Return a pattern of :data:`BETTER` as people read it."""
    return pattern.replace("(?:", "(").replace(r"\b", "").replace("|", " | ")


def table(columns: Mapping[str, Figures]) -> str:
    """Return figures side by side, one a line; what a column lacks is a dash."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    rows = [["", *columns]]
    rows += [[name, *(_number(figures.get(name)) for figures in columns.values())]
             for name in names]  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *numbers])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


@contextmanager
def checkout(repository: Path, revision: str) -> Iterator[Path]:
    """Yield a folder with the files of a revision. Raises: CalledProcessError, if there is none."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", revision], cwd=repository, check=True, stdout=-1
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


if __name__ == "__main__":
    main()
