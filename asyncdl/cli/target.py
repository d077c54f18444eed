"""Which service a command is about: that of a config, one at an address, or the embedded one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from asyncdl.cli.options import Embedded, sandbox_option
from asyncdl.cli.service import SANDBOX_NAME
from asyncdl.config import ServiceConfig, load_config
from asyncdl.config.sections import Clash
from asyncdl.errors import ConfigError
from asyncdl.m2m.account.stored import host_of

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
    return SANDBOX_NAME if sandbox else host_of(service.url)
