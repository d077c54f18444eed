"""What the library does to a program that uses it: nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from asyncdl.sandbox import Service
from tests.docs.blocks import ROOT
from tests.e2e.conftest import environment


@pytest.mark.slow
async def test_a_job_leaves_its_program_as_it_was_and_says_nothing(
    service: Service, tmp_path: Path
) -> None:
    """Signals, logging, hooks, streams, tasks and threads; no line on stdout or stderr."""
    program = [sys.executable, "-m", "tests.e2e.embedded", service.url, str(tmp_path / "data")]
    with anyio.fail_after(200):
        done = await anyio.run_process(program, cwd=ROOT, env=environment(service), check=False)
    assert (done.stdout, done.stderr.decode(), done.returncode) == (b"", "", 0)
