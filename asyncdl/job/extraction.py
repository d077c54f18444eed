"""Bundles unpacked beside themselves, for ``extract = true``.

A tar comes from outside, so nothing in it is believed: only regular files with
plain names are written, as new files of our own. Owners, modes, links and
devices that a tar may hold are never applied. That is stricter than any filter of
the standard library; its ``data`` filter has a say all the same.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import anyio.from_thread
import anyio.to_thread

from asyncdl.config import BundleProduct, Config
from asyncdl.errors import DiskError, TransferError
from asyncdl.job.layout import Place
from asyncdl.m2m.selection import BundleWanted
from asyncdl.transfer.malformed import Malformed
from asyncdl.transfer.names import safe_name
from asyncdl.transfer.stable import chunks_of, flush_folder, rename, write_anew
from asyncdl.transfer.tar import check_tar

_PLAIN_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)
"""Without sparse files, which may claim any size."""
MAX_MEMBERS = 10_000
"""A bundle has some thirty; each member costs a file, however empty it is."""


class ExtractError(TransferError):
    """A verified bundle cannot be unpacked; the tar itself is kept."""

    reason = "extract-failed"
    remedy = "The .tar is there and verified: unpack it by hand, or set extract = false."


def is_unpacked(config: Config, place: Place) -> bool:
    """Tell whether the file of a place is to be unpacked beside itself."""
    return place.kind == BundleWanted.kind and any(
        isinstance(product, BundleProduct) and product.extract for product in config.products
    )


async def unpack(tar: Path, *, durable: bool = False) -> None:
    """Unpack a tar into the folder of its name, whole or not at all.

    A folder that is there already stays as it is. Cancelled, it stops between
    two members and leaves nothing.

    Args:
        tar: A verified bundle.
        durable: Whether the folder and its files are on stable storage afterwards.
    Raises: ExtractError; DiskError, when the disk is full.
    """
    await anyio.to_thread.run_sync(_unpack, tar, folder_of(tar), durable)


def folder_of(tar: Path) -> Path:
    """Return the folder that a tar is unpacked into."""
    return tar.with_suffix("")


def _unpack(tar: Path, folder: Path, durable: bool) -> None:
    if folder.is_dir():
        return
    partial = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _extract_all(tar, partial, durable)
        rename(partial, folder, durable=durable)
    except (tarfile.TarError, Malformed) as error:
        raise ExtractError(tar.name, f"no sound tar: {error}") from error
    except OSError as error:
        failure = DiskError(folder, error)
        if failure.is_full:
            raise failure from error
        raise ExtractError(tar.name, str(failure)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract_all(tar: Path, into: Path, durable: bool) -> None:
    with tar.open("rb") as file:
        # Before anything is made of it: every member ends within the file, and no
        # header is larger than what it is good for.
        check_tar(file, tar.stat().st_size)
    # Not compressed: what comes out is no larger than what went in.
    with tarfile.open(tar, "r:") as archive:
        for number, member in enumerate(archive):
            anyio.from_thread.check_cancelled()
            if number == MAX_MEMBERS:
                raise ExtractError(tar.name, f"more than {MAX_MEMBERS:,} files in it")
            _check(tar, member, into)
            _extract(archive, member, into, durable)
    if durable:
        flush_folder(into)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path, durable: bool) -> None:
    content = archive.extractfile(member)
    assert content is not None  # as for every regular file
    with content:
        write_anew(into / member.name, chunks_of(content), durable=durable, is_new=True)


def _check(tar: Path, member: tarfile.TarInfo, into: Path) -> None:
    if member.type not in _PLAIN_TYPES or member.issparse():
        raise ExtractError(tar.name, f"{member.name!r} in it is no regular file")
    if safe_name(member.name) != member.name:
        raise ExtractError(tar.name, f"{member.name!r} in it is no plain file name")
    # Pythons before 3.11.4 do without.
    if data_filter := getattr(tarfile, "data_filter", None):
        data_filter(member, str(into))
