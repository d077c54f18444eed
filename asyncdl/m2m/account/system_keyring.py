"""The system's keyring, where the extra is installed.

One that is locked, broken or missing is as good as an empty one: its backends raise
whatever they like.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from asyncdl.redact import Secret

log = logging.getLogger("asyncdl.m2m")


def ask_keyring(service: str, username: str | None) -> tuple[str | None, str | None]:
    """Return user name and token as the keyring knows them.

    Args:
        service: Name under which they are kept.
        username: Whose token; with ``None`` anybody's, which not every keyring tells.
    """
    keyring = _module()
    if keyring is None:
        return None, None
    try:
        found = keyring.get_credential(service, username)
    except Exception as error:
        log.debug("the keyring gives no answer: %s", type(error).__name__)
        return None, None
    return (found.username, Secret(found.password)) if found else (None, None)


def keep_in_keyring(service: str, username: str, token: str) -> bool:
    """Store a token, and tell whether the keyring has it now."""
    keyring = _module()
    if keyring is None:
        return False
    try:
        keyring.set_password(service, username, str(token))
    except Exception as error:
        log.debug("the keyring takes nothing: %s", type(error).__name__)
        return False
    # Some backends take everything and keep nothing.
    return ask_keyring(service, username)[1] == token


def drop_from_keyring(service: str, username: str) -> bool:
    """Forget a token, and tell whether there was one."""
    keyring = _module()
    if keyring is None or not ask_keyring(service, username)[1]:
        return False
    try:
        keyring.delete_password(service, username)
    except Exception as error:
        log.debug("the keyring forgets nothing: %s", type(error).__name__)
        return False
    return True


def _module() -> Any:
    try:
        return importlib.import_module("keyring")
    except ImportError:
        return None
