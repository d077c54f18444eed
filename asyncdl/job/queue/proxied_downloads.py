"""Downloads that other sites deliver, whose end the service cannot see.

Source: endpoints ``download-search``, ``download-complete-proxied``; API notes, sections 5.6
and 5.7.
"""

from __future__ import annotations

import logging

from asyncdl.background import in_turns
from asyncdl.journal import Journal
from asyncdl.m2m import M2MClient

MAX_LISTED = 100_000
"""Requests of a job; the list of so many entries has some 60 megabytes."""

log = logging.getLogger("asyncdl.job")


class ProxiedDownloads:
    """Finds out which downloads of a job other sites delivered, and reports these as complete.

    Some may be under the label of another job that requested them first. Only the whole list of
    a label says which they are, so very large jobs skip this. The list says it once a link was
    used, so it may be searched while the last files flow.

    Args:
        journal: Of the job.
        client: Of the service.
        label: The job's own.
    """

    def __init__(self, journal: Journal, client: M2MClient, label: str) -> None:
        self._journal = journal
        self._client = client
        self._label = label
        self._found: list[int] = []
        self._decided: set[int] | None = None
        """The downloads of which the last search could say it; ``None`` before the first."""

    async def search(self) -> None:
        """Search for them. Raises: ApiError, NetworkError."""
        if (requests := await self._journal.requests.count()) > MAX_LISTED:
            log.info(
                "%d requests are too many to find out which of them other sites delivered",
                requests,
            )
            return
        found: list[int] = []
        decided: set[int] = set()
        for known in dict.fromkeys([self._label, *await self._journal.requests.labels()]):
            entries = await self._client.download_search_entries(known, active_only=False)
            async for entry in in_turns(entries):
                if entry.is_proxied:
                    found.append(entry.download_id)
                if not entry.is_unused:
                    decided.add(entry.download_id)
        self._found, self._decided = found, decided

    async def report(self) -> None:
        """Report those that were fetched; searches unless the last search said all.

        Raises: ApiError, NetworkError.
        """
        if not await self._is_decided():
            await self.search()
        if self._found and (sizes_bytes := await self._journal.requests.sizes_of(self._found)):
            await self._client.download_complete_proxied(sizes_bytes)

    async def _is_decided(self) -> bool:
        decided = self._decided
        return decided is not None and decided.issuperset(await self._journal.requests.ids())
