"""Credentials for S3, found as the provider's own tools find them.

That is the chain of ``aws``: the environment, ``~/.aws`` with its profiles, single sign-on,
roles, and the metadata service of a machine or container. Google's and Azure's chains are
known to the client library itself.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from asyncdl.errors import ConfigError, StoreError
from asyncdl.extras import installing

RENEWED_AFTER = timedelta(minutes=5)
"""How long credentials are used before the chain is asked again; it keeps what is still good."""
SIGNED_BEFORE_S = 10.0
"""So long after a renewal there may be refusals of requests that had the old credentials."""


class ChainCredentials(NamedTuple):
    """What the chain has for a store."""

    current: Callable[[], Mapping[str, Any]]
    """Gives the credentials of now; may block."""
    region: str | None
    endpoint: str | None
    """URL of the service, if the config of the chain names one."""
    renewed: Callable[[], bool]
    """Asks the chain anew after the store has refused credentials as expired; returns whether it
    has others since. Blocks."""


def botocore_session(profile: str | None) -> Any:
    """Return a session of botocore. Raises: ConfigError, if it is missing, or the profile is."""
    try:
        from botocore import exceptions
        from botocore.session import Session
    except ImportError:
        raise lacking() from None
    session = Session(profile=profile)
    if profile is not None and profile not in session.available_profiles:
        known = ", ".join(session.available_profiles) or "none is defined"
        raise ConfigError("no such profile", key="store.profile", value=profile, allowed=known)
    try:
        session.get_scoped_config()
    except exceptions.ProfileNotFound:
        name = session.get_config_variable("profile")
        raise ConfigError("no such profile", key="AWS_PROFILE", value=name) from None
    except exceptions.BotoCoreError as error:
        raise ConfigError(f"the AWS config cannot be read: {type(error).__name__}") from None
    return session


def endpoint_of(session: Any) -> str | None:
    """Return the URL of S3 that the environment or the profile names, as AWS's tools take it.

    Source: AWS, "Service-specific endpoints" of the SDKs and Tools Reference Guide.
    """
    from botocore.configprovider import ConfiguredEndpointProvider

    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    found: str | None = ConfiguredEndpointProvider(
        full_config=session.full_config,
        scoped_config=session.get_scoped_config(),
        client_name="s3",
    ).provide()
    return found


def lacking() -> ConfigError:
    """Return the error for a store without the extra."""
    return ConfigError(
        "a store needs packages that are not installed",
        key="download.directory",
        allowed=f"a folder, or {installing('store')}",
    )


def s3_credentials(address: str, profile: str | None) -> ChainCredentials:
    """Return the credentials of the chain. Raises: ConfigError; StoreError, if there are none."""
    if profile is None and (given := _in_environment()) is not None:
        return given
    chain = _Chain(address, profile)
    return ChainCredentials(chain.current, chain.region, chain.endpoint, chain.renewed)


class _Chain:
    """The chain of botocore, which knows when most of its credentials expire.

    Of keys in a file it does not: another program may write new ones there at any time.
    """

    def __init__(self, address: str, profile: str | None) -> None:
        self._address, self._profile = address, profile
        self._lock = threading.Lock()
        self._renewed_at_s: float | None = None
        self._found, session = self._look_up()
        self.region: str | None = session.get_config_variable("region")
        self.endpoint = endpoint_of(session)
        with _refusals_of(address):
            self._last = self._found.get_frozen_credentials()

    def _look_up(self) -> tuple[Any, Any]:
        """Return the credentials of a new session, and the session."""
        session = botocore_session(self._profile)
        with _refusals_of(self._address):
            found = session.get_credentials()
        if found is None:
            detail = "no credentials were found for the store"
            raise StoreError(self._address, detail, reason="store-credentials")
        return found, session

    def current(self) -> Mapping[str, Any]:
        """Return the credentials of now."""
        frozen = self._found.get_frozen_credentials()
        with self._lock:
            self._note(frozen)
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + RENEWED_AFTER,
        }

    def renewed(self) -> bool:
        """Read everything again; return whether there are other credentials now, or just before."""
        with self._lock:
            self._found, _ = self._look_up()
            with _refusals_of(self._address):
                self._note(self._found.get_frozen_credentials())
            renewed_at_s = self._renewed_at_s
            return renewed_at_s is not None and time.monotonic() - renewed_at_s < SIGNED_BEFORE_S

    def _note(self, frozen: Any) -> None:
        if frozen != self._last:
            self._last, self._renewed_at_s = frozen, time.monotonic()


def _in_environment() -> ChainCredentials | None:
    """Return the keys and the region of the environment, if it has all of them.

    They come first in the chain, and the rest of it takes a second to load. It is loaded if a
    file of it may name the service.
    """
    key, secret = (os.environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not (key and secret and region) or _is_endpoint_in_files():
        return None
    token = os.environ.get("AWS_SESSION_TOKEN")
    found = {
        "access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": None,
    }  # fmt: skip
    return ChainCredentials(lambda: found, region, None, lambda: False)


def _is_endpoint_in_files() -> bool:
    """Return whether the files of the AWS config have the word for it, of whichever profile."""
    names = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}
    for variable, name in names.items():
        path = Path(os.environ.get(variable) or f"~/.aws/{name}")
        with suppress(OSError, RuntimeError):  # the latter without a home
            if b"endpoint_url" in path.expanduser().read_bytes():
                return True
    return False


@contextmanager
def _refusals_of(address: str) -> Iterator[None]:
    """Raise StoreError instead of what a part of the chain raises."""
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError as error:
        # The message may hold parts of responses; its kind says enough.
        detail = f"the credentials could not be renewed ({type(error).__name__})"
        raise StoreError(address, detail, reason="store-credentials") from None
