"""One file with several URLs: each is tried in turn.

The first round leaves a mirror at its first failure, so that one that is down costs little. A
mirror whose failure may pass is tried once more, with all its attempts; one that sent wrong
bytes, or another length than the others, is not asked again.
"""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as changed

from asyncdl.errors import (
    AsyncdlError,
    ChecksumMismatch,
    NetworkError,
    SizeMismatch,
    TransferError,
    WrongContent,
    reason_of,
)
from asyncdl.events import Notice
from asyncdl.redact import redact
from asyncdl.transfer.download import new_download
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.file_url import FileUrl
from asyncdl.transfer.name_registry import NAME_TAKEN
from asyncdl.transfer.names import name_in_url
from asyncdl.transfer.parts.part_file import BUSY
from asyncdl.transfer.request import Fetched, FileRequest
from asyncdl.transfer.slots import Slot

_OURS = frozenset({BUSY, NAME_TAKEN})
"""Reasons on this machine: no other mirror helps."""


class MirroredDownload:
    """One file, from the first of its mirrors that sends it. Used once.

    Args:
        engine: What all files share.
        request: With ``mirrors``.
        slot: As in :func:`new_download`.
    Raises: TransferError, if one of the URLs is not one, or a header cannot be sent.
    """

    def __init__(self, engine: Engine, request: FileRequest, slot: Slot | None = None) -> None:
        self._engine = engine
        self._slot = slot
        self._request = request
        self._left = list(dict.fromkeys((request.url, *request.mirrors)))
        # All of them write to one file, whatever name each host gives it.
        self._name = request.name or name_in_url(request.url) or None
        self._size_bytes = request.size_bytes
        for url in self._left:
            FileUrl(self._request_to(url))  # raises at once for one that cannot be fetched

    async def run(self) -> Fetched:
        """Fetch the file.

        Raises: as :meth:`Download.run`; of several failures the last.
        """
        once = replace(self._engine.limits.backoff, attempts=1)
        impatient = replace(self._engine.limits, backoff=once, max_wait_s=0.0)
        first = changed(self._engine, limits=impatient)
        failure: AsyncdlError | None = None
        for engine in (first, self._engine):
            for url in tuple(self._left):
                if engine is first and self._is_troubled(url):
                    continue
                try:
                    return await self._fetch_from(url, engine)
                except (TransferError, NetworkError) as error:
                    if reason_of(error) in _OURS:
                        raise
                    self._handle_failure(url, error)
                    failure = error
        raise failure or RuntimeError("a file without a URL")

    def _is_troubled(self, url: str) -> bool:
        host_limiter = self._engine.host_limiter
        return host_limiter.is_down(url) or host_limiter.is_troubled(url)

    async def _fetch_from(self, url: str, engine: Engine) -> Fetched:
        download = new_download(engine, self._request_to(url), self._slot)
        try:
            return await download.run()
        finally:
            if not self._request.digests and self._size_bytes is None:
                # Without a digest, the first announced length counts for all mirrors.
                self._size_bytes = download.known_total

    def _request_to(self, url: str) -> FileRequest:
        others = tuple(other for other in self._left if other != url)
        return replace(
            self._request, url=url, mirrors=others, name=self._name, size_bytes=self._size_bytes
        )

    def _handle_failure(self, url: str, error: TransferError | NetworkError) -> None:
        """Decide whether a mirror that failed is asked again, and report it."""
        is_wrong = isinstance(error, ChecksumMismatch | SizeMismatch | WrongContent)
        if is_wrong or not error.retryable:
            self._left.remove(url)
        what = error.detail if isinstance(error, TransferError) else str(error)
        becomes = "asked again later" if url in self._left else "not asked again"
        text = f"mirror {redact(url)}: {what} [{reason_of(error)}]; {becomes}"
        self._engine.emit(Notice(text, "warning"))
