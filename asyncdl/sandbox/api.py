"""The M2M service itself: how calls come in and how replies look.

Source: API notes, sections 1 to 3.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import anyio
import orjson
from aiohttp import web
from anyio import to_thread

from asyncdl.sandbox.corruption import down_answer, maintenance
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, need
from asyncdl.sandbox.endpoints.table import ENDPOINTS
from asyncdl.sandbox.refusal import (
    Maintenance,
    Refusal,
    no_role,
    no_such_endpoint,
    rate_limited,
)
from asyncdl.sandbox.state import SandboxState

PATH = "/api/api/json/stable/"
_LOG = logging.getLogger("asyncdl.sandbox")
_KEY_HEADER = "X-Auth-Token"
_SSO_COOKIE = "EROS_SSO_production_secure"
LOGINS = ("login-token", "login-sso", "login-app-guest")
KNOWN = frozenset({*LOGINS, "logout", *ENDPOINTS})
"""Every endpoint that is served; all others are answered as those that were removed."""
_FOR_EVERYBODY = frozenset({"permissions", "notifications"})
"""What an account may call without the role MACHINE."""


class Api:
    """Serves the calls of one account, one at a time.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        for method in ("GET", "POST"):
            app.router.add_route(method, PATH + "{endpoint:.+?}{slash:/?}", self.serve)
        app.router.add_route("*", "/api/api/json/{version}/{endpoint:.+}", self.refuse_version)

    async def refuse_version(self, request: web.Request) -> web.Response:
        """Answer calls to other versions, and calls that are neither GET nor POST."""
        if request.method not in ("GET", "POST"):
            return _failure(Refusal("UNKNOWN", "Method Not Allowed", http_status=405), 0)
        return _failure(Refusal("VERSION_UNKNOWN", "Unknown version", http_status=500), 0)

    async def serve(self, request: web.Request) -> web.Response:
        """Serve one call."""
        world, endpoint = self._world, request.match_info["endpoint"]
        world.requests += 1
        number, began_s = world.requests, time.monotonic()
        world.ledger.watch(f"{endpoint} called")
        if world.faults.api_down:
            world.ledger.note_call(endpoint, {}, "down")
            return down_answer(request, world.faults.down_mode)
        payload: Payload = {}
        error_code = None
        try:
            with world.account.one_call(endpoint, request.transport, world.ledger):
                payload = await _read_payload(request)
                await anyio.sleep(world.faults.api_latency_s)
                self._disturb(number)
                handler = self._find_handler(endpoint, request)
                # In a thread: a call about very many downloads must not hold up the file host.
                response = await to_thread.run_sync(self._answer, handler, payload, number)
        except Refusal as refusal:
            error_code = refusal.error_code
            response = _failure(refusal, number)
        world.ledger.note_call(endpoint, payload, error_code, began_s)
        return response

    def _disturb(self, number: int) -> None:
        """Do nothing. Raises: Refusal, at random."""
        world = self._world
        if world.faults.disturbs("api_unavailable", number):
            raise Maintenance()
        if world.faults.disturbs("api_rate_limit", number):
            raise rate_limited()

    def _find_handler(self, endpoint: str, request: web.Request) -> Endpoint:
        """Return what answers a call.

        Raises: Refusal, for a bad key, or for an endpoint that is none.
        """
        world, key = self._world, request.headers.get(_KEY_HEADER)
        if endpoint == "login-token":
            return self._login_with(key, request.method)
        if endpoint not in KNOWN or endpoint == world.faults.removed_endpoint:
            # Recorded without a key and with one.
            raise no_such_endpoint()
        if endpoint == "login-sso":
            return self._login_by_cookie(request.cookies.get(_SSO_COOKIE))
        if endpoint == "login-app-guest":
            return lambda world, payload: world.account.log_in_guest(
                str(need(payload, "applicationToken")), str(need(payload, "userToken"))
            )
        key = world.account.check(key, world.faults)
        if endpoint == "logout":
            world.account.log_out(key)
            return lambda world, payload: None
        if world.faults.no_role and endpoint not in _FOR_EVERYBODY:
            raise no_role()
        return ENDPOINTS[endpoint]

    def _login_with(self, key: str | None, method: str) -> Endpoint:
        """Return the login, which an expired key spoils and any old key should not accompany.

        Raises: Refusal, for a GET: the only call that has to be a POST.
        """
        account, faults = self._world.account, self._world.faults
        if method != "POST":
            self._world.ledger.blame("login-token called by GET")
            raise Refusal("UNKNOWN", "This request requires an HTTP POST", http_status=405)
        if key is not None:
            self._world.ledger.blame("old key sent along with login-token")
            if account.is_expired(key, faults):
                account.check(key, faults)
        return lambda world, payload: account.log_in(
            str(need(payload, "username")), str(need(payload, "token"))
        )

    def _login_by_cookie(self, cookie: str | None) -> Endpoint:
        return lambda world, payload: {
            "apiKey": world.account.log_in_by_cookie(cookie),
            "username": world.account.username,
        }

    def _answer(self, handler: Endpoint, payload: Payload, number: int) -> web.Response:
        try:
            return _success(handler(self._world, payload), number)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as wrong:
            _LOG.warning("a call could not be served", exc_info=True)
            raise Refusal("INPUT_INVALID", "A parameter has an invalid value") from wrong


async def _read_payload(request: web.Request) -> Payload:
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


def _success(data: Json, number: int) -> web.Response:
    body = {
        "requestId": number,
        "version": "stable",
        "sessionId": 10_000_000,
        "data": data,
        "errorCode": None,
        "errorMessage": None,
    }
    if number % 3 == 0:
        # Many recorded replies have none.
        del body["sessionId"]
    return _json(body, 200)


def _failure(refusal: Refusal, number: int) -> web.Response:
    if isinstance(refusal, Maintenance):
        return maintenance()
    body: dict[str, Json] = {"errorCode": refusal.error_code, "errorMessage": refusal.message}
    if not refusal.is_bare:
        is_about_key = refusal.error_code in ("AUTH_EXPIRED", "AUTH_KEY_INVALID")
        body |= {
            "data": None,
            "requestId": 0 if is_about_key else number,
            "sessionId": None,
            "version": None if is_about_key else "stable",
        }
    return _json(body, refusal.http_status)


def _json(body: Json, status: int) -> web.Response:
    # PHP escapes slashes.
    text = orjson.dumps(body).replace(b"/", b"\\/")
    return web.Response(status=status, body=text, content_type="application/json")
