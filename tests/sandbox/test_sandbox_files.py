"""The file hosts, well behaved and not."""

from __future__ import annotations

import io
import socket
import struct
import tarfile
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
import anyio
import pytest

import asyncdl.sandbox
from asyncdl.sandbox import Faults
from asyncdl.sandbox.scene_files import files_of
from tests.sandbox.m2m_caller import BUNDLE, PRODUCT, RED_FILE, SCENE, Caller, Json, open_caller


async def test_file_comes_whole_with_name_length_and_etag() -> None:
    async with open_caller() as call:
        status, headers, body = await call.get(await call.url())
        assert (status, body) == (200, call.service.file_bytes(RED_FILE))
        assert headers["Content-Length"] == str(len(body))
        assert headers["Content-Disposition"] == f'attachment; filename="{RED_FILE}"'
        assert (headers["Accept-Ranges"], headers["Content-Type"]) == ("bytes", "image/tiff")
        assert headers["ETag"].startswith('"')


async def test_a_file_without_a_request_has_a_url_for_tests() -> None:
    async with open_caller() as call:
        status, _, body = await call.get(call.service.file_url(RED_FILE))
        assert (status, body) == (200, call.service.file_bytes(RED_FILE))
        with pytest.raises(KeyError):
            call.service.file_url("no such file")
        assert call.service.violations == []


async def test_other_url_for_the_same_file_has_the_same_etag() -> None:
    async with open_caller() as call:
        etags = {(await call.get(await call.url()))[1]["ETag"] for _ in range(2)}
        assert len(etags) == 1


@pytest.mark.parametrize(
    ("requested", "content_range", "part"),
    [
        ("bytes=0-0", "bytes 0-0/{0}", slice(0, 1)),
        ("bytes=10-99", "bytes 10-99/{0}", slice(10, 100)),
        ("bytes=8000-", "bytes 8000-{1}/{0}", slice(8000, None)),
        ("bytes=-712", "bytes 8000-{1}/{0}", slice(-712, None)),
        ("bytes=8000-99999", "bytes 8000-{1}/{0}", slice(8000, None)),
    ],
)
async def test_ranges_are_served(requested: str, content_range: str, part: slice) -> None:
    async with open_caller() as call:
        content = call.service.file_bytes(RED_FILE)
        status, headers, body = await call.get(await call.url(), Range=requested)
        assert (status, body) == (206, content[part])
        assert headers["Content-Range"] == content_range.format(len(content), len(content) - 1)


async def test_range_beyond_the_end_is_416_with_the_size() -> None:
    async with open_caller() as call:
        status, headers, body = await call.get(await call.url(), Range="bytes=8712-")
        assert (status, headers["Content-Range"], body) == (416, "bytes */8712", b"")


