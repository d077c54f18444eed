"""Requests of earlier runs that are still in the service's queue.

The journal knows them. If it may lack some, because it is new or the last run was
interrupted, the service is queried once: its queue under the job's label shows what a run
requested whose journal or last response was lost. In a directory that was empty nothing
suggests an earlier run, and the first request is not delayed: if there was one after all,
a repeated request under the same label gets the same downloads, and the end of the run
clears the label as always.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asyncdl.journal import Journal, Requested, RunStart
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.matching import FileIndex
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import DownloadEntry


class OutstandingRequests:
    """Requests of earlier runs that need not be made again.

    Args:
        journal: Of the job.
        entries: Of the service's queue, where the journal cannot know them.
    """

    def __init__(self, journal: Journal, entries: Iterable[DownloadEntry] = ()) -> None:
        self._journal = journal
        self._entries: dict[str, list[DownloadEntry]] = {}
        for entry in entries:
            if not entry.is_final:
                self._entries.setdefault(entry.entity_id or "", []).append(entry)

    async def take(self, files: Sequence[WantedFile]) -> dict[WantedFile, Requested]:
        """Return the files that were requested before, with what the service gave for them."""
        known = await self._journal.requests.known(files)
        found = {wanted: to for wanted in files if (to := known.get(_key(wanted)))}
        if self._entries:
            read_back = list(self._read_back([f for f in files if f not in found]))
            await self._journal.requests.note_accepted(read_back, is_ready=False)
            found.update(read_back)
        return found

    def _read_back(self, files: Sequence[WantedFile]) -> Iterator[tuple[WantedFile, Requested]]:
        index = FileIndex(files)
        for wanted in files:
            for entry in self._entries.get(wanted.entity_id, ()):
                if index.match_entry(entry) is wanted:
                    yield wanted, Requested(entry.download_id, entry.label or "")


async def read_back(
    journal: Journal, client: M2MClient, start: RunStart, *, was_empty: bool
) -> OutstandingRequests:
    """Return the outstanding requests; the service is queried only if the journal may lack some.

    Args:
        journal: Of the job.
        client: Of the service.
        start: What the journal knows of earlier runs.
        was_empty: Whether the download directory was empty or missing before this run.
    Source: endpoint ``download-search``; API notes, section 5.4.
    """
    is_new = start.is_first and was_empty
    if is_new or not start.may_lack_requests:
        return OutstandingRequests(journal)
    return OutstandingRequests(journal, await client.download_search(start.label))


def _key(wanted: WantedFile) -> tuple[str, str]:
    return wanted.entity_id, wanted.product_id
