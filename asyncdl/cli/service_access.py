"""The service that a command uses: that of a config, of a URL, or the embedded one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
import msgspec

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.options import Embedded, sandbox_option
from asyncdl.cli.printing import echo
from asyncdl.config import (
    BundleProduct,
    Config,
    Seconds,
    ServiceConfig,
    Window,
    load_config,
)
from asyncdl.config.sections import Clash
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.from_config import credentials_of, tls_of
from asyncdl.job.source import NO_ACCOUNT, needs_account
from asyncdl.library.service import SANDBOX_NAME, ChosenService
from asyncdl.library.service import name_of as service_name_of
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.m2m.account.stored_account import account_host
from asyncdl.net.tls import TlsSettings, check_tls

VIOLATION = "VIOLATION of the real service's rules; please report it"
"""Prefix of violations that the embedded service has recorded."""


def name_of(config: ServiceConfig, sandbox: Embedded | None) -> str:
    """Return the name of the service in the journal, without opening it."""
    return SANDBOX_NAME if sandbox else service_name_of(config)


def find_account(config: ServiceConfig) -> Credentials:
    """Find user name and token; prompt for missing ones on a terminal. Raises: AuthError."""
    return credentials_of(config, prompt=terminal_prompt())


def terminal_prompt() -> Callable[[str], str] | None:
    """Return a function that prompts on the terminal; ``None`` if there is no terminal."""
    return _prompt if sys.stdin.isatty() else None


def _prompt(what: str) -> str:
    hide = "token" in what.lower()
    return str(click.prompt(what.rstrip(": "), hide_input=hide, err=True))


def with_state(settings: Config, state_dir: Path | None) -> Config:
    """Return a config with the state directory of ``--state-dir``, if given."""
    if state_dir is None:
        return settings
    download = msgspec.structs.replace(
        settings.download, state_directory=str(state_dir.expanduser().absolute())
    )
    return msgspec.structs.replace(settings, download=download)


def with_window(settings: Config, window: Window | None) -> Config:
    """Return a config with the window of ``--window``, if given. Raises: ConfigError."""
    if window is None:
        return settings
    products = tuple(
        product
        if isinstance(product, BundleProduct)
        else msgspec.structs.replace(product, window=window)
        for product in settings.products
    )
    if all(isinstance(product, BundleProduct) for product in products):
        raise ConfigError(
            "the config wants bundles only, of which no part can be fetched",
            key="--window",
            value=str(window),
            allowed='a config with kind = "bands" or "band_group"',
        )
    try:
        return msgspec.structs.replace(settings, products=products)
    except Clash as clash:
        key = "--window" if clash.key == "products.window" else clash.key
        raise ConfigError(str(clash), key=key, value=str(window), allowed=clash.allowed) from None


def with_cluster(settings: Config, engine: Literal["dask"] | None, scheduler: str | None) -> Config:
    """Return a config with the cluster of ``--engine`` and ``--scheduler``, if given.

    Raises: UsageError, if they contradict each other, or what is left of the config.
    """
    if engine is None and scheduler is None:
        return settings
    cluster = settings.cluster
    try:
        changed = msgspec.structs.replace(
            cluster,
            engine=engine or cluster.engine,
            scheduler=scheduler or cluster.scheduler,
            # Those of the config are started on this machine.
            workers=None if scheduler else cluster.workers,
        )
        return msgspec.structs.replace(settings, cluster=changed)
    except Clash as clash:
        option = f"--{clash.key.removeprefix('cluster.')}"
        raise click.UsageError(f"{option} {clash}; allowed: {clash.allowed}") from None


def with_tls(config: ServiceConfig, tls: TlsSettings) -> ServiceConfig:
    """Return a config with the TLS files of options instead of its own."""
    given: dict[str, str | None] = {}
    if tls.ca_file is not None:
        given["ca_file"] = str(tls.ca_file)
    if tls.client_cert is not None:  # its key is never that of the config's certificate
        given["client_cert"] = str(tls.client_cert)
        given["client_key"] = None if tls.client_key is None else str(tls.client_key)
    return msgspec.structs.replace(config, **given)


@dataclass(frozen=True, slots=True)
class Access:
    """How to access a service, known before the loop starts."""

    config: ServiceConfig
    way: Credentials | Embedded
    """Credentials for the service of the config, or the embedded service."""


def access_to(
    config: ServiceConfig, sandbox: Embedded | None, account: Credentials | None = None
) -> Access:
    """Return the access to a service. Call it before the loop starts, so that Ctrl-C works.

    Args:
        config: The service.
        sandbox: Set for the embedded service, which has its own account.
        account: Credentials for the service of the config; searched for if not given.
    Raises: AuthError, if no account is found; ConfigError, for an invalid certificate file.
    """
    if sandbox is None:
        check_files(config)
    return Access(config, sandbox or account or find_account(config))


def check_files(config: ServiceConfig) -> None:
    """Check the certificate files, before any prompt. Raises: ConfigError."""
    try:
        check_tls(tls_of(config))
    except ConfigError as error:
        if hasattr(config, error.key):
            error.key = f"service.{error.key}"
        raise


@asynccontextmanager
async def open_service(access: Access) -> AsyncIterator[ChosenService]:
    """Yield the service, or start and yield the embedded one."""
    config, way = access.config, access.way
    if isinstance(way, Credentials):
        yield ChosenService(config, way, name_of(config, None))
        return
    # Imported only here: most runs need no server.
    from asyncdl.sandbox import serve

    async with serve(faults=way.faults) as embedded:
        echo(f"Using the embedded service at {embedded.origin}", err=True)
        # If STAC is off for the real service, it is off here, too.
        stac_url = "" if config.stac_url == "" else embedded.stac_url
        try:
            yield ChosenService(
                msgspec.structs.replace(config, url=embedded.url, stac_url=stac_url),
                Credentials(embedded.username, embedded.token),
                SANDBOX_NAME,
            )
        finally:
            print_violations(embedded.violations)


def print_violations(violations: Sequence[str]) -> None:
    """Print violations of the real service's rules; each one once."""
    for what, times in Counter(violations).items():
        echo(f"{VIOLATION}: {what}" + (f" ({times:,} times)" if times > 1 else ""), err=True)


