"""Which service a command talks to: USGS, or the embedded one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from asyncdl.config import ServiceConfig
from asyncdl.m2m import ClientOptions, Credentials, M2MClient, find_credentials

SANDBOX_NAME = "sandbox"
"""What the journal calls the embedded service, on whatever port it listens."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service and the account to use with it."""

    config: ServiceConfig
    credentials: Credentials
    name: str
    """Keeps this service's files apart from those of others in the journal."""


@asynccontextmanager
async def open_service(config: ServiceConfig, *, sandbox: bool) -> AsyncIterator[Service]:
    """Give the service of the config, or start the embedded one and give that.

    Raises: AuthError, when no account is to be found.
    """
    if not sandbox:
        yield Service(config, find_account(config), urlsplit(config.url).netloc)
        return
    # Only here: most runs never need a server.
    from asyncdl.sandbox import serve

    async with serve() as embedded:
        click.echo(f"Using the embedded service at {embedded.origin}", err=True)
        yield Service(
            msgspec.structs.replace(config, url=embedded.url, stac_url=""),
            Credentials(embedded.username, embedded.token),
            SANDBOX_NAME,
        )


@asynccontextmanager
async def open_client(config: ServiceConfig, *, sandbox: bool) -> AsyncIterator[M2MClient]:
    """Give a client for commands that only look things up."""
    async with open_service(config, sandbox=sandbox) as service:
        options = ClientOptions(read_timeout_s=service.config.timeout)
        async with M2MClient(
            service.credentials, url=service.config.url, options=options
        ) as client:
            yield client


def find_account(config: ServiceConfig) -> Credentials:
    """Find user name and token; on a terminal, ask for what is missing. Raises: AuthError."""
    stdin_is_terminal = sys.stdin.isatty()
    return find_credentials(
        configured_username=config.username,
        token_file=Path(config.token_file) if config.token_file else None,
        prompt=_ask if stdin_is_terminal else None,
    )


def _ask(what: str) -> str:
    hide = "token" in what.lower()
    return str(click.prompt(what.rstrip(": "), hide_input=hide, err=True))
