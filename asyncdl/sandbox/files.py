"""The file hosts: single files and bundles by signed URL, and the older host by token.

Source: API notes, section 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import anyio
from aiohttp import web

from asyncdl.sandbox.corruption import corrupt, down_answer, lacking_member
from asyncdl.sandbox.delivery import Delivery, headers_of, place_range, strong_etag
from asyncdl.sandbox.faults import Faults
from asyncdl.sandbox.links import (
    BROWSE,
    BUNDLE,
    DATA,
    DOWNLOAD,
    STAGING,
    TILE,
    signed_url,
    target_of,
)
from asyncdl.sandbox.lookup import Requestable, find_browse, find_target
from asyncdl.sandbox.queue import Item, ServedState
from asyncdl.sandbox.request_log import LoggedFileRequest
from asyncdl.sandbox.signing import read_download_token
from asyncdl.sandbox.state import SandboxState

_CHUNK_BYTES = 256 * 1024
"""What one connection holds in memory."""
_SLOW_STEPS_PER_S = 10
"""A slow connection gets its bytes in so many portions a second."""
_FATES = ("stall", "reset", "short_body")
"""Faults that end a body early; the first one that strikes counts."""
_REFUSALS = (("refuse", 403, "Forbidden"), ("gone", 410, "Gone"))
"""Faults that refuse a good URL, each with its status and its page."""
_LOGIN = "/login"
_LOGIN_HOST = "localhost"
"""Another name than the one that files come from, at least for whoever compares names."""
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FileHost:
    """Serves the bytes of what the queue has handed out.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._busy: set[asyncio.Transport] = set()

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        for path, serve in (
            (DATA + "/{folder:.*}/{product}/{file}", self.serve_file),
            (TILE + "/{folder:.*}/{product}/{file}", self.serve_file),
            (BUNDLE, self.serve_bundle),
            (BROWSE, self.serve_browse),
            (DOWNLOAD + "/{token}{slash:/?}", self.serve_token),
            (STAGING + "/{token}{slash:/?}", self.serve_staging),
        ):
            app.router.add_get(path, self._unless_down(serve))
        app.router.add_get(_LOGIN, self.serve_login)

    def _unless_down(self, serve: Handler) -> Handler:
        async def serve_or_not(request: web.Request) -> web.StreamResponse:
            faults = self._world.faults
            if not faults.files_down:
                return await serve(request)
            return self._end(request, down_answer(request, faults.down_mode))

        return serve_or_not

    # --- the doors -----------------------------------------------------------------

    async def serve_file(self, request: web.Request) -> web.StreamResponse:
        """Serve a single file by its signed URL."""
        product, name = request.match_info["product"], request.match_info["file"]
        return await self._serve_signed(request, f"{product}/{name}")

    async def serve_bundle(self, request: web.Request) -> web.StreamResponse:
        """Serve a bundle by its signed URL; HEAD is refused, as the real one refuses it."""
        if request.method == "HEAD":
            self._world.ledger.blame("HEAD on a bundle")
            return self._end(request, web.Response(status=400))
        product = request.query.get("landsat_product_id", "")
        return await self._serve_signed(request, f"{product}.tar")

    async def serve_browse(self, request: web.Request) -> web.StreamResponse:
        """Serve a full-resolution browse image by its signed URL."""
        query = request.query
        wanted = f"size={query.get('size')}&type={query.get('type')}"
        name = find_browse(self._world.catalog, query.get("product_id", ""), wanted)
        return await self._serve_signed(request, name or "")

    async def serve_token(self, request: web.Request) -> web.StreamResponse:
        """Serve a download of the older host by its token."""
        item = self._item_of(request)
        if item is None or item.state is not ServedState.READY:
            return self._end(request, _page(404, "Not Found"))
        return await self._serve_item(request, item)

    async def serve_staging(self, request: web.Request) -> web.StreamResponse:
        """Serve what is ready by now; else let its preparation go on by one step.

        Clients open such a URL as it is, again and again, and never ask the API (API notes,
        section 12a). That is no offence, but asyncdl has better manners: it is remarked.
        """
        item = self._item_of(request)
        if item is not None and item.state is ServedState.READY:
            return await self._serve_item(request, item)
        self._world.ledger.remark("staging URL opened before it was ready")
        if item is not None:
            self._world.queue.poll([item])
        status = 200 if self._world.faults.staging_html else 404
        return self._end(request, _page(status, "This download is not ready"))

    def _item_of(self, request: web.Request) -> Item | None:
        """Return the download that the token of a URL of the older host stands for."""
        download_id = read_download_token(request.match_info["token"])
        return self._world.queue.get(download_id) if download_id is not None else None

    async def _serve_item(self, request: web.Request, item: Item) -> web.StreamResponse:
        world, target = self._world, target_of(self._world, item)
        if world.faults.dds_redirect:
            url = signed_url(world, target, item.download_id)
            return self._end(request, web.Response(status=302, headers={"Location": url}))
        return await self._deliver(request, target, item.download_id)

    async def serve_login(self, request: web.Request) -> web.StreamResponse:
        """Show the page where unsigned requests end."""
        return self._end(request, _page(200, "Sign in"))

    async def _serve_signed(self, request: web.Request, name: str) -> web.StreamResponse:
        world = self._world
        target = find_target(world.catalog, name)
        if target is None:
            return self._end(request, _page(404, "Not Found"))
        signature = _raw_signature(request)
        if signature is None:
            return self._end(request, self._to_login())
        lifetime_s = world.faults.url_lifetime_s
        download_id = world.signer.check(target.signed_name, signature, lifetime_s)
        if download_id is None:
            return self._end(request, _page(403, "Forbidden"))
        return await self._deliver(request, target, download_id)

    # --- the answer ------------------------------------------------------------------

    async def _deliver(
        self, request: web.Request, target: Requestable, download_id: int
    ) -> web.StreamResponse:
        """Answer a request that is entitled to the file, or spoil the answer."""
        world = self._world
        item = world.queue.get(download_id)
        if item is not None:
            item.is_attempted = True
        delivery = self._prepare(request, target)
        spoilt = self._refuse(delivery) or place_range(delivery)
        if spoilt is not None:
            return self._end(request, spoilt)
        corrupt(self._world, delivery)
        try:
            with self._holding(request.transport):
                response = await self._send(delivery)
        finally:
            self._record(request, delivery.status, delivery.sent_bytes)
        world.ledger.watch(f"{delivery.name} sent")
        if item is not None and delivery.is_sent_to_the_end:
            item.is_fetched = True
        return response

    def _prepare(self, request: web.Request, target: Requestable) -> Delivery:
        world, faults = self._world, self._world.faults
        nth = world.ledger.file_counts.count(target.file_name)
        if not target.is_bundle:
            content = world.archive.content(target)
            etag = strong_etag(f"{target.entity_id}/{target.file_name}") if faults.etag else None
            return Delivery(request, target, content, nth, etag, faults.ranges)
        mtime = target.mtime + (nth if faults.bundle_changes else 0)
        lacking = lacking_member(world, target)
        content = world.archive.content(target, mtime, lacking)
        version = f"{target.file_name} {mtime} {lacking}"
        etag = strong_etag(version) if faults.bundle_etag else None
        return Delivery(request, target, content, nth, etag, faults.bundle_ranges)

    def _refuse(self, delivery: Delivery) -> web.Response | None:
        """Return the error that takes the place of the data, if one does."""
        faults, name, nth = self._world.faults, delivery.name, delivery.nth
        if self._is_full(faults):
            retry_after = {"Retry-After": str(faults.retry_after_s)} if faults.retry_after_s else {}
            return _page(faults.busy_status, "Too many connections", retry_after)
        for fault, status, text in _REFUSALS:
            if faults.hits(fault, name, nth):
                return _page(status, text)
        if faults.hits("login_redirect", name, nth):
            return self._to_login()
        if faults.hits("error", name, nth):
            return _page(faults.server_error(name, nth), "The server could not answer")
        if faults.hits("html", name, nth):
            return _page(200, "Something went wrong")
        return None

    def _to_login(self) -> web.Response:
        """Return the redirect to the page that wants a password: another host, as ERS is."""
        port = urlsplit(self._world.origin).port
        location = f"http://{_LOGIN_HOST}:{port}{_LOGIN}"
        return web.Response(status=302, headers={"Location": location})

    @contextmanager
    def _holding(self, transport: asyncio.Transport | None) -> Iterator[None]:
        """Count a connection as busy."""
        if transport is None:
            yield
            return
        self._busy.add(transport)
        try:
            yield
        finally:
            self._busy.discard(transport)

    def _is_full(self, faults: Faults) -> bool:
        # A client that has gone away does not count, even while its answer is being held up.
        busy = sum(1 for transport in self._busy if not transport.is_closing())
        return 0 < faults.max_connections <= busy

    async def _send(self, delivery: Delivery) -> web.StreamResponse:
        """Send the range, as whole and as fast as the faults let it."""
        faults, name, nth = self._world.faults, delivery.name, delivery.nth
        headers = headers_of(delivery, faults)
        response = web.StreamResponse(status=delivery.status, headers=headers)
        if not faults.hits("no_length", name, nth):
            response.content_length = delivery.length
        elif delivery.request.version >= (1, 1):
            response.enable_chunked_encoding()
        await response.prepare(delivery.request)
        if delivery.request.method == "HEAD":
            return response
        fate = next((f for f in _FATES if faults.hits(f, name, nth)), None)
        if fate is None:
            await self._write(response, delivery, delivery.stop)
            return response
        end = delivery.start + faults.cut(delivery.length, name, nth)
        await self._write(response, delivery, end)
        await self._break_off(delivery.request, fate)
        return response

    async def _write(self, response: web.StreamResponse, delivery: Delivery, end: int) -> None:
        rate = self._world.faults.rate
        step = max(1, rate // _SLOW_STEPS_PER_S) if rate else _CHUNK_BYTES
        for start in range(delivery.start, end, step):
            if self._world.faults.files_down:
                await self._break_off(delivery.request, "reset")
                return
            stop = min(start + step, end)
            try:
                await response.write(delivery.content.read(start, stop))
            except ConnectionResetError:
                return  # Whoever asked has left, as a run does that is interrupted.
            delivery.sent_bytes += stop - start
            self._world.ledger.watch(f"{delivery.name} flows")
            if rate:
                await anyio.sleep((stop - start) / rate)

    async def _break_off(self, request: web.Request, fate: str) -> None:
        """End a connection before its answer is complete."""
        transport = request.transport
        if fate == "stall":
            await anyio.sleep(self._world.faults.stall_s)
        if transport is None:
            return
        if fate == "reset":
            transport.abort()
        else:
            transport.close()

    # --- the books ---------------------------------------------------------------------

    def _end(self, request: web.Request, response: web.Response) -> web.Response:
        """Note an answer that has no data, and return it."""
        self._record(request, response.status, 0)
        return response

    def _record(self, request: web.Request, status: int, sent_bytes: int) -> None:
        """Note how a request ended, and whether it gave away what it should not."""
        for header in ("X-Auth-Token", "Cookie"):
            if header in request.headers:
                self._world.ledger.blame(f"{header} sent to the file host")
        self._world.ledger.note_file(
            LoggedFileRequest(
                method=request.method,
                path=request.path,
                range=request.headers.get("Range"),
                if_range=request.headers.get("If-Range"),
                status=status,
                sent_bytes=sent_bytes,
            )
        )


def _raw_signature(request: web.Request) -> str | None:
    """Return the signature, or ``None`` if there is none; a plus sign is not a space here."""
    for part in request.rel_url.raw_query_string.split("&"):
        name, _, value = part.partition("=")
        if name == "requestSignature":
            return unquote(value)
    return None


def _page(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, text=_PAGE.format(text), content_type="text/html", headers=headers
    )
