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

from asyncdl.sandbox.delivery import (
    Delivery,
    corrupt,
    headers_of,
    missing_member,
    set_range,
    strong_etag,
)
from asyncdl.sandbox.injected_faults import Faults
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
from asyncdl.sandbox.refusal import down_response
from asyncdl.sandbox.request_log import LoggedFileRequest
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.served_queue import Item, ServedState
from asyncdl.sandbox.signing import read_download_token

_CHUNK_BYTES = 256 * 1024
"""Memory per connection."""
_SLOW_STEPS_PER_S = 10
"""Writes per second on a rate-limited connection."""
_CUT_FAULTS = ("stall", "reset", "short_body")
"""Faults that end a body early; the first one that hits counts."""
_REFUSALS = (("refuse", 403, "Forbidden"), ("gone", 410, "Gone"))
"""Faults that refuse a valid URL, each with its status and its page."""
_LOGIN = "/login"
_LOGIN_HOST = "localhost"
"""A host name that differs from that of the files, though it is the same machine."""
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FileHost:
    """Serves the files whose URLs the API has handed out.

    Args:
        state: State of the sandbox.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._busy: set[asyncio.Transport] = set()

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
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
            faults = self._state.faults
            if not faults.files_down:
                return await serve(request)
            return self._finish(request, down_response(request, faults.down_mode))

        return serve_or_not

    # --- routes --------------------------------------------------------------------

    async def serve_file(self, request: web.Request) -> web.StreamResponse:
        """Serve a single file by its signed URL."""
        product, name = request.match_info["product"], request.match_info["file"]
        return await self._serve_signed(request, f"{product}/{name}")

    async def serve_bundle(self, request: web.Request) -> web.StreamResponse:
        """Serve a bundle by its signed URL; HEAD is refused, as by the real service."""
        if request.method == "HEAD":
            self._state.request_log.record_violation("HEAD on a bundle")
            return self._finish(request, web.Response(status=400))
        product = request.query.get("landsat_product_id", "")
        return await self._serve_signed(request, f"{product}.tar")

    async def serve_browse(self, request: web.Request) -> web.StreamResponse:
        """Serve a full-resolution browse image by its signed URL."""
        query = request.query
        wanted = f"size={query.get('size')}&type={query.get('type')}"
        name = find_browse(self._state.catalog, query.get("product_id", ""), wanted)
        return await self._serve_signed(request, name or "")

    async def serve_token(self, request: web.Request) -> web.StreamResponse:
        """Serve a download of the older host by its token."""
        item = self._item_of(request)
        if item is None or item.state is not ServedState.READY:
            return self._finish(request, _page(404, "Not Found"))
        return await self._serve_item(request, item)

    async def serve_staging(self, request: web.Request) -> web.StreamResponse:
        """Serve a file that is ready by now; otherwise advance its preparation by one step.

        Some clients open such a URL again and again and never call the API (API notes,
        section 12a). That is not a violation, but it is recorded as a remark.
        """
        item = self._item_of(request)
        if item is not None and item.state is ServedState.READY:
            return await self._serve_item(request, item)
        self._state.request_log.record_remark("staging URL opened before it was ready")
        if item is not None:
            self._state.queue.poll([item])
        status = 200 if self._state.faults.staging_html else 404
        return self._finish(request, _page(status, "This download is not ready"))

    def _item_of(self, request: web.Request) -> Item | None:
        """Return the download of a token in a URL of the older host."""
        download_id = read_download_token(request.match_info["token"])
        return self._state.queue.get(download_id) if download_id is not None else None

    async def _serve_item(self, request: web.Request, item: Item) -> web.StreamResponse:
        state, target = self._state, target_of(self._state, item)
        if state.faults.dds_redirect:
            url = signed_url(state, target, item.download_id)
            return self._finish(request, web.Response(status=302, headers={"Location": url}))
        return await self._deliver(request, target, item.download_id)

    async def serve_login(self, request: web.Request) -> web.StreamResponse:
        """Return the login page, which unsigned requests are redirected to."""
        return self._finish(request, _page(200, "Sign in"))

    async def _serve_signed(self, request: web.Request, name: str) -> web.StreamResponse:
        state = self._state
        target = find_target(state.catalog, name)
        if target is None:
            return self._finish(request, _page(404, "Not Found"))
        signature = _raw_signature(request)
        if signature is None:
            return self._finish(request, self._to_login())
        lifetime_s = state.faults.url_lifetime_s
        download_id = state.signer.check(target.signed_name, signature, lifetime_s)
        if download_id is None:
            return self._finish(request, _page(403, "Forbidden"))
        return await self._deliver(request, target, download_id)

    # --- the response ----------------------------------------------------------------

    async def _deliver(
        self, request: web.Request, target: Requestable, download_id: int
    ) -> web.StreamResponse:
        """Respond to an authorized request with the file, or with a fault."""
        state = self._state
        item = state.queue.get(download_id)
        if item is not None:
            item.is_attempted = True
        delivery = self._prepare(request, target)
        fault_counts = self._refuse(delivery) or set_range(delivery)
        if fault_counts is not None:
            return self._finish(request, fault_counts)
        corrupt(self._state, delivery)
        try:
            with self._counted(request.transport):
                response = await self._send(delivery)
        finally:
            self._log_request(request, delivery.status, delivery.sent_bytes)
        state.request_log.watch(f"{delivery.name} sent")
        if item is not None and delivery.is_sent_to_the_end:
            item.is_fetched = True
        return response

    def _prepare(self, request: web.Request, target: Requestable) -> Delivery:
        state, faults = self._state, self._state.faults
        nth = state.request_log.file_counts.count(target.file_name)
        if not target.is_bundle:
            content = state.contents.content(target)
            etag = strong_etag(f"{target.entity_id}/{target.file_name}") if faults.etag else None
            return Delivery(request, target, content, nth, etag, faults.ranges)
        mtime = target.mtime + (nth if faults.bundle_changes else 0)
        missing = missing_member(state, target)
        content = state.contents.content(target, mtime, missing)
        version = f"{target.file_name} {mtime} {missing}"
        etag = strong_etag(version) if faults.bundle_etag else None
        return Delivery(request, target, content, nth, etag, faults.bundle_ranges)

    def _refuse(self, delivery: Delivery) -> web.Response | None:
        """Return the error response that a fault sends instead of the data, if any."""
        faults, name, nth = self._state.faults, delivery.name, delivery.nth
        if self._is_full(faults):
            retry_after = {"Retry-After": str(faults.retry_after_s)} if faults.retry_after_s else {}
            return _page(faults.busy_status, "Too many connections", retry_after)
        for fault, status, text in _REFUSALS:
            if faults.hits(fault, name, nth):
                return _page(status, text)
        if faults.hits("login_redirect", name, nth):
            return self._to_login()
        if faults.hits("error", name, nth):
            return _page(faults.server_error(name, nth), "The server has failed")
        if faults.hits("html", name, nth):
            return _page(200, "Something went wrong")
        return None

    def _to_login(self) -> web.Response:
        """Return a redirect to the login page, which is on another host, as ERS is."""
        port = urlsplit(self._state.origin).port
        location = f"http://{_LOGIN_HOST}:{port}{_LOGIN}"
        return web.Response(status=302, headers={"Location": location})

    @contextmanager
    def _counted(self, transport: asyncio.Transport | None) -> Iterator[None]:
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
        # A client that has disconnected does not count, even while its response is stalled.
        busy = sum(1 for transport in self._busy if not transport.is_closing())
        return 0 < faults.max_connections <= busy

    async def _send(self, delivery: Delivery) -> web.StreamResponse:
        """Send the range, as completely and as fast as the faults allow."""
        faults, name, nth = self._state.faults, delivery.name, delivery.nth
        headers = headers_of(delivery, faults)
        response = web.StreamResponse(status=delivery.status, headers=headers)
        if not faults.hits("no_length", name, nth):
            response.content_length = delivery.length
        elif delivery.request.version >= (1, 1):
            response.enable_chunked_encoding()
        await response.prepare(delivery.request)
        if delivery.request.method == "HEAD":
            return response
        cut_fault = next((f for f in _CUT_FAULTS if faults.hits(f, name, nth)), None)
        if cut_fault is None:
            await self._write(response, delivery, delivery.stop)
            return response
        end = delivery.start + faults.cut(delivery.length, name, nth)
        await self._write(response, delivery, end)
        await self._cut(delivery.request, cut_fault)
        return response

    async def _write(self, response: web.StreamResponse, delivery: Delivery, end: int) -> None:
        rate = self._state.faults.rate
        step = max(1, rate // _SLOW_STEPS_PER_S) if rate else _CHUNK_BYTES
        for start in range(delivery.start, end, step):
            if self._state.faults.files_down:
                await self._cut(delivery.request, "reset")
                return
            stop = min(start + step, end)
            try:
                await response.write(delivery.content.read(start, stop))
            except ConnectionError:
                return  # The client has disconnected, as an interrupted run does.
            delivery.sent_bytes += stop - start
            self._state.request_log.watch(f"{delivery.name} flows")
            if rate:
                await anyio.sleep((stop - start) / rate)

    async def _cut(self, request: web.Request, cut_fault: str) -> None:
        """Close a connection before its response is complete."""
        transport = request.transport
        if cut_fault == "stall":
            await anyio.sleep(self._state.faults.stall_s)
        if transport is None:
            return
        if cut_fault == "reset":
            transport.abort()
        else:
            transport.close()

    # --- logging -----------------------------------------------------------------------

    def _finish(self, request: web.Request, response: web.Response) -> web.Response:
        """Log a response without data, and return it."""
        self._log_request(request, response.status, 0)
        return response

    def _log_request(self, request: web.Request, status: int, sent_bytes: int) -> None:
        """Log how a request ended, and whether it sent credentials it should not send."""
        for header in ("X-Auth-Token", "Cookie"):
            if header in request.headers:
                self._state.request_log.record_violation(f"{header} sent to the file host")
        self._state.request_log.record_file_request(
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
    """Return the signature, or ``None``; a plus sign is not decoded as a space."""
    for part in request.rel_url.raw_query_string.split("&"):
        name, _, value = part.partition("=")
        if name == "requestSignature":
            return unquote(value)
    return None


def _page(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, text=_PAGE.format(text), content_type="text/html", headers=headers
    )
