"""The state folder of a download directory: its lock and its journal."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from asyncdl.errors import DirectoryBusyError, DiskError
from asyncdl.job.journal import Journal, open_journal

STATE_FOLDER = ".asyncdl"


@asynccontextmanager
async def open_state(directory: Path, service: str) -> AsyncIterator[Journal]:
    """Take hold of a download directory and open its journal.

    Args:
        directory: Made when it is not there.
        service: Name of the service whose files this run may trust.
    Raises:
        DirectoryBusyError: Another run holds the directory.
        DiskError: The directory cannot be made or written to.
    """
    folder = directory / STATE_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(Path(error.filename or folder), error) from error
    with _held(directory, folder):
        async with open_journal(folder, service) as journal:
            yield journal


@contextmanager
def _held(directory: Path, folder: Path) -> Iterator[None]:
    lock = FileLock(folder / "lock", timeout=0, is_singleton=False)
    holder = folder / "holder.json"
    try:
        lock.acquire()
    except Timeout as error:
        raise DirectoryBusyError(directory, _describe(holder)) from error
    except OSError as error:
        raise DiskError(folder, error) from error
    try:
        holder.write_bytes(orjson.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _describe(holder: Path) -> str:
    try:
        told = orjson.loads(holder.read_bytes())
        return f"process {told['pid']} on {told['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
