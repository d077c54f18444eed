"""One place takes secrets out of every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl import redact as module
from asyncdl.redact import redact, redact_url

SECRET = "eyJpZCI6MSwiY29udGFjdElkIjoxMDAwMDAxfQ=="


@pytest.mark.parametrize(
    "text",
    [
        f"https://landsatlook.usgs.gov/data/x.TIF?requestSignature={SECRET}",
        f"https://landsatlook.usgs.gov/gen-bundle?landsat_product_id=a&requestSignature={SECRET}",
        f"https://dds.cr.usgs.gov/download/{SECRET}",
        f"https://dds.cr.usgs.gov/download-staging/{SECRET}/",
        f"X-Auth-Token: {SECRET}",
        f"{{'X-Auth-Token': '{SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"https://user:{SECRET}@host/file",
        f"https://bucket/file?X-Amz-Signature={SECRET}&x=1",
    ],
)
def test_every_known_form_of_secret_is_masked(text: str) -> None:
    masked = redact(text)
    assert SECRET not in masked
    assert SECRET.rstrip("=") not in masked
    assert "***" in masked


def test_what_is_no_secret_stays() -> None:
    text = "https://landsatlook.usgs.gov/data/collection02/LC08_L2SP_T1/LC08_L2SP_T1_SR_B4.TIF"
    assert redact(f"{text}?requestSignature=abc&x=1") == f"{text}?requestSignature=***&x=***"
    for path in (
        "/data/download/LC08_L2SP_T1/x.TIF",
        "C:/me@work/download/LC08_L2SP_T1",
        r"D:\data\download\LC08_L2SP_T1",
        r"\\?\D:\download\LC08_L2SP_T1\x.TIF",
        "//server/share/download/LC08_L2SP_T1.tar",
        "file:///data/download/LC08_L2SP_T1/x.TIF",
    ):
        assert redact(f"{path}: no room") == f"{path}: no room"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://TOKEN@host/x", "https://***@host/x"),
        ("https://u:p@ss@host:80/x", "https://***@host:80/x"),
        ("https://u:p/ss@host/x", "https://***@host/x"),
        ("https://u:p?ss@host/x", "https://***@host/x"),
        ("https://u:p#ss@host/x", "https://***@host/x"),
        ("https://u:p'ss@host/x", "https://***@host/x"),
        ("https://@host/x", "https://@host/x"),
        ("https://host:80/@me/x", "https://host:80/@me/x"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        ("https://host:port/x", "https://host:***/x"),
        ("a https://host: refused", "a https://host: refused"),
        ("https://h?key=a&jwt=b;code=c", "https://h?key=***&jwt=***;code=***"),
        ("https://h/x?TOKEN", "https://h/x?***"),
        ("https://h/x?VE9LRU4==", "https://h/x?***"),
        ("https://h/x?a=&b", "https://h/x?a=&***"),
        ("https://h/x#access_token=a&b=c", "https://h/x#access_token=***&b=***"),
        ("https://h/x#reasons", "https://h/x#reasons"),
        ("https://h/x;jsessionid=a/y", "https://h/x;jsessionid=***"),
        ("https://h/https://u:p@i/x?k=v", "https://h/https://***@i/x?k=***"),
        ("{'url':'https://h/x?k=v','n':1}", "{'url':'https://h/x?k=***','n':1}"),
        ('{"url":"https://h/x?k=v"}', '{"url":"https://h/x?k=***"}'),
        ("see https://h/x?k=v. Then", "see https://h/x?k=***. Then"),
        ("https://h/download/abcdefghijk", "https://h/download/***"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ("Proxy-Authorization: Basic abc", "Proxy-Authorization: Basic ***"),
    ],
)
def test_what_is_masked_of_a_url(text: str, masked: str) -> None:
    assert redact(text) == masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("user:secret@host/x", "***@host/x"),
        ("//user:secret@host/x?k=v", "//***@host/x?k=***"),
        ("/x?k=v", "/x?k=***"),
        ("me@work/download/LC08_L2SP_T1.tar", "me@work/download/LC08_L2SP_T1.tar"),
    ],
)
def test_what_is_masked_of_a_url_without_its_scheme(url: str, masked: str) -> None:
    assert redact_url(url) == masked


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("403: Basic bWU6cHcxMjM0NTY3 /x", "403: Basic *** /x"),
        ("bearer eyJhbGciOiJ.x-y_z denied", "bearer *** denied"),
        ("Basic bWU6cHc=", "Basic ***"),
        ("Basic information about the dataset", "Basic information about the dataset"),
        ("a basic error", "a basic error"),
    ],
)
def test_a_login_that_a_host_throws_back_is_masked(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@given(st.from_regex(module._PLAIN_URL, fullmatch=True))
def test_a_url_that_is_left_alone_has_nothing_to_mask(url: str) -> None:
    assert module._mask_urls(url) == url
