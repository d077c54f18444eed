"""FAULTS C7: redirects, credentials, and URLs that arrive byte for byte."""

from pathlib import Path

import pytest

from asyncdl.errors import HttpStatusError, TransferError, WrongContent
from asyncdl.transfer.http import is_login_url, next_url
from asyncdl.transfer.wire_url import read_target
from tests.transfer.fault_server import (
    HostedFile,
    Received,
    Reply,
    Responder,
    cut,
    fixed,
    redirect,
    rig,
    serving,
    status,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
SIGNED = "/a%2Fb/File.TIF?z=1&requestSignature=eyJhIjo+/1=%3d%3D==&a=%41"


async def test_a_signed_url_arrives_byte_for_byte(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        await r.fetch(url=r.server.url + SIGNED)
    assert r.server.requests[0].target == SIGNED


async def test_a_redirect_target_arrives_byte_for_byte(tmp_path: Path) -> None:
    async with serving(FILE) as other, rig(tmp_path, redirect(other.url + SIGNED)) as r:
        await r.fetch()
    assert other.requests[0].target == SIGNED


async def test_row_004_range_is_sent_again_on_each_hop(tmp_path: Path) -> None:
    async with serving(cut(FILE, 777), FILE) as other:
        async with rig(tmp_path, redirect(f"{other.url}/x")) as r:
            await r.fetch()
        assert r.ranges == ["bytes=0-", "bytes=777-"]
        assert [request.headers["range"] for request in other.requests] == r.ranges
    assert r.content() == BODY


async def test_row_005_a_target_without_ranges_starts_over(tmp_path: Path) -> None:
    plain = HostedFile(BODY, takes_ranges=False)
    async with serving(cut(plain, 777), plain) as other, rig(tmp_path, redirect(other.url)) as r:
        await r.fetch()
    assert r.content() == BODY


def only_with(cookie: str, instead: str, **headers: object) -> Responder:
    """Give the file to those who bring a cookie; set it for the others, and redirect."""

    def respond(received: Received) -> Reply:
        if cookie in received.headers.get("cookie", ""):
            return FILE(received)
        return fixed("302 Found", Location=instead, **headers)(received)  # type: ignore[arg-type]

    return respond


async def test_a_cookie_that_is_set_on_a_redirect_is_brought_to_its_target(tmp_path: Path) -> None:
    fields = {"Set-Cookie": "other=1; Path=/", "set-cookie": "seen=yes; Path=/; HttpOnly"}
    host = only_with("seen=yes", "/data/file.bin", **fields)
    async with rig(tmp_path, host) as r:
        await r.fetch(headers={"Cookie": "mine=1"})
        await r.fetch("second.bin")
    cookies = [request.headers.get("cookie") for request in r.server.requests]
    both = "other=1; seen=yes"
    assert cookies == ["mine=1", f"mine=1; {both}", None, both]
    assert r.content() == BODY


async def test_a_cookie_goes_to_no_other_host(tmp_path: Path) -> None:
    async with serving(FILE, address="127.0.0.2") as other:
        gives = fixed("302 Found", Location=f"{other.url}/x", Set_Cookie="seen=yes; Path=/")
        async with rig(tmp_path, gives) as r:
            await r.fetch()
    assert "cookie" not in other.requests[0].headers


@pytest.mark.parametrize("row", ["117", "119"])
async def test_rows_117_119_headers_stay_within_their_origin(tmp_path: Path, row: str) -> None:
    signed = f"/bucket/key?X-Amz-Signature=abc&row={row}"
    async with serving(FILE) as other, rig(tmp_path, redirect(other.url + signed)) as r:
        await r.fetch(headers={"Authorization": "Bearer x", "Cookie": "a=b"})
    assert r.server.requests[0].headers["authorization"] == "Bearer x"
    assert not {"authorization", "cookie"} & set(other.requests[0].headers)
    assert other.requests[0].headers["range"] == "bytes=0-"


async def test_headers_stay_on_a_redirect_within_the_origin(tmp_path: Path) -> None:
    async with rig(tmp_path, redirect("/elsewhere"), FILE) as r:
        await r.fetch(headers={"Referer": "http://here/"})
    assert r.server.requests[1].headers["referer"] == "http://here/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Key", "s3cret\nX-Other: b"),
        ("X-Key", "s3cret\r"),
        ("X-Key", "s3cret\0"),
        ("X-Key", "s3cret\ud800"),
        ("X-Key", "s3cret\udcff"),
        ("X-Key: s3cret", ""),
        ("X-Key\n", "s3cret"),
        ("", "s3cret"),
    ],
)
async def test_a_header_that_cannot_be_sent_is_named_without_its_value(
    tmp_path: Path, name: str, value: str
) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(
            TransferError, match="X-Key" if name else "not a header name"
        ) as refused:
            await r.fetch(headers={name: value})
    assert (refused.value.reason, r.server.requests) == ("bad-header", [])
    assert refused.value.remedy == "Correct the header."
    assert "s3cret" not in str(refused.value)


