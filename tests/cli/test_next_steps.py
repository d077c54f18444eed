"""The commands that are printed to go on with: each works as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("folder")

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
GONE = ("--sandbox", "--fault", "gone=*_SR_B4.TIF", "--fault", "strikes=0", "--no-progress")
BANDS = ("--bands", "red,QA_PIXEL")


def printed(text: str) -> list[str]:
    """Return the command lines that an outcome ends with."""
    return re.findall(r"^  (asyncdl .*?) +#", text, re.MULTILINE)


def without_waits(config: str) -> None:
    """Let a job look at once for a new URL of a file that is gone, and not after half a minute."""
    path = Path(config)
    path.write_text(f"{path.read_text()}\n[poll]\ninterval = 0.05\n")


@pytest.mark.allow_blocking
def test_a_run_and_its_report_name_commands_that_work(terminal: Terminal) -> None:
    Path("my jobs").mkdir()
    Path("my jobs/ids.txt").write_text(SCENE)
    assert terminal.run("init", "my jobs/a.toml", "--scenes-file", "ids.txt", *BANDS) == 0
    without_waits("my jobs/a.toml")
    assert terminal.run("run", "my jobs/a.toml", *GONE) == 1
    commands = printed(terminal.out)
    assert [shlex.split(line)[1] for line in commands] == ["run", "report"]
    assert terminal.run("report", "my jobs/a.toml") == 0
    assert printed(terminal.out) == commands
    for line in commands:
        assert terminal.play(line) == 0, terminal.err
    assert len(list(Path("my jobs/data").rglob("*.TIF"))) == 2


@pytest.mark.allow_blocking
def test_a_run_of_piped_ids_does_not_send_on_to_an_empty_pipe(terminal: Terminal) -> None:
    assert terminal.run("init", "few.toml", "--scenes-file", "-", *BANDS) == 0
    without_waits("few.toml")
    assert terminal.run("run", "few.toml", *GONE, stdin=SCENE) == 1
    assert "Run the same command again to continue." in terminal.out
    commands = printed(terminal.out)
    assert terminal.run("report", "few.toml") == 0
    assert printed(terminal.out) == commands
    for line in commands:
        assert terminal.play(line) == 0, terminal.err


def test_init_names_a_command_that_works(terminal: Terminal) -> None:
    Path("sub dir").mkdir()
    Path("sub dir/ids.txt").write_text(SCENE)
    assert terminal.run("init", "sub dir/x.toml", "--scenes-file", "ids.txt", *BANDS) == 0
    (line,) = re.findall("Next: (asyncdl .*)", terminal.err)
    assert terminal.play(f"{line} --sandbox") == 0, terminal.err
