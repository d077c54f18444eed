"""The cases of benchmarks/field.md that need no server but ours, with asyncdl alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from benchmarks.field import table
from benchmarks.field_cases import CASES, Case, Finding, must_come, whole_or_refused
from benchmarks.field_programs import OURS, Attempt, Ended
from benchmarks.field_servers import SCENE

QUICK = ("E2", "E3", "E4", "E6", "E16", "E17", "E20")


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.name in QUICK], ids=lambda case: case.name)
async def test_ours_is_right(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    servers: Any = None  # None of these asks them.
    found = await anyio.to_thread.run_sync(case.judge, Attempt(OURS, folder), servers)
    assert found.is_right, found.what


def test_every_case_is_there_once() -> None:
    assert [case.name for case in CASES] == [f"E{number}" for number in range(1, 25)]


@pytest.mark.parametrize(
    ("content", "status", "is_right", "what"),
    [
        (SCENE, 0, True, "whole"),
        (None, 5, True, "refused (exit 5)"),
        (None, 0, False, "no file, exit 0"),
        (None, None, False, "refused (stopped as too slow)"),
        (SCENE[9:], 0, False, "the tail as the file, exit 0"),
        (SCENE[:9], 0, False, "the beginning as the file, exit 0"),
        (SCENE[::-1], 0, False, "wrong bytes, exit 0"),
    ],
)
def test_a_wrong_byte_under_status_0_is_never_right(
    tmp_path: Path, content: bytes | None, status: int | None, is_right: bool, what: str
) -> None:
    attempt = Attempt(OURS, tmp_path)
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    ended = Ended(status, "", 1.0)
    assert whole_or_refused(attempt, ended, "x", SCENE) == Finding(is_right, what)
    assert must_come(attempt, ended, "x", SCENE).is_right is (status == 0 and is_right)


def test_the_table_counts_what_could_be_tried() -> None:
    row = {
        "asyncdl": Finding(True, "whole"),
        "curl": Finding(None, ""),
        "wget2": Finding(False, "x"),
    }
    text = table({CASES[0]: row}, list(row))
    assert "| right: whole | — | **wrong**: x |" in text
    assert text.endswith("asyncdl: right in 1 of 1; curl: right in 0 of 0; wget2: right in 0 of 1.")
