"""``docs/faults.md`` speaks of every fault, and of tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

ROWS = [
    1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28,
    30, 31, 32, 33, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 47, 48, 49, 50, 52, 53, 54,
    55, 56, 58, 59, 61, 63, 64, 65, 66, 67, 68, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80,
    81, 82, 83, 84, 85, 86, 88, 89, 90, 91, 92, 93, 94, 96, 97, 98, 99, 100, 101, 102, 104,
    105, 106, 108, 109, 110, 111, 112, 113, 114, 115, 117, 119, 120, 121, 123, 124, 125, 126,
    128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 141, 142, 143, 144, 146, 147,
    148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 159, 160, 161, 162, 164, 165, 166, 167,
    168, 169, 170,
]
"""The numbers of all known faults; some were never given."""

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
