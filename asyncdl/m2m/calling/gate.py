"""One API call at a time per account, among tasks and among processes.

The service refuses a second call of an account while one is running. Tasks
wait for a lock in memory, processes (and other clients in this one) for lock
files in the user's state folder. The files are locked by the
operating system, so a process that dies leaves none locked.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread
from filelock import FileLock, Timeout

log = logging.getLogger("asyncdl.m2m")

POLL_INTERVAL_S = 0.05
"""Interval between tries of a lock that another process holds; a call takes 0.3 s or more."""


class AccountGate:
    """Lets one call of an account through at a time, tasks in order of arrival.

    A folder that cannot be used is logged once; from then on only the tasks of this client
    exclude each other.

    Args:
        directory: Where the lock files live; made when needed.
        host: Host of the service.
        username: Account there; appears in no file name.
        poll_interval_s: Between tries of a lock that another process holds.
    """

    def __init__(
        self,
        directory: Path,
        host: str,
        username: str,
        *,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._directory = directory
        self._name = lock_name(host, username)
        self._poll_interval_s = poll_interval_s
        self._one_at_a_time = anyio.Lock()
        # Threads of our own: those of the pool may all be busy with slow disks.
        self._threads = CapacityLimiter(2)
        self._has_warned = False

    @property
    def is_busy(self) -> bool:
        """Whether a task of this client holds the account or waits for it."""
        return self._one_at_a_time.statistics().locked

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Wait until the account is free and hold it for the block.

        Waiting can be cancelled, and every way out of the block releases the account.
        """
        async with self._one_at_a_time:
            lock = _AccountLock(self._directory, self._name)
            try:
                await self._take(lock)
                yield
            finally:
                await self._drop(lock)

    async def _drop(self, lock: _AccountLock) -> None:
        try:
            with CancelScope(shield=True):
                await to_thread.run_sync(lock.drop, limiter=self._threads)
        except BaseException:
            # asyncio's own cancel() ignores the shield and may come before the thread has
            # begun. Blocking the loop for a moment is better than an account that stays locked.
            lock.drop()
            raise

    async def _take(self, lock: _AccountLock) -> None:
        try:
            # Polling, since a thread that waits for a file lock cannot be cancelled.
            while not await to_thread.run_sync(lock.try_take, limiter=self._threads):  # noqa: ASYNC110
                await anyio.sleep(self._poll_interval_s)
        except (OSError, NotImplementedError) as error:  # the latter where there are no locks
            self._warn_once(error)

    def _warn_once(self, error: OSError | NotImplementedError) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "cannot lock in %s (%s): other processes that use the account are not waited for",
                self._directory,
                getattr(error, "strerror", "") or error,
            )


def lock_name(host: str, username: str) -> str:
    """Return the prefix of an account's lock files, which does not reveal it."""
    return "m2m-" + hashlib.sha256(f"{host.lower()}|{username}".encode()).hexdigest()[:32]


class _AccountLock:
    """One call's lock on the account; used in threads, once.

    Two locks make it fair. A process that waits for ``call`` holds ``next`` meanwhile, so one that
    has just made a call comes after the one that is waiting, however fast it is.

    A task may leave while its thread is still taking a lock. The mutex has
    :meth:`drop` wait for that, and nothing is taken after it.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._mutex = threading.Lock()
        self._is_dropped = False
        # Taken in one thread and freed in another, hence not thread-local. Each lock has
        # objects of its own: one object counts a second lock as held, two exclude each other.
        self._next = FileLock(directory / f"{name}.next.lock", thread_local=False)
        self._call = FileLock(directory / f"{name}.call.lock", thread_local=False)

    def try_take(self) -> bool:
        """Take the account if it is free now.

        Raises: OSError, if the lock files cannot be used.
        """
        with self._mutex:
            if self._is_dropped:
                return False
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (_try_lock(self._next) and _try_lock(self._call)):
                return False
            self._next.release()
            return True

    def drop(self) -> None:
        """Free whatever has been taken, for good; may be called twice."""
        with self._mutex:
            self._is_dropped = True
            self._call.release()
            self._next.release()


def _try_lock(lock: FileLock) -> bool:
    """Lock a file if nobody else has; true also if it was ours before."""
    if lock.is_locked:
        return True
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
