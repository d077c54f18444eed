"""Accounts that ``asyncdl login`` has stored: each for one host, and sent to no other.

The token is in the system's keyring, if there is one (and the extra is installed); then the
file only contains the user name, which not every keyring returns. Otherwise the file, which
only its owner may open, contains both. A keyring that is locked, broken or missing counts as
empty: its backends raise arbitrary exceptions.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_config_path
from yarl import URL

from asyncdl.m2m.account.account_file import account_error, read_own, write_private
from asyncdl.redact import Secret, SecretBytes

USGS_HOST = "m2m.cr.usgs.gov"
CONFIG_DIR_VARIABLE = "ASYNCDL_CONFIG_DIR"
"""Moves the folder of the credentials file."""
FILE_NAME = "credentials"
MAX_FILE_BYTES = 65_536
"""Some hundreds of accounts; a larger file is not a credentials file."""
KEYRING_SERVICE = "asyncdl"
"""Service name of the USGS account in the system's keyring."""
KEYRING = "the keyring"


class StoredAccount(msgspec.Struct, frozen=True):
    """One account in the credentials file."""

    username: str
    token: str = ""
    """Empty if it is in the keyring. A secret."""

    def __repr__(self) -> str:
        return f"Account({self.username!r})"


def account_host(url: str) -> str:
    """Return the host of a URL, with the port if it is not that of HTTPS.

    The host is normalized: lower case, without a trailing dot, internationalized names in
    the form that is looked up. A text that is not a URL is returned unchanged.
    """
    try:
        parts = URL(url)
        host, port = parts.raw_host or "", parts.port
    except ValueError:
        return url
    name = host.lower().removesuffix(".")
    name = f"[{name}]" if ":" in name else name
    return name if (parts.scheme, port) == ("https", 443) else f"{name}:{port}"


def credentials_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the credentials file, which need not exist.

    Raises: AuthError, if the user has no config folder.
    Source: the user's config folder by XDG or the platform's convention.
    """
    if moved := environ.get(CONFIG_DIR_VARIABLE):
        return Path(moved) / FILE_NAME
    if (folder := _users_folder()) is None:
        raise account_error(
            "no config folder is known (HOME or XDG_CONFIG_HOME is not an absolute path): "
            f"set {CONFIG_DIR_VARIABLE}"
        )
    return folder / FILE_NAME


def _users_folder() -> Path | None:
    """Return the user's config folder; never a relative one, which anybody could provide."""
    try:
        folder = user_config_path("asyncdl")
    except RuntimeError:  # there is no home
        return None
    return folder if folder.is_absolute() else None


