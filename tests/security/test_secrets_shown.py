"""Secrets in places where people put them, on their way through whole commands."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from asyncdl.cli.logs import JsonFormatter, SafeFormatter
from asyncdl.errors import ConfigError
from asyncdl.redact import redact, redact_url
from tests.cli.conftest import no_keyring as no_keyring
from tests.cli.conftest import terminal as terminal
from tests.cli.terminal import Terminal

SECRET = "Zq7SeCrEtXk9"

URLS = [
    "http://{s}@127.0.0.1:1/a.tif",
    "http://ann:{s}@127.0.0.1:1/a.tif",
    "http://ann:p@{s}@127.0.0.1:1/a.tif",
    "http://ann:a {s}@127.0.0.1:1/a.tif",
    'http://ann:"{s}"@127.0.0.1:1/a.tif',
    "http://ann:<{s}>@127.0.0.1:1/a.tif",
    "http://ann:{s}\\@127.0.0.1:1/a.tif",
    "http://ann%3A{s}%40127.0.0.1:1/a.tif",
    "http:/ann:{s}@127.0.0.1:1/a.tif",
    "http:{s}@127.0.0.1:1/a.tif",
    "//ann:{s}@127.0.0.1:1/a.tif",
    "ftp://ann:{s}@127.0.0.1:1/a.tif",
    "http://127.0.0.1:1/a.tif?key={s}",
    "http://127.0.0.1:1/a.tif?jwt={s}&code={s}",
    "http://127.0.0.1:1/a.tif?code={s}#/b",
    "http://127.0.0.1:1/a.tif?{s}=",
    'http://127.0.0.1:1/a.tif?key="{s}"',
    "http://127.0.0.1:1/a.tif?key=a {s}",
    "http://127.0.0.1:1/a.tif?to=http%3A%2F%2Fann%3A{s}%40h%2F",
    "http://127.0.0.1:1/http%3A%2F%2Fann%3A{s}%40h%2Fa.tif",
    "http://127.0.0.1:1/a.tif%3Fkey%3D{s}",
    "http://127.0.0.1:1/download/{s}",
    "http://127.0.0.1:99999999/a.tif?key={s}",
    "http://{s}{s}{s}{s}{s}{s}{s}{s}{s}@[::1/a.tif",
]


def with_secret(form: str) -> str:
    return form.replace("{s}", SECRET)


@pytest.mark.allow_blocking  # the command looks at its folder on the loop
@pytest.mark.parametrize("form", URLS)
@pytest.mark.parametrize("how", ["argument", "list", "mirror"])
def test_no_part_of_a_url_shows_in_what_get_leaves(
    form: str, how: str, terminal: Terminal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On both streams, in its log, in its JSON and in its folder; the file's own name is one."""
    url = with_secret(form)
    before = "http://127.0.0.1:1/b\t" if how == "mirror" else ""
    (tmp_path / "list.txt").write_text(f"{before}{url}\n")
    source = [url] if how == "argument" else ["-i", tmp_path / "list.txt"]
    data = tmp_path / "data"
    status = terminal.run(
        "get", *source, "-d", data, "--json", "-vv", "--retries", "0", "--max-wait", "0"
    )
    assert status in (1, 2), terminal.err
    assert "unexpected" not in terminal.err
    told = terminal.out + terminal.err + "".join(map(repr, caplog.records))
    if form.endswith("/download/{s}"):
        told = told.replace(f'"file":"{SECRET}"', "")
    assert SECRET not in told
    for path in data.rglob("*"):
        assert SECRET not in path.name and SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize("form", URLS)
@pytest.mark.parametrize("command", ["run", "login --url", "datasets --url"])
def test_no_part_of_a_url_in_the_wrong_place_is_repeated(
    form: str, command: str, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *options = command.split()
    status = terminal.run(name, *options, with_secret(form), "and", with_secret(form))
    assert status == 2, terminal.err
    assert SECRET not in terminal.out + terminal.err


@pytest.mark.parametrize("form", URLS)
def test_no_url_in_a_list_of_another_kind_is_repeated(
    form: str, terminal: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "job.toml"
    ids = tmp_path / "ids.txt"
    ids.write_text(with_secret(form))
    path.write_text(
        '[search]\nscenes_file = "ids.txt"\n[[products]]\nkind = "bundle"\n'
        "[download]\ndirectory = 'data'\n"
    )
    assert terminal.run("plan", path) == 2
    assert SECRET not in terminal.out + terminal.err
    get = ("get", "http://127.0.0.1:1/a", "-d", tmp_path / "data", "--checksums", ids)
    assert terminal.run(*get) == 2
    assert SECRET not in terminal.out + terminal.err


TEXTS = [
    "Authorization: ApiKey {s}",
    "authorization: Bearer  {s}",
    'Authorization: Digest username="ann", uri="/x", response="{s}"',
    'Authorization: Digest username=\\"ann\\", response=\\"{s}\\"',
    "Authorization: AWS4-HMAC-SHA256 Credential=A/2020, SignedHeaders=host, Signature={s}",
    "{'Authorization': 'token {s}', 'n': 1}",
    "[('Authorization', 'Bearer {s}')]",
    "((b'authorization', b'Bearer {s}'),)",
    "Headers([('Cookie', 'a={s}')])",
    "X-Api-Key: {s}",
    "{'X-API-KEY': '{s}'}",
    "X-Amz-Security-Token: {s}",
    "PRIVATE-TOKEN: {s}",
    "Ocp-Apim-Subscription-Key: {s}",
    '{"token": "{s}"}',
    "{'password': '{s}', 'username': 'ann'}",
    '{"client_secret":"{s}"}',
    "Credentials(username='ann', token='{s}')",
    "password={s}",
    "jwt={s};",
    "https:\\/\\/ann:{s}@host\\/x?key={s}",
    '"https:\\u002f\\u002fann:{s}@host"',
    "Location: //ann:{s}@host/x",
    "https%3A%2F%2Fann%3A{s}%40host%2Fx%3Fkey%3D{s}",
    "https%3a%2f%2f{s}%40host",
    "https:\\\\ann:{s}@host",
    "https://host/x?{s}=",
]
"""What others say in their own words: hosts, proxies, other packages."""


@pytest.mark.parametrize("form", TEXTS)
def test_no_secret_in_the_words_of_others_is_logged(form: str) -> None:
    text = with_secret(form)
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (text,), None)
    assert SECRET not in redact(text)
    assert SECRET not in SafeFormatter().format(record) + JsonFormatter().format(record)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "no application token: run `asyncdl login`, or set ASYNCDL_TOKEN or USGS_TOKEN",
        "--key = 'page.pem': holds no private key",
        "secrets do not belong in a config (allowed: ASYNCDL_TOKEN, or service.token_file)",
        "unknown key; did you mean cloud_cover?",
        "an https URL; http is for this very machine alone (localhost, 127.0.0.1, [::1])",
        "https: no such proxy; http://host:3128, //share/me@work/a.tif, C:\\data\\me@work",
        "/data/token/key/secret/cookie/x-1.tif: no such file",
        "the host sets a cookie; the next request needs its cookie again",
    ],
)
def test_what_is_no_secret_is_said(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("filler", ["a", "é", "@", "%40"])
def test_a_value_that_is_cut_is_masked_first(filler: str) -> None:
    """What says that it is a secret stands behind the cut."""
    url = f"https://{SECRET}{filler * 600}@host/"
    assert SECRET not in str(ConfigError("is wrong", key="service.url", value=url))
    assert SECRET not in str(ConfigError("is wrong", key="x", value=[url, 1]))
    assert redact_url(url).startswith("https://***")
