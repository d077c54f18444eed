"""No secret anywhere: not in what is printed, logged or written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asyncdl.sandbox import Faults, Service
from tests.e2e.conftest import MakeConfig, Run, files_under

ENCODED = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}")
"""API keys, signatures and download tokens are base64 of JSON, which begins like this."""


@pytest.mark.parametrize("faults", [[], ["chaos=3"], ["url_lifetime_s=0", "strikes=0"], ["dds=1"]])
@pytest.mark.parametrize("form", ["--json", "--no-progress"])
async def test_a_run_leaks_nothing(
    asyncdl_run: Run,
    make_config: MakeConfig,
    service: Service,
    tmp_path: Path,
    faults: list[str],
    form: str,
) -> None:
    service.faults = Faults.parse(faults)
    config = make_config(poll="interval = 0.05\ndeadline = 2", download="attempts = 2")
    ended = await asyncdl_run("run", config, form, "-vv")
    assert "DEBUG" in ended.stderr, "the log is on"
    written = {
        str(path): path.read_bytes()
        for path in (tmp_path / "data").rglob("*")
        if path.is_file() and path.suffix != ".TIF"
    }
    assert any("journal" in name for name in written)
    texts = written | {"stdout": ended.stdout.encode(), "stderr": ended.stderr.encode()}
    for name, text in texts.items():
        assert not ENCODED.search(text), f"{name}: {ENCODED.findall(text)[:3]!r}"
        assert service.token.encode() not in text, name


async def test_an_unexpected_failure_leaks_nothing(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    ended = await asyncdl_run("run", make_config(), "-vv")
    assert ended.status == 1
    assert "Traceback" not in ended.stderr
    assert not ENCODED.search(ended.stderr.encode())
    assert files_under(tmp_path / "home") == {}
