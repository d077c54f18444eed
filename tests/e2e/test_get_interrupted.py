"""``asyncdl get`` as a stranger uses it: a list, Ctrl-C in the middle, the same command again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.e2e.test_run import HANGUP, SENT, hangups
from tests.soak.slow_host import SlowHost, serving_slowly
from tests.transfer.fault_server import HostedFile

SIZE = 1 << 20
FILE = HostedFile(bytes(range(256)) * (SIZE // 256))

pytestmark = pytest.mark.unix(SENT)


async def start(host: SlowHost, directory: Path) -> asyncio.subprocess.Process:
    listed = directory / "list.txt"
    listed.write_text(f"{host.url}/a.bin\n# a comment\n{host.url}/b.bin\n{host.url}/c.bin\n")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "asyncdl",
        "get",
        "-q",
        "-j2",
        "-i",
        listed,
        "-o",
        directory,
    ]
    return await asyncio.create_subprocess_exec(*command)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(HANGUP, marks=hangups)])
async def test_row_170_an_interrupted_list_goes_on_where_it_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with serving_slowly(FILE) as host:
        first = await start(host, tmp_path)
        parts = [tmp_path / "a.bin.part", tmp_path / "b.bin.part"]
        while not all(part.exists() and part.stat().st_size for part in parts):
            await anyio.sleep(0.01)
        first.send_signal(number)
        assert await first.wait() == 130
        before = len(host.requests)
        assert (tmp_path / "a.bin.part.state").exists()
        second = await start(host, tmp_path)
        assert await second.wait() == 0
    assert {(tmp_path / f"{name}.bin").read_bytes() for name in "abc"} == {FILE.body}
    assert not list(tmp_path.glob("*.part*"))
    starts = [request.headers["range"] for request in host.requests[before:]]
    assert sum(wanted != "bytes=0-" for wanted in starts) == 2
    assert host.sent_bytes < 4.5 * SIZE


HANGING = """
import socket, sys, time
real = socket.getaddrinfo
def hang(host, *rest, **named):
    flags = named.get("flags", rest[-1] if len(rest) == 5 else 0)
    if "hangs.test" in str(host) and not flags & socket.AI_NUMERICHOST:
        print("looked up", file=sys.stderr, flush=True)
        time.sleep(300)
    return real(host, *rest, **named)
socket.getaddrinfo = hang
from asyncdl.__main__ import main
main()
"""
"""asyncdl with a resolver that never gets a reply for one name."""


@pytest.mark.slow
@pytest.mark.parametrize("proxied", [False, True])
async def test_an_interrupt_does_not_wait_for_a_name_look_up(tmp_path: Path, proxied: bool) -> None:
    """What the system's resolver does cannot be stopped; the command leaves it behind."""
    async with serving_slowly(FILE) as host:
        urls = [f"{host.url}/a.bin", "http://hangs.test/b.bin"]
        proxy = {"http_proxy": "http://hangs.test:3128", "no_proxy": "127.0.0.1"} if proxied else {}
        async with await anyio.open_process(
            [sys.executable, "-c", HANGING, "get", "--no-progress", *urls, "-o", str(tmp_path)],
            env=os.environ | proxy,
            stdout=subprocess.DEVNULL,
        ) as process:
            assert process.stderr is not None
            with anyio.fail_after(200):
                while b"looked up" not in await process.stderr.receive():
                    pass
                while host.sent_bytes < SIZE // 4:
                    await anyio.sleep(0.01)
                process.send_signal(signal.SIGINT)
                assert await process.wait() == 130
    assert (tmp_path / "a.bin.part.state").exists()


@pytest.mark.slow
async def test_row_170_two_signals_end_it_at_once(tmp_path: Path) -> None:
    async with serving_slowly(FILE) as host:
        process = await start(host, tmp_path)
        while host.sent_bytes < SIZE // 4:
            await anyio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(200):
            assert await process.wait() != 0
    assert not (tmp_path / "a.bin").exists()
