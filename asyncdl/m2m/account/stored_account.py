"""Accounts that ``asyncdl login`` has stored: each for one host, and sent to no other.

The token is in the system's keyring where there is one; then the file only knows whose it
is, which not every keyring tells. Else the file, which only its owner may open, holds both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from platformdirs import user_config_path
from yarl import URL

from asyncdl.m2m.account.account_file import read_own, refused, write_private
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


class StoredAccount(msgspec.Struct, frozen=True):
    """One account in the credentials file."""

    username: str
    token: str = ""
    """Empty when the keyring has it. A secret."""

    def __repr__(self) -> str:
        return f"Account({self.username!r})"


def account_host(url: str) -> str:
    """Return whom an account at this address is for: host, and port if it is not that of HTTPS.

    The host is the one that is asked, however it is written: lower case, without a dot at its
    end, of other alphabets the form that is looked up. What is no URL stands for itself.
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
    """Return where the credentials file is, or would be.

    Raises: AuthError, where the user has no folder.
    Source: the user's config folder by XDG or the platform's habit.
    """
    if moved := environ.get(CONFIG_DIR_VARIABLE):
        return Path(moved) / FILE_NAME
    if (folder := _users_folder()) is None:
        raise refused(
            "no folder of your own is known (HOME or XDG_CONFIG_HOME is not a whole path): "
            f"set {CONFIG_DIR_VARIABLE}"
        )
    return folder / FILE_NAME


def _users_folder() -> Path | None:
    """Return the user's config folder; never one below the current folder, which is anybody's."""
    try:
        folder = user_config_path("asyncdl")
    except RuntimeError:  # there is no home
        return None
    return folder if folder.is_absolute() else None


def is_credentials_file(found: os.stat_result, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a file, under whatever name it was opened, is what a login has stored."""
    moved = (environ.get(CONFIG_DIR_VARIABLE), os.environ.get(CONFIG_DIR_VARIABLE))
    folders = [*map(Path, filter(None, moved)), _users_folder()]
    return any(_is_same(folder / FILE_NAME, found) for folder in folders if folder)


def _is_same(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), found)
    except OSError:
        return False


def keyring_service(host: str) -> str:
    """Return the name under which the keyring keeps the account of a host."""
    return KEYRING_SERVICE if host == USGS_HOST else f"{KEYRING_SERVICE} {host}"


def read_account(host: str, path: Path) -> StoredAccount | None:
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
    accounts[host] = StoredAccount(username, "" if is_kept else str(token))
    _write_accounts(accounts, path)
    return KEYRING if is_kept else str(path)


def _drop_all(host: str, known: StoredAccount | None) -> None:
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


def _read_accounts(path: Path) -> dict[str, StoredAccount]:
    try:
        content = read_own(path, max_bytes=MAX_FILE_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise refused(f"cannot read {path}: {error.strerror or error}") from error
    try:
        accounts = msgspec.json.decode(content, type=dict[str, StoredAccount])
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Without its cause, which may quote what stands there.
        raise refused(
            f"{path} is not what `asyncdl login` writes; remove it and log in again"
        ) from None
    # Earlier versions kept the port of HTTPS in the name, where it was given.
    return {account_host(f"https://{host}"): account for host, account in accounts.items()}


def _write_accounts(accounts: Mapping[str, StoredAccount], path: Path) -> None:
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
