"""Look-ups of digests against the sandbox, and against a host that means no good."""

from __future__ import annotations

import hashlib
from typing import Any

import anyio
import pytest
from aiohttp import web

from asyncdl.errors import ConfigError
from asyncdl.events import Event, Notice
from asyncdl.sandbox import Service
from asyncdl.stac import FileDigest, StacCatalog
from tests.stac.conftest import Clock, MakeCatalog, StacHost, item, page, says

L1 = "LC08_L1TP_068017_20230801_20230811_02_T1"
SP = "LC08_L2SP_068017_20230801_20230811_02_T1"
SR = "LC08_L2SR_068017_20230802_20230811_02_T1"
ONES, TWOS = "1" * 128, "2" * 128


def products(count: int) -> list[str]:
    return [f"LC08_L1TP_{n:06}_20230801_20230811_02_T1" for n in range(count)]


def warnings(events: list[Event]) -> list[str]:
    return [e.text for e in events if isinstance(e, Notice) and e.severity == "warning"]


async def test_the_sandbox_tells_the_digests_of_all_files_of_a_product(service: Service) -> None:
    """Both items of a level 2 product count, and their digests are those of the files."""
    scenes = (service.catalog.scene(number) for number in range(len(service.catalog)))
    product = next(scene.display_id for scene in scenes if "_L2SP_" in scene.display_id)
    async with StacCatalog(service.stac_url) as catalog:
        found = (await catalog.digests([product]))[product]
    for name in (f"{product}_SR_B4.TIF", f"{product}_ST_QA.TIF", f"{product}_MTL.txt"):
        digest = hashlib.sha512(service.file_bytes(name)).hexdigest()
        assert found[name] == FileDigest("sha512", digest)


async def test_products_are_asked_for_in_batches(host: StacHost, make_catalog: MakeCatalog) -> None:
    """One search asks for so many products, with all their items and collections."""
    host.answers = [says(page())]
    async with make_catalog(host.url, products_per_call=2) as catalog:
        await catalog.digests([L1, SP, SR])
    assert [asked for _, _, asked in host.asked] == [
        {
            "ids": [L1, f"{SP}_SR", f"{SP}_ST"],
            "collections": ["landsat-c2l1", "landsat-c2l2-sr", "landsat-c2l2-st"],
            "limit": 3,
        },
        {"ids": [f"{SR}_SR"], "collections": ["landsat-c2l2-sr"], "limit": 1},
    ]
    assert {path for _, path, _ in host.asked} == {"/stac/search"}


async def test_what_was_looked_up_is_not_asked_for_again(
    host: StacHost, make_catalog: MakeCatalog
) -> None:
    """That holds for what the service does not know, too, and for tasks that ask at once."""
    host.answers = [says(page(item(L1, a="1340" + ONES)))]
    async with make_catalog(host.url) as catalog, anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(catalog.digests, [L1, SR])
    async with catalog:
        again = await catalog.digests([SR, L1])
    assert again == {L1: {"a.TIF": FileDigest("sha512", ONES)}, SR: {}}
    assert len(host.asked) == 1


async def test_only_so_many_products_are_remembered(
    host: StacHost, make_catalog: MakeCatalog
) -> None:
    """The answer is whole all the same; what was used last is kept."""
    host.answers = [says(page())]
    first, *rest = products(5)
    async with make_catalog(host.url, keep_products=3) as catalog:
        assert len(await catalog.digests([first, *rest])) == 5
        await catalog.digests([rest[-1]])
        assert len(host.asked) == 1
        await catalog.digests([first])
    assert host.asked[-1][2]["ids"] == [first]


async def test_other_products_are_not_asked_for(host: StacHost, make_catalog: MakeCatalog) -> None:
    """Their items have other names, or there are none."""
    async with make_catalog(host.url) as catalog:
        assert await catalog.digests(["M_3809_NE", ""]) == {"M_3809_NE": {}, "": {}}
    assert host.asked == []


async def test_an_empty_url_asks_nothing() -> None:
    async with StacCatalog("") as catalog:
        assert await catalog.digests([L1]) == {}


@pytest.mark.parametrize(
    "url", ["file:///etc", "landsatlook.usgs.gov", "http://", "http://[a", "http://a..b"]
)
def test_a_url_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.stac_url"):
        StacCatalog(url)


async def test_pages_are_followed(host: StacHost, make_catalog: MakeCatalog) -> None:
    """By POST with what the link adds to the question, or by GET."""
    ids = products(3)
    more = {"rel": "next", "href": f"{host.url}/search", "method": "POST"}
    last = {"rel": "next", "href": f"{host.url}/more?token=a%2Fb"}
    host.answers = [
        says(page(item(ids[0]), links=[{"rel": "self"}, more | {"body": {"p": 2}, "merge": True}])),
        says(page(item(ids[1]), links=[last])),
        says(page(item(ids[2], a="1340" + ONES), links=[last])),
    ]
    async with make_catalog(host.url) as catalog:
        found = await catalog.digests(ids)
    assert found[ids[2]] == {"a.TIF": FileDigest("sha512", ONES)}
    assert host.asked[1][2] == host.asked[0][2] | {"p": 2}
    assert host.asked[2] == ("GET", "/stac/more?token=a%2Fb", None)


@pytest.mark.parametrize(
    "link",
    [
        {"rel": "next", "href": "http://elsewhere.invalid/search"},
        {"rel": "next", "href": "file:///etc/passwd"},
        {"rel": "next", "href": 5},
        {"rel": "next"},
    ],
)
async def test_links_elsewhere_are_not_followed(
    host: StacHost, make_catalog: MakeCatalog, events: list[Event], link: object
) -> None:
    host.answers = [says(page(item(L1, a="1340" + ONES), links=[link]))]
    async with make_catalog(host.url) as catalog:
        assert (await catalog.digests([L1, SR]))[L1]
    assert len(host.asked) == 1 and events == []


