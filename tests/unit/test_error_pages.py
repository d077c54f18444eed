"""What a page says that comes in place of a file. No network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import WrongContent
from asyncdl.transfer.error_pages import MAX_TITLE_CHARS, quote_page, says_outage, title_of


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (b"<html><head><title>Access Denied</title>", "Access Denied"),
        (b"<TITLE lang='en'>\n Request\n  Rejected\t</TITLE>", "Request Rejected"),
        (b"<title>404 &mdash; not &lt;here&gt;</title>", "404 — not <here>"),
        (b"<title></title><h1 class=x>Down for maintenance</h1>", "Down for maintenance"),
        (b"<title>a\x1b[31mred\x07\0</title>", "a [31mred"),
        (b"<title>cut at the e", "cut at the e"),
        (b"<title>\xe2\x80\xaeevil</title>", "evil"),
        (b"<p>no title", ""),
        (b"", ""),
        (b"\x1f\x8b\x00\xff", ""),
    ],
)
def test_a_title_is_one_printable_line(page: bytes, title: str) -> None:
    assert title_of(page) == title


def test_a_title_is_read_in_the_encoding_that_is_named() -> None:
    page = "<title>Geschäftig</title>"
    assert title_of(page.encode("latin-1"), "text/html; charset=ISO-8859-1") == "Geschäftig"
    assert title_of(page.encode(), "text/html; charset=no-such-thing") == "Geschäftig"


def test_a_title_holds_no_secret() -> None:
    page = b"<title>cannot get /x?requestSignature=abcdefgh</title>"
    assert title_of(page) == "cannot get /x?requestSignature=***"


@given(st.binary(max_size=200), st.text(max_size=30))
def test_a_title_is_bounded_and_printable_whatever_comes(junk: bytes, content_type: str) -> None:
    title = title_of(b"<title>" + junk * 3 + b"</title>", content_type)
    assert len(title) <= MAX_TITLE_CHARS
    assert title.isprintable()


@pytest.mark.parametrize(
    ("page", "is_outage"),
    [
        (b"<title>Down for maintenance</title>", True),
        (b"<h1>503 Service Temporarily Unavailable</h1>", True),
        (b"<p>We will <b>be right back</b>", True),
        (b"The system is currently down", True),
        (b"<title>Something went wrong</title>", False),
        (b"<title>Access Denied</title>", False),
        (b"<body class='maintenance'>Sign in</body>", False),
    ],
)
def test_an_outage_is_told_by_the_words_that_people_see(page: bytes, is_outage: bool) -> None:
    assert says_outage(page) is is_outage


def test_an_error_quotes_its_page() -> None:
    error = WrongContent("http://host/file", "text/html in place of the file", reason="error-page")
    quote_page(error, b"<title>Back soon</title>")
    assert str(error) == (
        'text/html in place of the file: "Back soon" [error-page] http://host/file'
    )
    assert error.names_outage
