"""The M2M API: how calls come in, which endpoint serves them, and how replies look.

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

from asyncdl.sandbox.endpoints import (
    account_calls,
    dataset_calls,
    download_options,
    download_request,
    order_calls,
    place_calls,
    queue_calls,
    scene_calls,
    scene_list_calls,
)
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, need
from asyncdl.sandbox.refusal import (
    Maintenance,
    Refusal,
    down_response,
    maintenance,
    no_role,
    no_such_endpoint,
    rate_limited,
)
from asyncdl.sandbox.sandbox_state import SandboxState

PATH = "/api/api/json/stable/"
_LOG = logging.getLogger("asyncdl.sandbox")
_KEY_HEADER = "X-Auth-Token"
_SSO_COOKIE = "EROS_SSO_production_secure"
LOGINS = ("login-token", "login-sso", "login-app-guest")
_SUBJECTS = (
    dataset_calls,
    scene_calls,
    scene_list_calls,
    download_options,
    download_request,
    queue_calls,
    account_calls,
    place_calls,
    order_calls,
)
ENDPOINTS: Mapping[str, Endpoint] = {
    name: endpoint for subject in _SUBJECTS for name, endpoint in subject.ENDPOINTS.items()
}
"""All endpoints but login and logout."""
FIXED = frozenset(
    {*account_calls.FIXED, *dataset_calls.FIXED, *order_calls.FIXED, "download-order-load"}
)
"""Endpoints whose reply is always the same."""
KNOWN = frozenset({*LOGINS, "logout", *ENDPOINTS})
"""Every endpoint that is served; any other name gets the reply for a removed endpoint."""
_FOR_EVERYBODY = frozenset({"permissions", "notifications"})
"""Endpoints that need no role MACHINE."""


class Api:
    """Serves the calls of one account, one at a time.

    Args:
        state: State of the sandbox.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        for method in ("GET", "POST"):
            app.router.add_route(method, PATH + "{endpoint:.+?}{slash:/?}", self.serve)
        app.router.add_route("*", "/api/api/json/{version}/{endpoint:.+}", self.refuse_version)

    async def refuse_version(self, request: web.Request) -> web.Response:
        """Refuse calls to other versions, and calls that are neither GET nor POST."""
        if request.method not in ("GET", "POST"):
            return _failure(Refusal("UNKNOWN", "Method Not Allowed", http_status=405), 0)
        return _failure(Refusal("VERSION_UNKNOWN", "Unknown version", http_status=500), 0)

    async def serve(self, request: web.Request) -> web.Response:
        """Serve one call."""
        state, endpoint = self._state, request.match_info["endpoint"]
        state.requests += 1
        number, began_s = state.requests, time.monotonic()
        state.request_log.watch(f"{endpoint} called")
        if state.faults.api_down:
            state.request_log.record_call(endpoint, {}, "down")
            return down_response(request, state.faults.down_mode)
        payload: Payload = {}
        error_code = None
        try:
            with state.account.one_call(endpoint, request.transport, state.request_log):
                payload = await _read_payload(request)
                await anyio.sleep(state.faults.api_latency_s)
                self._maybe_refuse(number)
                handler = self._find_handler(endpoint, request)
                # In a thread: a call about very many downloads must not hold up the file host.
                response = await to_thread.run_sync(self._run, handler, payload, number)
        except Refusal as refusal:
            error_code = refusal.error_code
            response = _failure(refusal, number)
        state.request_log.record_call(endpoint, payload, error_code, began_s)
        return response

    def _maybe_refuse(self, number: int) -> None:
        """Raise a Refusal if a fault hits this call."""
        state = self._state
        if state.faults.hits_call("api_unavailable", number):
            raise Maintenance()
        if state.faults.hits_call("api_rate_limit", number):
            raise rate_limited()

    def _find_handler(self, endpoint: str, request: web.Request) -> Endpoint:
        """Return the endpoint of a call.

        Raises: Refusal, for a bad key or an unknown endpoint.
        """
        state, key = self._state, request.headers.get(_KEY_HEADER)
        if endpoint == "login-token":
            return self._login_with(key, request.method)
        if endpoint not in KNOWN or endpoint == state.faults.removed_endpoint:
            # Recorded without a key and with one.
            raise no_such_endpoint()
        if endpoint == "login-sso":
            return self._login_by_cookie(request.cookies.get(_SSO_COOKIE))
        if endpoint == "login-app-guest":
            return lambda state, payload: state.account.log_in_guest(
                str(need(payload, "applicationToken")), str(need(payload, "userToken"))
            )
        key = state.account.check(key, state.faults)
        if endpoint == "logout":
            state.account.log_out(key)
            return lambda state, payload: None
        if state.faults.no_role and endpoint not in _FOR_EVERYBODY:
            raise no_role()
        return ENDPOINTS[endpoint]

    def _login_with(self, key: str | None, method: str) -> Endpoint:
        """Return the login endpoint. An expired key in the headers makes it fail.

        Any old key in the headers is a violation.

        Raises: Refusal, for a GET: login is the only call that has to be a POST.
        """
        account, faults = self._state.account, self._state.faults
        if method != "POST":
            self._state.request_log.record_violation("login-token called by GET")
            raise Refusal("UNKNOWN", "This request requires an HTTP POST", http_status=405)
        if key is not None:
            self._state.request_log.record_violation("old key sent along with login-token")
            if account.is_expired(key, faults):
                account.check(key, faults)
        return lambda state, payload: account.log_in(
            str(need(payload, "username")), str(need(payload, "token"))
        )

    def _login_by_cookie(self, cookie: str | None) -> Endpoint:
        return lambda state, payload: {
            "apiKey": state.account.log_in_by_cookie(cookie),
            "username": state.account.username,
        }

    def _run(self, handler: Endpoint, payload: Payload, number: int) -> web.Response:
        try:
            return _success(handler(self._state, payload), number)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as wrong:
            _LOG.warning("a call could not be served", exc_info=True)
            raise Refusal("INPUT_INVALID", "A parameter has an invalid value") from wrong


async def _read_payload(request: web.Request) -> Payload:
    """Return the parameters of a call; an empty body counts as an empty object.

    Raises: Refusal, if the body is not a JSON object.
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
