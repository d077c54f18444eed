"""A bucket whose readers pay: requests that do not say so are refused, as at the real archive.

Source: AWS, "Using Requester Pays buckets".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, web
from yarl import URL

PAYER = "x-amz-request-payer"
DENIED = "<Error><Code>AccessDenied</Code></Error>"


@dataclass
class Turnstile:
    """Stands in front of a store, and passes on what pays."""

    endpoint: str
    url: str = ""
    passed: list[str] = field(default_factory=list)
    """Method and path of each request that paid."""
    refused: int = 0
    expired: set[str] = field(default_factory=set)
    """Paths whose next link is refused, as an old one would be."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, or refuse it."""
        said = request.headers.get(PAYER) or request.query.get(PAYER)
        if said != "requester" or request.path in self.expired:
            self.expired.discard(request.path)
            self.refused += 1
            return web.Response(status=403, text=DENIED, content_type="application/xml")
        self.passed.append(f"{request.method} {request.path}")
        target = URL(self.endpoint + request.path_qs, encoded=True)
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(request.method, target, headers=request.headers) as response,
        ):
            body = await response.read()
            kept = {k: v for k, v in response.headers.items() if k.lower() not in HOP}
            return web.Response(status=response.status, body=body, headers=kept)


HOP = {"transfer-encoding", "content-length", "connection", "content-encoding"}


@asynccontextmanager
async def open_turnstile(endpoint: str) -> AsyncIterator[Turnstile]:
    """Serve a turnstile in front of a store."""
    turnstile = Turnstile(endpoint)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", turnstile.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        turnstile.url = f"http://127.0.0.1:{port}"
        yield turnstile
    finally:
        await runner.cleanup()
