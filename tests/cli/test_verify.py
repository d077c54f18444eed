"""``verify`` says what it has verified, and when that is nothing."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.allow_blocking]  # an area is read as the run begins

CONFIG = Path("examples/anchorage.toml")
DATA = Path("examples/data")
SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
ONE = f"""
[search]
scenes = ["{SCENE}"]

[[products]]
kind = "bundle"
extract = true
members = [%s]
keep_tar = true

[download]
directory = "one"
"""


def ran(terminal: Terminal) -> None:
    assert terminal.run("run", CONFIG, "--sandbox", "--quiet") == 0


def ran_with_fewer_members(terminal: Terminal) -> Path:
    """Return a config that no longer names a member which is there."""
    config = Path("one.toml")
    for members in ('"red", "nir08"', '"red"'):
        config.write_text(ONE % members)
        assert terminal.run("run", config, "--sandbox", "--quiet") == 0
    return config


def test_all_files_are_right(terminal: Terminal, folder: Path) -> None:
    ran(terminal)
    assert terminal.run("verify", CONFIG, "--sandbox") == 0
    assert terminal.out.startswith("54 of 54 files right")


def test_where_no_run_is_known_nothing_is_verified(terminal: Terminal, folder: Path) -> None:
    assert terminal.run("verify", CONFIG, "--sandbox") == 1
    assert "Nothing was verified: no run of this job is known" in terminal.out
    assert terminal.run("verify", CONFIG, "--sandbox", "--json") == 1
    assert orjson.loads(terminal.out)["status"] == "incomplete"


def test_files_of_the_sandbox_are_not_those_of_the_service(
    terminal: Terminal, folder: Path
) -> None:
    ran(terminal)
    assert terminal.run("verify", CONFIG) == 1
    assert "but runs against sandbox are (verify them with --sandbox)" in terminal.out


def test_an_unreadable_journal_is_reported(terminal: Terminal, folder: Path) -> None:
    ran(terminal)
    journal = DATA / ".asyncdl/journal.sqlite"
    journal.write_bytes(b"garbage" * 1000)
    assert terminal.run("verify", CONFIG, "--sandbox") == 1
    assert "could not be read and was moved aside" in terminal.out
    journal.write_bytes(b"garbage" * 1000)
    assert terminal.run("run", CONFIG, "--sandbox") == 0
    assert "The journal could not be read" in terminal.err
    assert terminal.run("verify", CONFIG, "--sandbox") == 0


def test_what_is_gone_and_no_longer_wanted_is_forgotten_by_a_repair(
    terminal: Terminal, folder: Path
) -> None:
    config = ran_with_fewer_members(terminal)
    Path(f"one/bundle/{SCENE}/{SCENE}_SR_B5.TIF").unlink()
    assert terminal.run("verify", config, "--sandbox", "--repair") == 0
    assert "1 file damaged or missing; --repair downloads it again" in terminal.out
    assert terminal.run("verify", config, "--sandbox") == 0


def test_what_is_damaged_and_no_longer_wanted_is_left_alone(
    terminal: Terminal, folder: Path
) -> None:
    config = ran_with_fewer_members(terminal)
    damaged = Path(f"one/bundle/{SCENE}/{SCENE}_SR_B5.TIF")
    damaged.write_bytes(b"II*\0 bad")
    assert terminal.run("verify", config, "--sandbox", "--repair") == 1
    assert "1 damaged file no longer in CONFIG: left alone" in terminal.out
    assert damaged.is_file()


def test_where_no_file_was_finished_there_is_nothing_to_verify(
    terminal: Terminal, folder: Path
) -> None:
    config = Path("none.toml")
    config.write_text((ONE % '"red"').replace("20200310_20200822", "20200310_20200823"))
    assert terminal.run("run", config, "--sandbox", "--quiet") == 1
    assert terminal.run("verify", config, "--sandbox") == 0
    assert terminal.out.startswith("Nothing to verify: no run of this job has finished a file in ")
    assert terminal.run("verify", config, "--sandbox", "--json") == 0
    assert orjson.loads(terminal.out)["files"] == {"total": 0, "verified": 0, "damaged": 0}
