"""One API call, step by step: wait for the account, log in, send, try again.

What holds for every endpoint is here, and nothing that holds for only one.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
import orjson
from anyio import CancelScope, to_thread

from asyncdl.background import in_own_task, require_asyncio
from asyncdl.errors import ApiError, AuthError, ForeignResponse, MisuseError, NetworkError
from asyncdl.events import ApiCalled, ApiRetry, Emit
from asyncdl.m2m.account.credentials import Credentials
from asyncdl.m2m.calling.breaker import Breaker
from asyncdl.m2m.calling.call_retries import CallRetries, ClientOptions
from asyncdl.m2m.calling.envelope import (
    LARGE_BYTES,
    ErrorKind,
    kind_of,
    read_envelope,
    refused_again,
)
from asyncdl.m2m.calling.gate import AccountGate
from asyncdl.m2m.calling.transport import RawReply, Transport
from asyncdl.m2m.models import Json
from asyncdl.net.faults import RESPONSE_TIMEOUT
from asyncdl.net.retry import parse_http_date
from asyncdl.redact import Secret, SecretBytes

log = logging.getLogger("asyncdl.m2m")

T = TypeVar("T")

FIRST_YEAR = 2000
"""A clock with an earlier year was never set."""

KEYLESS_ENDPOINTS = frozenset({"login-token", "login-app-guest", "login-sso"})
"""An old key makes the login itself fail with ``AUTH_EXPIRED``, so none is sent."""

ENDPOINTS_OF_ROWS = frozenset({"download-options", "download-search"})
"""Whose long responses come as :class:`RawRows`: as objects they would take the most memory of a
whole job."""

PROBE_ENDPOINT = "permissions"
"""Called to find out whether the service is down or only one call fails: it changes nothing and has
no parameters that could be the cause."""

UNREPEATABLE_ENDPOINTS = frozenset({"order-submit"})
"""Made again only if the service has refused them, never if their response is lost."""


@dataclass(slots=True)
class Caller:
    """Makes calls for one account.

    A call whose response was lost is made again unchanged, for nearly every endpoint
    is idempotent: searches change nothing, adding to a list or removing from it
    twice is the same as once, and ``download-request`` repeats
    the download ids of the first call. An order would be placed twice.
    """

    credentials: Credentials
    transport: Transport
    gate: AccountGate
    options: ClientOptions
    emit: Emit
    calls: Counter[str] = field(default_factory=Counter)
    """Calls sent so far, repeated ones and logins included."""
    breaker: Breaker = field(init=False)
    """What is known of the service's health."""
    service_time: float | None = None
    """Earliest ``Date`` of the service's responses, in seconds since 1970."""
    _api_key: str | None = field(default=None, repr=False)
    _under_way: set[CancelScope] = field(default_factory=set)
    """Of the calls that have not ended."""
    _is_over: bool = False
    _secrets: list[str] = field(default_factory=list, repr=False)
    """Hidden in every message: the token and every key so far."""

    def __post_init__(self) -> None:
        self._secrets.append(self.credentials.token)
        self.breaker = Breaker(self.transport.host, self.emit)

    async def call(self, endpoint: str, payload: object = None) -> Json:
        """Make one call, logging in before and trying again after failures as needed.

        Raises: AuthError, ApiError, NetworkError, when no further try is made.
        """
        if endpoint == "logout":
            return await self.log_out()
        with self._tracked(f"call {endpoint}"):
            return await self._call(endpoint, orjson.dumps(payload))
        raise MisuseError(f"call {endpoint}: the client's block was left while it went on")

    async def _call(self, endpoint: str, body: bytes) -> Json:
        retries, failures = CallRetries(self.options), 0
        while True:
            async with self.breaker.admission():
                try:
                    async with self.gate.hold():
                        return await self._call_holding_gate(endpoint, body)
                except (ApiError, NetworkError) as error:
                    failures += 1
                    if failures > 1:
                        await self._probe_service(endpoint, error)
                    pause_s = self._pause_after(endpoint, error, retries)
            # Outside the gate: what failed may be this endpoint alone, or this call's
            # size, and minutes of pause would hold up calls that can succeed.
            await anyio.sleep(pause_s)

    async def _probe_service(self, endpoint: str, error: ApiError | NetworkError) -> None:
        """Find out whether the service is down, or only this call fails.

        Only where it matters: an outage is waited for, a single call is not.
        """
        is_unclear = self.breaker.is_open and error.retryable and not error.retry_after_s
        if not self.options.max_wait_s or not is_unclear or endpoint == PROBE_ENDPOINT:
            return
        try:
            async with self.gate.hold():
                await self._call_holding_gate(PROBE_ENDPOINT, b"null")
        except (ApiError, NetworkError) as other:
            log.debug("the service seems to be down: %s", other)

    @contextmanager
    def _tracked(self, what: str) -> Iterator[None]:
        """Let :meth:`stop` cancel the block. Raises: MisuseError, when the client is closed."""
        require_asyncio("M2MClient")
        self.check(what)
        with CancelScope() as scope:
            self._under_way.add(scope)
            try:
                yield
            finally:
                self._under_way.discard(scope)

    def check(self, what: str) -> None:
        """Raises: MisuseError, when the client is closed."""
        if self._is_over:
            raise MisuseError(f"{what}: the client was used after its `async with` block")

    def stop(self) -> None:
        """Cancel the calls that are under way; a login among them is completed first."""
        for scope in self._under_way:
            scope.cancel()

    async def end(self) -> None:
        """Log out for good. Raises: as :meth:`log_out`."""
        self._is_over = True
        self.stop()
        await self.log_out()

    def _pause_after(
        self, endpoint: str, error: ApiError | NetworkError, retries: CallRetries
    ) -> float:
        """Return how long this call alone pauses before its next try.

        Raises: ``error``, if there is none; NetworkError, if there is no time for one.
        """
        outage = self.breaker.outage
        wait_s = retries.wait_s(error, outage, anyio.current_time())
        if endpoint in UNREPEATABLE_ENDPOINTS:
            raise error
        if wait_s is None:
            if retries.is_out_of_time(error, outage):
                raise self._down_for_too_long(error) from error
            if isinstance(error, ApiError):
                # An outage would be waited for, and ends in the other error.
                is_outage_kind = kind_of(error) is ErrorKind.SERVER and error.retryable
                error.is_alone = bool(self.options.max_wait_s) and is_outage_kind
            raise error
        self.breaker.defer(_reason(error), wait_s)
        if self.breaker.is_open:
            return 0.0  # all callers wait together, at the breaker
        self._announce_retry(endpoint, error, wait_s, retries.failed)
        return wait_s

    def _down_for_too_long(self, error: ApiError | NetworkError) -> NetworkError:
        down_s = self.breaker.outage.elapsed_s(anyio.current_time())
        return NetworkError(
            f"reach {self.transport.host}",
            f"down for {down_s:.0f} s, and {self.options.max_wait_s:.0f} s is the longest wait "
            f"(service.max_wait); the last try: {error}",
        )

    @property
    def is_logged_in(self) -> bool:
        """Whether there is a key; the service may have forgotten it."""
        return self._api_key is not None

    async def log_in(self) -> None:
        """Get a key now, unless there is one.

        Raises: AuthError, ApiError, NetworkError, at the first failure but ``RATE_LIMIT``.
        """
        with self._tracked("log in"):
            async with self.gate.hold():
                if not self.is_logged_in:
                    await self._log_in_holding_gate()
            return
        raise MisuseError("log in: the client's block was left while it went on")

    async def log_out(self) -> None:
        """Log out; without a key, do nothing.

        Tried once more, on a new connection, when it may not have reached the service; both
        within ``exit_deadline_s``. With a key that the service has dropped it counts as done.

        Raises: ApiError, NetworkError, if the service did not log out.
        """
        if not self.is_logged_in and not self._under_way:
            return  # and no login is under way
        async with self.gate.hold():
            api_key, self._api_key = self._api_key, None
            if api_key is None:
                return  # another task has logged out while this one waited
            deadline = min(
                anyio.current_time() + self.options.exit_deadline_s,
                anyio.current_effective_deadline(),
            )
            try:
                await self._send_logout(api_key, (anyio.current_time() + deadline) / 2)
            except (ApiError, NetworkError) as error:
                if not _may_be_lost(error):
                    raise
                self._announce_retry("logout", error, 0.0, 1)
            else:
                return
            await self.transport.reconnect()
            await self._send_logout(api_key, deadline)

    async def _send_logout(self, api_key: str, deadline: float) -> None:
        """Call ``logout`` until ``deadline``, on the loop's clock.

        Raises: ApiError, NetworkError.
        """
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                await self._send_with_key("logout", b"null", api_key)
        except TimeoutError as error:
            raise RESPONSE_TIMEOUT.error(f"call logout at {self.transport.host}") from error
        except AuthError as error:
            log.debug("logout: %s", error)

    async def _call_holding_gate(self, endpoint: str, body: bytes) -> Json:
        """Make one call with a key that works, while no other call of the account runs.

        As the login happens while the gate is held, other tasks whose key has expired, too, find
        the new one when they hold it: there is one login, not many.
        """
        if endpoint in KEYLESS_ENDPOINTS:
            return await self._send_with_key(endpoint, body, None)
        api_key = self._api_key or await self._log_in_holding_gate()
        try:
            return await self._send_with_key(endpoint, body, api_key)
        except AuthError as error:
            if kind_of(error) is not ErrorKind.KEY:
                raise
            self._api_key = None
            self._announce_retry(endpoint, error, 0.0, 1)
        api_key = await self._log_in_holding_gate()
        try:
            return await self._send_with_key(endpoint, body, api_key)
        except AuthError as error:
            if kind_of(error) is not ErrorKind.KEY:
                raise
            raise refused_again(error) from None

    async def _log_in_holding_gate(self) -> str:
        account = {"username": self.credentials.username, "token": self.credentials.token}
        body = SecretBytes(orjson.dumps(account))
        return await self._while_busy("login-token", partial(self._log_in_once, body))

    async def _log_in_once(self, body: bytes) -> str:
        # An unknown key cannot be logged out: once a login is sent, it is completed, even if its
        # caller is cancelled meanwhile.
        return await in_own_task(self._request_key(body), grace_s=self.options.exit_deadline_s)

    async def _request_key(self, body: bytes) -> str:
        api_key = _key_in(await self._send("login-token", body, None))
        if not api_key:
            raise ApiError("login-token", message="unexpected response: the key is not a text")
        self._api_key = api_key
        self._secrets.append(api_key)
        return api_key

    async def _send_with_key(self, endpoint: str, body: bytes, api_key: str | None) -> Json:
        return await self._while_busy(endpoint, partial(self._send, endpoint, body, api_key))

    async def _while_busy(self, endpoint: str, send: Callable[[], Awaitable[T]]) -> T:
        """Send a call, and again while the account is busy with another call.

        The gate is held meanwhile. What keeps the account busy (another machine, or a call that
        we gave up and the service did not) would get our other calls refused as well, and they
        would overtake this one.
        """
        options = self.options
        patience_s = min(options.rate_limit_patience_s, options.max_wait_s or math.inf)
        deadline = anyio.current_time() + patience_s
        failed = 0
        while True:
            try:
                return await send()
            except ApiError as error:
                if kind_of(error) is not ErrorKind.BUSY:
                    raise
                failed += 1
                wait_s = options.busy_backoff.delay_s(failed, retry_after_s=error.retry_after_s)
                self.breaker.outage.begin(anyio.current_time())
                if anyio.current_time() + wait_s > deadline:
                    self.breaker.fail(error.retry_after_s)
                    raise
                self._announce_retry(endpoint, error, wait_s, failed)
            await anyio.sleep(wait_s)

    async def _send(self, endpoint: str, body: bytes, api_key: str | None) -> Json:
        """Send a call once and read its response."""
        self.calls[endpoint] += 1
        started = time.perf_counter()
        try:
            reply = await self.transport.post(endpoint, body, api_key=api_key)
        except NetworkError as error:
            self._note_failure(error)
            raise
        elapsed_s = time.perf_counter() - started
        error_code: str | None = None
        try:
            data = await self._read(endpoint, reply)
        except ApiError as error:
            error_code = error.error_code or f"HTTP {reply.status}"
            self._note_failure(error)
            raise
        else:
            self.breaker.succeed()
            self._note_service_time(reply.headers.get("Date"))
            return data
        finally:
            self.emit(ApiCalled(endpoint, elapsed_s, error_code))

    async def _read(self, endpoint: str, reply: RawReply) -> Json:
        read = partial(
            read_envelope,
            endpoint,
            reply.status,
            reply.headers,
            reply.body,
            secrets=tuple(self._secrets),
            are_rows_apart=endpoint in ENDPOINTS_OF_ROWS,
        )
        if len(reply.body) <= LARGE_BYTES:
            return read()
        return await to_thread.run_sync(read)

    def _note_service_time(self, date: str | None) -> None:
        """Note the service's clock; its machines may differ, so the earliest counts."""
        sent = parse_http_date(date or "")
        if sent is not None and sent.year >= FIRST_YEAR:
            at = sent.timestamp()
            self.service_time = at if self.service_time is None else min(at, self.service_time)

    def _note_failure(self, error: ApiError | NetworkError) -> None:
        """Distinguish a service that fails from one that refuses a call."""
        kind = kind_of(error) if isinstance(error, ApiError) else ErrorKind.SERVER
        if kind is ErrorKind.SERVER:
            self.breaker.fail(error.retry_after_s)
        elif kind is not ErrorKind.BUSY and not isinstance(error, ForeignResponse):
            self.breaker.succeed()

    def _announce_retry(
        self, endpoint: str, error: ApiError | NetworkError, wait_s: float, attempt: int
    ) -> None:
        log.info("%s; next try in %.1f s", error, wait_s)
        self.emit(ApiRetry(endpoint, _reason(error), wait_s, attempt))


def _key_in(data: Json) -> Secret:
    """Return the key in the response to a login; empty if there is none."""
    return Secret(data if isinstance(data, str) else "")


def _may_be_lost(error: ApiError | NetworkError) -> bool:
    """Return whether a call may not have reached the service, or not been processed by it."""
    return error.retryable or isinstance(error, ForeignResponse)


def _reason(error: ApiError | NetworkError) -> str:
    if isinstance(error, NetworkError):
        return error.cause
    return error.error_code or f"HTTP {error.http_status}"
