"""Real schedulers, workers and coordinators, each a process that a test may kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import orjson

from asyncdl.sandbox import Service

MOST_S = 120.0
"""For whatever a test waits for."""
QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}
TALKING = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "info"}


class Running:
    """A process with its output, from its start."""

    def __init__(self, process: anyio.abc.Process, log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines in it."""
        return [orjson.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, within_s: float = MOST_S) -> int:
        """Wait for its end; return its status."""
        with anyio.move_on_after(within_s):
            return await self.process.wait()
        raise AssertionError(f"goes on after {within_s} s: {self.output}")

    async def until(self, text: str) -> None:
        """Wait until a text is in the output."""
        with anyio.fail_after(MOST_S):
            while text not in self.output:
                if self.process.returncode is not None:
                    raise AssertionError(f"ended with {self.process.returncode}: {self.output}")
                await anyio.sleep(0.02)


class Processes:
    """Starts processes; all end with the test.

    Args:
        folder: For their logs.
        stack: Ends them.
    """

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._count = 0

    async def start(self, *command: str, within: str = "", **env: str) -> Running:
        """Start a module of Python.

        Args:
            command: The module and its arguments.
            within: A command of the shell that changes what the process sees, in a mount
                namespace of its own.
            env: Variables for it.
        """
        self._count += 1
        log = self.folder / f"{self._count}.log"
        python = [sys.executable, "-m", *command]
        if within:
            python = ["unshare", "-m", "sh", "-c", f'{within} && exec "$@"', "sh", *python]
        with log.open("wb") as file:
            process = await anyio.open_process(
                python,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=os.environ | QUIET | env,
                cwd=self.folder,
                start_new_session=True,
            )
        self._stack.push_async_callback(_end, process)
        return Running(process, log)

    async def scheduler(self, port: int = 0, **env: str) -> tuple[Running, str]:
        """Start a scheduler; return it with its address."""
        file = self.folder / f"scheduler-{self._count}.json"
        running = await self.start(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port),
            "--scheduler-file", str(file), "--no-dashboard", "--no-show", **env,
        )  # fmt: skip
        with anyio.fail_after(MOST_S):
            while True:
                with suppress(FileNotFoundError, orjson.JSONDecodeError):
                    return running, orjson.loads(file.read_bytes())["address"]
                await anyio.sleep(0.02)

    async def worker(self, address: str, name: str, *, within: str = "", **env: str) -> Running:
        """Start a worker without a nanny, so that nothing takes its place."""
        running = await self.start(
            "distributed.cli.dask_worker", address, "--name", name, "--nthreads", "1",
            "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
            "--local-directory", str(self.folder / name), within=within, **(TALKING | env),
        )  # fmt: skip
        await running.until("Registered to:")
        return running

    async def run(
        self, service: Service, config: Path, *options: str, address: str | None, **env: str
    ) -> Running:
        """Start a coordinator."""
        scheduler = ["--scheduler", address] if address else []
        return await self.start(
            "asyncdl", "run", str(config), "--engine", "dask", *scheduler, "--json",
            "--no-progress", *options,
            ASYNCDL_USERNAME=service.username, ASYNCDL_TOKEN=service.token,
            **env,
        )  # fmt: skip


async def _end(process: anyio.abc.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.CancelScope(shield=True):
        await process.wait()


@asynccontextmanager
async def starting(folder: Path) -> AsyncIterator[Processes]:
    folder.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        yield Processes(folder, stack)
