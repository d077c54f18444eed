"""Bundles unpacked beside themselves, for ``extract = true``.

A tar comes from outside, so nothing in it is believed: only regular files with
plain names are written, as new files of our own. Owners, modes, links and
devices that a tar may hold are never applied, which is stricter than any
filter of the standard library.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import anyio.from_thread
import anyio.to_thread

from asyncdl.errors import DiskError, TransferError
from asyncdl.transfer.names import safe_name

_PLAIN_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)
"""Without sparse files, which may claim any size."""


class ExtractError(TransferError):
    """A verified bundle cannot be unpacked; the tar itself is kept."""

    reason = "extract-failed"
    remedy = "The .tar is there and verified: unpack it by hand, or set extract = false."


async def unpack(tar: Path) -> None:
    """Unpack a tar into the folder of its name, whole or not at all.

    A folder that is there already stays as it is. Cancelled, it stops between
    two members and leaves nothing.

    Raises: ExtractError; DiskError, when the disk is full.
    """
    await anyio.to_thread.run_sync(_unpack, tar, folder_of(tar))


def folder_of(tar: Path) -> Path:
    """Return the folder that a tar is unpacked into."""
    return tar.with_suffix("")


def _unpack(tar: Path, folder: Path) -> None:
    if folder.is_dir():
        return
    partial = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _extract_all(tar, partial)
        partial.rename(folder)
    except tarfile.TarError as error:
        raise ExtractError(tar.name, f"no sound tar: {error}") from error
    except OSError as error:
        failure = DiskError(folder, error)
        if failure.is_full:
            raise failure from error
        raise ExtractError(tar.name, str(failure)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract_all(tar: Path, into: Path) -> None:
    # Not compressed: what comes out is no larger than what went in.
    with tarfile.open(tar, "r:") as archive:
        for member in archive:
            anyio.from_thread.check_cancelled()
            _check(tar, member)
            content = archive.extractfile(member)
            assert content is not None  # as for every regular file
            with content, (into / member.name).open("xb") as file:
                shutil.copyfileobj(content, file)


def _check(tar: Path, member: tarfile.TarInfo) -> None:
    if member.type not in _PLAIN_TYPES or member.issparse():
        raise ExtractError(tar.name, f"{member.name!r} in it is no regular file")
    if safe_name(member.name) != member.name:
        raise ExtractError(tar.name, f"{member.name!r} in it is no plain file name")
