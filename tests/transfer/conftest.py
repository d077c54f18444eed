"""What all tests of the engine share: each runs with both clients."""

import pytest

from tests.transfer import fault_server


@pytest.fixture(autouse=True, params=["wire", "session"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the engine's own client make all requests, and then aiohttp."""
    name: str = request.param
    monkeypatch.setattr(fault_server, "IS_BY_SESSION", name == "session")
    return name
