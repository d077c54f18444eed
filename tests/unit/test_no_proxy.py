"""NO_PROXY in the forms that people write. Source: curl's manual, "NO_PROXY"."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.net.proxies import is_exempt

CASES = [
    ("example.org", "example.org", True),
    ("a.example.org", "example.org", True),
    ("a.b.example.org", ".example.org", True),
    ("example.org", ".example.org", True),
    ("a.example.org", "*.example.org", True),
    ("badexample.org", "example.org", False),
    ("example.org.evil", "example.org", False),
    ("EXAMPLE.org.", "Example.ORG", True),
    ("example.org", "other.org,  example.org", True),
    ("example.org", "other.org example.org", True),
    ("example.org", "*", True),
    ("example.org", "other.org,*", True),
    ("example.org", "", False),
    ("example.org", " , ,", False),
    ("example.org", ".", False),
    ("example.org", "example.org:443", True),
    ("example.org", "example.org:8443", False),
    ("192.0.2.7", "192.0.2.7", True),
    ("192.0.2.7", "192.0.2.0/24", True),
    ("192.0.3.7", "192.0.2.0/24", False),
    ("192.0.2.7", "192.0.2.9/24", True),
    ("192.0.2.7", "2.7", False),
    ("192.0.2.7", "192.0.2.0/33", False),
    ("192.0.2.7", "192.0.2.0/", False),
    ("example.org", "192.0.2.0/24", False),
    ("2001:db8::7", "2001:db8::7", True),
    ("2001:db8::7", "[2001:db8::7]", True),
    ("2001:db8::7", "[2001:DB8:0::7]:443", True),
    ("2001:db8::7", "[2001:db8::7]:444", False),
    ("2001:db8::7", "2001:db8::/32", True),
    ("2001:db8::7", "[2001:db8::]/32", True),
    ("2001:db9::7", "2001:db8::/32", False),
    ("192.0.2.7", "::/0", False),
]


@pytest.mark.parametrize(("host", "no_proxy", "expected"), CASES)
def test_who_is_asked_directly(host: str, no_proxy: str, expected: bool) -> None:
    assert is_exempt(host, 443, no_proxy) == expected


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_every_address_is_in_each_network_around_it(address: IPv4Address, bits: int) -> None:
    assert is_exempt(str(address), 80, f"other.example,{address}/{bits}")


@given(st.text(max_size=30), st.text(max_size=40), st.integers(0, 65535))
def test_nothing_that_stands_there_is_an_error(host: str, no_proxy: str, port: int) -> None:
    is_exempt(host, port, no_proxy)


def test_a_port_may_have_any_length() -> None:
    assert not is_exempt("a.test", 80, "a.test:" + "9" * 5_000)
    assert is_exempt("a.test", 80, "a.test:" + "0" * 5_000 + "80")
