"""Standard streams that are full or closed: an ordinary condition, told in a line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import environment

ASYNCDL = f"{sys.executable} -m asyncdl"
NAMES = "bands landsat_ot_c2_l2"
JOB = """
[search]
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = 2020-03-01
end = 2020-03-15
cloud_cover = [0, 60]
[[products]]
kind = "bands"
bands = ["red"]
"""


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``asyncdl`` as a shell does, redirections and all; no terminal is there."""
    return subprocess.run(
        ["/bin/bash", "-c", f"{ASYNCDL} {line}"],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [NAMES, f"{NAMES} --json", "--help", "run --help", "--version", "completion bash",
     "init - --dataset landsat_ot_c2_l2 --point 1,2 --bundle"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("stdout", "said"),
    [("> /dev/full", "asyncdl: standard output fails: No space left on device\n"),
     (">&-", "asyncdl: standard output is closed\n")],
)  # fmt: skip
def test_a_full_or_closed_stdout_is_told_in_a_line(
    command: str, stdout: str, said: str, tmp_path: Path
) -> None:
    done = shell(f"{command} {stdout}", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


@pytest.mark.parametrize("stdout", ["> /dev/full", ">&-"])
def test_a_run_that_cannot_tell_stops_and_says_so(stdout: str, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    done = shell(f"run job.toml --sandbox --json {stdout}", tmp_path)
    assert done.returncode == 1
    assert "asyncdl: standard output" in done.stderr
    assert "defect" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stderr", ["2> /dev/full", "2>&-"])
@pytest.mark.parametrize("verbose", ["", "-vv"])
def test_notes_that_cannot_be_written_are_dropped(
    stderr: str, verbose: str, tmp_path: Path
) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    done = shell(f"search job.toml --sandbox --format ids {verbose} {stderr}", tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "LC08_L2SP_067018_20200303_20200822_02_T1",
        "LC08_L2SP_068017_20200310_20200822_02_T1",
        "LC08_L2SP_068018_20200310_20200822_02_T1",
    ]


@pytest.mark.parametrize("stderr", ["2> /dev/full", "2>&-"])
def test_a_run_goes_on_without_its_notes(stderr: str, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    done = shell(f"run job.toml --sandbox {stderr}", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Complete: 3 scenes, 3 files")


@pytest.mark.parametrize("stderr", ["2> /dev/full", "2>&-"])
def test_an_error_keeps_its_status_where_nobody_can_read_it(stderr: str, tmp_path: Path) -> None:
    assert shell(f"no-such-command {stderr}", tmp_path).returncode == 2
    assert shell(f"plan missing.toml {stderr}", tmp_path).returncode == 2


@pytest.mark.parametrize("command", ["get -q -i -", "login --sandbox --token-stdin"])
def test_a_closed_stdin_is_told_in_a_line(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} <&-", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "asyncdl: standard input is closed"


def test_with_all_three_closed_a_run_still_fetches(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    done = shell("run job.toml --sandbox -q <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert len(list((tmp_path / "data").rglob("*.TIF"))) == 3


ENCODINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("locale", ENCODINGS)
def test_a_run_ends_in_any_locale_as_it_does_in_utf_8(locale: str, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    done = subprocess.run(
        [sys.executable, "-m", "asyncdl", "run", "job.toml", "--sandbox"],
        cwd=tmp_path, env=environment(None, **ENCODINGS[locale]), capture_output=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode().count("asyncdl: ")) == (0, 0)
    assert done.stdout.decode().startswith("Complete: 3 scenes, 3 files")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """Nothing is said of it, also not by Python at its end."""
    done = shell(f"{NAMES} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
