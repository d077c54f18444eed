"""``asyncdl login`` and ``logout``: store an account safely, and remove it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import Embedded, command, tls_options, verbose_option
from asyncdl.cli.printing import echo
from asyncdl.cli.service_access import (
    access_to,
    client_of,
    host_for,
    open_service,
    service_config,
    target_options,
    terminal_prompt,
    with_tls,
)
from asyncdl.config import ServiceConfig
from asyncdl.errors import AuthError
from asyncdl.library.service import ChosenService
from asyncdl.m2m.account.credentials import (
    MAX_TOKEN_FILE_BYTES,
    Credentials,
    find_credentials,
)
from asyncdl.m2m.account.stored_account import credentials_path, forget_accounts, store_account
from asyncdl.m2m.account.tokens import TOKEN_FORM, check_confirmed, token_in
from asyncdl.net.tls import TlsSettings
from asyncdl.redact import Secret, SecretBytes


@command(
    examples=[
        "asyncdl login --sandbox",
        "asyncdl login --sandbox --username sandbox --token-stdin < token",
    ]
)
@click.option("--username", help="ERS user name.")
@click.option("--token-stdin", is_flag=True, help="Read the application token from stdin.")
@target_options
@tls_options
@verbose_option
def login(
    config: Path | None,
    sandbox: Embedded | None,
    url: str | None,
    username: str | None,
    token_stdin: bool,
    tls: TlsSettings,
) -> int:
    """Check a user name and an application token, and store them for later commands.

    Missing values are taken from the environment (ASYNCDL_USERNAME, ASYNCDL_TOKEN)
    or prompted for. The service is that of CONFIG or --url, by default that of the
    USGS; --url confirms any other host, which configs may then use. The token is
    stored in the system's keyring if the extra keyring is installed, otherwise in a
    file that only you can read.
    """
    settings = with_tls(service_config(config, url), tls)
    if config and not sandbox:
        check_confirmed(host_for(settings, None), os.environ)
    token = _read_token() if token_stdin else None
    # Prompted for before the loop starts, so that Ctrl-C ends the prompt.
    given = None if sandbox else _given_account(settings, username, token)
    access = access_to(settings, sandbox, given)

    async def work() -> Credentials:
        async with open_service(access) as service:
            if sandbox:
                service = _with_given(service, username, token)
            async with client_of(service) as client:
                await client.login()
            return service.credentials

    # Only an account that the service has accepted is stored.
    account = run_async(work)
    if account is None:
        return INTERRUPTED
    host = host_for(settings, sandbox)
    place = store_account(host, account.username, account.token, credentials_path())
    echo(f"Logged in to {host} as {account.username}.")
    echo(f"The token is stored in {place}.")
    return OK


@command(examples=["asyncdl logout --sandbox", "asyncdl logout"])
@target_options
@verbose_option
def logout(config: Path | None, sandbox: Embedded | None, url: str | None) -> int:
    """Remove stored tokens: that of the service of CONFIG or --url, otherwise all."""
    settings = service_config(config, url)
    host = host_for(settings, sandbox) if config or url or sandbox else None
    removed = forget_accounts(host, credentials_path())
    for what in removed:
        echo(f"Removed {what}")
    if not removed:
        echo(f"No token is stored{f' for {host}' if host else ''}.")
    return OK


def _read_token() -> Secret:
    token = token_in(SecretBytes(sys.stdin.buffer.read(MAX_TOKEN_FILE_BYTES + 1)))
    if not token:
        raise click.UsageError(f"standard input does not contain exactly one token ({TOKEN_FORM})")
    return token


def _given_account(
    service: ServiceConfig, username: str | None, token: Secret | None
) -> Credentials:
    """Return the account to store; stored accounts are ignored."""
    return find_credentials(
        username=username,
        token=token,
        configured_username=service.username,
        token_file=Path(service.token_file) if service.token_file else None,
        host=None,
        prompt=terminal_prompt() or _no_terminal,
    )


def _no_terminal(what: str) -> str:
    """Raise the error for a missing terminal."""
    raise AuthError(
        "login-token",
        message=f"no {what.rstrip(': ')}, and no terminal for a prompt: use --username and "
        "--token-stdin, or set ASYNCDL_USERNAME and ASYNCDL_TOKEN",
    )


def _with_given(
    service: ChosenService, username: str | None, token: Secret | None
) -> ChosenService:
    own = service.credentials
    account = Credentials(username or own.username, token or own.token)
    return ChosenService(service.config, account, service.name)
