"""Accounts that ``asyncdl login`` has stored: each for one host, and sent to no other.

The token is in the system's keyring where there is one; then the file only knows whose it
is, which not every keyring tells. Else the file, which only its owner may open, holds both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from platformdirs import user_config_path

from asyncdl.m2m.account.private_file import read_private, refused, write_private
from asyncdl.m2m.account.system_keyring import ask_keyring, drop_from_keyring, keep_in_keyring
from asyncdl.redact import Secret, SecretBytes

USGS_HOST = "m2m.cr.usgs.gov"
CONFIG_DIR_VARIABLE = "ASYNCDL_CONFIG_DIR"
"""Moves the folder of the credentials file."""
FILE_NAME = "credentials"
MAX_FILE_BYTES = 65_536
"""Some hundreds of accounts; a longer file is some other file."""
KEYRING_SERVICE = "asyncdl"
"""Name under which the system's keyring keeps the account of the USGS."""
KEYRING = "the keyring"


class Account(msgspec.Struct, frozen=True):
    """One account in the credentials file."""

    username: str
    token: str = ""
    """Empty when the keyring has it. A secret."""

    def __repr__(self) -> str:
        return f"Account({self.username!r})"


def host_of(url: str) -> str:
    """Return whom an account at this address is for: host, and port if one is given."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def credentials_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the credentials file is, or would be.

    Source: the user's config folder by XDG or the platform's habit.
    """
    moved = environ.get(CONFIG_DIR_VARIABLE)
    return (Path(moved) if moved else user_config_path("asyncdl")) / FILE_NAME


def keyring_service(host: str) -> str:
    """Return the name under which the keyring keeps the account of a host."""
    return KEYRING_SERVICE if host == USGS_HOST else f"{KEYRING_SERVICE} {host}"


def read_account(host: str, path: Path) -> Account | None:
    """Return what the credentials file knows of a host; ``None`` if it, or the file, is not there.

    Raises: AuthError, if the file cannot be read, is broken, or may be opened by others.
    """
    return _read_accounts(path).get(host)


def store_account(host: str, username: str, token: str, path: Path) -> str:
    """Store an account in place of the one of the same host, and return where its token is.

    Raises: AuthError, if the file that is there cannot be trusted; DiskError.
    """
    accounts = _read_accounts(path)
    # What the keyring has of earlier logins would be found first.
    _drop_all(host, accounts.get(host))
    is_kept = keep_in_keyring(keyring_service(host), username, token)
    accounts[host] = Account(username, "" if is_kept else str(token))
    _write_accounts(accounts, path)
    return KEYRING if is_kept else str(path)


def _drop_all(host: str, known: Account | None) -> None:
    service = keyring_service(host)
    for username in (known.username if known else None, ask_keyring(service, None)[0]):
        if username:
            drop_from_keyring(service, username)


def forget_accounts(host: str | None, path: Path) -> list[str]:
    """Forget the account of one host, or of all; return a line for each token that was removed.

    Raises: AuthError, if the file cannot be read; DiskError.
    """
    accounts = _read_accounts(path)
    known = {name: account.username for name, account in accounts.items()}
    in_keyring = ask_keyring(KEYRING_SERVICE, None)[0]
    if in_keyring:  # put there by other means than a login
        known.setdefault(USGS_HOST, in_keyring)
    lines = []
    for name, username in known.items():
        if host not in (None, name):
            continue
        if drop_from_keyring(keyring_service(name), username):
            lines.append(f"the token of {username} for {name} from {KEYRING}")
        account = accounts.pop(name, None)
        if account and account.token:
            lines.append(f"the token of {username} for {name} from {path}")
    if path.exists():
        _write_accounts(accounts, path)
    return lines


def _read_accounts(path: Path) -> dict[str, Account]:
    try:
        content = read_private(path, max_bytes=MAX_FILE_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise refused(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return msgspec.json.decode(content, type=dict[str, Account])
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Without its cause, which may quote what stands there.
        raise refused(
            f"{path} is not what `asyncdl login` writes; remove it and log in again"
        ) from None


def _write_accounts(accounts: Mapping[str, Account], path: Path) -> None:
    if accounts:
        write_private(path, SecretBytes(msgspec.json.encode(accounts) + b"\n"))
    else:
        path.unlink(missing_ok=True)


def stored_token(host: str, username: str, path: Path) -> tuple[str, str]:
    """Return the stored token of a user and where it is; two empty texts if there is none.

    Raises: AuthError, as :func:`read_account`.
    """
    token = ask_keyring(keyring_service(host), username)[1]
    if token:
        return KEYRING, Secret(token)
    account = read_account(host, path)
    if account and account.username == username and account.token:
        return str(path), Secret(account.token)
    return "", ""