@asynccontextmanager
async def open_client(access: Access, max_wait: Seconds | None = None) -> AsyncIterator[M2MClient]:
    """Yield a client for commands that only look something up; see :func:`client_of`."""
    async with open_service(access) as service, client_of(service, max_wait) as client:
        yield client


def job_access(settings: Config, sandbox: Embedded | None, tls: TlsSettings) -> Access:
    """Return the access of a job, which may need no account. See :func:`access_to`."""
    account = None if needs_account(settings) else NO_ACCOUNT
    return access_to(with_tls(settings.service, tls), sandbox, account)


def client_of(service: ChosenService, max_wait: Seconds | None = None) -> M2MClient:
    """Return a client of a service, to be used with ``async with``.

    Waits are reported on stderr. During an outage it makes a few retries, or waits up to
    ``max_wait``.
    """
    return service.client(print_message, max_wait_s=max_wait or 0.0)


F = TypeVar("F", bound=Callable[..., Any])


def target_options(function: F) -> F:
    """Give a command ``config``, ``sandbox`` and ``url``, all optional."""
    function = click.option("--url", help="Base URL of the M2M API.")(function)
    function = sandbox_option(function)
    return click.argument("config", type=click.Path(path_type=Path), required=False)(function)


def service_config(config: Path | None, url: str | None) -> ServiceConfig:
    """Return the service of a config or URL, by default that of the USGS.

    Raises: UsageError, if both are given; ConfigError.
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
    """Return the host under which an account is stored."""
    return SANDBOX_NAME if sandbox else account_host(service.url)
