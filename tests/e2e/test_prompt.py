"""Questions on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

pytestmark = pytest.mark.slow

CONFIG = """
[service]
url = "http://127.0.0.1:9/"
[search]
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
[[products]]
kind = "bundle"
"""
ON_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "asyncdl", *sys.argv[1:]])
"""
"""Makes standard input the terminal that signals come from."""
ACCOUNT = ("USERNAME", "TOKEN")


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith(ACCOUNT)}
    return kept | {"ASYNCDL_CONFIG_DIR": str(home), "ASYNCDL_USERNAME": "somebody"}


def test_an_interrupt_ends_a_question_at_once(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(CONFIG)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_THE_TERMINAL, "plan", "job.toml"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"token" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"\x03")
        try:
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    os.close(ours)
