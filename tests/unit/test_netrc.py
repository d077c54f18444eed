"""Netrc files as people have them, read as curl and Python's own module read them."""

from __future__ import annotations

import netrc as peer
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ConfigError
from asyncdl.redact import SecretBytes
from asyncdl.transfer.netrc import Netrc, netrc_path, parse_netrc, read_netrc

EARTHDATA = "machine urs.earthdata.nasa.gov login me password s3cret\n"
MACRO = "macdef init\ncd pub\nmachine no.host login no password no\n\n"


def parse(text: str) -> Netrc:
    return parse_netrc(SecretBytes(text.encode()))


def found(text: str, host: str, login: str = "", **more: bool) -> tuple[str, str, int] | None:
    entry = parse(text).find(host, login, **more)
    return None if entry is None else (entry.login, str(entry.password), entry.line)


@pytest.mark.parametrize(
    ("text", "password"),
    [
        (EARTHDATA, "s3cret"),
        (EARTHDATA.strip(), "s3cret"),
        (f"\ufeff{EARTHDATA}", "s3cret"),
        (EARTHDATA.replace(" ", "\n\t"), "s3cret"),
        (EARTHDATA.replace("\n", "\r\n"), "s3cret"),
        (EARTHDATA.replace("urs", "URS"), "s3cret"),
        (EARTHDATA.replace("machine", "MACHINE"), "s3cret"),
        (EARTHDATA.replace("s3cret", "#hash"), "#hash"),
        (EARTHDATA.replace("s3cret", "p@ss:w#rd\\!"), "p@ss:w#rd\\!"),
        (EARTHDATA.replace("s3cret", "pässwörd€"), "pässwörd€"),
        (EARTHDATA.replace("s3cret", '"two words"'), "two words"),
        (EARTHDATA.replace("s3cret", r'"a\"b\\c\td"'), 'a"b\\c\td'),
        (EARTHDATA.replace("s3cret", 'a"b'), 'a"b'),
        (EARTHDATA.replace("s3cret", '""'), ""),
        (EARTHDATA.replace("login me password s3cret", "password s3cret login me"), "s3cret"),
        (EARTHDATA.replace("password", "account x password"), "s3cret"),
        (f"# Earthdata\n{EARTHDATA} # machine", "s3cret"),
        (f"machine a.b login x password y # mine\n#\n{EARTHDATA}", "s3cret"),
        (f"machine a.b\n{EARTHDATA}", "s3cret"),
        (f"machine urs.earthdata.nasa.gov login me\n{EARTHDATA}", "s3cret"),
        (f"{MACRO}{EARTHDATA}", "s3cret"),
        (f"machine ftp.x login a password b {MACRO}{EARTHDATA}", "s3cret"),
        (f"{EARTHDATA}{EARTHDATA.replace('s3cret', 'second')}", "s3cret"),
        (f"{EARTHDATA}default login anonymous password a@b", "s3cret"),
    ],
)
def test_the_forms_of_a_netrc_are_read(text: str, password: str) -> None:
    entry = parse(text).find("urs.earthdata.nasa.gov", with_default=True)
    assert entry is not None
    assert (entry.login, entry.password) == ("me", password)
    if not text.startswith("\ufeff"):
        line = text[: text.lower().index("machine urs" if "\n\t" not in text else "machine")]
        assert entry.line >= line.count("\n") + 1


def test_of_several_entries_the_first_that_fits_counts() -> None:
    text = "machine h login a password 1\nmachine h login b password 2\nmachine h password 3\n"
    assert found(text, "h") == ("a", "1", 1)
    assert found(text, "H", "b") == ("b", "2", 2)
    assert found(text, "h", "c") is None
    assert found(text, "h.org") is None
    assert found(text, "") is None


def test_default_counts_where_it_may_and_only_as_the_last() -> None:
    text = "machine h login a password 1 default login anonymous password me@here"
    assert found(text, "h", with_default=True) == ("a", "1", 1)
    assert found(text, "other", with_default=True) == ("anonymous", "me@here", 1)
    assert found(text, "other") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("s3cret", 1),
        ("machine h login a passwort s3cret", 1),
        ("\nlogin a password s3cret", 2),
        ("machine h login a password s3cret word", 1),
        ('machine h login a\npassword "s3cret', 2),
        ('machine h login a\npassword "s3cret\\', 2),
        ("machine h login a password s3cret\n\nmachine", 3),
        ("machine h login a password s3cret machine h2 login", 1),
        ("machine s3cret " * 10_001, 1),
    ],
)
def test_what_is_no_netrc_is_refused_by_its_line_without_what_stands_there(
    text: str, line: int
) -> None:
    with pytest.raises(ConfigError, match=f"line {line}: ") as refused:
        parse(text)
    assert "s3cret" not in str(refused.value)


def test_what_is_no_utf8_is_refused_by_its_line() -> None:
    with pytest.raises(ConfigError, match=r"line 2: .*UTF-8"):
        parse_netrc(SecretBytes(b"machine h\nlogin \xff password s3cret"))


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Z", "C"), exclude_characters='"\\#'),
    min_size=1,
)
ENTRIES = st.dictionaries(WORDS.map(str.lower), st.tuples(WORDS, WORDS), max_size=4)


@given(ENTRIES, st.sampled_from([" ", "\n", "\n  ", "\t"]), st.sampled_from(["\n", " ", "\n# x\n"]))
def test_what_pythons_own_module_reads_is_read_alike(
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[str, tuple[str, str]],
    space: str,
    between: str,
) -> None:
    text = between.join(
        space.join(("machine", host, "login", login, "password", password))
        for host, (login, password) in entries.items()
    )
    path = tmp_path_factory.getbasetemp() / "netrc"
    path.write_text(text, encoding="utf-8")
    theirs = {host: told[::2] for host, told in peer.netrc(path).hosts.items()}
    ours = {e.host: (str(e.login), str(e.password)) for e in parse(text).entries}
    assert ours == {host.lower(): told for host, told in theirs.items()}


@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_a_netrc_or_refused_in_our_words(data: bytes, at: int) -> None:
    whole = (MACRO + EARTHDATA).encode()
    try:
        parse_netrc(SecretBytes(whole[:at] + data + whole[at:]))
    except ConfigError as error:
        assert "line" in str(error)


def test_the_file_is_that_of_the_user_or_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert netrc_path({}) == tmp_path / ".netrc"
    assert netrc_path({"NETRC": "~/mine"}) == tmp_path / "mine"
    (tmp_path / ".netrc").write_text(EARTHDATA)
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.delenv("NETRC", raising=False)
    entry = read_netrc().find("urs.earthdata.nasa.gov")
    assert entry is not None and entry.password == "s3cret"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_netrc_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "netrc"
    path.write_text(EARTHDATA)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_netrc(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match="accessible to others"):
        read_netrc(link)


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX")
def test_what_is_no_file_or_too_long_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, words in ((tmp_path / "pipe", "not a regular"), (tmp_path / "none", "No such file")):
        with pytest.raises(ConfigError, match=words):
            read_netrc(path)
    long = tmp_path / "long"
    with open(long, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.truncate(1 << 32)
    with pytest.raises(ConfigError, match="longer than"):
        read_netrc(long)


def test_no_secret_is_in_a_repr() -> None:
    assert "s3cret" not in repr(parse(EARTHDATA))
