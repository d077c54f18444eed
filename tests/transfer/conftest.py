"""What all tests of the engine share: each runs over both ways that a body is read."""

import asyncio
import sys

import pytest
from aiohttp import ClientResponse

from asyncdl.transfer import body
from asyncdl.transfer.receiver import Receiver, take_over
from tests.transfer import fault_server


@pytest.fixture(autouse=True, params=["direct", "public"])
def way_of_reading(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> list[bool] | None:
    """Have every rig read bodies past aiohttp's parser, and then all of them through it.

    Returns: For each body that was read, whether it was past it; ``None`` if none is to be.
    """
    if request.param == "public":
        monkeypatch.setattr(fault_server, "DIRECT_FROM_BYTES", sys.maxsize)
        return None
    is_direct: list[bool] = []
    wanted = asyncio.Event()

    def tell(
        response: ClientResponse, from_bytes: int, buffer_bytes: int
    ) -> tuple[bytes, Receiver | None]:
        received, receiver = take_over(response, from_bytes, buffer_bytes)
        is_direct.append(receiver is not None)
        wanted.set()
        return received, receiver

    monkeypatch.setattr(fault_server, "BODY_WANTED", wanted)
    monkeypatch.setattr(body, "take_over", tell)
    return is_direct
