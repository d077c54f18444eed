"""One call at a time, among tasks, clients and processes."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from filelock import FileLock, Timeout

from asyncdl.m2m.calling.gate import AccountGate, lock_name

HOST = "m2m.example"

HOLD_UNTIL_STDIN_CLOSES = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def gate_in(directory: Path, username: str = "ann") -> AccountGate:
    return AccountGate(directory, HOST, username, poll_interval_s=0.001)


def call_lock(directory: Path) -> Path:
    return directory / f"{lock_name(HOST, 'ann')}.call.lock"


def next_lock(directory: Path) -> Path:
    return directory / f"{lock_name(HOST, 'ann')}.next.lock"


def is_free(path: Path) -> bool:
    try:
        with FileLock(path, blocking=False):
            return True
    except Timeout:
        return False


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of a call of the same account; ends with its stdin."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_STDIN_CLOSES, str(call_lock(tmp_path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def pass_through(gate: AccountGate) -> None:
    async with gate.hold():
        pass


async def test_tasks_pass_in_order_of_arrival(tmp_path: Path) -> None:
    gate = gate_in(tmp_path)
    passed: list[int] = []

    async def pass_as(number: int) -> None:
        async with gate.hold():
            await anyio.lowlevel.checkpoint()
            passed.append(number)

    async with anyio.create_task_group() as tg:
        for number in range(10):
            tg.start_soon(pass_as, number)
    assert passed == list(range(10))


async def test_two_gates_of_one_account_exclude_each_other(tmp_path: Path) -> None:
    async with gate_in(tmp_path).hold():
        with anyio.move_on_after(0.02) as scope:
            await pass_through(gate_in(tmp_path))
    assert scope.cancelled_caught


async def test_accounts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async with gate_in(tmp_path).hold():
        with anyio.fail_after(60):
            await pass_through(gate_in(tmp_path, "bob"))


async def test_who_has_just_made_a_call_comes_after_the_one_that_is_waiting(tmp_path: Path) -> None:
    """However fast it is: else a process that never pauses would starve the others."""
    fast, waiting = gate_in(tmp_path), gate_in(tmp_path)
    passed: list[str] = []

    async def pass_as(name: str, gate: AccountGate) -> None:
        async with gate.hold():
            passed.append(name)

    async with anyio.create_task_group() as tg, fast.hold():
        tg.start_soon(pass_as, "waiting", waiting)
        while await to_thread.run_sync(is_free, next_lock(tmp_path)):
            pass
        tg.start_soon(pass_as, "fast", fast)
        await anyio.wait_all_tasks_blocked()
    assert passed == ["waiting", "fast"]


@pytest.mark.slow
async def test_another_process_is_waited_for(
    tmp_path: Path, other_process: subprocess.Popen[bytes]
) -> None:
    gate = gate_in(tmp_path)
    with anyio.move_on_after(0.02) as scope:
        await pass_through(gate)
    assert scope.cancelled_caught
    assert other_process.stdin
    other_process.stdin.close()
    with anyio.fail_after(60):
        await pass_through(gate)


@pytest.mark.slow
@pytest.mark.posix("locks end with their process, which filelock's substitute cannot promise")
async def test_a_process_that_was_killed_holds_nothing(
    tmp_path: Path, other_process: subprocess.Popen[bytes]
) -> None:
    other_process.kill()
    with anyio.fail_after(60):
        await pass_through(gate_in(tmp_path))


async def test_a_cancelled_call_frees_the_line(tmp_path: Path) -> None:
    holder, waiter = gate_in(tmp_path), gate_in(tmp_path)
    async with holder.hold(), anyio.create_task_group() as tg:
        tg.start_soon(pass_through, waiter)
        await anyio.wait_all_tasks_blocked()
        tg.cancel_scope.cancel()
    with anyio.fail_after(60):
        await pass_through(waiter)
        await pass_through(gate_in(tmp_path))


@pytest.mark.parametrize("checkpoints", range(12))
async def test_a_task_cancelled_by_asyncio_at_any_moment_holds_nothing(
    tmp_path: Path, checkpoints: int
) -> None:
    """An embedding service may cancel without anyio, also while a thread takes the lock."""
    async with asyncio.TaskGroup() as tg:
        task = tg.create_task(pass_through(gate_in(tmp_path)))
        for _ in range(checkpoints):
            await asyncio.sleep(0)
        task.cancel()
    with anyio.fail_after(60):
        await pass_through(gate_in(tmp_path))


async def test_an_error_in_the_block_frees_the_account(tmp_path: Path) -> None:
    gate = gate_in(tmp_path)
    with pytest.raises(ZeroDivisionError):
        async with gate.hold():
            raise ZeroDivisionError
    with anyio.fail_after(60):
        await pass_through(gate)


async def test_an_unusable_folder_is_reported_once_and_tasks_still_take_turns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="asyncdl")
    (tmp_path / "file").touch()
    gate = gate_in(tmp_path / "file" / "state")
    inside = 0

    async def check_alone() -> None:
        nonlocal inside
        async with gate.hold():
            inside += 1
            await anyio.lowlevel.checkpoint()
            assert inside == 1
            inside -= 1

    async with anyio.create_task_group() as tg:
        for _ in range(3):
            tg.start_soon(check_alone)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_lock_files_are_the_users_own_and_do_not_name_the_account(tmp_path: Path) -> None:
    state = anyio.Path(tmp_path / "state")
    await pass_through(gate_in(tmp_path / "state"))
    assert (await state.stat()).st_mode & 0o077 == 0
    assert not [path async for path in state.iterdir() if "ann" in path.name]


def test_the_name_differs_by_account_and_service() -> None:
    assert lock_name("HOST", "ann") == lock_name("host", "ann")
    assert len({lock_name("a", "b"), lock_name("a", "c"), lock_name("b", "b")}) == 3
