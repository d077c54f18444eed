"""A second place for a file that two products want."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import anyio.to_thread

from asyncdl.errors import DiskError


async def copy_file(source: Path, target: Path) -> None:
    """Copy a verified file to its second place; the name appears when the copy is whole.

    A copy and not a hard link: tools that write into a raster must not change
    another product's file.

    Raises: DiskError.
    """
    # Not cut short by cancellation: a thread cannot be stopped half way anyhow.
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(_copy, source, target)


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, partial)
        partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise DiskError(target, error) from error