async def test_pages_without_end_come_to_an_end(host: StacHost, make_catalog: MakeCatalog) -> None:
    """A page that tells nothing new is the last one; and twenty are enough in any case."""
    again = {"rel": "next", "href": f"{host.url}/search"}
    host.answers = [says(page(item("other"), links=[again]))]
    async with make_catalog(host.url) as catalog:
        await catalog.digests([L1])
        assert len(host.asked) == 1
        host.answers = [says(page(item(f"{SP}_SR"), links=[again]))]
        await catalog.digests([SP])
    assert len(host.asked) == 21


async def hang(request: web.Request) -> web.StreamResponse:
    await anyio.sleep_forever()
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"features": [')
    assert request.transport is not None
    request.transport.close()
    return response


FAILURES: dict[str, tuple[Any, dict[str, Any]]] = {
    "500": (says(b"oops", 500), {}),
    "404": (says(b"", 404), {}),
    "redirect": (says(b"", 302, {"Location": "https://ers.cr.usgs.gov/login"}), {}),
    "html": (says(b"<html>down for maintenance</html>"), {}),
    "no list": (says({"features": {"a": 1}}), {}),
    "list": (says([]), {}),
    "deep": (says(b"[" * 100_000), {}),
    "long": (says(b" " * 100_000), {"max_reply_bytes": 50_000}),
    "slow": (hang, {"timeout_s": 0.01}),
    "patience": (hang, {"patience_s": 0.01}),
    "cut": (cut, {}),
    "coding": (says(b"{}", 200, {"Content-Encoding": "gzip"}), {}),
    "retry-after": (says(b"", 503, {"Retry-After": "7200"}), {}),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_service_that_fails_tells_nothing_and_is_given_a_rest(
    host: StacHost, make_catalog: MakeCatalog, events: list[Event], failure: str
) -> None:
    """One notice says so, and nobody asks again while it rests."""
    answer, fields = FAILURES[failure]
    host.answers = [answer]
    async with make_catalog(host.url, **fields) as catalog:
        assert await catalog.digests([L1]) == {}
        assert await catalog.digests([SP, "other"]) == {"other": {}}
        assert await catalog.digests([L1]) == {}
    assert len(warnings(events)) == 1
    # The host may hear of a request only after it was given up, or never.
    assert len(host.asked) <= 3 and not any(SP in repr(asked) for asked in host.asked)


async def test_a_refused_connection_is_an_outage(
    make_catalog: MakeCatalog, events: list[Event]
) -> None:
    async with make_catalog("http://127.0.0.1:9/stac") as catalog:
        assert await catalog.digests([L1]) == {}
    assert "127.0.0.1:9" in warnings(events)[0]


async def test_a_failed_question_is_asked_again(host: StacHost, make_catalog: MakeCatalog) -> None:
    host.answers = [says(b"", 500), says(b"not json"), says(page(item(L1, a="1220" + "a" * 64)))]
    async with make_catalog(host.url) as catalog:
        found = await catalog.digests([L1])
    assert found == {L1: {"a.TIF": FileDigest("sha256", "a" * 64)}}


async def test_after_its_rest_a_service_is_asked_again(
    host: StacHost, make_catalog: MakeCatalog, events: list[Event], clock: Clock
) -> None:
    """The same outage is told once; one that comes after a success is another."""
    down, up = says(b"", 404), says(page())
    first, second, third = products(3)
    async with make_catalog(host.url, rest_s=10) as catalog:
        for answer, product, notices in [
            (down, first, 1), (down, first, 1), (up, first, 1), (down, second, 2), (up, third, 2),
        ]:  # fmt: skip
            host.answers = [answer]
            found = await catalog.digests([product])
            assert bool(found) is (answer is up)
            assert len(warnings(events)) == notices
            clock.now_s += 11
    assert len(host.asked) == 5


async def test_a_rest_is_as_long_as_the_service_asks(
    host: StacHost, make_catalog: MakeCatalog, clock: Clock
) -> None:
    host.answers = [says(b"", 503, {"Retry-After": "60"}), says(page())]
    async with make_catalog(host.url, rest_s=1) as catalog:
        await catalog.digests([L1])
        clock.now_s = 59
        assert await catalog.digests([L1]) == {}
        clock.now_s = 61
        assert await catalog.digests([L1]) == {L1: {}}


async def test_a_failure_does_not_cost_what_was_told_before(
    host: StacHost, make_catalog: MakeCatalog
) -> None:
    """Batches that came stay; the others are unknown and not asked for in vain."""
    host.answers = [says(page()), says(b"", 404)]
    ids = products(4)
    async with make_catalog(host.url, products_per_call=1) as catalog:
        assert await catalog.digests(ids) == {ids[0]: {}}
    assert len(host.asked) == 2


async def test_no_key_is_sent(host: StacHost, make_catalog: MakeCatalog) -> None:
    host.answers = [says(page())]
    async with make_catalog(host.url) as catalog:
        await catalog.digests([L1])
    assert not {"x-auth-token", "authorization", "cookie"} & host.headers[0].keys()


async def test_a_catalog_that_is_closed_knows_nothing(host: StacHost) -> None:
    async with StacCatalog(host.url) as catalog:
        pass
    assert await catalog.digests([L1]) == {}
