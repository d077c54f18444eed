"""A bounded queue of requests, and the workers that empty it."""

from __future__ import annotations

import logging
from contextlib import suppress

import anyio
from anyio import EndOfStream, WouldBlock
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct

from asyncdl.errors import AsyncdlError
from asyncdl.transfer.downloader import Downloader
from asyncdl.transfer.request import Fetched, FileRequest

_log = logging.getLogger("asyncdl.transfer")


class Outcome(Struct, frozen=True):
    """How one request ended: exactly one of ``fetched`` and ``error`` is set."""

    request: FileRequest
    fetched: Fetched | None = None
    error: Exception | None = None


async def serve_queue(
    downloader: Downloader,
    requests: MemoryObjectReceiveStream[FileRequest],
    outcomes: MemoryObjectSendStream[Outcome],
    workers: int,
) -> None:
    """Fetch what comes out of ``requests`` until its senders have closed.

    One outcome is sent per request, in the order in which they end. Both
    streams are closed at the end. An outcome that nobody takes holds up its
    worker, so a slow reader slows the downloads.

    Args:
        downloader: Fetches; stays open.
        requests: Best bounded by a few times ``workers``.
        outcomes: Where the results go.
        workers: Files at once, 1 or more.
    """
    async with requests, outcomes, anyio.create_task_group() as workshop:
        for _ in range(workers):
            workshop.start_soon(_work, downloader, requests.clone(), outcomes.clone())


async def _work(
    downloader: Downloader,
    requests: MemoryObjectReceiveStream[FileRequest],
    outcomes: MemoryObjectSendStream[Outcome],
) -> None:
    async with requests, outcomes:
        with suppress(EndOfStream):
            while True:
                outcome = await _settle(downloader, await _next(requests))
                await _send(outcomes, outcome)


# The streams' own ways go once around the loop even where nobody has to wait.


async def _next(requests: MemoryObjectReceiveStream[FileRequest]) -> FileRequest:
    try:
        return requests.receive_nowait()
    except WouldBlock:
        return await requests.receive()


async def _send(outcomes: MemoryObjectSendStream[Outcome], outcome: Outcome) -> None:
    try:
        outcomes.send_nowait(outcome)
    except WouldBlock:
        await outcomes.send(outcome)


async def _settle(downloader: Downloader, request: FileRequest) -> Outcome:
    """Turn the end of one request into its outcome: one bad file stops no other."""
    try:
        return Outcome(request, fetched=await downloader.fetch(request))
    except AsyncdlError as error:
        return Outcome(request, error=error)
    except Exception as error:
        _log.exception("a download ended in a way that nobody foresaw")
        return Outcome(request, error=error)
