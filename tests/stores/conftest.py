"""A real object store for the tests of stores."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asyncdl.sandbox import serve
from asyncdl.stores.address import StoreAddress
from asyncdl.stores.object_store import ObjectStore, open_store
from asyncdl.stores.pace import Pace
from asyncdl.stores.settings import StoreSettings
from tests.stores.door import Door
from tests.stores.store_bench import StoreBench
from tests.stores.weed import ADMIN, Weed, program, running_weed

LANES = "make extras, make beyond"
"""What a skipped test names when it needs what these bring."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    if program() is None or importlib.util.find_spec("obstore") is None:
        pytest.skip(f"no SeaweedFS or no obstore ({LANES})")
    with running_weed(tmp_path_factory.mktemp("weed")) as weed:
        yield weed


@pytest.fixture
def weed(server: Weed, monkeypatch: pytest.MonkeyPatch) -> Weed:
    """The store, with credentials for it in the environment."""
    for name, value in server.environment(ADMIN).items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def door(weed: Weed) -> Iterator[Door]:
    """A way to the store that a test may shut."""
    door = Door(weed.ports["s3.port"])
    yield door
    door.aclose()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A folder of the bucket that no other test uses."""
    name = f"{request.node.path.stem}{request.node.name}"
    return "".join(sign for sign in name if sign.isalnum())


@pytest.fixture
def store_at(weed: Weed) -> Callable[..., ObjectStore]:
    def opened(text: str, pace: Pace | None = None, **settings: object) -> ObjectStore:
        known = {"endpoint": weed.endpoint} | settings
        return open_store(StoreSettings(StoreAddress.parse(text), **known), pace)  # type: ignore[arg-type]

    return opened


@pytest.fixture
def store(weed: Weed, store_at: Callable[..., ObjectStore], prefix: str) -> ObjectStore:
    return store_at(f"s3://{weed.bucket}/{prefix}")


@pytest.fixture
async def store_bench(
    weed: Weed, door: Door, prefix: str, tmp_path: Path
) -> AsyncIterator[StoreBench]:
    """Jobs into one place of the store, through a door that a test may shut."""
    async with serve() as service:
        yield StoreBench(
            service, tmp_path / "state", weed=weed, prefix=prefix, endpoint=door.endpoint
        )


@pytest.fixture
def another_bench(store_bench: StoreBench, tmp_path: Path) -> Callable[[str], StoreBench]:
    """Return jobs for the same place with a state of their own, as on another machine."""

    def made(name: str) -> StoreBench:
        return replace(store_bench, directory=tmp_path / name, events=[])

    return made
