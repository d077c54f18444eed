"""A second place for a file that two products want."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anyio.to_thread

from asyncdl.errors import DiskError
from asyncdl.transfer.names import COPY
from asyncdl.transfer.parts.sink import remove_leftovers
from asyncdl.transfer.parts.stable import chunks_of, make_folders, rename, write_anew


async def copy_file(source: Path, target: Path, *, durable: bool = False) -> None:
    """Copy a verified file to its second place; the name appears when the copy is whole.

    A copy and not a hard link: tools that write into a raster must not change
    another product's file.

    Args:
        source: The file.
        target: The second place; its folder is made if missing.
        durable: Whether the copy and its name are on stable storage afterwards.
    Raises: DiskError.
    """
    # Not cut short by cancellation: a thread cannot be stopped half way anyhow.
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(_copy, source, target, durable)


def _copy(source: Path, target: Path, durable: bool) -> None:
    # Not the name of a download under way: a note may lie beside that and speak for it.
    partial = target.with_name(f"{target.name}{COPY}")
    try:
        make_folders(target.parent)
        with source.open("rb", buffering=0) as file:
            write_anew(partial, chunks_of(file), durable=durable)
        rename(partial, target, durable=durable)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise DiskError(target, error) from error
    # Of an earlier run, whose config had the file fetched to here. The copy is right with it, too.
    with suppress(OSError):
        remove_leftovers(target)