async def test_the_callers_headers_win_on_every_hop(tmp_path: Path) -> None:
    """A host that gives JSON to whoever accepts anything gives the file to who asks for it."""
    wish = {"accept": "application/octet-stream", "User-Agent": "me/1", "X-Key": "mine"}
    async with rig(tmp_path, FILE) as other, rig(tmp_path, redirect(f"{other.server.url}/x")) as r:
        await r.fetch(headers=wish)
        first, last = r.server.requests[0].headers, other.server.requests[0].headers
    for headers in (first, last):
        assert headers["accept"] == "application/octet-stream"
        assert headers["user-agent"] == "me/1"
        assert headers["accept-encoding"] == "identity"
    assert ("x-key" in first, "x-key" in last) == (True, False)


async def test_a_header_of_ours_can_be_taken_away(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        await r.fetch(headers={"Accept": None, "User-Agent": None})
    assert not {"accept", "user-agent"} & set(r.server.requests[0].headers)


async def test_a_header_that_would_break_resuming_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(TransferError, match="Range cannot be set") as refused:
            await r.fetch(headers={"Range": "bytes=5-"})
    assert (refused.value.reason, r.server.requests) == ("bad-header", [])


async def test_a_header_may_hold_any_text(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        await r.fetch(headers={"X-Key": "caf\u00e9 \u20ac"})
    assert r.server.requests[0].headers["x-key"]


async def test_row_120_a_loop_of_redirects_ends(tmp_path: Path) -> None:
    async with rig(tmp_path, redirect("/again")) as r:
        with pytest.raises(TransferError, match="too many redirects") as refused:
            await r.fetch()
    assert refused.value.reason == "redirects"
    assert len(r.server.requests) == 6


def test_row_121_https_is_not_left_for_http() -> None:
    with pytest.raises(TransferError) as refused:
        next_url("https://host/a", "http://host/b")
    assert refused.value.reason == "insecure-redirect"


@pytest.mark.parametrize("target", ["ftp://host/a", "file:///etc/passwd", "javascript:x"])
def test_a_redirect_away_from_http_is_refused(target: str) -> None:
    with pytest.raises(TransferError):
        next_url("http://host/a", target)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("b.tif?x=%3D=", "/dir/b.tif?x=%3D="),
        ("/root#part", "/root"),
        ("?only=query", "/dir/a?only=query"),
        ("/sp ace", "/sp%20ace"),
        ("/caf\u00e9", "/caf%C3%A9"),
    ],
)
async def test_row_124_odd_locations_are_resolved(
    tmp_path: Path, location: str, target: str
) -> None:
    async with rig(tmp_path, redirect(location), FILE) as r:
        await r.fetch(url=f"{r.server.url}/dir/a")
    assert r.server.requests[1].target == target


@pytest.mark.parametrize(
    "location",
    [
        "https://ers.cr.usgs.gov/",
        "https://host/login?next=/a",
        "/sso/Login/",
        "https://h/a/login.do",
        "https://h/login/oauth/authorize?x=1",
        "https://h/users/sign_in",
        "https://login.example.org/common?x=scene.tif",
        "https://h/%6Cogin",
    ],
)
def test_a_redirect_to_a_login_page_is_a_refused_url(location: str) -> None:
    with pytest.raises(WrongContent) as refused:
        next_url("https://host/data", location)
    assert (refused.value.reason, refused.value.retryable) == ("login-page", False)


