"""The engine's front door."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import ClientSession

from asyncdl.events import Emit, discard
from asyncdl.transfer.download import Download
from asyncdl.transfer.engine import Engine, build_engine
from asyncdl.transfer.http import new_session
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.request import Fetched, FileRequest


class Downloader:
    """Fetches files, each to be trusted or not there at all.

    An asynchronous context manager; any number of tasks may fetch at once, and
    all of them share its limits::

        async with Downloader() as downloader:
            fetched = await downloader.fetch(FileRequest(url, directory))

    Args:
        limits: How much it takes and how patient it is.
        emit: Takes its events; may neither block nor raise.
        session: A session to use, which is never closed here. It should have no
            cookies and no ``auto_decompress``. By default it makes its own.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        emit: Emit = discard,
        session: ClientSession | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._emit = emit
        self._session = session
        self._resources = AsyncExitStack()
        self._engine: Engine | None = None

    async def __aenter__(self) -> Self:
        session = self._session
        if session is None:
            session = await self._resources.enter_async_context(new_session(self.limits))
        self._engine = build_engine(session, self.limits, self._emit)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._engine = None
        await self._resources.aclose()

    async def fetch(self, request: FileRequest) -> Fetched:
        """Fetch one file to its final name, or find it there already.

        Cancelled or failed, it leaves nothing under the final name that was not
        there before, and what came in a ``.part`` file that a later call goes on
        with. Called outside the context manager it raises a RuntimeError.

        Raises: TransferError, if the file cannot be had, with reason ``busy`` if
            someone else is fetching it; NetworkError, if its host cannot be
            reached; DiskError; and whatever ``request.refresh`` raises.
        """
        if self._engine is None:
            raise RuntimeError("a Downloader fetches inside its `async with` block only")
        return await Download(self._engine, request).run()
