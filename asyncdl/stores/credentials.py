"""Credentials for S3, found as the provider's own tools find them.

That is the chain of ``aws``: the environment, ``~/.aws`` with its profiles, single sign-on,
roles, and the metadata service of a machine or container. Google's and Azure's chains are
known to the client library itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncdl.errors import ConfigError, StoreError
from asyncdl.extras import installing

RENEWED_AFTER = timedelta(minutes=5)
"""How long credentials are used before the chain is asked again; it keeps what is still good."""


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
    except exceptions.BotoCoreError as error:
        raise ConfigError(f"the AWS config cannot be read: {type(error).__name__}") from None
    return session


def lacking() -> ConfigError:
    """Return the error for a store without the extra."""
    return ConfigError(
        "a store needs packages that are not installed",
        key="download.directory",
        allowed=f"a folder, or {installing('store')}",
    )


def s3_credentials(
    address: str, profile: str | None
) -> tuple[Callable[[], Mapping[str, Any]], str | None]:
    """Return a function that gives the credentials of now, and the configured region.

    Raises: ConfigError; StoreError, if there are no credentials.
    """
    if profile is None and (given := _in_environment()) is not None:
        return given
    session = botocore_session(profile)
    from botocore import exceptions

    try:
        found = session.get_credentials()
    except exceptions.BotoCoreError as error:
        raise _refused(address, error) from None
    if found is None:
        detail = "no credentials were found for the store"
        raise StoreError(address, detail, reason="store-credentials")

    def current() -> Mapping[str, Any]:
        frozen = found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + RENEWED_AFTER,
        }

    try:
        current()
    except exceptions.BotoCoreError as error:
        raise _refused(address, error) from None
    return current, session.get_config_variable("region")


def _in_environment() -> tuple[Callable[[], Mapping[str, Any]], str] | None:
    """Return the keys and the region of the environment, if it has all of them.

    They come first in the chain, and the rest of it takes a second to load.
    """
    key, secret = (os.environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not (key and secret and region):
        return None
    token = os.environ.get("AWS_SESSION_TOKEN")
    found = {
        "access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": None,
    }  # fmt: skip
    return (lambda: found), region


def _refused(address: str, error: Exception) -> StoreError:
    # The message may hold parts of responses; its kind says enough.
    detail = f"the credentials could not be renewed ({type(error).__name__})"
    return StoreError(address, detail, reason="store-credentials")
