"""Look-ups of digests: batched, remembered, and given up without delay when the service fails."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Self

import anyio
import orjson
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from asyncdl.background import off_loop
from asyncdl.errors import RETRYABLE_STATUS, NetworkError
from asyncdl.events import Emit, Notice, discard
from asyncdl.net.aiohttp_faults import session_errors
from asyncdl.net.faults import SESSION_CLOSED
from asyncdl.net.hosts import USER_AGENT
from asyncdl.net.retry import Backoff, Outage, parse_retry_after
from asyncdl.net.service_address import ServiceAddress, service_address
from asyncdl.net.sessions import open_session
from asyncdl.net.tls import Tls
from asyncdl.redact import Url
from asyncdl.stac.items import (
    Digests,
    FileDigest,
    NotAnItemCollection,
    Page,
    PageRequest,
    items_of,
    merge,
    next_page,
    read_page,
    search_body,
)

_MAX_PAGES = 20
"""Of one batch; a service that sends more sends us in circles."""

_log = logging.getLogger("asyncdl.stac")

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/geo+json, application/json",
    "User-Agent": USER_AGENT,
}


@dataclass(frozen=True, slots=True)
class StacOptions:
    """Batch sizes and timeouts, so that the service delays a run by seconds at most."""

    products_per_call: int = 100
    """Products per search; each has one or two items of about 20 kB."""
    timeout_s: float = 20.0
    """For one request and its whole response."""
    backoff: Backoff = field(default_factory=lambda: Backoff(max_s=10.0, attempts=3))
    """Tries, and pauses between them, when the service fails."""
    patience_s: float = 45.0
    """For all pages and tries of one batch; after that its digests are unknown."""
    rest_s: float = 300.0
    """How long no request is made after the service has failed."""
    keep_products: int = 1000
    """Products whose digests are kept in memory, about 9 kB each."""
    max_reply_bytes: int = 16 * 1024**2
    """A longer response is an error: the items of a batch take about four MiB."""
    tls: Tls | None = None
    """Whom to trust; a session that is given has its own trust."""


class StacTransport:
    """Sends requests to one STAC service.

    Args:
        address: Of the service.
        session: Whose connections are used.
        timeout_s: For one request and its whole response; two thirds of it for the connection.
        max_reply_bytes: A longer response is an error.
    """

    def __init__(
        self,
        address: ServiceAddress,
        session: ClientSession,
        timeout_s: float,
        max_reply_bytes: int,
    ) -> None:
        self.address = address
        self._session = session
        self._timeout = ClientTimeout(total=timeout_s, connect=timeout_s * 2 / 3)
        self._max_reply_bytes = max_reply_bytes

    @property
    def host(self) -> str:
        """Host, and port if it is not the usual one."""
        return self.address.host

    async def fetch(self, page: PageRequest) -> bytes:
        """Return the whole response to one request.

        Raises: NetworkError, without one, or if its status is not 200.
        """
        what = f"request to {self.host}"
        if self._session.closed:
            raise SESSION_CLOSED.error(what)
        with session_errors(what):
            async with self._session.request(
                "GET" if page.body is None else "POST",
                # As it came: the token of a page may be anything.
                URL(page.url, encoded=True),
                data=page.body,
                headers=_HEADERS,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                _check_status(what, response)
                return await self._read_bounded(what, response)

    async def _read_bounded(self, what: str, response: ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_reply_bytes:
                raise NetworkError(what, "the response is too long", retryable=False)
        return bytes(body)


def _check_status(what: str, response: ClientResponse) -> None:
    if response.status == 200:
        return
    is_passing = response.status in RETRYABLE_STATUS
    error = NetworkError(what, f"the host responded with {response.status}", retryable=is_passing)
    error.retry_after_s = parse_retry_after(
        response.headers.get("Retry-After"), sent=response.headers.get("Date")
    )
    raise error


class StacCatalog:
    """Looks up the digests of the files of Collection 2 products.

    An asynchronous context manager; any number of tasks may use it at once, and
    their requests are sent one after the other.

    Args:
        url: Base address of the service; empty sends no request and knows nothing.
        session: A session to use, which is never closed here. Headers and cookies that it
            sends with every request go to this service, too.
        emit: Takes one :class:`~asyncdl.events.Notice` per outage.
        options: Batch sizes and timeouts.
        clock: Gives the time in seconds; the loop's by default.
    Raises: ConfigError, if ``url`` is neither empty nor an http(s) address.
    """

    def __init__(
        self,
        url: str,
        *,
        session: ClientSession | None = None,
        emit: Emit = discard,
        options: StacOptions | None = None,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._options = options or StacOptions()
        url = Url(url)  # whose repr shows no secret
        self._address = (
            service_address(url, key="service.stac_url", allowed=', or "" for none')
            if url
            else None
        )
        self._session = session
        self._emit = emit
        self._clock = clock
        self._outage = Outage()
        self._kept: OrderedDict[str, Digests] = OrderedDict()
        self._scene_ids: OrderedDict[str, str] = OrderedDict()
        self._one_at_a_time = anyio.Lock()
        self._resources = AsyncExitStack()
        self._transport: StacTransport | None = None

    async def __aenter__(self) -> Self:
        options, address = self._options, self._address
        if address is not None:
            session = self._session
            if session is None:
                session = await open_session(address.origin, options.tls)
                await self._resources.enter_async_context(session)
            self._transport = StacTransport(
                address, session, options.timeout_s, options.max_reply_bytes
            )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transport = None
        await self._resources.aclose()

    async def digests(self, product_ids: Iterable[str]) -> Mapping[str, Mapping[str, FileDigest]]:
        """Return the digests of the files of some products.

        What was looked up before is not requested again. Raises nothing: what the service does
        not provide is unknown.

        Args:
            product_ids: Such as ``LC08_L2SP_068017_20230801_20230811_02_T1``.
        Returns: Product id to file name to digest. A product is missing if the
            service did not respond; all are, outside the context manager. It is empty if the
            service has no digest of it, or if it is not a product of Collection 2, level 1 or 2.
        """
        if self._transport is None:
            return {}
        wanted = list(dict.fromkeys(product_ids))
        found = self._recall(wanted)
        if len(found) == len(wanted) or self._outage.is_resting(self._clock()):
            return found
        async with self._one_at_a_time:
            # The task before this one may have looked up the same products.
            found |= self._recall(wanted)
            unknown = [product_id for product_id in wanted if product_id not in found]
            for batch in _batches(unknown, self._options.products_per_call):
                found |= await self._look_up(self._transport, batch)
        return found

    def scene_id(self, product_id: str) -> str:
        """Return the entity id of a product that was looked up lately; empty if not stated."""
        items = items_of(product_id)
        return next(filter(None, (self._scene_ids.get(item, "") for item in items)), "")

    def _recall(self, product_ids: Iterable[str]) -> dict[str, Digests]:
        found = {}
        for product_id in product_ids:
            if product_id in self._kept:
                self._kept.move_to_end(product_id)
                found[product_id] = self._kept[product_id]
            elif not items_of(product_id):
                found[product_id] = {}
        return found

    def _keep(self, found: Mapping[str, Digests]) -> None:
        self._kept |= found
        while len(self._kept) > self._options.keep_products:
            self._kept.popitem(last=False)

    def _keep_scene_ids(self, found: Mapping[str, str]) -> None:
        self._scene_ids |= found
        while len(self._scene_ids) > 2 * self._options.keep_products:
            self._scene_ids.popitem(last=False)

    async def _look_up(
        self, transport: StacTransport, product_ids: list[str]
    ) -> dict[str, Digests]:
        """Return the digests of one batch; nothing, if the service fails."""
        if self._outage.is_resting(self._clock()):
            return {}
        items = {product_id: items_of(product_id) for product_id in product_ids}
        wanted = {item: kind for kinds in items.values() for item, kind in kinds.items()}
        try:
            with anyio.fail_after(self._options.patience_s):
                found_items = await self._search(transport, wanted)
        except TimeoutError:
            self._give_up(transport, NetworkError(f"request to {transport.host}", "timed out"))
            return {}
        except NetworkError as error:
            self._give_up(transport, error)
            return {}
        self._outage.end()
        found = await off_loop(len(found_items), _merged, items, found_items)
        self._keep(found)
        return found

    async def _search(
        self, transport: StacTransport, items: Mapping[str, str]
    ) -> dict[str, Digests]:
        """Search for items, page by page, until all are found or no page follows.

        Raises: NetworkError.
        """
        body, found = search_body(items), dict[str, Digests]()
        request: PageRequest | None = PageRequest(
            transport.address.url_of("search"), orjson.dumps(body)
        )
        for _ in range(_MAX_PAGES):
            if request is None or found.keys() == items.keys():
                break
            page = await self._fetch_with_retries(transport, request)
            added = {item: digests for item, digests in page.items.items() if item in items}
            found |= added
            self._keep_scene_ids(page.scene_ids)
            request = next_page(body, page.next, transport.address.origin) if added else None
        return found

    async def _fetch_with_retries(self, transport: StacTransport, request: PageRequest) -> Page:
        """Fetch a page, again if it fails and another try may help.

        Raises: NetworkError.
        """
        failed, backoff = 0, self._options.backoff
        while True:
            try:
                return await _fetch_page(transport, request)
            except NetworkError as error:
                failed += 1
                if not backoff.may_retry(error, failed, longest_wait_s=self._options.patience_s):
                    raise
                wait_s = backoff.delay_s(failed, retry_after_s=error.retry_after_s)
                _log.info("%s; next try in %.1f s", error, wait_s)
            await anyio.sleep(wait_s)

    def _give_up(self, transport: StacTransport, error: NetworkError) -> None:
        _log.warning("no digests: %s", error)
        is_first, now_s = not self._outage.failed, self._clock()
        self._outage.fail(now_s)
        self._outage.next_try_s = now_s + max(self._options.rest_s, error.retry_after_s or 0.0)
        if is_first:
            text = (
                f"The STAC service at {transport.host} provides no checksums right now"
                f" ({error.cause}); files are verified without them, and it is tried again later."
            )
            self._emit(Notice(text, severity="warning"))


def _merged(
    items: Mapping[str, Mapping[str, str]], found: Mapping[str, Digests]
) -> dict[str, Digests]:
    """Return the digests of each product, merged from those of its items."""
    return {
        product_id: merge(found[item] for item in kinds if item in found)
        for product_id, kinds in items.items()
    }


_BYTES_PER_ITEM_OF_WORK = 1024
"""Bytes of a response that take about as long to parse as one item of other work."""


async def _fetch_page(transport: StacTransport, request: PageRequest) -> Page:
    try:
        body = await transport.fetch(request)
        return await off_loop(len(body) // _BYTES_PER_ITEM_OF_WORK, read_page, body)
    except NotAnItemCollection as error:
        raise NetworkError(
            f"request to {transport.host}", f"the response is not an item collection: {error}"
        ) from error


def _batches(product_ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(product_ids)
    while batch := list(islice(rest, size)):
        yield batch
