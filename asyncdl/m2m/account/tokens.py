"""The format of tokens, and which hosts may receive one.

The USGS does not document the format; known tokens have about 64 letters, digits and ``!``,
``@``, ``_``. The format here is wider, but excludes other secrets that people have in files:
those have lines, spaces, braces, quotes, or a colon (private keys, ``.netrc``, JSON, TOML,
``user:password``).

A config, and the URL in it, may come from somebody else. So a host has to be confirmed by the
user: by a login or by the environment.

Source: API notes, section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from asyncdl.errors import ConfigError
from asyncdl.m2m.account.stored_account import (
    USGS_HOST,
    account_host,
    credentials_path,
    keyring_service,
    read_account,
    read_keyring,
)
from asyncdl.net.hosts import is_loopback
from asyncdl.redact import Secret

MAX_TOKEN_CHARS = 512
TOKEN_FORM = (
    f"1 to {MAX_TOKEN_CHARS} letters, digits and signs such as !@_-+/=, without spaces, quotes, "
    "braces or colons"
)
_TOKEN = re.compile(r"[A-Za-z0-9!@#$%^&*()_+=,./?~-]+")


def token_in(content: str | bytes) -> Secret:
    """Return the token that a text consists of; empty if the text contains anything else.

    Surrounding whitespace is ignored.
    """
    text = content.decode("ascii", "replace") if isinstance(content, bytes) else content
    token = text.strip()
    is_one = len(token) <= MAX_TOKEN_CHARS and _TOKEN.fullmatch(token)
    return Secret(token if is_one else "")


HOSTS_VARIABLE = "ASYNCDL_TRUSTED_HOSTS"
"""Names further hosts that may receive the token: ``host`` or ``host:port``."""


def check_confirmed(host: str, environ: Mapping[str, str]) -> None:
    """Check that the user has confirmed a host.

    Args:
        host: As :func:`account_host` returns it.
        environ: Environment with ``HOSTS_VARIABLE`` and the folder of the credentials file.
    Raises: ConfigError, if only a config can have named it; AuthError, if the credentials file
        cannot be trusted.
    """
    if not _is_named(host, environ) and not _has_login(host, environ):
        raise unconfirmed(host)


def is_this_machine(host: str) -> bool:
    """Return whether a host, as :func:`account_host` returns it, is this machine."""
    return is_loopback(urlsplit(f"//{host}").hostname or "")


def unconfirmed(host: str) -> ConfigError:
    """Return the error for a host that may not receive a token."""
    return ConfigError(
        f"no token is sent to {host}, which you have not confirmed",
        key="service.url",
        allowed=f"https://{USGS_HOST}/ and this machine; if you trust {host} with your account, "
        f"run `asyncdl login --url https://{host}/…` or set the environment "
        f"variable {HOSTS_VARIABLE}={host}",
    )


def _is_named(host: str, environ: Mapping[str, str]) -> bool:
    return host == USGS_HOST or is_this_machine(host) or host in _trusted_hosts(environ)


def _has_login(host: str, environ: Mapping[str, str]) -> bool:
    if read_keyring(keyring_service(host), None)[0]:
        return True
    return read_account(host, credentials_path(environ)) is not None


def _trusted_hosts(environ: Mapping[str, str]) -> frozenset[str]:
    named = re.split(r"[\s,]+", environ.get(HOSTS_VARIABLE, ""))
    return frozenset(
        account_host(name if "://" in name else f"https://{name}") for name in named if name
    )