def is_credentials_file(found: os.stat_result, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a file, opened by any name, is the credentials file."""
    moved = (environ.get(CONFIG_DIR_VARIABLE), os.environ.get(CONFIG_DIR_VARIABLE))
    folders = [*map(Path, filter(None, moved)), _users_folder()]
    return any(_is_same(folder / FILE_NAME, found) for folder in folders if folder)


def _is_same(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), found)
    except OSError:
        return False


def keyring_service(host: str) -> str:
    """Return the service name of a host's account in the keyring."""
    return KEYRING_SERVICE if host == USGS_HOST else f"{KEYRING_SERVICE} {host}"


def read_account(host: str, path: Path) -> StoredAccount | None:
    """Return the account of a host in the credentials file; ``None`` if there is none.

    Raises: AuthError, if the file cannot be read, is invalid, or others may open it.
    """
    return _read_accounts(path).get(host)


def store_account(host: str, username: str, token: str, path: Path) -> str:
    """Store an account, replacing that of the same host, and return where its token is.

    Raises: AuthError, if the existing file cannot be trusted; DiskError.
    """
    accounts = _read_accounts(path)
    # Entries of earlier logins in the keyring would be found first.
    _delete_from_keyring(host, accounts.get(host))
    is_in_keyring = store_in_keyring(keyring_service(host), username, token)
    accounts[host] = StoredAccount(username, "" if is_in_keyring else str(token))
    _write_accounts(accounts, path)
    return KEYRING if is_in_keyring else str(path)


def _delete_from_keyring(host: str, known: StoredAccount | None) -> None:
    service = keyring_service(host)
    for username in (known.username if known else None, read_keyring(service, None)[0]):
        if username:
            delete_from_keyring(service, username)


def forget_accounts(host: str | None, path: Path) -> list[str]:
    """Remove the account of one host, or all; return a line for each removed token.

    Raises: AuthError, if the file cannot be read; DiskError.
    """
    accounts = _read_accounts(path)
    known = {name: account.username for name, account in accounts.items()}
    in_keyring = read_keyring(KEYRING_SERVICE, None)[0]
    if in_keyring:  # not stored by a login
        known.setdefault(USGS_HOST, in_keyring)
    lines = []
    for name, username in known.items():
        if host not in (None, name):
            continue
        if delete_from_keyring(keyring_service(name), username):
            lines.append(f"the token of {username} for {name} from {KEYRING}")
        account = accounts.pop(name, None)
        if account and account.token:
            lines.append(f"the token of {username} for {name} from {path}")
    if path.exists():
        _write_accounts(accounts, path)
    return lines


def _read_accounts(path: Path) -> dict[str, StoredAccount]:
    try:
        content = read_own(path, max_bytes=MAX_FILE_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise account_error(f"cannot read {path}: {error.strerror or error}") from error
    try:
        accounts = msgspec.json.decode(content, type=dict[str, StoredAccount])
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Without its cause, which may quote the content.
        raise account_error(
            f"{path} is not a valid credentials file; remove it and log in again"
        ) from None
    # Earlier versions kept an explicit HTTPS port in the name.
    return {account_host(f"https://{host}"): account for host, account in accounts.items()}


def _write_accounts(accounts: Mapping[str, StoredAccount], path: Path) -> None:
    if accounts:
        write_private(path, SecretBytes(msgspec.json.encode(accounts) + b"\n"))
    else:
        path.unlink(missing_ok=True)


def stored_token(host: str, username: str, path: Path) -> tuple[str, str]:
    """Return the source and the stored token of a user; two empty strings if there is none.

    Raises: AuthError, as :func:`read_account`.
    """
    token = read_keyring(keyring_service(host), username)[1]
    if token:
        return KEYRING, Secret(token)
    account = read_account(host, path)
    if account and account.username == username and account.token:
        return str(path), Secret(account.token)
    return "", ""


log = logging.getLogger("asyncdl.m2m")


def read_keyring(service: str, username: str | None) -> tuple[str | None, str | None]:
    """Return user name and token from the keyring.

    Args:
        service: Service name of the entry.
        username: User name of the entry; ``None`` for any, which not every keyring supports.
    """
    keyring = _module()
    if keyring is None:
        return None, None
    try:
        found = keyring.get_credential(service, username)
    except Exception as error:
        log.debug("the keyring cannot be read: %s", type(error).__name__)
        return None, None
    return (found.username, Secret(found.password)) if found else (None, None)


def store_in_keyring(service: str, username: str, token: str) -> bool:
    """Store a token; return whether the keyring has it now."""
    keyring = _module()
    if keyring is None:
        return False
    try:
        keyring.set_password(service, username, str(token))
    except Exception as error:
        log.debug("the keyring cannot store: %s", type(error).__name__)
        return False
    # Some backends accept everything and store nothing.
    return read_keyring(service, username)[1] == token


def delete_from_keyring(service: str, username: str) -> bool:
    """Delete a token; return whether there was one."""
    keyring = _module()
    if keyring is None or not read_keyring(service, username)[1]:
        return False
    try:
        keyring.delete_password(service, username)
    except Exception as error:
        log.debug("the keyring cannot delete: %s", type(error).__name__)
        return False
    return True


def _module() -> Any:
    try:
        return importlib.import_module("keyring")
    except ImportError:
        return None
