"""What the checks run on: every extra has a lane, and one lane has none of them."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LANES = MAKEFILE.partition("LANES := ")[2].partition("\n")[0].split()
NEEDED = re.compile(r"^([\w-]+): (.*?)\s*#", re.MULTILINE)
INSTALLED = re.compile(r'^\$\((\w+)\):(?:(?!\n\n).)*?--editable "\.\[([\w,]+)\]"', re.M | re.S)


def extras_of(lane: str) -> set[str]:
    """Return the extras that a target of the Makefile has installed."""
    ready = set(re.findall(r"\$\((\w+)\)", dict(NEEDED.findall(MAKEFILE))[lane]))
    return {name for place, names in INSTALLED.findall(MAKEFILE) if place in ready
            for name in names.split(",")}  # fmt: skip


def test_every_extra_is_installed_by_a_lane_of_the_checks() -> None:
    assert "extras" in LANES and "uvloop" in LANES
    assert set().union(*map(extras_of, LANES)) == set(EXTRAS)


def test_the_first_lane_does_without_what_changes_behaviour() -> None:
    assert extras_of("suite") == set()
    needed = {name_of(wanted) for wants in EXTRAS.values() for wanted in wants}
    for group in ("test",):
        wanted = {name_of(text) for text in PROJECT["dependency-groups"][group]}
        assert not wanted & (needed - {"pystac", "opentelemetry-api"}), "absent is never tested"


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return found.group().lower()


def test_with_extras_means_with_all_of_them(request: pytest.FixtureRequest) -> None:
    """The lane that says so has what the extras name."""
    if not request.config.getoption("--with-extras"):
        pytest.skip("says nothing of extras")
    there = {name.lower().replace("_", "-") for found in packages_distributions().values()
             for name in found}  # fmt: skip
    lacking = {name_of(wanted) for extra in extras_of("extras") for wanted in EXTRAS[extra]} - there
    assert lacking == set()


def test_one_lane_runs_under_python_o() -> None:
    """What that means for the asserts of the tests: ``tests/test_optimized.py``."""
    recipe = MAKEFILE.partition("\nuvloop: ")[2].partition("\n\n")[0]
    assert all(line.startswith("\tPYTHONOPTIMIZE=1 ") for line in recipe.splitlines()[1:])
    assert "tests/test_*.py" in files_of("ON_UVLOOP")


def files_of(variable: str) -> list[str]:
    """Return the files and folders that a lane names."""
    text = MAKEFILE.partition(f"\n{variable} := ")[2].replace("\\\n", " ").partition("\n")[0]
    return [word for word in text.split() if word.startswith("tests/")]


@pytest.mark.parametrize("variable", ["ON_UVLOOP", "ON_EXTRAS", "ON_WINDOWS", "ON_WINDOWS_SLICE"])
def test_what_a_lane_names_is_there(variable: str) -> None:
    named = files_of(variable)
    assert len(named) >= 5
    assert [name for name in named if not list(ROOT.glob(name))] == []


def test_the_table_of_targets_is_complete() -> None:
    targets = set(MAKEFILE.partition(".PHONY: ")[2].partition("\n")[0].split())
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} - {"make"} == targets


def test_the_checks_run_what_the_table_says() -> None:
    """The lanes of ``make test`` are the rows below it, and nothing else decides."""
    rows = re.findall(
        r"^\| `([\w-]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE
    )
    assert rows[1:7] == ["test", *LANES]
    assert LANES == ["suite", "uvloop", "extras", "portable-slice", "clients"]
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^(?:exec )?make .*$", run, re.MULTILINE) == ["exec make test"]


WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")


def listed_in_workflow(key: str) -> set[str]:
    """Return what a matrix of the workflow has under a key."""
    found = re.findall(rf"^ +{key}: \[(.*)\]$", WORKFLOW, re.MULTILINE)
    return {word.strip(' "') for text in found for word in text.split(",")}


def test_the_workflow_runs_on_every_python_and_system_that_is_promised() -> None:
    said = "\n".join(PROJECT["project"]["classifiers"])
    promised = set(re.findall(r"Python :: (3\.\d+)", said))
    assert listed_in_workflow("python") == promised | {
        "3.14"
    }  # which is tried before it is promised
    assert listed_in_workflow("system") == {"ubuntu-latest", "macos-latest", "windows-latest"}


def test_the_lanes_of_the_workflow_are_targets_and_lack_none_of_the_checks() -> None:
    lanes, targets = (
        listed_in_workflow("lane"),
        set(re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE)),
    )
    assert lanes <= targets
    # The suite is the job of all systems; the whole of what has a slice takes its place.
    assert {"portable" if lane == "portable-slice" else lane for lane in LANES} - {"suite"} <= lanes
    assert {"docs", "examples", "coverage"} <= lanes


def test_the_hooks_before_a_commit_name_tests_that_are_there() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    named = re.findall(r"tests/[\w/]+\.py", hooks)
    assert len(named) > 4 and [name for name in named if not (ROOT / name).is_file()] == []
