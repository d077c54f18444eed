"""Which service a command talks to: that of a config, one at an address, or the embedded one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
import msgspec

from asyncdl.cli.options import Embedded, sandbox_option
from asyncdl.cli.printing import echo, print_message
from asyncdl.config import Config, Seconds, ServiceConfig, load_config
from asyncdl.config.sections import Clash
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.from_config import credentials_of, options_of, tls_of
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.m2m.account.stored_account import account_host
from asyncdl.net.tls import TlsSettings, check_tls

VIOLATION = "VIOLATION, which the real service would frown on; please report it"
"""In front of everything that the embedded service has to complain of."""

SANDBOX_NAME = "sandbox"
"""What the journal calls the embedded service, on whatever port it listens."""


@dataclass(frozen=True, slots=True)
class ChosenService:
    """A service and the account to use with it."""

    config: ServiceConfig
    credentials: Credentials
    name: str
    """Keeps this service's files apart from those of others in the journal."""


def name_of(config: ServiceConfig, sandbox: Embedded | None) -> str:
    """Return what the journal calls the service, without opening it."""
    return SANDBOX_NAME if sandbox else urlsplit(config.url).netloc


def find_account(config: ServiceConfig) -> Credentials:
    """Find user name and token; on a terminal, ask for what is missing. Raises: AuthError."""
    return credentials_of(config, prompt=asker())


def asker() -> Callable[[str], str] | None:
    """Return what asks the person at the terminal; ``None`` if there is no terminal."""
    return _ask if sys.stdin.isatty() else None


def _ask(what: str) -> str:
    hide = "token" in what.lower()
    return str(click.prompt(what.rstrip(": "), hide_input=hide, err=True))


def with_state(settings: Config, state_dir: Path | None) -> Config:
    """Return a config that keeps its state where ``--state-dir`` says, if it was given."""
    if state_dir is None:
        return settings
    download = msgspec.structs.replace(
        settings.download, state_directory=str(state_dir.expanduser().absolute())
    )
    return msgspec.structs.replace(settings, download=download)


def with_tls(config: ServiceConfig, tls: TlsSettings) -> ServiceConfig:
    """Return a config with the files that options name in place of its own."""
    given: dict[str, str | None] = {}
    if tls.ca_file is not None:
        given["ca_file"] = str(tls.ca_file)
    if tls.client_cert is not None:  # whose key is never that of another certificate
        given["client_cert"] = str(tls.client_cert)
        given["client_key"] = None if tls.client_key is None else str(tls.client_key)
    return msgspec.structs.replace(config, **given)


@dataclass(frozen=True, slots=True)
class Access:
    """The way to a service, known before the loop begins."""

    config: ServiceConfig
    way: Credentials | Embedded
    """An account at the service of the config, or the wish for the embedded one."""


def access_to(
    config: ServiceConfig, sandbox: Embedded | None, account: Credentials | None = None
) -> Access:
    """Find the way to a service. No loop may run yet: a person who is asked can then say Ctrl-C.

    Args:
        config: Where the service is.
        sandbox: The wish for the embedded one, which has an account of its own.
        account: For the service of the config; found if not given.
    Raises: AuthError, when no account is to be found; ConfigError, for a file of certificates
        that is not what it should be.
    """
    if sandbox is None:
        check_files(config)
    return Access(config, sandbox or account or find_account(config))


def check_files(config: ServiceConfig) -> None:
    """Look at the files of certificates, before anybody is asked. Raises: ConfigError."""
    try:
        check_tls(tls_of(config))
    except ConfigError as error:
        if hasattr(config, error.key):
            error.key = f"service.{error.key}"
        raise


@asynccontextmanager
async def open_service(access: Access) -> AsyncIterator[ChosenService]:
    """Give the service, or start the embedded one and give that."""
    config, way = access.config, access.way
    if isinstance(way, Credentials):
        yield ChosenService(config, way, name_of(config, None))
        return
    # Only here: most runs never need a server.
    from asyncdl.sandbox import serve

    async with serve(faults=way.faults) as embedded:
        echo(f"Using the embedded service at {embedded.origin}", err=True)
        # Who asks no catalogue of the real service for digests asks none here.
        stac_url = "" if config.stac_url == "" else embedded.stac_url
        try:
            yield ChosenService(
                msgspec.structs.replace(config, url=embedded.url, stac_url=stac_url),
                Credentials(embedded.username, embedded.token),
                SANDBOX_NAME,
            )
        finally:
            tell_violations(embedded.violations)


def tell_violations(violations: Sequence[str]) -> None:
    """Say loudly what the real service would have frowned on; each thing once."""
    for what, times in Counter(violations).items():
        echo(f"{VIOLATION}: {what}" + (f" ({times:,} times)" if times > 1 else ""), err=True)


@asynccontextmanager
async def open_client(access: Access, max_wait: Seconds | None = None) -> AsyncIterator[M2MClient]:
    """Give a client for commands that only look things up; see :func:`client_of`."""
    async with open_service(access) as service, client_of(service, max_wait) as client:
        yield client


def client_of(service: ChosenService, max_wait: Seconds | None = None) -> M2MClient:
    """Return a client of a service, to be used with ``async with``.

    What it waits for is told on stderr. Of an outage it makes its usual few tries, or
    waits for its end as long as ``max_wait``.
    """
    options = replace(options_of(service.config), max_wait_s=max_wait or 0.0)
    url = service.config.url
    return M2MClient(service.credentials, url=url, options=options, emit=print_message)


F = TypeVar("F", bound=Callable[..., Any])


def target_options(function: F) -> F:
    """Give a command ``config``, ``sandbox`` and ``url``, each of which may be absent."""
    function = click.option("--url", help="Base address of the M2M API.")(function)
    function = sandbox_option(function)
    return click.argument("config", type=click.Path(path_type=Path), required=False)(function)


def service_config(config: Path | None, url: str | None) -> ServiceConfig:
    """Return the service of a config or at an address, else that of the USGS.

    Raises: UsageError, for both; ConfigError.
    """
    if config and url:
        raise click.UsageError("give CONFIG or --url, not both")
    if config:
        return load_config(config).service
    return _service_at(url) if url else ServiceConfig()


def _service_at(url: str) -> ServiceConfig:
    try:
        return ServiceConfig(url=url)
    except Clash as clash:
        raise ConfigError(str(clash), key="--url", value=url, allowed=clash.allowed) from None


def host_for(service: ServiceConfig, sandbox: Embedded | None) -> str:
    """Return the name by which an account is stored."""
    return SANDBOX_NAME if sandbox else account_host(service.url)
