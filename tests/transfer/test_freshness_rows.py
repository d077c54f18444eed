"""A file that is there is fetched again when its host has changed it, and only then."""

from __future__ import annotations

import os
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from asyncdl.errors import WrongContent
from asyncdl.net.retry import parse_http_date
from asyncdl.transfer import Recheck
from asyncdl.transfer.freshness import LocalCopy, is_known_version
from asyncdl.transfer.validators import Validator
from tests.transfer.fault_server import LONG_AGO, NOW, End, HostedFile, fixed, rig

OLD, NEW = b"a" * 5000, b"b" * 5000
DATED = HostedFile(OLD, etag=None, last_modified=LONG_AGO)
LATER = formatdate(NOW - 3600, usegmt=True)

WISHES = [Recheck.CHANGED, Recheck.CONFIRMED]
NAMES = [None, "file.bin"]


@pytest.fixture(params=[True, False], ids=["kept", "forgotten"])
def keeps_validators(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A file system with extended attributes, and one without."""
    if not request.param:

        def refuse(*_: object) -> None:
            raise OSError(95, os.strerror(95))

        monkeypatch.setattr(os, "setxattr", refuse, raising=False)
    return bool(request.param)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("recheck", WISHES)
async def test_equal_length_and_another_date_is_another_file(
    tmp_path: Path, recheck: Recheck, name: str | None, keeps_validators: bool
) -> None:
    changed = replace(DATED, body=NEW, last_modified=LATER)
    async with rig(tmp_path, DATED, DATED, changed) as r:
        await r.fetch(name, recheck=recheck, remote_time=True)
        again = await r.fetch(name, recheck=recheck, remote_time=True)
        other = await r.fetch(name, recheck=recheck, remote_time=True)
    assert (again.already_there, other.already_there) == (True, False)
    assert r.content() == NEW
    assert r.names == ["file.bin"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("recheck", WISHES)
async def test_equal_length_and_another_etag_is_another_file(
    tmp_path: Path, recheck: Recheck, name: str | None
) -> None:
    first, second = HostedFile(OLD), HostedFile(NEW, etag='"v2"')
    async with rig(tmp_path, first, first, second) as r:
        await r.fetch(name, recheck=recheck)
        if not hasattr(os, "getxattr") or not os.listxattr(tmp_path / "file.bin"):
            pytest.skip("this file system keeps no attributes")
        again = await r.fetch(name, recheck=recheck)
        other = await r.fetch(name, recheck=recheck)
    assert (again.already_there, other.already_there) == (True, False)
    assert r.content() == NEW


async def test_what_nobody_can_tell_is_fetched_only_where_it_has_to_be_confirmed(
    tmp_path: Path,
) -> None:
    mute = HostedFile(OLD, etag=None)
    async with rig(tmp_path, mute) as r:
        await r.fetch(None, recheck=Recheck.CHANGED)
        changed = await r.fetch(None, recheck=Recheck.CHANGED)
        confirmed = await r.fetch(None, recheck=Recheck.CONFIRMED)
    assert (changed.already_there, confirmed.already_there) == (True, False)


async def test_another_length_is_another_file_whatever_the_date(tmp_path: Path) -> None:
    async with rig(tmp_path, DATED, replace(DATED, body=OLD + b"a")) as r:
        await r.fetch(recheck=Recheck.CONFIRMED, remote_time=True)
        again = await r.fetch(recheck=Recheck.CONFIRMED, remote_time=True)
    assert not again.already_there
    assert r.content() == OLD + b"a"


async def test_a_file_of_somebody_else_under_the_name_is_not_taken_for_it(tmp_path: Path) -> None:
    """Without a length there is nothing that the two have in common but the name."""
    endless = fixed("200 OK", NEW, length=None, Connection="close")
    (tmp_path / "file.bin").write_bytes(OLD)
    async with rig(tmp_path, lambda received: replace(endless(received), end=End.CLOSE)) as r:
        fetched = await r.fetch(recheck=Recheck.CHANGED)
    assert not fetched.already_there
    assert r.content() == NEW


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_time_of_the_host_is_taken_on_request(tmp_path: Path, wanted: bool) -> None:
    async with rig(tmp_path, DATED) as r:
        await r.fetch(remote_time=wanted)
    date = parse_http_date(LONG_AGO)
    assert date is not None
    assert ((tmp_path / "file.bin").stat().st_mtime == date.timestamp()) == wanted


async def test_a_date_that_is_none_does_no_harm(tmp_path: Path) -> None:
    async with rig(tmp_path, replace(DATED, last_modified="yesterday")) as r:
        await r.fetch(remote_time=True, recheck=Recheck.CONFIRMED)
    assert r.content() == OLD


@pytest.mark.parametrize(
    ("kept", "now", "is_same"),
    [
        (Validator('"a"'), Validator('"a"', LATER), True),
        (Validator('W/"a"'), Validator('"a"'), True),
        (Validator('"a"', LATER), Validator('"b"', LATER), False),
        (Validator(None, LATER), Validator('"b"', LATER), True),
        (Validator(None, LATER), Validator(None, LONG_AGO), False),
        (Validator(), Validator(None, LONG_AGO), True),
        (Validator(), Validator(None, LATER), False),
        (Validator('"a"'), Validator(), None),
        (Validator(), Validator('"a"'), None),
    ],
)
def test_an_etag_decides_before_a_date(
    kept: Validator, now: Validator, is_same: bool | None
) -> None:
    assert is_known_version(LocalCopy(NOW - 7200, kept), now) is is_same


PAGE = b"<!doctype html><title>wanted</title>"
HTML = fixed(body=PAGE, Content_Type="text/html; charset=utf-8")


async def test_a_page_is_a_file_where_it_is_wanted(tmp_path: Path) -> None:
    async with rig(tmp_path, HTML) as r:
        await r.fetch(None, url=f"{r.server.url}/", accept_html=True)
        await r.fetch("page", accept_html=True)
        with pytest.raises(WrongContent):
            await r.fetch("page2")
        with pytest.raises(WrongContent):
            await r.fetch("scene.tif", accept_html=True)
    assert r.names == ["download", "page"]
    assert r.content("page") == PAGE
