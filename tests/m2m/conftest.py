"""A service to talk to, clients to talk with, and recorded replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.abc import AbstractStreamWriter
from aioresponses import aioresponses

from asyncdl.events import Event
from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from asyncdl.net.retry import Backoff
from tests.m2m.fake_m2m import TOKEN, USERNAME, FakeM2M

QUICK = Backoff(first_s=0.001, factor=1.0, max_s=0.001, attempts=4)

MakeClient = Callable[..., M2MClient]


@pytest.fixture
async def service() -> AsyncIterator[FakeM2M]:
    fake = FakeM2M()
    app = web.Application(client_max_size=1024**3)
    app.router.add_post("/api/{endpoint}", fake.handle)
    # So that a handler notices when its client hangs up.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}/api/"
    yield fake
    await runner.cleanup()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def options(tmp_path: Path) -> ClientOptions:
    """Pauses too short to notice, and a state folder of the test's own."""
    return ClientOptions(
        backoff=QUICK,
        busy_backoff=QUICK,
        state_dir=tmp_path / "state",
        exit_deadline_s=60.0,
    )


@pytest.fixture
def make_client(service: FakeM2M, options: ClientOptions, events: list[Event]) -> MakeClient:
    """Make a client of the service; arguments go before the usual ones."""

    def make(
        *,
        token: str = TOKEN,
        options: ClientOptions = options,
        session: ClientSession | None = None,
    ) -> M2MClient:
        return M2MClient(
            Credentials(USERNAME, token),
            url=service.url,
            options=options,
            session=session,
            emit=events.append,
        )

    return make


@pytest.fixture
async def client(make_client: MakeClient) -> AsyncIterator[M2MClient]:
    async with make_client() as client:
        yield client


class MockedResponse(ClientResponse):
    """Supplies what aiohttp 3.14 wants and aioresponses 0.7.9 does not hand over."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("stream_writer", Mock(AbstractStreamWriter, output_size=0))
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they are


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    """Answers without a socket; pass ``response_class=MockedResponse``."""
    with aioresponses() as mock:
        yield mock


@pytest.fixture
def response_class() -> type[ClientResponse]:
    return MockedResponse
