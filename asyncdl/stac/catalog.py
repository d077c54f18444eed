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
from aiohttp import ClientSession

from asyncdl.background import off_loop
from asyncdl.errors import NetworkError
from asyncdl.events import Emit, Notice, discard
from asyncdl.net.retry import Backoff, Outage
from asyncdl.net.service_address import service_address
from asyncdl.net.sessions import open_session
from asyncdl.net.tls import Tls
from asyncdl.redact import Url
from asyncdl.stac.items import (
    Digests,
    FileDigest,
    NextPage,
    NotAnItemCollection,
    Page,
    items_of,
    merge,
    next_link,
    read_page,
    search_body,
)
from asyncdl.stac.transport import StacTransport

_MOST_PAGES = 20
"""Of one batch; a service that sends more is leading us around in circles."""

_log = logging.getLogger("asyncdl.stac")


@dataclass(frozen=True, slots=True)
class StacOptions:
    """How much is asked at once, and how little the service may delay a run."""

    products_per_call: int = 100
    """Products looked up by one search; each has one item or two of about 20 kB."""
    timeout_s: float = 20.0
    """For one question and its whole reply."""
    backoff: Backoff = field(default_factory=lambda: Backoff(max_s=10.0, attempts=3))
    """Tries, and pauses between them, when the service fails."""
    patience_s: float = 45.0
    """For all pages and tries of one batch; then its digests count as unknown."""
    rest_s: float = 300.0
    """How long the service is left alone after it has failed."""
    keep_products: int = 1000
    """Products whose digests are remembered, at about 9 kB each."""
    max_reply_bytes: int = 16 * 1024**2
    """A longer reply is no reply: the items of a batch take about four."""
    tls: Tls | None = None
    """Whom to trust; a session that is given has its own trust."""


class StacCatalog:
    """Tells what the files of Collection 2 products hash to.

    An asynchronous context manager; any number of tasks may ask at once, and
    their questions are sent one after the other.

    Args:
        url: Base address of the service; empty asks nothing and knows nothing.
        session: A session to use, which is never closed here. What it sends with
            every request, it sends to this service too.
        emit: Takes one :class:`~asyncdl.events.Notice` per outage.
        options: How much is asked, and how patiently.
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
        """Return what is known of the files of some products.

        What was looked up before is not asked for again. Raises nothing: what
        cannot be had is unknown.

        Args:
            product_ids: Such as ``LC08_L2SP_068017_20230801_20230811_02_T1``.
        Returns: Product id to file name to digest. A product is missing if the
            service could not be asked about it; all are, outside the context
            manager. It is empty if the service knows no digest of it, or if it is
            no product of Collection 2, level 1 or 2.
        """
        if self._transport is None:
            return {}
        wanted = list(dict.fromkeys(product_ids))
        found = self._recall(wanted)
        if len(found) == len(wanted) or self._outage.is_resting(self._clock()):
            return found
        async with self._one_at_a_time:
            # Whoever asked before may have asked for the same.
            found |= self._recall(wanted)
            unknown = [product_id for product_id in wanted if product_id not in found]
            for batch in _batches(unknown, self._options.products_per_call):
                found |= await self._look_up(self._transport, batch)
        return found

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

    async def _look_up(
        self, transport: StacTransport, product_ids: list[str]
    ) -> dict[str, Digests]:
        """Return what the service tells of one batch; nothing, if it does not."""
        if self._outage.is_resting(self._clock()):
            return {}
        items = {product_id: items_of(product_id) for product_id in product_ids}
        asked = {item: kind for kinds in items.values() for item, kind in kinds.items()}
        try:
            with anyio.fail_after(self._options.patience_s):
                told = await self._search(transport, asked)
        except TimeoutError:
            self._give_up(transport, NetworkError(f"ask {transport.host}", "it takes too long"))
            return {}
        except NetworkError as error:
            self._give_up(transport, error)
            return {}
        self._outage.end()
        found = await off_loop(len(told), _merged, items, told)
        self._keep(found)
        return found

    async def _search(
        self, transport: StacTransport, items: Mapping[str, str]
    ) -> dict[str, Digests]:
        """Ask for some items, page by page, until all are told or none follow.

        Raises: NetworkError.
        """
        body, told = search_body(items), dict[str, Digests]()
        link: NextPage | None = NextPage(transport.address.url_of("search"), orjson.dumps(body))
        for _ in range(_MOST_PAGES):
            if link is None or told.keys() == items.keys():
                break
            page = await self._ask_patiently(transport, link)
            news = {item: tale for item, tale in page.items.items() if item in items}
            told |= news
            link = next_link(body, page.next, transport.address.origin) if news else None
        return told

    async def _ask_patiently(self, transport: StacTransport, link: NextPage) -> Page:
        """Ask, and ask again while there is hope.

        Raises: NetworkError.
        """
        failed, backoff = 0, self._options.backoff
        while True:
            try:
                return await _ask(transport, link)
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
                f" ({error.cause}); files are proven without them, and it is asked again later."
            )
            self._emit(Notice(text, severity="warning"))


def _merged(
    items: Mapping[str, Mapping[str, str]], told: Mapping[str, Digests]
) -> dict[str, Digests]:
    """Return what was told of each product, of what was told of its items."""
    return {
        product_id: merge(told[item] for item in kinds if item in told)
        for product_id, kinds in items.items()
    }


_BRIEF_BYTES = 1024
"""Of a reply, that are read about as fast as one thing is looked at."""


async def _ask(transport: StacTransport, link: NextPage) -> Page:
    try:
        body = await transport.ask(link)
        return await off_loop(len(body) // _BRIEF_BYTES, read_page, body)
    except NotAnItemCollection as error:
        raise NetworkError(f"ask {transport.host}", f"senseless reply: {error}") from error


def _batches(product_ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(product_ids)
    while batch := list(islice(rest, size)):
        yield batch
