"""Secrets in any part of any URL are in no word of ours."""

from __future__ import annotations

import io
import json
import logging
import traceback
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.cli.logs import JsonFormatter, SafeFormatter
from asyncdl.errors import (
    ApiError,
    AsyncdlError,
    ChecksumMismatch,
    ConfigError,
    HttpStatusError,
    NetworkError,
    SizeMismatch,
    Stalled,
    TransferError,
    WrongContent,
)
from asyncdl.redact import Url, redact
from asyncdl.transfer.wire_url import read_target

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SECRETS = st.builds(
    lambda start, middle, end: f"Zq7{start}{middle}{end}Xk9",
    st.text(LETTERS, min_size=4, max_size=8),
    st.text(LETTERS + "-._~%+!$*(),:@=", max_size=8),
    st.text(LETTERS, min_size=4, max_size=8),
)
"""All that a URL takes unquoted in a password or a value, and more."""
HOSTS = st.sampled_from(["example.org", "example.org:8443", "[::1]:80", "127.0.0.1", "a-b.c."])
PATHS = st.sampled_from(["", "/", "/a/b.tar", "/a%20b", "/@me/x", "/x;v=1", "/a:b"])
SCHEMES = st.sampled_from(["https", "http", "HTTPS", "ftp", "s3", "socks5"])
PLACES = st.sampled_from(
    [
        "{scheme}://{secret}@{host}{path}",
        "{scheme}://user:{secret}@{host}{path}",
        "{scheme}://{secret}:{secret}@{host}{path}?a=b",
        "{scheme}://user:x/{secret}@{host}{path}",
        "{scheme}://user:x?{secret}@{host}{path}",
        "{scheme}://user:x#{secret}@{host}{path}",
        "{scheme}://{host}{path}?key={secret}",
        "{scheme}://{host}{path}?jwt={secret}&a=b",
        "{scheme}://{host}{path}?a=b&code={secret}#c",
        "{scheme}://{host}{path}?a=b;state={secret}",
        "{scheme}://{host}{path}?{secret}",
        "{scheme}://{host}{path}#access_token={secret}",
        "{scheme}://{host}/x;session={secret}",
        "{scheme}://{host}/go?to=https://u:{secret}@other.example/",
        "{scheme}://{host}/https://u:{secret}@other.example/",
    ]
)


def url_with(place: str, scheme: str, host: str, path: str, secret: str) -> tuple[str, str]:
    """Return a URL and the secret in it."""
    if place.endswith("?{secret}"):
        secret = secret.replace("=", "-")  # what stands before the sign is a name
    return place.format(scheme=scheme, host=host, path=path, secret=secret), secret


URLS = st.builds(
    url_with,
    PLACES,
    SCHEMES,
    HOSTS,
    PATHS,
    SECRETS,
)


def parts_of(secret: str) -> tuple[str, str]:
    """Return what must not be seen: a secret is told by its ends as well."""
    return secret[:4], secret[-4:]


def errors_about(url: str) -> list[AsyncdlError]:
    return [
        TransferError(url, f"no answer from {url}"),
        HttpStatusError(url, 403),
        SizeMismatch(url, expected=1, got=2),
        ChecksumMismatch(url, algorithm="md5", expected="a", got="b"),
        WrongContent(url, f"a page: <a href='{url}'>"),
        Stalled(url, seconds=1.0),
        NetworkError(f"connect to {url}", f"refused ({url})"),
        ApiError("download-request", message=f"bad url {url}"),
        ConfigError(f"no host: {url}", key="service.url", value=url, allowed=url),
    ]


def shown_in(error: AsyncdlError) -> str:
    facts = [str(error), repr(error), "".join(traceback.format_exception(error))]
    if not isinstance(error, ConfigError):  # which holds the config's own value
        facts.append(repr(vars(error)))
    return "\n".join(facts)


def logged(text: str, error: Exception) -> str:
    """Return what both forms of the log hold of a record with an error."""
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (text,), (type(error), error, None))
    return SafeFormatter().format(record) + JsonFormatter().format(record)


@given(url_and_secret=URLS)
def test_no_secret_of_a_url_is_in_an_error(url_and_secret: tuple[str, str]) -> None:
    url, secret = url_and_secret
    for error in errors_about(url):
        for part in parts_of(secret):
            assert part not in shown_in(error), f"{type(error).__name__} of {url}"


@given(
    url_and_secret=URLS, around=st.sampled_from(["{}", "see {}.", "'{}'", "({}),", '{{"u":"{}"}}'])
)
def test_no_secret_of_a_url_is_in_a_text_or_a_log(
    url_and_secret: tuple[str, str], around: str
) -> None:
    url, secret = url_and_secret
    text = around.format(url)
    words = redact(text) + logged(text, ValueError(text)) + repr(Url(url))
    for part in parts_of(secret):
        assert part not in words
    assert redact(redact(text)) == redact(text)


@given(url_and_secret=URLS)
def test_no_secret_is_in_the_repr_of_what_is_sent(url_and_secret: tuple[str, str]) -> None:
    url, secret = url_and_secret
    try:
        words = repr(read_target(url))
    except TransferError as error:
        words = shown_in(error)
    for part in parts_of(secret):
        assert part not in words


@given(
    folder=st.text(LETTERS + "@:=?#;", min_size=1, max_size=12), name=st.text(LETTERS, min_size=8)
)
def test_paths_of_files_stay_as_they_are(folder: str, name: str) -> None:
    """A folder named ``download`` is no file host."""
    path = f"/data/{folder}/download/{name}/LC08_L2SP_068017_20200310_20200822_02_T1.tar"
    if "=" not in folder:
        assert redact(f"{path}: no such file") == f"{path}: no such file"
    assert redact(str(Path("/home/me/download") / name)) == f"/home/me/download/{name}"


def test_json_stays_json() -> None:
    told = {"url": "https://u:p@h/x?k=v", "more": ["https://h?a=b", 1], "end": True}
    text = io.StringIO()
    json.dump(told, text)
    assert json.loads(redact(text.getvalue()))["end"] is True
