"""Names are looked up in threads that nobody waits for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from asyncdl.cli.loop import PromptLookups, new_loop


def test_a_name_is_looked_up_as_ever() -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, PromptLookups)
        found = runner.run(loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM))
        assert {place[:2] for *_, place in found} & {("127.0.0.1", 80), ("::1", 80)}
        with pytest.raises(socket.gaierror):
            runner.run(loop.getaddrinfo("localhost", 80, flags=socket.AI_NUMERICHOST))


def test_the_end_of_a_loop_does_not_wait_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def hang(*_: object) -> list[object]:
        begun.set()
        let_go.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def look_up() -> None:
        task = asyncio.ensure_future(asyncio.get_running_loop().getaddrinfo("a.test", 80))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(look_up())
    assert not let_go.is_set()
    let_go.set()
    while any(thread.name == "asyncdl name look-up" for thread in threading.enumerate()):
        time.sleep(0.001)
