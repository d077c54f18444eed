"""``asyncdl.status`` and ``asyncdl.verify``: what is known of files, and whether it is so."""

from __future__ import annotations

from dataclasses import replace

from asyncdl.config import Config
from asyncdl.events import Emit, discard
from asyncdl.job.choosing.scope import DAMAGED
from asyncdl.job.job import Job
from asyncdl.job.places.target import placer_of
from asyncdl.job.status import Status, status_of
from asyncdl.job.verifying import Checked, NothingKnown, forget_gone, verify_job
from asyncdl.journal import open_state, places_of
from asyncdl.library.arguments import check_config, with_known_words
from asyncdl.library.service import ServiceInput, account_of, with_service
from asyncdl.m2m import Credentials


@with_known_words
async def status(config: Config, *, service: ServiceInput = None) -> Status | None:
    """Return how far the job of a config is. Works offline, read-only.

    Args:
        config: The job.
        service: Keys of ``[service]``, or a sandbox; by default that of the config.
    Returns: ``None`` if no run of it has begun.
    Raises: DiskError, when the journal cannot be read.
    """
    check_config("config", config)
    config, name = await with_service(config, service)
    return await status_of(places_of(config), name)


@with_known_words
async def verify(
    config: Config,
    *,
    repair: bool = False,
    reads: bool = False,
    service: ServiceInput = None,
    credentials: Credentials | None = None,
    emit: Emit = discard,
) -> Checked | None:
    """Read every finished file of a job again and compare it with its recorded checksum.

    Works offline, except for a repair.

    Args:
        config: The job.
        repair: Whether damaged and missing files are downloaded again.
        reads: Whether files in an object store are read, too; otherwise their sizes and tags
            are compared. Files in a folder are always read.
        service: Keys of ``[service]``, or a sandbox; by default that of the config.
        credentials: Of the account, for a repair.
        emit: Takes a :class:`FileChecked` for each file, and the events of a repair.
    Returns: What is damaged at the end; ``None`` if no run of the job is known.
    Raises: DiskError, when the journal cannot be read; for a repair as
        :meth:`asyncdl.Job.run`.
    """
    check_config("config", config)
    config, name = await with_service(config, service)
    checked = await verify_job(config, name, emit, reads=reads)
    if isinstance(checked, NothingKnown):
        return None
    if not (repair and checked.damaged):
        return checked
    account = account_of(service, credentials)
    summary = await Job(config, credentials=account, service_name=name, only=DAMAGED).run(emit)
    still = {failure.file for failure in summary.failures} | await _left_over(config, name)
    return replace(checked, damaged=[d for d in checked.damaged if d.file in still])


async def _left_over(config: Config, name: str) -> set[str]:
    """Return the damaged files that are still there, which the config no longer wants."""
    async with open_state(places_of(config), name) as journal:
        await forget_gone(placer_of(config), journal)
        return {file.path for file in await journal.files.known(DAMAGED)}