def test_a_password_in_a_redirect_is_dropped() -> None:
    assert next_url("http://a/b", "http://user:pass@c/d") == "http://c/d"


@pytest.mark.parametrize(
    "url",
    [
        "https://landsatlook.usgs.gov/data/a.tif?next=login",
        "https://host/pub/blogindex/scene.bin",
        "https://host/blogin",
        "https://host/login-statistics/2024",
        "https://host/dumps/login.csv",
        "https://host/login/scene.tif",
        "https://login.host/scene.tar.gz",
        "https://blogin.host/dl?id=3",
    ],
)
def test_data_is_no_login_page(url: str) -> None:
    assert not is_login_url(url)


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
async def test_a_login_page_is_known_by_its_body(tmp_path: Path, kind: str) -> None:
    form = b"<!doctype html><title>Sign in</title><form><input name=p type='password'></form>"
    page = fixed("200 OK", form * 9, Content_Type=kind)
    async with rig(tmp_path, redirect("/pub/blogindex/scene.tif"), page) as r:
        with pytest.raises(WrongContent, match="Sign in") as refused:
            await r.fetch("scene.tif")
    assert (refused.value.reason, refused.value.retryable) == ("login-page", False)
    assert "rights" in refused.value.remedy
    assert (len(r.server.requests), r.names) == (2, [])


async def test_a_path_with_the_letters_of_login_is_followed(tmp_path: Path) -> None:
    async with rig(tmp_path, redirect("/pub/blogindex/scene.bin"), FILE) as r:
        await r.fetch()
    assert r.content() == BODY


NO_HOST = ["http://[::1/x", "http://a..b/x", "http://.a/x", f"http://{'a' * 64}.org/x"]


@pytest.mark.parametrize("location", NO_HOST)
async def test_a_redirect_to_no_host_is_named_with_who_sent_it(
    tmp_path: Path, location: str
) -> None:
    async with rig(tmp_path, redirect(location)) as r:
        with pytest.raises(TransferError, match="redirected to what is not") as refused:
            await r.fetch()
    assert refused.value.reason == "bad-url"
    assert location in refused.value.detail
    assert refused.value.url.startswith(r.server.url)


def test_what_a_redirect_to_no_url_holds_is_not_told() -> None:
    with pytest.raises(TransferError) as refused:
        next_url("http://host/a", "http://name:s3cret@a..b/x?sig=s3cret")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["", "file:///a", "http://", "http://h:99999/", "nonsense", "http://\udcff..a/", *NO_HOST],
)
async def test_what_is_no_http_url_is_refused_before_any_request(tmp_path: Path, url: str) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch(url=url)
    assert (refused.value.reason, r.names) == ("bad-url", [])


async def test_an_url_that_is_none_without_its_secrets_fails_like_any_other(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, status(404)) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch(url=f"{r.server.url}?x=1@[c")


def test_a_name_of_a_host_is_sent_in_its_wire_form() -> None:
    assert (
        read_target("http://exämple.org/ä?q=%C3").text == "http://xn--exmple-cua.org/%C3%A4?q=%C3"
    )


@pytest.mark.parametrize(
    ("host", "wire"),
    [
        ("BÜCHER.test", "xn--bcher-kva.test"),
        ("faß.de", "xn--fa-hia.de"),
        ("u:p@\uff25\uff38\u3002test:8080", "u:p@ex.test:8080"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "xn--mgba3gch31f060k.com"),
        ("a_b.test", "a_b.test"),
    ],
)
def test_a_name_of_a_host_is_read_by_idna_2008(host: str, wire: str) -> None:
    assert read_target(f"http://{host}/ä").text == f"http://{wire}/%C3%A4"


@pytest.mark.parametrize("host", ["☃.net", "-ü.test", "ü" * 70 + ".test", "a b.tést", "ü..test"])
def test_a_name_that_idna_2008_does_not_know_is_named(host: str) -> None:
    with pytest.raises(TransferError, match="is not a host name by IDNA 2008") as refused:
        read_target(f"http://{host}/?sig=s3cret")
    assert refused.value.reason == "bad-url"
    assert "s3cret" not in str(refused.value)
