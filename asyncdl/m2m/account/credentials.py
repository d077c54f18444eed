"""Where the user name and the application token come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from asyncdl.errors import AuthError
from asyncdl.m2m.account.account_file import account_error, read_private
from asyncdl.m2m.account.stored_account import (
    KEYRING,
    USGS_HOST,
    credentials_path,
    is_credentials_file,
    keyring_service,
    read_account,
    read_keyring,
    stored_token,
)
from asyncdl.m2m.account.tokens import TOKEN_FORM, check_confirmed, is_this_machine, token_in
from asyncdl.redact import Secret

USERNAME_VARIABLES = ("ASYNCDL_USERNAME", "USGS_USERNAME", "M2M_USERNAME")
TOKEN_VARIABLES = ("ASYNCDL_TOKEN", "USGS_TOKEN", "M2M_TOKEN")
"""Ours first, then those that other USGS tools share, then those of the R package."""

USERNAME_PROMPT = "USGS user name: "
TOKEN_PROMPT = "USGS application token: "
ARGUMENT = "the caller"
PROMPT = "a prompt"

MAX_TOKEN_FILE_BYTES = 4096
"""A token has about 64 characters; a longer file is not a token file."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and application token for ``login-token``."""

    username: str
    """User name of the ERS account; not a secret."""
    token: str = field(repr=False)
    """The application token, created on the ERS profile page. A secret."""
    host: str | None = field(default=None, compare=False, repr=False, kw_only=True)
    """The only service that may receive them; ``None`` for any that the program names."""
    is_stored: bool = field(default=False, compare=False, repr=False, kw_only=True)
    """Whether a login stored the token; then not even this machine may receive it instead."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", Secret(self.token))

    def may_go_to(self, host: str) -> bool:
        """Return whether a service may receive them; ``host`` as from :func:`account_host`."""
        if self.host is None or self.host == host:
            return True
        return not self.is_stored and is_this_machine(host)


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """Credentials, and where user name and token were found."""

    credentials: Credentials
    username_from: str
    """Name of a variable, a config key, a path, or a description."""
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
    """Find user name and token, each in the first source that has it.

    In this order: argument, environment, config and token file, keyring (if the
    extra is installed), the file that ``asyncdl login`` writes, prompt. Empty values
    count as absent.

    Args:
        username: Overrides all other sources.
        token: Overrides all other sources.
        configured_username: From a config; the environment overrides it.
        token_file: File that contains only the token; only its owner may read it.
        host: Host of the service; accounts stored for other hosts are ignored, with
            ``None`` all stored accounts. A client of another host refuses the credentials,
            unless they were arguments.
        environ: Environment with ``USERNAME_VARIABLES`` and ``TOKEN_VARIABLES``.
        prompt: Prompts the user on a terminal; ``None`` for no prompt.
    Raises: AuthError, if one of the two is missing, or a file with a token cannot be trusted;
        ConfigError, if the user has not confirmed that ``host`` may receive a token.
    """
    sources = _Sources(configured_username, token_file, host, environ, prompt)
    given = Secret(token or "")
    del environ, token  # A traceback that shows local variables would show their content.
    return _find(sources, username, given).credentials


def locate_credentials(
    *,
    configured_username: str | None = None,
    token_file: Path | None = None,
    host: str | None = USGS_HOST,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> FoundCredentials:
    """Find an account like :func:`find_credentials`, and where it was found."""
    sources = _Sources(configured_username, token_file, host, environ, prompt)
    del environ  # as above
    return _find(sources, None, Secret())


def _find(sources: _Sources, username: str | None, token: Secret) -> FoundCredentials:
    if sources.host is not None and not token:
        check_confirmed(sources.host, sources.environ)
    user = _first(sources.usernames(username))
    if user is None:
        raise account_error(
            f"no user name: run `asyncdl login`, or set {USERNAME_VARIABLES[0]} or service.username"
        )
    found = _first(sources.tokens(user.text, token))
    if found is None:
        raise account_error(
            "no application token: run `asyncdl login`, "
            f"or set {' or '.join(TOKEN_VARIABLES)}, or service.token_file"
        )
    host = None if found.source == ARGUMENT else sources.host
    account = Credentials(str(user.text), found.text, host=host, is_stored=found.is_stored)
    return FoundCredentials(account, user.source, found.source)


@dataclass(frozen=True, slots=True)
class _FoundValue:
    """A user name or a token, and its source."""

    source: str
    text: str = field(repr=False)
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class _Sources:
    """The sources of credentials, each used only if those before it have nothing."""

    configured_username: str | None
    token_file: Path | None
    host: str | None
    environ: Mapping[str, str] = field(repr=False)
    prompt: Callable[[str], str] | None

    def usernames(self, argument: str | None) -> Iterator[_FoundValue]:
        yield _FoundValue(ARGUMENT, argument or "")
        for variable in USERNAME_VARIABLES:
            yield _FoundValue(variable, self.environ.get(variable, ""))
        yield _FoundValue("service.username", self.configured_username or "")
        if self.host:
            yield _FoundValue(KEYRING, read_keyring(keyring_service(self.host), None)[0] or "")
            path = credentials_path(self.environ)
            account = read_account(self.host, path)
            yield _FoundValue(str(path), account.username if account else "")
        if self.prompt:
            yield _FoundValue(PROMPT, self.prompt(self._prompt_text(USERNAME_PROMPT)))

    def tokens(self, username: str, argument: Secret) -> Iterator[_FoundValue]:
        yield _FoundValue(ARGUMENT, argument)
        for variable in TOKEN_VARIABLES:
            yield _checked_token(variable, self.environ.get(variable, ""))
        if self.token_file:
            yield _FoundValue(str(self.token_file), read_token_file(self.token_file, self.environ))
        if self.host:
            source, token = stored_token(self.host, username, credentials_path(self.environ))
            yield _FoundValue(source, token, is_stored=True)
        if self.prompt:
            yield _checked_token(PROMPT, self.prompt(self._prompt_text(TOKEN_PROMPT)))

    def _prompt_text(self, prompt: str) -> str:
        """Return the prompt, with the host if it is not the USGS."""
        if self.host is None or self.host == USGS_HOST or is_this_machine(self.host):
            return prompt
        return prompt.replace("USGS", self.host, 1)


def _first(sources: Iterator[_FoundValue]) -> _FoundValue | None:
    """Return the first value that is not empty, without surrounding whitespace."""
    for value in sources:
        if text := Secret(value.text.strip()):
            return replace(value, text=text)
    return None


def _checked_token(source: str, text: str) -> _FoundValue:
    """Return the token of a source, or an empty value. Raises: AuthError, if it is invalid."""
    token = token_in(text)
    if text.strip() and not token:
        raise not_a_token(source)
    return _FoundValue(source, token)


def read_token_file(path: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the token in a file that contains nothing else.

    Args:
        path: The file. Links are followed.
        environ: Environment that names the folder of the credentials file.
    Raises: AuthError, if the file cannot be read, contains no token, is the credentials
        file, or (on POSIX) others than its owner may read it.
    """
    try:
        content, found = read_private(path, max_bytes=MAX_TOKEN_FILE_BYTES)
    except OSError as error:
        raise account_error(f"cannot read {path}: {error.strerror or error}") from error
    if is_credentials_file(found, environ):
        raise account_error(
            f"{path} is the credentials file of `asyncdl login`, not a token file: "
            "remove service.token_file"
        )
    token = token_in(content) if len(content) <= MAX_TOKEN_FILE_BYTES else ""
    if not token:
        raise not_a_token(str(path))
    return token


def not_a_token(source: str) -> AuthError:
    """Return the error for a source without a valid token; its content is not quoted."""
    return account_error(f"{source} does not contain exactly one token ({TOKEN_FORM})")
