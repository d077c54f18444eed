"""``asyncdl login`` and ``logout``: keep an account safely, and forget it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from asyncdl.cli.command import command
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import Embedded, sandbox_option, verbose_option
from asyncdl.cli.printing import echo
from asyncdl.cli.service import SANDBOX_NAME, Service, asker, client_of, open_service
from asyncdl.config import ServiceConfig, load_config
from asyncdl.m2m.credentials import Credentials, find_credentials
from asyncdl.m2m.stored import credentials_path, forget_accounts, host_of, store_account
from asyncdl.redact import Secret

F = TypeVar("F", bound=Callable[..., Any])

MAX_TOKEN_CHARS = 4096
"""Read from standard input; a token has about 64."""


def place_options(function: F) -> F:
    """Give a command what says for which service an account is."""
    function = verbose_option(function)
    function = click.option("--url", help="Base address of the M2M API.")(function)
    function = sandbox_option(function)
    return click.argument("config", type=click.Path(path_type=Path), required=False)(function)


@command(
    examples=[
        "asyncdl login --sandbox",
        "asyncdl login --sandbox --username sandbox --token-stdin < token",
    ]
)
@click.option("--username", help="ERS user name.")
@click.option("--token-stdin", is_flag=True, help="Read the application token from stdin.")
@place_options
def login(
    config: Path | None,
    sandbox: Embedded | None,
    url: str | None,
    username: str | None,
    token_stdin: bool,
) -> int:
    """Check a user name and an application token, and store them for later commands.

    What is not given is taken from the environment (ASYNCDL_USERNAME,
    ASYNCDL_TOKEN) or asked for. The service is that of CONFIG or --url, else that of the USGS.
    The token goes to the system's keyring if the extra asyncdl[keyring] is
    installed, else to a file that only you can read.
    """
    settings = service_config(config, url)
    token = _read_token() if token_stdin else None
    # Asked for before the loop begins, so that Ctrl-C ends the question.
    given = None if sandbox else _given_account(settings, username, token)

    async def work() -> Credentials:
        async with open_service(settings, sandbox=sandbox, account=given) as service:
            if sandbox:
                service = _with_given(service, username, token)
            async with client_of(service) as client:
                await client.login()
            return service.credentials

    # Only what the service has taken is kept.
    account = run_async(work)
    if account is None:
        return INTERRUPTED
    host = host_for(settings, sandbox)
    place = store_account(host, account.username, account.token, credentials_path())
    echo(f"Logged in to {host} as {account.username}.")
    echo(f"The token is stored in {place}.")
    return OK


@command(examples=["asyncdl logout --sandbox", "asyncdl logout"])
@place_options
def logout(config: Path | None, sandbox: Embedded | None, url: str | None) -> int:
    """Forget stored tokens: that for the service of CONFIG or --url, else all of them."""
    settings = service_config(config, url)
    host = host_for(settings, sandbox) if config or url or sandbox else None
    removed = forget_accounts(host, credentials_path())
    for what in removed:
        echo(f"Removed {what}")
    if not removed:
        echo(f"No token is stored{f' for {host}' if host else ''}.")
    return OK


def service_config(config: Path | None, url: str | None) -> ServiceConfig:
    """Return the service of a config or at an address, else that of the USGS.

    Raises: UsageError, for both; ConfigError.
    """
    if config and url:
        raise click.UsageError("give CONFIG or --url, not both")
    if config:
        return load_config(config).service
    return ServiceConfig(url=url) if url else ServiceConfig()


def host_for(service: ServiceConfig, sandbox: Embedded | None) -> str:
    """Return the name by which an account is stored."""
    return SANDBOX_NAME if sandbox else host_of(service.url)


def _read_token() -> Secret:
    words = sys.stdin.read(MAX_TOKEN_CHARS + 1).split()
    if len(words) != 1 or len(words[0]) > MAX_TOKEN_CHARS:
        raise click.UsageError("standard input does not hold one token and nothing else")
    return Secret(words[0])


def _given_account(
    service: ServiceConfig, username: str | None, token: Secret | None
) -> Credentials:
    """Return the account to store; never one that is stored already."""
    return find_credentials(
        username=username,
        token=token,
        configured_username=service.username,
        token_file=Path(service.token_file) if service.token_file else None,
        host=None,
        prompt=asker(),
    )


def _with_given(service: Service, username: str | None, token: Secret | None) -> Service:
    own = service.credentials
    account = Credentials(username or own.username, token or own.token)
    return Service(service.config, account, service.name)
