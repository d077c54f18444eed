"""Programs that end with something of ``asyncdl.sync`` still open: they end, and log out."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import environment

pytestmark = pytest.mark.slow

BEGINNING = """\
import os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import asyncdl
from asyncdl import sync

def enter():
    account = asyncdl.Credentials(os.environ["ASYNCDL_USERNAME"], os.environ["ASYNCDL_TOKEN"])
    client = sync.M2MClient(account, url=os.environ["SERVICE"]).__enter__()
    if "download" not in client.permissions():  # an assert would be none under python -O
        sys.exit("no role")
    return client

"""
ENDS: dict[str, tuple[str, int]] = {
    "its end": ("left = enter()", 0),
    "several": ("left = [enter() for _ in range(3)]", 0),
    "sys.exit": ("left = enter(); sys.exit(3)", 3),
    "an error": ("left = enter(); raise ValueError", 1),
    "Ctrl-C": ("left = enter(); os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -2),
    "a thread": ("t = threading.Thread(target=enter); t.start(); t.join()", 0),
    "a pool": ("pool = ThreadPoolExecutor(1); left = pool.submit(enter).result()", 0),
    "a reference lost": ("enter()", 0),
    "a downloader": ("left = sync.Downloader().__enter__()", 0),
    "nothing is left": ("with sync.Downloader(): pass", 0),
    "a name looked up": (
        # Python's own threads take no more calls by then, and connections need a look-up.
        "left = enter(); left._portal.call(left._target._transport.reconnect)",
        0,
    ),
    "a thread at work": (
        """
def work():
    threading.main_thread().join()
    with sync.Downloader(): pass
    client = enter()
    time.sleep(0.2)
    if "download" in client.permissions():
        print("worked to its end")
threading.Thread(target=work).start()
left = enter()
""",
        0,
    ),
    "a run": (
        """
config = asyncdl.load_config("job.toml")
job = sync.Job(config).__enter__()
next(iter(job))
""",
        0,
    ),
}
JOB = """\
[service]
url = "{url}"
stac_url = ""
[search]
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = "2020-03-01"
end = "2020-03-15"
[[products]]
kind = "bundle"
"""


@pytest.mark.parametrize("way", ENDS)
async def test_a_program_that_leaves_something_open_ends_and_logs_out(
    service: Service, tmp_path: Path, way: str
) -> None:
    program, status = ENDS[way]
    (tmp_path / "job.toml").write_text(JOB.format(url=service.url))
    # By a name, so that there is something to look up.
    url = service.url.replace("127.0.0.1", "localhost")
    with anyio.fail_after(200):
        done = await anyio.run_process(
            [sys.executable, "-c", BEGINNING + program],
            cwd=tmp_path,
            env=environment(service, SERVICE=url),
            stderr=subprocess.STDOUT,
            check=False,
        )
    output = done.stdout.decode()
    assert done.returncode == status, output
    assert "could not be closed" not in output
    assert service.cleanup_report.open_keys == 0, output
    assert way != "a thread at work" or "worked to its end" in output


async def test_an_interrupt_while_all_is_closed_ends_the_program(
    service: Service, tmp_path: Path
) -> None:
    """Also when the service does not answer the logout."""
    is_asked = anyio.Event()

    def watch(moment: str) -> None:
        if moment == "logout called":
            service.faults.api_latency_s = 60
            is_asked.set()

    service.watch = watch
    with anyio.fail_after(200):
        process = await anyio.open_process(
            [sys.executable, "-c", BEGINNING + "left = enter()"],
            env=environment(service, SERVICE=service.url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        async with process:
            await is_asked.wait()
            process.send_signal(signal.SIGINT)
            await process.wait()
