"""Whose headers are sent: the caller's before the engine's own, and none that would break it."""

from __future__ import annotations

import pytest

from asyncdl.transfer.request_headers import header_problem, request_headers, sent_elsewhere


def test_the_callers_header_takes_the_place_of_ours_whatever_its_case() -> None:
    sent = request_headers({"accept": "application/octet-stream", "USER-AGENT": "me/1"}, {})
    assert sent == {
        "accept": "application/octet-stream", "USER-AGENT": "me/1", "Accept-Encoding": "identity",
    }  # fmt: skip


def test_a_header_can_be_taken_away() -> None:
    assert set(request_headers({"Accept": None, "user-agent": None}, {"Range": "bytes=0-"})) == {
        "Accept-Encoding", "Range",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["Range", "IF-RANGE", "connection", "Content-Length", "Transfer-Encoding", "If-None-Match",
     "TE", "Upgrade", "Expect"],
)  # fmt: skip
def test_what_the_engine_rests_on_is_refused(name: str) -> None:
    assert f"the header {name} cannot be set" in header_problem(name, "s3cret")
    assert "s3cret" not in header_problem(name, "s3cret")
    assert header_problem(name, None)


@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        (None, True), ("", True), ("identity", True), ("identity;q=1, *;q=0", True),
        ("gzip;q=0", True), ("gzip", False), ("gzip, identity", False), ("*", False),
        ("br;q=1.0", False), ("gzip;q=0.5", False),
    ],
)  # fmt: skip
def test_no_coding_can_be_asked_for(value: str | None, is_right: bool) -> None:
    assert (not header_problem("accept-encoding", value)) == is_right


@pytest.mark.parametrize("name", ["Host", "Accept", "Authorization", "X-Any", "Cookie"])
def test_other_headers_are_the_callers_business(name: str) -> None:
    assert header_problem(name, "value") == ""


def test_no_secret_goes_to_another_origin() -> None:
    given = {"Authorization": "a", "Cookie": "b", "X-Key": "c", "accept": "d", "User-Agent": None}
    assert sent_elsewhere(given) == {"accept": "d", "User-Agent": None}
