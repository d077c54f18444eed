"""What could be imported and called before still can, or says by a warning what to use.

The lists are those of ``python -m tests.older.names --write …``.
"""

from __future__ import annotations

import re
import warnings

import pytest

from tests.older.names import FILE, find, listed, refusal_of
from tests.older.states import STATES, versions

LINES = [
    line
    for version in versions()
    for line in (STATES / version / FILE).read_text(encoding="utf-8").splitlines()
]

SAYS_WHAT_TO_USE = re.compile(r"\buse \w|\bis (now|called) [\w.]+|\bis [\w.]+ now\b")

DROPPED: dict[str, str] = {
    "asyncdl.Summary(status, scenes, files, by_kind, total_bytes, downloaded_bytes, elapsed_s, "
    "api_calls, failures=..., notices=..., superseded=..., withdrawn=..., error=..., begun=..., "
    "record=...)": "a run makes it; its `record` can still be read, and warns",
    "asyncdl.Summary.from_report(told)": "by position, as ever; the name of the argument alone",
    "asyncdl.FileRequest.inmost": "the engine's own, on no page; it is `max_zone` there",
    "asyncdl.transfer.FileRequest.inmost": "the same",
    "asyncdl.sandbox.Service(world, truth, token)": "`serve` makes it; users get one",
    "asyncdl.sandbox.Truth.archive": "the sandbox's own; `bytes_of` and `size_of` are for users",
    "asyncdl.sandbox.Faults.disturbs(self, fault, number)": "the sandbox's own, on no page",
    "asyncdl.sync.Job(*args, **kwargs)": "takes what it took, and shows it: `config` was needed",
    "asyncdl.sync.M2MClient(*args, **kwargs)": "the same: `credentials` were needed",
    "asyncdl.sync.run_job(*args, emit=..., **kwargs)": "the same: `config` was needed",
}
"""What does not work as before, each with the reason; RELEASING.md says when that may be."""


def problem_of(line: str) -> str:
    """Say what is wrong with a line of the list; empty if nothing is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = find(line)
        except (AttributeError, ImportError) as error:
            return f"is gone: {error}"
        said = [str(warned.message) for warned in caught]
        silent = [text for text in said if not SAYS_WHAT_TO_USE.search(text)]
        if silent:
            return f"warns without saying what to use: {silent}"
        return "" if value is None else refusal_of(line, value)


def test_every_public_name_of_before_still_works() -> None:
    problems = {line: problem for line in LINES if (problem := problem_of(line))}
    assert problems.keys() == DROPPED.keys(), "\n".join(f"{k} {v}" for k, v in problems.items())


def test_the_list_is_of_what_is_there() -> None:
    """A list that misses half of the names would let half of them go."""
    assert {"asyncdl.Job", "asyncdl.sync.run_job", "asyncdl.events.FileFinished.file"} <= {
        line.partition("(")[0] for line in LINES
    }
    assert len(LINES) > 800 and len(listed()) > 800


@pytest.mark.parametrize(
    ("line", "now", "word"),
    [
        ("f(a, b=...)", lambda a, b=1: ..., ""),
        ("f(a, b=...)", lambda a, *, b=1: ..., ""),
        ("f(a, b=...)", lambda a, b: ..., "b"),
        ("f(a, b=...)", lambda a: ..., "b"),
        ("f(a, b=...)", lambda x, b=1: ..., "x"),
        ("f(self, /, *, c)", lambda self, *, c, d: ..., "d"),
        ("f(self, *, c)", lambda self, **more: ..., ""),
        ("f(a, b)", lambda b, a: ..., "takes"),
        ("f()", 1, "called"),
        ("f", 1, ""),
    ],
)
def test_calls_of_before_are_compared(line: str, now: object, word: str) -> None:
    assert bool(refusal_of(line, now)) == bool(word) and word in refusal_of(line, now)