async def test_a_client_that_leaves_in_the_middle_of_a_file_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with asyncdl.sandbox.serve(file_size=50_000_000) as service:
        url = urlsplit(service.file_url(RED_FILE))
        connection = socket.create_connection((url.hostname, url.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(
            f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()
        )
        await anyio.wait_readable(connection)
        await anyio.wait_all_tasks_blocked()  # the sandbox waits until more is read
        connection.close()  # resets it
        with anyio.fail_after(60):
            while not (service.file_log or caplog.records):
                await anyio.sleep(0.01)
    assert caplog.records == []


@pytest.mark.parametrize("requested", ["bytes=5-2", "bytes=-", "bytes=0-1,4-5", "pages=1-2"])
async def test_odd_ranges_are_ignored(requested: str) -> None:
    async with open_caller() as call:
        assert (await call.get(await call.url(), Range=requested))[0] == 200


async def test_ranges_may_be_off() -> None:
    async with open_caller(Faults(ranges=False)) as call:
        status, headers, _ = await call.get(await call.url(), Range="bytes=0-0")
        assert status == 200
        assert "Accept-Ranges" not in headers


async def test_if_range_gives_the_part_only_of_the_same_file() -> None:
    async with open_caller(Faults(last_modified=True)) as call:
        url = await call.url()
        _, headers, _ = await call.get(url)
        for validator in (headers["ETag"], headers["Last-Modified"]):
            part = {"Range": "bytes=1-2", "If-Range": validator}
            assert (await call.get(url, **part))[0] == 206
        for validator in ('"other"', "Thu, 01 Jan 1970 00:00:00 GMT", f"W/{headers['ETag']}"):
            part = {"Range": "bytes=1-2", "If-Range": validator}
            assert (await call.get(url, **part))[0] == 200


async def test_unsigned_url_leads_to_a_login_page() -> None:
    async with open_caller() as call:
        url = (await call.url()).partition("?")[0]
        status, headers, _ = await call.get(url)
        port = call.service.origin.rpartition(":")[2]
        assert (status, headers["Location"]) == (302, f"http://localhost:{port}/login")
        async with call.session.get(url) as response:
            assert (response.status, response.content_type) == (200, "text/html")


async def test_signature_is_good_for_its_own_file_only() -> None:
    async with open_caller() as call:
        url = await call.url()
        assert (await call.get(url.replace("_SR_B4", "_SR_B5")))[0] == 403
        assert (await call.get(url[:-4] + "AAAA"))[0] == 403
        assert (await call.get(url.replace("_SR_B4", "_SR_B44")))[0] == 404


async def test_urls_expire_and_new_ones_work() -> None:
    async with open_caller() as call:
        old = await call.url()
        call.service.expire_urls()
        assert (await call.get(old))[0] == 403
        assert (await call.get(await call.url()))[0] == 200
        call.service.faults.url_lifetime_s = 0.0
        assert (await call.get(await call.url()))[0] == 403


async def test_bundle_is_a_tar_of_all_files_and_more() -> None:
    async with open_caller() as call:
        _, headers, body = await call.get(await call.url(SCENE, BUNDLE))
        assert body == call.service.bundle_bytes(PRODUCT)
        assert headers["Content-Disposition"] == f'attachment; filename="{PRODUCT}.tar"'
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            names = tar.getnames()
            red = tar.extractfile(RED_FILE)
            assert red is not None
            assert red.read() == call.service.file_bytes(RED_FILE)
        assert len(names) == 22 + 5
        extras = (
            "MTL.json",
            "thumb_large.jpeg",
            "thumb_small.jpeg",
            "SR_stac.json",
            "ST_stac.json",
        )
        assert {f"{PRODUCT}_{extra}" for extra in extras} < set(names)


@pytest.mark.violates
async def test_head_works_on_files_and_not_on_bundles() -> None:
    async with open_caller() as call:
        async with call.session.head(await call.url()) as response:
            assert (response.status, response.content_length) == (200, 8712)
        async with call.session.head(await call.url(SCENE, BUNDLE)) as response:
            assert response.status == 400
        assert call.service.violations == ["HEAD on a bundle"]


async def test_bundle_may_change_from_request_to_request_but_not_in_length() -> None:
    async with open_caller(Faults(bundle_changes=True, bundle_etag=True)) as call:
        url = await call.url(SCENE, BUNDLE)
        (_, one, first), (_, other, second) = await call.get(url), await call.get(url)
        assert len(first) == len(second)
        assert first != second
        assert one["ETag"] != other["ETag"]


@pytest.mark.parametrize(("ranged", "status"), [(True, 206), (False, 200)])
async def test_bundle_ranges_may_be_off(ranged: bool, status: int) -> None:
    async with open_caller(Faults(bundle_ranges=ranged)) as call:
        url = await call.url(SCENE, BUNDLE)
        assert (await call.get(url, Range="bytes=600-700"))[0] == status


@pytest.mark.parametrize(
    ("form", "header"),
    [("unquoted", f"attachment; filename={RED_FILE}"), ("missing", None)],
)
async def test_disposition_may_be_unquoted_or_missing(form: str, header: str | None) -> None:
    async with open_caller(Faults.parse([f"disposition={form}"])) as call:
        assert (await call.get(await call.url()))[1].get("Content-Disposition") == header


async def test_length_may_be_missing() -> None:
    async with open_caller(Faults(no_length=1.0)) as call:
        _, headers, body = await call.get(await call.url())
        assert "Content-Length" not in headers
        assert body == call.service.file_bytes(RED_FILE)


@pytest.mark.parametrize("fault", ["short_body", "reset"])
async def test_body_breaks_off_for_the_first_strikes_only(fault: str) -> None:
    async with open_caller(Faults.parse([f"{fault}=1", "strikes=2"])) as call:
        url = await call.url()
        for _ in range(2):
            with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
                await call.get(url)
        assert (await call.get(url))[2] == call.service.file_bytes(RED_FILE)
        assert [record.status for record in call.service.file_log] == [200, 200, 200]


async def test_stalled_body_stops_half_way_and_does_not_hold_up_the_end() -> None:
    async with open_caller(Faults(stall=1.0)) as call:
        url = await call.url()
        with anyio.move_on_after(0.1) as scope:
            await call.get(url)
        assert scope.cancelled_caught


async def test_client_that_left_a_stall_holds_no_place() -> None:
    async with open_caller(Faults(stall=1.0, strikes=1, max_connections=1)) as call:
        url = await call.url()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.get, url)
            while not call.service.file_requests:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert (await call.get(url))[0] == 200


async def test_error_pages_come_with_their_status_or_with_200() -> None:
    async with open_caller(Faults(error=1.0, strikes=1)) as call:
        status, headers, _ = await call.get(await call.url())
        assert status in (500, 502, 503, 504)
        call.service.faults = Faults(html=1.0)
        status, headers, _ = await call.get(await call.url())
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")


async def test_good_url_may_be_refused() -> None:
    async with open_caller(Faults(refuse=1.0, strikes=1)) as call:
        url = await call.url()
        assert [(await call.get(url))[0] for _ in range(2)] == [403, 200]


async def test_too_many_connections_get_a_retry_after() -> None:
    faults = Faults(max_connections=1, busy_status=429, retry_after_s=7, stall=1.0, strikes=1)
    async with open_caller(faults) as call:
        url = await call.url()
        async with call.session.get(url):
            status, headers, _ = await call.get(url)
        assert (status, headers["Retry-After"]) == (429, "7")


async def test_slow_connections_still_deliver() -> None:
    async with open_caller(Faults(rate=100_000)) as call:
        assert (await call.get(await call.url()))[2] == call.service.file_bytes(RED_FILE)


async def test_older_host_may_redirect_to_the_newer_one() -> None:
    async with open_caller(Faults(dds=1.0, dds_redirect=True)) as call:
        url = await call.url()
        assert (await call.get(url))[0] == 302
        async with call.session.get(url) as response:
            assert await response.read() == call.service.file_bytes(RED_FILE)


@pytest.mark.parametrize(("page", "status"), [(False, 404), (True, 200)])
async def test_staging_url_is_not_ready_at_first_and_serves_the_file_in_the_end(
    page: bool, status: int
) -> None:
    """Clients open it as it is, until it works; that is remarked, and no offence."""
    async with open_caller(Faults(preparing=1.0, staging_html=page)) as call:
        reply = await call.request((SCENE, BUNDLE))
        url = reply["preparingDownloads"][0]["url"]
        status_got, headers, _ = await call.get(url)
        assert (status_got, headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert (await call.get(url.replace("-staging", "")))[0] == 404
        assert (await call.get(url))[0] == status
        assert call.service.remarks == ["staging URL opened before it was ready"] * 2
        whole = (200, call.service.bundle_bytes(PRODUCT))
        for ready in (url, url + "/", url.replace("-staging", "")):
            status_got, _, body = await call.get(ready)
            assert (status_got, body) == whole
        assert len(call.service.remarks) == 2


async def test_staging_url_of_a_removed_item_is_not_found() -> None:
    async with open_caller(Faults(preparing=1.0)) as call:
        reply = await call.request((SCENE, BUNDLE))
        await call("download-order-remove", label="job")
        assert (await call.get(reply["preparingDownloads"][0]["url"]))[0] == 404


@pytest.mark.parametrize("leak", [{"X-Auth-Token": "key"}, {"Cookie": "a=b"}])
@pytest.mark.violates
async def test_secrets_sent_to_the_file_host_are_noted(leak: Mapping[str, str]) -> None:
    async with open_caller() as call:
        await call.get(await call.url(), **leak)
        assert call.service.violations == [f"{next(iter(leak))} sent to the file host"]


async def test_every_file_request_is_remembered_without_its_signature() -> None:
    async with open_caller() as call:
        await call.get(await call.url(), Range="bytes=0-9")
        record = call.service.file_log[-1]
        assert (record.method, record.range, record.status) == ("GET", "bytes=0-9", 206)
        assert record.sent_bytes == 10
        assert record.path.endswith(f"/{PRODUCT}/{RED_FILE}")
        assert call.service.file_requests[RED_FILE] == 1


async def test_files_may_be_of_any_size() -> None:
    async with open_caller(file_size=3_000_001) as call:
        status, _, body = await call.get(await call.url(), Range="bytes=1000000-2999999")
        assert (status, len(body)) == (206, 2_000_000)
        assert body == call.service.file_bytes(RED_FILE)[1_000_000:3_000_000]


async def test_stac_service_has_the_digests_of_all_22_files() -> None:
    async with open_caller() as call:
        assets: Json = {}
        for part in ("SR", "ST"):
            ids = {"ids": [f"{PRODUCT}_{part}"], "collections": [f"landsat-c2l2-{part.lower()}"]}
            async with call.session.post(call.service.stac_url + "/search", json=ids) as response:
                assets |= (await response.json())["features"][0]["assets"]
        del assets["index"]
        checksums = {a["href"].rpartition("/")[2]: a["file:checksum"] for a in assets.values()}
        listed = {f"{PRODUCT}_{file.suffix}" for file in files_of(call.service.catalog.scene(0))}
        assert set(checksums) - listed == {
            f"{PRODUCT}_{extra}" for extra in ("MTL.json", "thumb_small.jpeg", "thumb_large.jpeg")
        }
        assert len(listed) == 22
        assert checksums[RED_FILE].startswith("1340")


async def test_stac_item_is_404_when_there_is_none() -> None:
    async with open_caller() as call:
        base = call.service.stac_url + "/collections/landsat-c2l2-sr/items/"
        assert (await call.get(f"{base}{PRODUCT}_SR"))[0] == 200
        assert (await call.get(f"{base}{PRODUCT}_ST"))[0] == 404
        assert (await call.get(f"{base}nothing"))[0] == 404


@pytest.mark.parametrize("seed", range(3))
async def test_chaos_is_survived_by_retries(seed: int) -> None:
    """Everything arrives whole in a few tries, and the same seed does the same again."""
    async with open_caller() as call:
        url = await call.url(SCENE, BUNDLE)
        content = call.service.bundle_bytes(PRODUCT)
        call.service.faults = Faults.chaos(seed)
        bodies = [await _try(call, url) for _ in range(call.service.faults.strikes + 1)]
        assert content in bodies


async def _try(call: Caller, url: str) -> bytes:
    try:
        return (await call.get(url))[2]
    except aiohttp.ClientError:
        return b""
