"""URLs are read the short way where it leads to the same as the long one."""

import string
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import TransferError
from asyncdl.redact import Url
from asyncdl.transfer import wire_url
from asyncdl.transfer.wire_url import read_target


@given(st.from_regex(wire_url._NEEDS_NO_QUOTES, fullmatch=True))
def test_a_text_of_visible_ascii_is_quoted_already(text: str) -> None:
    assert quote(text, safe=string.punctuation, errors="surrogateescape") == text


@given(st.from_regex(wire_url._USUAL_NAME, fullmatch=True))
def test_a_usual_name_can_be_looked_up(name: str) -> None:
    assert name.encode("idna") == name.encode("ascii")
    assert read_target(f"http://{name}/x").origin == ("http", name, 80)


@given(st.text(max_size=40))
def test_a_url_is_refused_or_has_the_host_that_it_names(text: str) -> None:
    try:
        target = read_target(f"https://{text}")
    except TransferError as error:
        assert error.reason == wire_url.BAD_URL
    else:
        assert target.origin[1] == urlsplit(target.text).hostname


@pytest.mark.parametrize("name", ["a..example", ".example", f"{'a' * 64}.example"])
def test_a_name_with_a_bad_label_is_refused(name: str) -> None:
    with pytest.raises(TransferError):
        read_target(f"http://{name}/x")


def test_a_url_is_read_once_whatever_its_class() -> None:
    assert read_target(Url("http://one.example/a")) is read_target("http://one.example/a")


@given(st.from_regex(wire_url._USUAL_URL, fullmatch=True))
def test_a_usual_url_is_read_as_any_other(text: str) -> None:
    assert read_target(text) == wire_url._read_any(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://h.example:80/a",
        "http://h.example:080/a",
        "https://h.example:443/a?b=c//@d",
        "http://h.example:59999/a",
        "http://h.example:65535/a",
        "http://h.example/a#b",
        "http://h.example?a/b",
        "HTTP://H.example/a",
    ],
)
def test_ports_and_fragments_are_read_either_way(text: str) -> None:
    assert read_target(text) == wire_url._read_any(text)
