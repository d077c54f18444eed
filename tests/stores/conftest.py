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
from tests.stores import azurite, fake_google
from tests.stores.azurite import Azurite
from tests.stores.door import Door
from tests.stores.fake_google import FakeGoogle
from tests.stores.real_store import RealStore, act_as, running, through
from tests.stores.store_bench import StoreBench
from tests.stores.weed import Weed, program, running_weed

LANES = "make extras, make beyond"
"""What a skipped test names when it needs what these bring."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked so in each kind of store; everything else in S3 alone."""
    if "kind" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("stores")
        metafunc.parametrize("kind", marker.args if marker else ["s3"])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    if program() is None or importlib.util.find_spec("obstore") is None:
        pytest.skip(f"no SeaweedFS or no obstore ({LANES})")
    with running_weed(tmp_path_factory.mktemp("weed")) as weed:
        yield weed


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    if azurite.program() is None or importlib.util.find_spec("azure") is None:
        pytest.skip(azurite.why_not())
    with running(Azurite(tmp_path_factory.mktemp("azurite"))) as store:
        yield store


@pytest.fixture(scope="session")
def google_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGoogle]:
    if fake_google.program() is None or importlib.util.find_spec("obstore") is None:
        pytest.skip("no fake-gcs-server or no obstore (make beyond)")
    with running(FakeGoogle(tmp_path_factory.mktemp("google"))) as store:
        yield store


@pytest.fixture
def kind() -> str:
    """Kind of the store, where nothing says in which ones a test runs."""
    return "s3"


@pytest.fixture
def real_store(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> RealStore:
    """A store, with credentials for it in the environment."""
    name = {"s3": "server", "az": "azurite_server", "gs": "google_server"}[kind]
    found: RealStore = request.getfixturevalue(name)
    act_as(monkeypatch, found.environment())
    return found


@pytest.fixture
def weed(real_store: RealStore) -> Weed:
    """The same, for what is about S3."""
    assert isinstance(real_store, Weed)
    return real_store


@pytest.fixture
def door(real_store: RealStore) -> Iterator[Door]:
    """A way to the store that a test may shut."""
    door = Door(real_store.port)
    yield door
    door.aclose()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A folder of the bucket that no other test uses."""
    name = f"{request.node.path.stem}{request.node.name}"
    return "".join(sign for sign in name if sign.isalnum())


@pytest.fixture
def store_at(real_store: RealStore) -> Callable[..., ObjectStore]:
    def opened(text: str, pace: Pace | None = None, **settings: object) -> ObjectStore:
        known = {"endpoint": real_store.endpoint} | settings
        return open_store(StoreSettings(StoreAddress.parse(text), **known), pace)  # type: ignore[arg-type]

    return opened


@pytest.fixture
def store(real_store: RealStore, store_at: Callable[..., ObjectStore], prefix: str) -> ObjectStore:
    return store_at(f"{real_store.scheme}://{real_store.bucket}/{prefix}")


@pytest.fixture
async def store_bench(
    real_store: RealStore, door: Door, prefix: str, tmp_path: Path
) -> AsyncIterator[StoreBench]:
    """Jobs into one place of the store, through a door that a test may shut."""
    async with serve() as service:
        yield StoreBench(
            service,
            tmp_path / "state",
            weed=real_store,
            prefix=prefix,
            endpoint=through(door, real_store),
        )


@pytest.fixture
def another_bench(store_bench: StoreBench, tmp_path: Path) -> Callable[[str], StoreBench]:
    """Return jobs for the same place with a state of their own, as on another machine."""

    def made(name: str) -> StoreBench:
        return replace(store_bench, directory=tmp_path / name, events=[])

    return made
