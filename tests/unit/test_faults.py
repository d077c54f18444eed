"""``docs/faults.md`` speaks of every fault, and of tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

NEVER_GIVEN = {
    7, 9, 17, 24, 29, 34, 46, 51, 57, 60, 62, 69, 87, 95, 103, 107, 116, 118, 122, 127, 140,
    145, 158, 163
}  # fmt: skip
ROWS = [number for number in range(1, 171) if number not in NEVER_GIVEN]
"""The numbers of all known faults."""

TABLE = (ROOT / "docs" / "faults.md").read_text()


def names_of_tests() -> set[str]:
    texts = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"def (test_\w+)", text)}


def test_no_fault_is_left_out() -> None:
    assert [int(row) for row in re.findall(r"^\| (\d+) \| \S", TABLE, re.MULTILINE)] == ROWS


def test_every_test_that_is_named_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", TABLE)) <= names_of_tests()


def test_a_fault_is_proved_by_tests_that_carry_its_number_or_has_a_reason() -> None:
    for row, text in re.findall(r"^\| (\d+) \| (.+) \|$", TABLE, re.MULTILINE):
        for name in re.findall(r"`(test_rows?_\w+)`", text):
            assert f"_{int(row):03}_" in name


def test_each_loss_beyond_one_machine_has_its_tests() -> None:
    rows = re.findall(r"^\| B(\d+) .+? \| (.+) \|$", TABLE, re.MULTILINE)
    assert [int(row) for row, _ in rows] == list(range(1, 18))
    assert all(re.search(r"`test_\w+`", tests) for _, tests in rows)
