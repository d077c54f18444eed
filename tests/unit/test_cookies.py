"""Cookies of one chain of redirects: to whom they go, and to whom not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.cookies import ChainCookies


def sent(fields: str, url: str, *, by: str = "https://data.example.org/a/b") -> str:
    cookies = ChainCookies()
    cookies.store(by, fields)
    return cookies.join({}, url).get("Cookie", "")


@pytest.mark.parametrize(
    ("fields", "url", "header"),
    [
        ("a=1", "https://data.example.org/a/c", "a=1"),
        ("a=1", "https://data.example.org/other", ""),
        ("a=1; Path=/", "https://data.example.org/other", "a=1"),
        ("a=1; path=/x/", "https://data.example.org/x/y", "a=1"),
        ("a=1; path=/x", "https://data.example.org/xy", ""),
        ("a=1; Path=/", "http://data.example.org/", "a=1"),
        ("a=1; Path=/; Secure", "http://data.example.org/", ""),
        ("a=1; Path=/; Secure; HttpOnly", "https://data.example.org/", "a=1"),
        ("a=1; Path=/", "https://example.org/", ""),
        ("a=1; Path=/", "https://data.example.org.evil.org/", ""),
        ("a=1; Path=/; Domain=example.org", "https://login.example.org/", "a=1"),
        ("a=1; Path=/; Domain=.example.org", "https://example.org/", "a=1"),
        ("a=1; Path=/; Domain=other.org", "https://other.org/", ""),
        ("a=1; Path=/; Domain=org", "https://other.org/", ""),
        ("a=1; Path=/; Domain=data.example.org", "https://x.data.example.org/", "a=1"),
        ("a=1; Path=/\nb=2=3; Path=/", "https://data.example.org/", "a=1; b=2=3"),
        ("a=1; Path=/\na=2; Path=/", "https://data.example.org/", "a=2"),
        ("a=1; Path=/\na=; Path=/; Max-Age=0", "https://data.example.org/", ""),
        ("no cookie\n=1\na\tb=1; Path=/", "https://data.example.org/", ""),
        (f"a={'x' * 5000}; Path=/", "https://data.example.org/", ""),
    ],
)
def test_a_cookie_goes_where_it_belongs(fields: str, url: str, header: str) -> None:
    assert sent(fields, url) == header


def test_a_cookie_of_an_address_is_its_own() -> None:
    by = "http://127.0.0.1/"
    assert sent("a=1; Domain=0.0.1; Path=/", "http://9.0.0.1/", by=by) == ""
    assert sent("a=1; Path=/", "http://127.0.0.1:99/", by=by) == "a=1"


def test_the_callers_cookies_come_first_and_stay() -> None:
    cookies = ChainCookies()
    cookies.store("http://host/", "b=2")
    assert cookies.join({"cookie": "a=1", "X": "y"}, "http://host/") == {
        "X": "y",
        "Cookie": "a=1; b=2",
    }
    assert cookies.join({"cookie": "a=1"}, "http://other/") == {"cookie": "a=1"}
    assert "b=2" not in repr(cookies.join({}, "http://host/"))


@given(st.text(), st.sampled_from(["http://a.org/", "http://1.2.3.4/", "http://[::1]/x"]))
def test_any_field_is_read_without_a_failure(fields: str, url: str) -> None:
    header = sent(fields, url, by=url)
    assert "\n" not in header
    assert "\r" not in header
