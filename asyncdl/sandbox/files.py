"""The file hosts: single files and bundles by signed URL, and the older host by token.

Source: API notes, section 7.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qs

import anyio
from aiohttp import web

from asyncdl.sandbox.bundles import Content
from asyncdl.sandbox.faults import Faults
from asyncdl.sandbox.ledger import FileRequest
from asyncdl.sandbox.links import (
    BUNDLE,
    DATA,
    DOWNLOAD,
    STAGING,
    signed_url,
    target_of,
)
from asyncdl.sandbox.lookup import Target, find_target
from asyncdl.sandbox.queue import State
from asyncdl.sandbox.signing import read_download_token
from asyncdl.sandbox.world import World

_CHUNK_BYTES = 256 * 1024
"""What one connection holds in memory."""
_SLOW_STEPS_PER_S = 10
"""A slow connection gets its bytes in so many portions a second."""
_LOGIN = "/login"
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES = {
    ".TIF": "image/tiff",
    ".tar": "application/x-tar",
    ".xml": "application/xml",
    ".txt": "text/plain",
}


@dataclass(slots=True)
class Delivery:
    """One request for one file, while it is being answered."""

    request: web.Request
    target: Target
    content: Content
    nth: int
    """How many requests there have been for this file, this one included."""
    etag: str | None
    can_range: bool
    start: int = 0
    stop: int = 0
    """The half-open range that is sent."""
    is_partial: bool = False
    sent_bytes: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return self.target.file_name

    @property
    def length(self) -> int:
        """Bytes of the promised body."""
        return self.stop - self.start


class FileHost:
    """Serves the bytes of what the queue has handed out.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._busy: set[asyncio.Transport] = set()

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        app.router.add_route("*", DATA + "/{folder:.*}/{product}/{file}", self.serve_file)
        app.router.add_route("*", BUNDLE, self.serve_bundle)
        app.router.add_route("*", DOWNLOAD + "/{token}{slash:/?}", self.serve_token)
        app.router.add_route("*", STAGING + "/{token}{slash:/?}", self.serve_staging)
        app.router.add_get(_LOGIN, self.serve_login)

    # --- the doors -----------------------------------------------------------------

    async def serve_file(self, request: web.Request) -> web.StreamResponse:
        """Serve a single file by its signed URL."""
        return await self._serve_signed(request, request.match_info["file"])

    async def serve_bundle(self, request: web.Request) -> web.StreamResponse:
        """Serve a bundle by its signed URL; HEAD is refused, as the real one refuses it."""
        if request.method == "HEAD":
            self._world.ledger.blame("HEAD on a bundle")
            return self._end(request, web.Response(status=400))
        product = request.query.get("landsat_product_id", "")
        return await self._serve_signed(request, f"{product}.tar")

    async def serve_token(self, request: web.Request) -> web.StreamResponse:
        """Serve a download of the older host by its token."""
        world = self._world
        download_id = read_download_token(request.match_info["token"])
        item = world.queue.get(download_id) if download_id is not None else None
        if item is None or item.state is not State.READY:
            return self._end(request, _page(404, "Not Found"))
        target = target_of(world, item)
        if world.faults.dds_redirect:
            url = signed_url(world, target, item.download_id)
            return self._end(request, web.Response(status=302, headers={"Location": url}))
        return await self._deliver(request, target, item.download_id)

    async def serve_staging(self, request: web.Request) -> web.StreamResponse:
        """Answer a URL that is not meant to be used yet."""
        self._world.ledger.blame("staging URL opened")
        status = 200 if self._world.faults.staging_html else 404
        return self._end(request, _page(status, "This download is not ready"))

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
            return self._end(request, web.Response(status=302, headers={"Location": _LOGIN}))
        lifetime_s = world.faults.url_lifetime_s
        download_id = world.signer.check(target.signed_name, signature, lifetime_s)
        if download_id is None:
            return self._end(request, _page(403, "Forbidden"))
        return await self._deliver(request, target, download_id)

    # --- the answer ------------------------------------------------------------------

    async def _deliver(
        self, request: web.Request, target: Target, download_id: int
    ) -> web.StreamResponse:
        """Answer a request that is entitled to the file, or spoil the answer."""
        self._note_leaks(request)
        item = self._world.queue.get(download_id)
        if item is not None:
            item.is_attempted = True
        delivery = self._prepare(request, target)
        spoilt = self._refuse(delivery) or _place(delivery)
        if spoilt is not None:
            return self._end(request, spoilt)
        try:
            with self._holding(request.transport):
                response = await self._send(delivery)
        finally:
            self._record(request, 206 if delivery.is_partial else 200, delivery.sent_bytes)
        if item is not None and delivery.sent_bytes == delivery.length:
            item.is_fetched = True
        return response

    def _prepare(self, request: web.Request, target: Target) -> Delivery:
        world, faults = self._world, self._world.faults
        nth = world.ledger.file_counts.count(target.file_name)
        if target.file is not None:
            content = world.archive.file(target.scene, target.file)
            etag = _etag(target.file_name) if faults.etag else None
            return Delivery(request, target, content, nth, etag, faults.ranges)
        mtime = target.mtime + (nth if faults.bundle_changes else 0)
        content = world.archive.bundle(target.scene, mtime)
        etag = _etag(f"{target.file_name} {mtime}") if faults.bundle_etag else None
        return Delivery(request, target, content, nth, etag, faults.bundle_ranges)

    def _refuse(self, delivery: Delivery) -> web.Response | None:
        """Return the error that takes the place of the data, if one does."""
        faults, name, nth = self._world.faults, delivery.name, delivery.nth
        if self._is_full(faults):
            retry_after = {"Retry-After": str(faults.retry_after_s)} if faults.retry_after_s else {}
            return _page(faults.busy_status, "Too many connections", retry_after)
        if faults.hits("refuse", name, nth):
            return _page(403, "Forbidden")
        if faults.hits("error", name, nth):
            return _page(faults.server_error(name, nth), "The server could not answer")
        if faults.hits("html", name, nth):
            return _page(200, "Something went wrong")
        return None

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
        response = web.StreamResponse(
            status=206 if delivery.is_partial else 200, headers=_headers(delivery, faults)
        )
        if not faults.hits("no_length", name, nth):
            response.content_length = delivery.length
        elif delivery.request.version >= (1, 1):
            response.enable_chunked_encoding()
        await response.prepare(delivery.request)
        if delivery.request.method == "HEAD":
            return response
        fate = next(
            (f for f in ("stall", "reset", "short_body") if faults.hits(f, name, nth)), None
        )
        end = delivery.stop
        if fate is not None:
            end = delivery.start + faults.cut(delivery.length, name, nth)
        await self._write(response, delivery, end)
        if fate is not None:
            await self._break_off(delivery.request, fate)
        return response

    async def _write(self, response: web.StreamResponse, delivery: Delivery, end: int) -> None:
        rate = self._world.faults.rate
        step = max(1, rate // _SLOW_STEPS_PER_S) if rate else _CHUNK_BYTES
        for start in range(delivery.start, end, step):
            stop = min(start + step, end)
            await response.write(delivery.content.read(start, stop))
            delivery.sent_bytes += stop - start
            if rate:
                await anyio.sleep((stop - start) / rate)

    async def _break_off(self, request: web.Request, fate: str) -> None:
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

    def _note_leaks(self, request: web.Request) -> None:
        for header in ("X-Auth-Token", "Cookie"):
            if header in request.headers:
                self._world.ledger.blame(f"{header} sent to the file host")

    def _end(self, request: web.Request, response: web.Response) -> web.Response:
        """Note an answer that has no data, and return it."""
        self._note_leaks(request)
        self._record(request, response.status, 0)
        return response

    def _record(self, request: web.Request, status: int, sent_bytes: int) -> None:
        self._world.ledger.file_log.append(
            FileRequest(
                method=request.method,
                path=request.path,
                range=request.headers.get("Range"),
                if_range=request.headers.get("If-Range"),
                status=status,
                sent_bytes=sent_bytes,
            )
        )


# --- pure parts --------------------------------------------------------------------------


def _raw_signature(request: web.Request) -> str | None:
    """Return the signature byte for byte as it came, or ``None`` if there is none."""
    for part in request.rel_url.raw_query_string.split("&"):
        name, _, value = part.partition("=")
        if name == "requestSignature":
            return parse_qs(f"s={value}").get("s", [""])[0]
    return None


def _page(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, text=_PAGE.format(text), content_type="text/html", headers=headers
    )


def _etag(text: str) -> str:
    return f'"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"'


def _last_modified(target: Target) -> str:
    return formatdate(target.mtime, usegmt=True)


def _headers(delivery: Delivery, faults: Faults) -> dict[str, str]:
    name = delivery.name
    headers = {"Content-Type": _TYPES[name[-4:]]}
    if delivery.can_range:
        headers["Accept-Ranges"] = "bytes"
    if delivery.etag:
        headers["ETag"] = delivery.etag
    if faults.last_modified and delivery.target.file is not None:
        headers["Last-Modified"] = _last_modified(delivery.target)
    if faults.disposition != "missing":
        quoted = f'"{name}"' if faults.disposition == "quoted" else name
        headers["Content-Disposition"] = f"attachment; filename={quoted}"
    if delivery.is_partial:
        last = delivery.stop - 1
        headers["Content-Range"] = f"bytes {delivery.start}-{last}/{delivery.content.size}"
    return headers


def _place(delivery: Delivery) -> web.Response | None:
    """Set the range that is sent; return 416 if the file has no such bytes.

    Source: RFC 9110, sections 13.1.5 and 14.2.
    """
    size, asked = delivery.content.size, _asked_range(delivery)
    delivery.start, delivery.stop = 0, size
    if asked is None:
        return None
    start, stop = asked
    if start >= size or start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    delivery.start, delivery.stop, delivery.is_partial = start, stop, True
    return None


def _asked_range(delivery: Delivery) -> tuple[int, int] | None:
    """Return the half-open range to send, or ``None`` for the whole file."""
    headers = delivery.request.headers
    match = _RANGE.fullmatch(headers.get("Range", ""))
    if match is None or not delivery.can_range or not any(match.groups()):
        return None
    if "If-Range" in headers and not _is_current(delivery, headers["If-Range"]):
        return None
    first, last = match.groups()
    size = delivery.content.size
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _is_current(delivery: Delivery, validator: str) -> bool:
    if validator.startswith('"'):
        return validator == delivery.etag
    return validator == _last_modified(delivery.target)
