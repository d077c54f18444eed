"""A bounded queue of requests, and the outcome of each."""

from __future__ import annotations

import logging

from anyio import WouldBlock
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct

from asyncdl.errors import AsyncdlError
from asyncdl.transfer.dispatch import Dispatch
from asyncdl.transfer.host_limiter import host_of
from asyncdl.transfer.request import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.slots import Slot

_log = logging.getLogger("asyncdl.transfer")


class Outcome(Struct, frozen=True):
    """How one request ended: exactly one of ``fetched`` and ``error`` is set."""

    request: FileRequest
    fetched: Fetched | None = None
    error: Exception | None = None


async def serve_queue(
    fetcher: FileFetcher,
    requests: MemoryObjectReceiveStream[FileRequest],
    outcomes: MemoryObjectSendStream[Outcome],
    workers: int,
) -> None:
    """Fetch what comes out of ``requests`` until its senders have closed.

    One outcome is sent per request, in the order in which they end. Both
    streams are closed at the end. An outcome that nobody takes holds up its
    worker, so a slow reader slows the downloads. A file that waits, for its host or for its
    next try, holds up none: others go on meanwhile.

    Args:
        fetcher: Fetches; stays open.
        requests: Best bounded by a few times ``workers``.
        outcomes: Where the results go.
        workers: Files at once, 1 or more.
    """

    async def work(request: FileRequest, slot: Slot) -> None:
        await _send(outcomes, await _settle(fetcher, request, slot))

    async with outcomes:
        await Dispatch(
            requests,
            workers,
            host_of=_hosts_of,
            is_troubled=lambda request: all(map(fetcher.is_troubled, _urls_of(request))),
            work=work,
        ).run()


def _urls_of(request: FileRequest) -> tuple[str, ...]:
    return request.url, *request.mirrors


def _hosts_of(request: FileRequest) -> str:
    return " ".join(map(host_of, _urls_of(request)))


# The stream's own way goes once around the loop even where nobody has to wait.


async def _send(outcomes: MemoryObjectSendStream[Outcome], outcome: Outcome) -> None:
    try:
        outcomes.send_nowait(outcome)
    except WouldBlock:
        await outcomes.send(outcome)


async def _settle(fetcher: FileFetcher, request: FileRequest, slot: Slot) -> Outcome:
    """Turn the end of one request into its outcome: one bad file stops no other."""
    try:
        return Outcome(request, fetched=await fetcher.fetch(request, slot))
    except AsyncdlError as error:
        return Outcome(request, error=error)
    except Exception as error:
        _log.exception("unexpected error in download")
        return Outcome(request, error=error)
