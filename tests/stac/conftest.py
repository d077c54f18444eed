"""A STAC service that answers as each test wants, and catalogs that ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson
import pytest
from aiohttp import web

from asyncdl.events import Event
from asyncdl.net.retry import Backoff
from asyncdl.stac import StacCatalog, StacOptions

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

QUICK = Backoff(first_s=0.001, factor=1.0, max_s=0.001, attempts=3)


class StacHost:
    """Gives its answers in turn, the last one again and again, and keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, request.path_qs, orjson.loads(body) if body else None))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@pytest.fixture
async def host() -> AsyncIterator[StacHost]:
    host = StacHost()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}/stac"
    yield host
    await runner.cleanup()


@pytest.fixture
def events() -> list[Event]:
    return []


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeCatalog: TypeAlias = Callable[..., StacCatalog]


@pytest.fixture
def make_catalog(events: list[Event], clock: Clock) -> MakeCatalog:
    """Make a catalog that pauses too briefly to notice; takes a URL and fields of the options."""

    def make(url: str, **fields: Any) -> StacCatalog:
        options = StacOptions(**{"backoff": QUICK, **fields})
        return StacCatalog(url, emit=events.append, options=options, clock=clock)

    return make


def says(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with JSON, or with text as it is."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=data, headers=headers)

    return answer


def page(*features: object, links: object = ()) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": features, "links": links}


def item(item_id: str, **checksums: str) -> dict[str, object]:
    """Return an item whose files are called after the keywords."""
    assets = {
        name: {"href": f"https://host/data/{name}.TIF", "file:checksum": checksum}
        for name, checksum in checksums.items()
    }
    return {"id": item_id, "assets": assets}
