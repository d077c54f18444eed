"""The engine's entry point."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from asyncdl.background import in_own_task, require_asyncio
from asyncdl.errors import INTERRUPTED, MisuseError, TransferError, wrong_type
from asyncdl.events import Emit, discard
from asyncdl.net.proxies import names_proxy
from asyncdl.net.tls import SharedContext, Tls, names_files
from asyncdl.transfer.download import new_download
from asyncdl.transfer.engine import Engine, build_engine
from asyncdl.transfer.http_client import Client, ProxyingClient
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.mirrors import MirroredDownload
from asyncdl.transfer.netrc import Netrc
from asyncdl.transfer.request import Fetched, FileRequest
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.wire.client import WireClient

if TYPE_CHECKING:
    from aiohttp import ClientSession


class Downloader:
    """Fetches files; each is either verified or not there at all.

    An asynchronous context manager. Any number of tasks may fetch at once, and all of them share
    its limits::

        async with Downloader() as downloader:
            fetched = await downloader.fetch(FileRequest(url, directory))

    Args:
        limits: Connections, rates, retries and timeouts.
        emit: Receives its events; may neither block nor raise.
        session: Makes the requests, for example with a resolver of its own; never closed here.
            It should have no cookies and no ``auto_decompress``. By default the engine uses its
            own, faster client, and the proxies that the environment names.
        tls: Trusted certificates, and a client certificate; by default as the environment says.
            A session that is given has its own.
        netrc: Names and passwords of hosts, see :func:`~asyncdl.transfer.netrc.read_netrc`; by
            default none are sent, except those in a URL.
    Raises: ConfigError, when the block is entered, for an invalid file that ``tls`` or the
        environment names.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        emit: Emit = discard,
        session: ClientSession | None = None,
        tls: Tls | None = None,
        netrc: Netrc | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._emit = emit
        self._session = session
        self._tls = tls
        given: object = netrc
        if given is not None and not isinstance(given, Netrc):
            raise wrong_type("Downloader.netrc", given, "what read_netrc() returns, or None")
        self._netrc = netrc
        self._client: Client | None = None
        self._engine: Engine | None = None
        self._fetches: set[CancelScope] = set()
        self._ended = anyio.Event()

    async def __aenter__(self) -> Self:
        require_asyncio("Downloader")
        if self._engine is not None:
            raise MisuseError("the block of this Downloader is entered already")
        self._client = await self._new_client()
        self._engine = build_engine(self._client, self.limits, self._emit, self._netrc)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._engine = None
        for scope in self._fetches:
            scope.cancel()
        await in_own_task(self._close())

    async def _close(self) -> None:
        # They still write their state files; connections that they use are not idle.
        await self._all_ended()
        if self._client is not None:
            await self._client.aclose()

    async def _all_ended(self) -> None:
        while self._fetches:
            self._ended = anyio.Event()
            await self._ended.wait()

    async def _new_client(self) -> Client:
        if self._session is None:
            # Its certificates take a while to read; without TLS nothing has to wait for them.
            context = SharedContext(self._tls)
            if names_files(self._tls, os.environ):
                await context.get()
            direct = WireClient(self.limits, context)
            is_by_proxy = names_proxy(os.environ)
            return ProxyingClient(direct, self.limits, context) if is_by_proxy else direct
        from asyncdl.transfer.aiohttp_client import SessionClient

        return SessionClient(self._session, self.limits)

    def is_troubled(self, url: str) -> bool:
        """Return whether the host of ``url`` is down or paused, and waited for."""
        return self._engine is not None and self._engine.host_limiter.is_troubled(url)

    def limit(self, connections: int, max_rate_bytes_s: float | None) -> None:
        """Use other limits from now on, in the place of those of :attr:`limits`.

        Connections that are in use stay; no other begins until their number is right.

        Args:
            connections: To all hosts together, 1 or more; no more go to one host.
            max_rate_bytes_s: For all files together; ``None`` is unlimited.
        """
        if self._engine is not None:
            self._engine.host_limiter.resize(connections)
            self._engine.rate_limit.change(max_rate_bytes_s)

    def spare_host(self, host: str, reason: str, pause_s: float, *, is_strained: bool) -> None:
        """Apply what another downloader has learned about a host.

        Args:
            host: Its name, with the port if its URLs have one.
            reason: Of the pause, such as ``http-429``.
            pause_s: How long no request is made; 0 or more.
            is_strained: Whether it gets fewer connections from now on.
        """
        if self._engine is not None:
            self._engine.host_limiter.host_named(host).spare(
                reason, pause_s, is_strained=is_strained
            )

    @property
    def connections_in_use(self) -> int:
        """Connections to all hosts together, now."""
        return self._engine.host_limiter.budget.in_use if self._engine is not None else 0

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        """Fetch one file to its final name, or find it there already.

        When it is cancelled or fails, the final name is as it was before, and what came is in a
        ``.part`` file that a later call continues. Outside the context manager it raises a
        MisuseError. A call that still runs at the end of the block is stopped as if cancelled
        and fails with reason ``interrupted``.

        Args:
            request: The file.
            slot: Its place in a list of files, which it gives to others while it waits.
        Raises: TransferError, if the file cannot be fetched, with reason ``busy`` if another
            task or process is fetching it, and ``name-taken`` if this downloader has fetched
            another URL to its name; NetworkError, if its host cannot be reached; DiskError; and
            whatever ``request.refresh`` raises.
        """
        given: object = request
        if not isinstance(given, FileRequest):
            allowed = "a FileRequest, such as FileRequest(url, directory)"
            raise wrong_type("Downloader.fetch", given, allowed)
        if self._engine is None:
            raise MisuseError("a Downloader fetches inside its `async with` block only")
        engine = self._engine
        prepare = MirroredDownload if request.mirrors else new_download
        with CancelScope() as scope:
            self._fetches.add(scope)
            try:
                # A file that is there already needs no wait of its own. Without this one, a
                # caller with thousands of them would block the event loop.
                await checkpoint()
                return await prepare(engine, request, slot).run()
            finally:
                self._fetches.discard(scope)
                self._ended.set()
        detail = "its Downloader was closed while it was being fetched"
        raise TransferError(request.url, detail, reason=INTERRUPTED)
