"""The program as its users run it: a process, a config file, a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web

from asyncdl.cli.service_access import VIOLATION
from asyncdl.sandbox import Service

COMMAND = [sys.executable, "-m", "asyncdl"]


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout."""
        return [orjson.loads(line) for line in self.stdout.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        return self.lines[-1]


def environment(service: Service | None = None, **more: str) -> dict[str, str]:
    """Return the environment of a process, with the account of ``service``."""
    account = (
        {"ASYNCDL_USERNAME": service.username, "ASYNCDL_TOKEN": service.token} if service else {}
    )
    return os.environ | account | more


Run = Callable[..., Awaitable[Ended]]


@pytest.fixture
def asyncdl_run(service: Service) -> Run:
    """Run ``asyncdl`` with the account of the sandbox, while the sandbox goes on serving."""

    async def run(*arguments: str | Path, **env: str) -> Ended:
        with anyio.fail_after(200):
            done = await anyio.run_process(
                [*COMMAND, *map(str, arguments)],
                check=False,
                env=environment(service, **env),
                stdin=subprocess.DEVNULL,
            )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert VIOLATION not in ended.stderr
        return ended

    return run


MakeConfig = Callable[..., Path]

SEARCH = """
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = 2020-03-01
end = 2020-03-15
cloud_cover = [0, 60]
"""
PRODUCTS = """
[[products]]
kind = "bands"
bands = ["SR_B4", "QA_PIXEL"]
"""


@pytest.fixture
def make_config(service: Service, tmp_path: Path) -> MakeConfig:
    """Write a config for the sandbox; ``data`` beside it takes the files."""

    def make(
        *,
        search: str = SEARCH,
        products: str = PRODUCTS,
        download: str = "",
        poll: str = "interval = 0.05",
        service_keys: str = "",
    ) -> Path:
        path = tmp_path / "job.toml"
        path.write_text(
            f'[service]\nurl = "{service.url}"\nstac_url = "{service.stac_url}"\n{service_keys}\n'
            f"[search]\n{search}\n{products}\n"
            f'[download]\ndirectory = "data"\n{download}\n[poll]\n{poll}\n'
        )
        return path

    return make


def files_under(folder: Path) -> dict[str, bytes]:
    """Return the data files below a folder by relative path: no state, no report."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".asyncdl" not in path.parts and path.name != "asyncdl-report.json"
    }


@pytest.fixture
async def static_file() -> AsyncIterator[str]:
    """The URL of a file on a plain web server."""

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=bytes(100_000), headers={"ETag": '"one"'})

    app = web.Application()
    app.router.add_get("/file.bin", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/file.bin"
    await runner.cleanup()
