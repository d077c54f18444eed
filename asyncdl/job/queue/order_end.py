"""The end of a job's order at the service: while its last files flow where that is safe.

Removing the order and logging out take two calls, which nothing but the end of the program waits
for. A link that carries its own signature needs neither the entry in the queue nor the API key, so
both may end as soon as every file has begun. Should the host refuse such a link afterwards, its
file is requested again, and the order has another end.

Source: endpoints ``download-order-remove``, ``logout``; API notes, sections 2.3, 5.7 and 7.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asyncdl.job.queue.proxied_downloads import ProxiedDownloads
from asyncdl.journal import Journal
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.matching import is_signed
from asyncdl.net.hosts import hostname_of, is_address


class OrderEnd:
    """Ends a job's order, early or at the end of the run.

    Args:
        journal: Of the job.
        client: Of the service.
        label: The job's own.
        service_url: Where the service is.
        is_whole: Whether the run may end the order: not if it is confined to a part of the config.
        calls_later: Whether calls are made after the files, so that the client stays logged in.
    """

    def __init__(
        self,
        journal: Journal,
        client: M2MClient,
        label: str,
        service_url: str,
        *,
        is_whole: bool = True,
        calls_later: bool = False,
    ) -> None:
        self._journal = journal
        self._client = client
        self._label = label
        self._service_host = hostname_of(service_url)
        self._is_whole = is_whole
        self._calls_later = calls_later
        self._proxied = ProxiedDownloads(journal, client, label)
        self._unsigned = 0
        """Links in use that may need the queue."""
        self._are_from_service = True
        self._is_ended = False

    @contextmanager
    def using(self, url: str) -> Iterator[None]:
        """Note that a link is used in the block."""
        needs_queue = not is_signed(url)
        self._unsigned += needs_queue
        if self._are_from_service:
            self._are_from_service = is_same_site(hostname_of(url), self._service_host)
        try:
            yield
        finally:
            self._unsigned -= needs_queue

    @property
    def may_be_early(self) -> bool:
        """Whether :meth:`end_early` has anything to do, once every file has begun."""
        return not (self._are_from_service and self._unsigned)

    async def end_early(self, *, has_failures: bool) -> bool:
        """End the order if no link needs it any more; return whether that was so.

        If other sites deliver files, these are searched for, which saves that call at the end.

        Args:
            has_failures: Whether a file failed, so that the order stays for the next run.
        Raises: ApiError, NetworkError.
        """
        if not self._are_from_service:
            await self._proxied.search()
            return False
        if self._unsigned or has_failures or not self._is_whole:
            return False
        await self.remove()
        self._is_ended = True
        if not self._calls_later:
            await self._client.logout()
        return True

    async def is_ended(self) -> bool:
        """Return whether the order was ended early, and nothing was requested since."""
        return self._is_ended and not await self._journal.requests.count()

    async def report_proxied(self, *, is_complete: bool) -> None:
        """Report files that other sites delivered as complete: the service cannot see it.

        Where all files are there, all of them from the service's own hosts, there are none.

        Raises: ApiError, NetworkError.
        """
        has_none = is_complete and self._is_whole and self._are_from_service
        if not has_none and not await self.is_ended():
            await self._proxied.report()

    async def remove(self) -> None:
        """Remove the job's own entries, which count against the account's limits.

        Raises: ApiError, NetworkError.
        """
        await self._client.download_order_remove(self._label)
        # Not before: a later run clears what this one could not.
        await self._journal.requests.forget_all()


def is_same_site(one: str, other: str) -> bool:
    """Return whether two hosts belong to one organisation, by the end of their names. Pure."""
    if one == other:
        return True
    if is_address(one) or is_address(other):
        return False
    return _site(one) == _site(other) != ""


def _site(host: str) -> str:
    """Return the last two labels of a name; empty for a name with fewer."""
    labels = host.lower().rstrip(".").split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 else ""
