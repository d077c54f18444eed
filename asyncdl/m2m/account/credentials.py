"""Where the user name and the application token come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from asyncdl.errors import AuthError
from asyncdl.m2m.account.account_file import read_private, refused
from asyncdl.m2m.account.stored_account import (
    KEYRING,
    USGS_HOST,
    credentials_path,
    is_credentials_file,
    keyring_service,
    read_account,
    stored_token,
)
from asyncdl.m2m.account.system_keyring import ask_keyring
from asyncdl.m2m.account.tokens import TOKEN_FORM, check_confirmed, is_this_machine, token_in
from asyncdl.redact import Secret

USERNAME_VARIABLES = ("ASYNCDL_USERNAME", "USGS_USERNAME", "M2M_USERNAME")
TOKEN_VARIABLES = ("ASYNCDL_TOKEN", "USGS_TOKEN", "M2M_TOKEN")
"""Our own first, then the pair that other USGS tools share, then that of the R package."""

USERNAME_PROMPT = "USGS user name: "
TOKEN_PROMPT = "USGS application token: "
ARGUMENT = "the caller"
PERSON = "a prompt"

MAX_TOKEN_FILE_BYTES = 4096
"""A token has about 64 characters; a file this long is some other file."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ``login-token`` wants to know."""

    username: str
    """Of the account at the ERS; no secret."""
    token: str = field(repr=False)
    """The application token, made on the ERS profile page. A secret."""
    host: str | None = field(default=None, compare=False, repr=False, kw_only=True)
    """The service that they were found for, and go to; ``None`` for any, as the program says."""
    is_stored: bool = field(default=False, compare=False, repr=False, kw_only=True)
    """Whether a login stored the token, so that not even this machine is another place for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", Secret(self.token))

    def may_go_to(self, host: str) -> bool:
        """Tell whether a service may have them; see :func:`account_host` for its name."""
        if self.host is None or self.host == host:
            return True
        return not self.is_stored and is_this_machine(host)


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """An account, and where its two halves were found."""

    credentials: Credentials
    username_from: str
    """Name of a variable, a config key, a path, or words for people."""
    token_from: str


def find_credentials(
    *,
    username: str | None = None,
    token: str | None = None,
    configured_username: str | None = None,
    token_file: Path | None = None,
    host: str | None = USGS_HOST,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> Credentials:
    """Find user name and token, each in the first place that has it.

    In this order: argument, environment, config and token file, keyring (if the
    extra is installed), the file that ``asyncdl login`` writes, prompt. Empty values
    count as absent.

    Args:
        username: Goes before all other places.
        token: Goes before all other places.
        configured_username: From a config; the environment goes before it.
        token_file: Holds the token alone; nobody but its owner may read it.
        host: Of the service; what is stored for another one does not count, and with
            ``None`` nothing that is stored does. A client of another host refuses what was
            found, unless it was an argument.
        environ: Looked up for ``USERNAME_VARIABLES`` and ``TOKEN_VARIABLES``.
        prompt: Asks a person, on a terminal; ``None`` asks nobody.
    Raises: AuthError, if one of the two is nowhere, or a file with a token cannot be trusted;
        ConfigError, if nobody has confirmed that ``host`` may have a token.
    """
    places = _Places(configured_username, token_file, host, environ, prompt)
    given = Secret(token or "")
    del environ, token  # Else a traceback that shows local variables shows what is in them.
    return _look(places, username, given).credentials


def locate_credentials(
    *,
    configured_username: str | None = None,
    token_file: Path | None = None,
    host: str | None = USGS_HOST,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> FoundCredentials:
    """Find an account as :func:`find_credentials` does, and tell where."""
    places = _Places(configured_username, token_file, host, environ, prompt)
    del environ  # as above
    return _look(places, None, Secret())


def _look(places: _Places, username: str | None, token: Secret) -> FoundCredentials:
    if places.host is not None and not token:
        check_confirmed(places.host, places.environ)
    user = _first(places.usernames(username))
    if user is None:
        raise refused(
            f"no user name: run `asyncdl login`, or set {USERNAME_VARIABLES[0]} or service.username"
        )
    found = _first(places.tokens(user.text, token))
    if found is None:
        raise refused(
            "no application token: run `asyncdl login`, "
            f"or set {' or '.join(TOKEN_VARIABLES)}, or service.token_file"
        )
    host = None if found.place == ARGUMENT else places.host
    account = Credentials(str(user.text), found.text, host=host, is_stored=found.is_stored)
    return FoundCredentials(account, user.place, found.place)


@dataclass(frozen=True, slots=True)
class _Half:
    """A user name or a token, and where it is."""

    place: str
    text: str = field(repr=False)
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class _Places:
    """The places to look, each tried only when the ones before it had nothing."""

    configured_username: str | None
    token_file: Path | None
    host: str | None
    environ: Mapping[str, str] = field(repr=False)
    prompt: Callable[[str], str] | None

    def usernames(self, argument: str | None) -> Iterator[_Half]:
        yield _Half(ARGUMENT, argument or "")
        for variable in USERNAME_VARIABLES:
            yield _Half(variable, self.environ.get(variable, ""))
        yield _Half("service.username", self.configured_username or "")
        if self.host:
            yield _Half(KEYRING, ask_keyring(keyring_service(self.host), None)[0] or "")
            path = credentials_path(self.environ)
            account = read_account(self.host, path)
            yield _Half(str(path), account.username if account else "")
        if self.prompt:
            yield _Half(PERSON, self.prompt(self._question(USERNAME_PROMPT)))

    def tokens(self, username: str, argument: Secret) -> Iterator[_Half]:
        yield _Half(ARGUMENT, argument)
        for variable in TOKEN_VARIABLES:
            yield _checked(variable, self.environ.get(variable, ""))
        if self.token_file:
            yield _Half(str(self.token_file), read_token_file(self.token_file, self.environ))
        if self.host:
            place, token = stored_token(self.host, username, credentials_path(self.environ))
            yield _Half(place, token, is_stored=True)
        if self.prompt:
            yield _checked(PERSON, self.prompt(self._question(TOKEN_PROMPT)))

    def _question(self, prompt: str) -> str:
        """Return what a person is asked, and for whom, where that is not the USGS."""
        if self.host is None or self.host == USGS_HOST or is_this_machine(self.host):
            return prompt
        return prompt.replace("USGS", self.host, 1)


def _first(places: Iterator[_Half]) -> _Half | None:
    """Return the first place that has something, without the blanks around it."""
    for half in places:
        if text := Secret(half.text.strip()):
            return replace(half, text=text)
    return None


def _checked(place: str, text: str) -> _Half:
    """Return what a place has, if it is a token or nothing. Raises: AuthError."""
    token = token_in(text)
    if text.strip() and not token:
        raise not_a_token(place)
    return _Half(place, token)


def read_token_file(path: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the token that stands alone in a file.

    Args:
        path: The file. Of a link, the file it leads to counts.
        environ: Names the folder of the credentials file, which is no token file.
    Raises: AuthError, if the file cannot be read, holds no token, is what a login has stored,
        or (on POSIX) may be read by others than its owner.
    """
    try:
        content, found = read_private(path, max_bytes=MAX_TOKEN_FILE_BYTES)
    except OSError as error:
        raise refused(f"cannot read {path}: {error.strerror or error}") from error
    if is_credentials_file(found, environ):
        raise refused(
            f"{path} is what `asyncdl login` has stored, and no token file: "
            "leave service.token_file out"
        )
    token = token_in(content) if len(content) <= MAX_TOKEN_FILE_BYTES else ""
    if not token:
        raise not_a_token(str(path))
    return token


def not_a_token(place: str) -> AuthError:
    """Return the error for what holds something else than a token, which is not repeated."""
    return refused(f"{place} does not hold one token and nothing else ({TOKEN_FORM})")
