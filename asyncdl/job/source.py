"""What a job asks for files: the M2M service, or the archive that its files come from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.events import Emit, Notice
from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from asyncdl.stac import StacCatalog, StacOptions

NO_ACCOUNT = Credentials("", "")
"""Stands for an account where the service is not asked for anything."""
_WHO_PAYS = (
    "Files come from the archive on S3, whose readers pay: your AWS account, for requests, and for"
    " bytes that leave the archive's region."
)


def needs_account(config: Config) -> bool:
    """Return whether a job makes any call of the M2M service."""
    return config.download.source == "m2m" or not config.search.is_by_id


@asynccontextmanager
async def open_source(
    config: Config,
    credentials: Credentials,
    options: ClientOptions,
    emit: Emit,
    catalog: StacCatalog | None = None,
) -> AsyncIterator[M2MClient]:
    """Yield the client for a job.

    Args:
        config: Of the job.
        credentials: Of the account of the service; :data:`NO_ACCOUNT` if none is needed.
        options: Of the client.
        emit: Takes events of calls, and a notice on who pays.
        catalog: The open catalogue; by default another one.
    Raises: ConfigError, for an archive without the extra, or without credentials for it.
    """
    whole: dict[str, Any] = {"url": config.service.url, "options": options, "emit": emit}
    async with AsyncExitStack() as stack:
        if config.download.source == "m2m":
            client = M2MClient(credentials, **whole)
        else:
            # Most jobs need no archive.
            from asyncdl.archive import ArchiveBucket, ArchiveClient, ArchiveSettings

            place = config.archive
            settings = ArchiveSettings(place.region, place.endpoint, place.profile)
            bucket = await anyio.to_thread.run_sync(ArchiveBucket, settings)
            emit(Notice(_WHO_PAYS))
            if catalog is None:
                catalog = await stack.enter_async_context(
                    StacCatalog(
                        config.service.digest_url, emit=emit, options=StacOptions(tls=options.tls)
                    )
                )
            client = ArchiveClient(bucket, catalog, credentials=credentials, **whole)
        yield await stack.enter_async_context(client)
