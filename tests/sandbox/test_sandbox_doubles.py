"""An endpoint that the client calls has its double in the sandbox.

Both are found by public names and by asking, so that nothing has to be added here with an endpoint.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType

import aiohttp
import pytest

import asyncdl
from asyncdl.sandbox import Service

WITHOUT = {"aclose", "call", "login", "logout"}
"""Methods that name no endpoint of their own: any, or those that open and close a session."""


def endpoints_in(method: FunctionType) -> Iterator[str]:
    """Yield the endpoints that a method calls: the texts that it gives to other methods first."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
        match node:
            case ast.Call(
                ast.Attribute(ast.Name("self") | ast.Attribute(ast.Name("self"), _), _),
                [ast.Constant(str() as endpoint), *_],
            ):
                yield endpoint


METHODS = {
    name: set(endpoints_in(method))
    for name, method in vars(asyncdl.M2MClient).items()
    if inspect.iscoroutinefunction(method) and not name.startswith("_") and name not in WITHOUT
}


def test_every_method_names_its_endpoint() -> None:
    assert len(METHODS) > 25
    assert [name for name, endpoints in METHODS.items() if not endpoints] == []


async def error_of(service: Service, endpoint: str) -> str:
    """Call an endpoint without anything that it needs, and return what is wrong with that."""
    async with aiohttp.ClientSession(service.url) as session:
        account = {"username": service.username, "token": service.token}
        async with session.post("login-token", json=account) as reply:
            key = (await reply.json())["data"]
        async with session.post(endpoint, json={}, headers={"X-Auth-Token": key}) as reply:
            return str((await reply.json())["errorMessage"])


@pytest.mark.violates
@pytest.mark.parametrize("endpoint", sorted({name for names in METHODS.values() for name in names}))
async def test_every_endpoint_of_the_client_has_a_double(service: Service, endpoint: str) -> None:
    assert "Invalid Endpoint" not in await error_of(service, endpoint)


@pytest.mark.violates
async def test_one_without_a_double_is_noticed(service: Service) -> None:
    assert "Invalid Endpoint" in await error_of(service, "scene-list-forget")
