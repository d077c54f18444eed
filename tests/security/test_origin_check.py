"""No page that is open in a browser drives the sandbox on the same machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product

import pytest
from aiohttp import ClientSession
from multidict import CIMultiDict

from asyncdl.sandbox import Service, serve
from asyncdl.sandbox.origin_check import Listener, listener_at, refusal_of

ENDPOINTS = ["/sandbox/faults", "/sandbox", "/api/api/json/stable/login-token",
             "/api/api/json/stable/permissions", "/stac-server/search"]  # fmt: skip
HERE = Listener(is_for_others=False, names=frozenset({"127.0.0.1"}))
EVERYWHERE = listener_at(["0.0.0.0"], "http://0.0.0.0:8080")


@dataclass
class Page:
    """A page in a browser, which sends what browsers let it send."""

    service: Service
    session: ClientSession

    async def send(self, method: str, path: str, body: bytes, **headers: str) -> int:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        told.setdefault("Content-Type", "text/plain")
        url = self.service.origin + path
        async with self.session.request(method, url, data=body, headers=told) as response:
            await response.read()
            return response.status

    @property
    def is_unnoticed(self) -> bool:
        service = self.service
        return not (service.calls or service.violations or service.faults.api_down)


@asynccontextmanager
async def open_page() -> AsyncIterator[Page]:
    async with serve() as service, ClientSession() as session:
        yield Page(service, session)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate",
         "Sec_Fetch_Dest": "document"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"},
        {"Host": "evil.example", "Sec_Fetch_Site": "same-origin"},
    ],
)  # fmt: skip
async def test_a_foreign_page_calls_nothing(headers: Mapping[str, str]) -> None:
    kinds = ("text/plain", "application/json")
    async with open_page() as page:
        for path, method, kind in product(ENDPOINTS, ("GET", "POST", "OPTIONS"), kinds):
            status = await page.send(method, path, b'["api_down"]', Content_Type=kind, **headers)
            assert status == 403
        assert page.is_unnoticed


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "", "text/json"])
async def test_the_door_takes_no_body_that_a_form_or_a_script_may_send_unasked(kind: str) -> None:
    """Should a browser say nothing of where its page is from."""
    async with open_page() as page:
        status = await page.send("POST", "/sandbox/faults", b'["api_down"]', Content_Type=kind)
        assert (status, page.service.faults.api_down) == (415, False)
        form = "application/x-www-form-urlencoded"
        own = {"Origin": page.service.origin, "Content_Type": form}
        assert await page.send("POST", "/sandbox/faults", b'["api_down"]', **own) == 415
        own["Content_Type"] = "application/json; charset=utf-8"
        assert await page.send("POST", "/sandbox/faults", b'["api_down"]', **own) == 200


async def test_programs_are_served_as_before() -> None:
    async with open_page() as page:
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            status = await page.send("POST", "/sandbox/faults", b'["polls=3"]', Content_Type=kind)
            assert status == 200
        for host in ("localhost:1", "LOCALHOST", "[::1]:8080", "127.0.0.1", "a.localhost"):
            assert await page.send("GET", "/sandbox", b"", Host=host) == 200
        assert page.service.faults.polls == 3


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example#@127.0.0.1",
     "127.0.0.1@evil.example", "evil.example\\@127.0.0.1", "", "[::1", "a b", "evil.localhost.x",
     "evil.example:127.0.0.1"],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_not_ours(host: str) -> None:
    for listener in (HERE, EVERYWHERE):
        assert not listener.is_meant_by(host)


def test_a_sandbox_for_others_is_asked_by_whatever_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Box.site.example")
    listener = listener_at(["0.0.0.0"], "http://name.example:8080")
    for host in ("192.168.1.7:8080", "[2001:db8::1]:8080", "box.site.example", "name.example.",
                 "sandbox:8080", "localhost:8080"):  # fmt: skip
        assert listener.is_meant_by(host)
    assert not listener.is_meant_by("box.evil.example")
    for host in ("192.168.1.7:8080", "box.site.example", "sandbox"):
        assert not listener_at(["127.0.0.1", "::1"], "http://127.0.0.1:1").is_meant_by(host)


def test_a_link_to_a_file_may_be_followed_and_no_page_may_frame_it() -> None:
    link = CIMultiDict(
        {"host": "127.0.0.1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    )
    for dest, is_served in (("document", True), ("iframe", False), ("image", False)):
        link["sec-fetch-dest"] = dest
        assert (refusal_of(link, HERE, is_visit=True) is None) == is_served
        assert refusal_of(link, HERE) is not None
