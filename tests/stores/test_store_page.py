"""What docs/howto/store.md shows does what the page says, in a real store."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

from tests.docs.blocks import Block, blocks_of
from tests.e2e.conftest import environment
from tests.stores.store_bench import StoreBench
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.timeout(300)]

PAGE = "docs/howto/store.md"
HOST = "https://example.org"
NAME = "a.tif"
RED = "LC08_L2SP_068017_20200310_20200822_02_T1_SR_B4.TIF"
CONFIG = """
[service]
url = "{url}"
stac_url = "{stac_url}"
[search]
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
[[products]]
kind = "bands"
bands = ["SR_B4"]
"""


def block_with(text: str) -> Block:
    """Return the block of the page that has some text."""
    return next(block for block in blocks_of(PAGE) if text in block.text)


@pytest.fixture
def bench(store_bench: StoreBench, weed: Weed, prefix: str) -> StoreBench:
    """Jobs into the bucket that the page names, which is empty."""
    named = replace(weed, bucket="my-bucket")
    named.make_bucket()
    for key in named.names():
        named.remove(key)
    return replace(store_bench, weed=named, prefix="landsat")


@pytest.fixture
async def host(store_bench: StoreBench) -> AsyncIterator[str]:
    """What stands for the host of the page's URL."""

    async def send(request: web.Request) -> web.Response:
        body = store_bench.service.file_bytes(RED)
        return web.Response(body=body, content_type="image/tiff")

    app = web.Application()
    app.router.add_get(f"/{NAME}", send)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def ended(*command: str, env: dict[str, str]) -> str:
    """Return what a command prints; it must end well."""
    done = await anyio.run_process([sys.executable, *command], env=env, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.decode()


async def test_the_config_of_the_page_runs_and_every_command_knows_it(
    bench: StoreBench, tmp_path: Path
) -> None:
    raw: dict[str, Any] = {}
    for text in ("[download]", "[store]"):
        raw |= tomllib.loads(block_with(text).text)
    assert raw["download"]["directory"] == bench.target
    raw["download"]["state_directory"] = str(tmp_path / "state")
    raw["store"] |= {"endpoint": bench.endpoint, "region": "us-east-1"}
    file = tmp_path / "credentials"
    file.write_text(
        f"[{raw['store']['profile']}]\n"
        "aws_access_key_id = tester\naws_secret_access_key = open sesame\n"
    )
    config = tmp_path / "job.toml"
    text = CONFIG.format(url=bench.service.url, stac_url=bench.service.stac_url)
    for name, table in raw.items():
        text += f"[{name}]\n" + "".join(f"{k} = {v!r}\n" for k, v in table.items())
    config.write_text(text)
    env = environment(bench.service, AWS_SHARED_CREDENTIALS_FILE=str(file))
    for command in (
        ("plan",), ("run", "--no-progress"), ("run", "--retry-failed", "--no-progress"),
        ("status",), ("verify",), ("verify", "--read"), ("report",), ("doctor",), ("clean",),
    ):  # fmt: skip
        await ended("-m", "asyncdl", command[0], str(config), *command[1:], env=env)
    bench.check_files()
    assert len(bench.placed) == 1
    facts = bench.weed.facts(f"landsat/{next(iter(bench.placed))}")
    assert {"sha512", "proof", "source", "downloadid"} <= facts.keys()
    names = bench.weed.names("landsat/")
    assert {"landsat/.asyncdl/journal.sqlite", "landsat/asyncdl-report.json"} <= set(names)


async def test_a_single_url_goes_into_the_store_by_command_and_by_program(
    bench: StoreBench, host: str, tmp_path: Path
) -> None:
    env = environment(AWS_ENDPOINT_URL=bench.endpoint, HOME=str(tmp_path))
    command = block_with("asyncdl get").text.strip().removeprefix("$ asyncdl ")
    await ended("-m", "asyncdl", *command.replace(HOST, host).split(), env=env)
    assert bench.weed.read(f"landsat/{NAME}") == bench.truth(RED)
    program = block_with("StoreDownloader")
    (shown,) = [line for line in program.text.splitlines() if "print(" in line]
    file = tmp_path / "credentials"
    file.write_text("[landsat]\naws_access_key_id = tester\naws_secret_access_key = open sesame\n")
    text = f"{program.text.replace(HOST, host)}\nimport asyncio\nasyncio.run(main())\n"
    printed = await ended("-c", text, env=env | {"AWS_SHARED_CREDENTIALS_FILE": str(file)})
    assert printed.strip() == shown.partition("# ")[2]
    assert bench.weed.read(f"landsat/tiles/{NAME}") == bench.truth(RED)
