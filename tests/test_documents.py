"""Every Python block in the README and the library page runs as it stands there."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

import asyncdl
from asyncdl.sandbox import Service
from tests.e2e.conftest import environment

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks_of(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


async def run_block(source: str, names: dict[str, Any]) -> None:
    code = compile(source, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)
    if inspect.isawaitable(result):
        await result


@pytest.mark.allow_blocking  # a config is read before the work begins, on the loop or not
async def test_the_blocks_of_the_library_page_run_one_after_the_other(
    service: Service, tmp_path: Path
) -> None:
    names: dict[str, Any] = {
        "asyncdl": asyncdl,
        "Path": Path,
        "service_url": service.url,
        "credentials": asyncdl.Credentials(service.username, service.token),
        "directory": str(tmp_path),
        "file_url": f"{service.origin}/data/none",
    }
    blocks = blocks_of("docs/library.md")
    assert len(blocks) == 6
    for block in blocks:
        if "FileRequest" in block:
            with pytest.raises(asyncdl.TransferError):  # the sandbox serves signed URLs only
                await run_block(block, names)
        elif "import sync" in block:
            # Not on the loop that the sandbox answers on.
            await anyio.to_thread.run_sync(exec, block, names)
        else:
            await run_block(block, names)


async def test_the_readmes_program_runs(service: Service, tmp_path: Path) -> None:
    [block] = blocks_of("README.md")
    for name in ("anchorage.toml", "anchorage.geojson"):
        text = (ROOT / "examples" / name).read_text(encoding="utf-8")
        if name.endswith(".toml"):
            text = f'[service]\nurl = "{service.url}"\n\n{text}'
        (tmp_path / "examples").mkdir(exist_ok=True)
        (tmp_path / "examples" / name).write_text(text, encoding="utf-8")
    (tmp_path / "program.py").write_text(block, encoding="utf-8")
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env=environment(service, PYTHONPATH=str(ROOT)),
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.count(b"downloaded ") == 54
