"""The end of a job's order at the service.

Source: endpoint ``download-order-remove``; API notes, section 5.7.
"""

from __future__ import annotations

from asyncdl.job.queue.proxied_downloads import ProxiedDownloads
from asyncdl.journal import Journal
from asyncdl.m2m import M2MClient
from asyncdl.net.hosts import hostname_of, is_address


class OrderEnd:
    """Ends a job's order: reports what other sites delivered, and removes the entries.

    Args:
        journal: Of the job.
        client: Of the service.
        label: The job's own.
        service_url: Where the service is.
    """

    def __init__(self, journal: Journal, client: M2MClient, label: str, service_url: str) -> None:
        self._journal = journal
        self._client = client
        self._label = label
        self._service_host = hostname_of(service_url)
        self._proxied = ProxiedDownloads(journal, client, label)
        self._are_from_service = True

    def note_link(self, url: str) -> None:
        """Note a link that is used."""
        if self._are_from_service:
            self._are_from_service = is_same_site(hostname_of(url), self._service_host)

    async def search_early(self) -> None:
        """Search for what other sites deliver, if any do, which saves that call at the end.

        Raises: ApiError, NetworkError.
        """
        if not self._are_from_service:
            await self._proxied.search()

    async def report_proxied(self, *, is_complete: bool) -> None:
        """Report files that other sites delivered as complete: the service cannot see it.

        Where all files are there, all of them from the service's own hosts, there are none.

        Args:
            is_complete: Whether all files of the whole job are there.
        Raises: ApiError, NetworkError.
        """
        if not (is_complete and self._are_from_service):
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
