"""The account: its keys, and its one call at a time."""

from __future__ import annotations

import time
from asyncio import BaseTransport
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from asyncdl.sandbox.injected_faults import Faults
from asyncdl.sandbox.refusal import Refusal, rate_limited
from asyncdl.sandbox.request_log import RequestLog
from asyncdl.sandbox.signing import Signer


class Account:
    """One user of the service.

    Args:
        username: Its name.
        token: Its application token.
        signer: Makes its API keys.
    """

    def __init__(self, username: str, token: str, signer: Signer) -> None:
        self.username = username
        self._token = token
        self._signer = signer
        self._last_use: dict[str, float] = {}
        self._calls: Counter[str] = Counter()
        self._expired: set[str] = set()
        self._running: tuple[str, BaseTransport | None] | None = None

        self._guests: set[str] = set()

    @contextmanager
    def one_call(
        self, endpoint: str, caller: BaseTransport | None, request_log: RequestLog
    ) -> Iterator[None]:
        """Run one call at a time.

        A call continues when its client disconnects, and keeps the account busy. Calls
        that arrive meanwhile are refused, but are no violation: the client cannot know.

        Args:
            endpoint: The endpoint that is called.
            caller: The connection of the call.
            request_log: Records overlapping calls as violations.
        Raises: Refusal, while another call is running.
        """
        if self._running is not None:
            running, its_caller = self._running
            if its_caller is not None and not its_caller.is_closing():
                request_log.record_violation(
                    f"overlapping calls: {endpoint} while {running} was running"
                )
            raise rate_limited()
        self._running = (endpoint, caller)
        try:
            yield
        finally:
            self._running = None

    def log_in(self, username: str, token: str) -> str:
        """Return a new API key.

        Raises: Refusal, for a wrong name or token.
        """
        if (username, token) != (self.username, self._token):
            # Recorded with HTTP 200.
            raise Refusal("AUTH_INVALID", "User credential verification failed")
        return self._new_key()

    def log_in_by_cookie(self, cookie: str | None) -> str:
        """Return a new API key for the cookie of the single sign-on.

        The sandbox has no sign-on page; the application token serves as the cookie.

        Raises: Refusal, for a wrong cookie or none.
        """
        return self.log_in(self.username, cookie or "")

    def log_in_guest(self, application_token: str, user_token: str) -> str:
        """Return a new API key for a guest of an application.

        Raises: Refusal, for a wrong application token, and for a user token used before.
        """
        if user_token in self._guests:
            raise Refusal("AUTH_INVALID", "User credential verification failed")
        key = self.log_in(self.username, application_token)
        self._guests.add(user_token)
        return key

    def _new_key(self) -> str:
        key = self._signer.api_key()
        self._last_use[key] = time.monotonic()
        return key

    def check(self, key: str | None, faults: Faults) -> str:
        """Return the key if it is valid, and restart its idle time.

        Raises: Refusal, if it is missing, unknown or expired.
        """
        status = faults.auth_status
        if key is None:
            raise Refusal("AUTH_UNAUTHROIZED", "User not authenticated", http_status=status)
        if self.is_expired(key, faults):
            text = "API key has expired due to inactivity"
            raise Refusal("AUTH_EXPIRED", text, http_status=status)
        if key not in self._last_use:
            raise Refusal("AUTH_KEY_INVALID", "API key is not known", http_status=status)
        self._last_use[key] = time.monotonic()
        self._calls[key] += 1
        return key

    def is_expired(self, key: str, faults: Faults) -> bool:
        """Return whether a key was valid once and has expired."""
        if key in self._last_use and self._has_expired(key, faults):
            del self._last_use[key], self._calls[key]
            self._expired.add(key)
        return key in self._expired

    def _has_expired(self, key: str, faults: Faults) -> bool:
        rested_s = time.monotonic() - self._last_use[key]
        return rested_s >= faults.key_idle_s or 0 < faults.key_calls <= self._calls[key]

    def log_out(self, key: str) -> None:
        """Forget a key."""
        self._last_use.pop(key, None)
        del self._calls[key]

    @property
    def running(self) -> str | None:
        """Endpoint of the call that is running."""
        return self._running[0] if self._running else None

    @property
    def open_keys(self) -> int:
        """Number of valid keys that have not been logged out."""
        return len(self._last_use)

    def expire_keys(self) -> None:
        """Expire every key."""
        self._expired.update(self._last_use)
        self._last_use.clear()
