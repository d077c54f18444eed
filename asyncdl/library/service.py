"""The service and the account that a call uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import anyio.to_thread
import msgspec

from asyncdl.config import Config, ServiceConfig, parse_config
from asyncdl.errors import wrong_type
from asyncdl.events import Emit, discard
from asyncdl.job.choosing.from_config import credentials_of, options_of
from asyncdl.m2m import Credentials, M2MClient

SANDBOX_NAME = "sandbox"
"""Name of the embedded service in the journal, on any port."""


class EmbeddedService(Protocol):
    """A running service of :mod:`asyncdl.sandbox`."""

    @property
    def url(self) -> str:
        """Base URL of the API."""

    @property
    def stac_url(self) -> str:
        """Base URL of the STAC service."""

    @property
    def username(self) -> str:
        """The only user."""

    @property
    def token(self) -> str:
        """The user's application token."""


ServiceInput: TypeAlias = ServiceConfig | Mapping[str, Any] | EmbeddedService | None
"""A service: keys of ``[service]``, or a sandbox; ``None`` for the one of the config, else the
USGS's."""


@dataclass(frozen=True, slots=True)
class ChosenService:
    """A service and the account to use with it."""

    config: ServiceConfig
    credentials: Credentials
    name: str
    """Name of the service in the journal, which separates its files from those of others."""

    def client(self, emit: Emit = discard, *, max_wait_s: float | None = None) -> M2MClient:
        """Return a client, to be used with ``async with``.

        Args:
            emit: Takes the events of calls, such as waits.
            max_wait_s: How long it waits during an outage; as the config says by default.
        """
        options = options_of(self.config)
        if max_wait_s is not None:
            options = replace(options, max_wait_s=max_wait_s)
        return M2MClient(self.credentials, url=self.config.url, options=options, emit=emit)


def name_of(config: ServiceConfig) -> str:
    """Return the name of a service in the journal, if it is not the embedded one."""
    return urlsplit(config.url).netloc


async def with_service(config: Config, given: ServiceInput) -> tuple[Config, str]:
    """Return a config with the given service, and the service's name in the journal.

    Raises: ConfigError, for invalid keys; TypeError, for anything else.
    """
    return await anyio.to_thread.run_sync(_with_service, config, given)


def _with_service(config: Config, given: ServiceInput) -> tuple[Config, str]:
    if given is None:
        return config, name_of(config.service)
    if isinstance(given, ServiceConfig):
        service, name = given, name_of(given)
    elif isinstance(given, Mapping):
        service = _service_of(given)
        name = name_of(service)
    elif hasattr(given, "stac_url") and hasattr(given, "token"):
        service, name = ServiceConfig(url=given.url, stac_url=given.stac_url), SANDBOX_NAME
    else:
        raise wrong_type("service", given, "keys of [service], or a sandbox")
    return msgspec.structs.replace(config, service=service), name


def _service_of(keys: Mapping[str, Any]) -> ServiceConfig:
    whole = {"service": dict(keys), "search": {"limit": 1, "dataset": "any"}}
    return parse_config(whole | {"products": [{"kind": "bundle"}]}).service


def account_of(given: ServiceInput, credentials: Credentials | None) -> Credentials | None:
    """Return the account that the caller gave, or that of a sandbox."""
    if credentials is not None or given is None or isinstance(given, ServiceConfig | Mapping):
        return credentials
    return Credentials(given.username, given.token)


async def choose_service(
    config: Config, given: ServiceInput, credentials: Credentials | None
) -> ChosenService:
    """Return service and account; without credentials the account is searched for.

    Raises: AuthError, if no account is found; ConfigError and TypeError, as
        :func:`with_service`.
    """
    config, name = await with_service(config, given)
    account = account_of(given, credentials)
    if account is None:
        account = await anyio.to_thread.run_sync(credentials_of, config.service)
    return ChosenService(config.service, account, name)
