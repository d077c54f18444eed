"""Remove what a job has begun and not finished: parts of files, and uploads to a store.

Finished files stay. A run would have continued what is removed; afterwards it fetches that from
the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.job.job_state import open_job_state
from asyncdl.job.places.layout import transient_path
from asyncdl.job.places.store_placer import StorePlacer
from asyncdl.job.places.target import placer_of
from asyncdl.journal import STATE_FOLDER, FileStatus, places_of
from asyncdl.stores.abandoned import can_list, remove_uploads, unfinished_uploads
from asyncdl.stores.address import StoreAddress
from asyncdl.stores.settings import StoreSettings
from asyncdl.transfer.names import PART_ENDINGS

OURS_IN_STORE = (f"{STATE_FOLDER}/", "stac/")
"""Folders of a store that only asyncdl writes to."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed."""

    files: int = 0
    """Unfinished files on the local disk, and whole ones that waited for their upload."""
    size_bytes: int = 0
    """Of them."""
    uploads: int = 0
    """Unfinished uploads."""
    lists_uploads: bool = True
    """Whether the store says which uploads are unfinished; true for a folder."""


async def clean_job(config: Config, service: str, on_wait: Callable[[str], None]) -> Cleaned:
    """Remove what a job has begun and not finished.

    Args:
        config: Of the job.
        service: Name of the service.
        on_wait: Called in a worker thread with why it has to wait.
    Raises: DirectoryBusyError, while a run goes on; DiskError; StoreError.
    """
    placer = placer_of(config, on_wait)
    places = await anyio.to_thread.run_sync(places_of, config)
    if not places.store and await anyio.to_thread.run_sync(places.known) is None:
        return Cleaned()  # no run has begun there
    async with open_job_state(config, placer, service, on_wait) as journal:
        known = frozenset(file.path for file in await journal.files.known(list(FileStatus)))
        if not isinstance(placer, StorePlacer):
            return await anyio.to_thread.run_sync(_clean_folder, placer.work_directory, known)
        return await anyio.to_thread.run_sync(_clean_store, placer, known)


async def clean_place(address: StoreAddress, older_than_s: float) -> Cleaned:
    """Remove unfinished uploads to a place of a store, whoever has begun them.

    Args:
        address: Of the place. Service and credentials are those of the environment.
        older_than_s: How long ago they were begun at least, in seconds: others go on.
    Raises: ConfigError; StoreError.
    """
    return await anyio.to_thread.run_sync(_clean_place, StoreSettings(address), older_than_s)


def _clean_place(settings: StoreSettings, older_than_s: float) -> Cleaned:
    if not can_list(settings):
        return Cleaned(lists_uploads=False)
    until = datetime.now(UTC) - timedelta(seconds=older_than_s)
    uploads = [upload for upload in unfinished_uploads(settings) if upload.begun <= until]
    remove_uploads(settings, uploads)
    return Cleaned(uploads=len(uploads))


def _clean_folder(directory: Path, known: frozenset[str]) -> Cleaned:
    """Remove unfinished files of paths that the journal knows."""
    return _removed(path for path in _unfinished(directory, known))


def _unfinished(directory: Path, known: frozenset[str]) -> Iterator[Path]:
    for path in sorted(known):
        final = directory.joinpath(*path.split("/"))
        for name in (final, transient_path(final)):
            yield from (name.with_name(f"{name.name}{ending}") for ending in PART_ENDINGS)
        yield transient_path(final)


def _clean_store(placer: StorePlacer, known: frozenset[str]) -> Cleaned:
    """Remove all of the spool, and unfinished uploads to paths of this job."""
    spool = placer.work_directory
    removed = _removed(path for path in sorted(spool.rglob("*")) if not path.is_dir())
    for folder in sorted((p for p in spool.rglob("*") if p.is_dir()), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    settings = placer.place_data.settings
    if not can_list(settings):
        return Cleaned(removed.files, removed.size_bytes, 0, lists_uploads=False)
    uploads = [
        upload
        for upload in unfinished_uploads(settings)
        if upload.path in known or upload.path.startswith(OURS_IN_STORE)
    ]
    remove_uploads(settings, uploads)
    return Cleaned(removed.files, removed.size_bytes, len(uploads))


def _removed(paths: Iterator[Path]) -> Cleaned:
    files = size_bytes = 0
    for path in paths:
        with suppress(OSError):
            length = os.lstat(path).st_size
            path.unlink()
            files += not PurePosixPath(path).name.endswith((".state", ".tmp", ".lock"))
            size_bytes += length
    return Cleaned(files, size_bytes)
