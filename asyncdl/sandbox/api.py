"""The M2M service itself: how calls come in and how replies look.

Source: API notes, sections 1 to 3.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeAlias

import anyio
import orjson
from aiohttp import web

from asyncdl.sandbox.endpoints import ENDPOINTS
from asyncdl.sandbox.endpoints.payload import need
from asyncdl.sandbox.refusal import Refusal, rate_limited
from asyncdl.sandbox.world import World

Json: TypeAlias = Any

PATH = "/api/api/json/stable/"
_LOG = logging.getLogger("asyncdl.sandbox")
_KEY_HEADER = "X-Auth-Token"
_MAINTENANCE = "<!DOCTYPE html><html><body><h1>Down for maintenance</h1></body></html>"


class Api:
    """Serves the calls of one account, one at a time.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        app.router.add_post(PATH + "{endpoint}{slash:/?}", self.serve)
        app.router.add_route("*", "/api/api/json/{version}/{endpoint}", self.refuse_version)

    async def refuse_version(self, request: web.Request) -> web.Response:
        """Answer calls to other versions, and calls that are no POST."""
        if request.method != "POST":
            return self._failure(Refusal("UNKNOWN", "POST only in the sandbox", http_status=400))
        return self._failure(Refusal("VERSION_UNKNOWN", "Unknown version", http_status=500))

    async def serve(self, request: web.Request) -> web.Response:
        """Serve one call."""
        world, endpoint = self._world, request.match_info["endpoint"]
        world.requests += 1
        payload: Json = None
        try:
            with world.account.one_call(endpoint, world.ledger):
                payload = await _read_payload(request)
                await anyio.sleep(world.faults.api_latency_s)
                response = self._answer(endpoint, payload, request.headers.get(_KEY_HEADER))
            error_code = None
        except Refusal as refusal:
            response, error_code = self._failure(refusal), refusal.error_code
        world.ledger.note_call(endpoint, payload, error_code)
        return response

    def _answer(self, endpoint: str, payload: Mapping[str, Json], key: str | None) -> web.Response:
        faults, number = self._world.faults, self._world.requests
        if faults.disturbs("api_unavailable", number):
            return web.Response(status=503, text=_MAINTENANCE, content_type="text/html")
        if faults.disturbs("api_rate_limit", number):
            raise rate_limited()
        return self._envelope(self._data(endpoint, payload, key))

    def _data(self, endpoint: str, payload: Mapping[str, Json], key: str | None) -> Json:
        world = self._world
        if endpoint == "login-token":
            return self._log_in(payload, key)
        key = world.account.check(key, world.faults)
        if endpoint == "logout":
            return world.account.log_out(key)
        handler = ENDPOINTS.get(endpoint)
        if handler is None:
            raise Refusal("ENDPOINT_UNAVAILABLE", f"There is no endpoint {endpoint}")
        try:
            return handler(world, payload)
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            _LOG.warning("%s could not be served", endpoint, exc_info=True)
            raise Refusal("INPUT_INVALID", f"Parameters cannot be read: {wrong!r}") from wrong

    def _log_in(self, payload: Mapping[str, Json], key: str | None) -> str:
        account, faults = self._world.account, self._world.faults
        if key is not None:
            self._world.ledger.blame("old key sent along with login-token")
            if account.is_expired(key, faults.key_idle_s):
                account.check(key, faults)
        return account.log_in(str(need(payload, "username")), str(need(payload, "token")))

    def _envelope(self, data: Json) -> web.Response:
        body = {
            "requestId": self._world.requests,
            "version": "stable",
            "sessionId": 10_000_000,
            "data": data,
            "errorCode": None,
            "errorMessage": None,
        }
        if self._world.requests % 3 == 0:
            # Many recorded replies have none.
            del body["sessionId"]
        return _json(body, 200)

    def _failure(self, refusal: Refusal) -> web.Response:
        body: dict[str, Json] = {
            "errorCode": refusal.error_code,
            "errorMessage": refusal.message,
        }
        if not refusal.is_bare:
            is_about_key = refusal.error_code in ("AUTH_EXPIRED", "AUTH_KEY_INVALID")
            body |= {
                "data": None,
                "requestId": 0 if is_about_key else self._world.requests,
                "sessionId": None,
                "version": None if is_about_key else "stable",
            }
        return _json(body, refusal.http_status)


async def _read_payload(request: web.Request) -> Mapping[str, Json]:
    """Return the parameters of a call; none at all are as good as an empty object.

    Raises: Refusal, if the body is no JSON object.
    """
    body = await request.read()
    try:
        payload = orjson.loads(body or b"null")
    except ValueError:
        raise Refusal("INPUT_FORMAT", "Request body is not JSON") from None
    if payload is None or payload == []:
        return {}
    if not isinstance(payload, Mapping):
        raise Refusal("INPUT_FORMAT", "Request body is not an object")
    return payload


def _json(body: Json, status: int) -> web.Response:
    # PHP escapes slashes.
    text = orjson.dumps(body).replace(b"/", b"\\/")
    return web.Response(status=status, body=text, content_type="application/json")
