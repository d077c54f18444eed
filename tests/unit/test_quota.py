"""Requests wait for the quota, take what there is, and never hurry the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from asyncdl.errors import ApiError
from asyncdl.events import Event, QuotaLeft, QuotaWait
from asyncdl.job.queue.quota import Quota
from asyncdl.m2m import DownloadItem, M2MClient
from asyncdl.m2m.models import DownloadRequestReply, Limit, RateLimits, room_in

ITEMS = [DownloadItem(f"E{n}", "p") for n in range(10)]


def limit(room: int) -> Limit:
    return Limit(None, room, 20_000, 20_000)


class Account:
    """A service with a quota; each look at it gives the next figure."""

    def __init__(self, *rooms: int, allowance: int = 100, first: int | None = None) -> None:
        self.rooms = list(rooms)
        self.allowance = allowance
        self.room = first
        self.asked: list[int] = []
        self.looks = 0

    async def rate_limit_summary(self) -> RateLimits:
        self.looks += 1
        self.room = self.rooms.pop(0) if self.rooms else 0
        return RateLimits(
            initial_limits=[limit(self.allowance)], remaining_limits=[limit(self.room)]
        )

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        self.asked.append(len(downloads))
        if self.room is not None and len(downloads) > self.room:
            raise ApiError("download-request", error_code="RATE_LIMIT_USER_DL")
        left = None if self.room is None else [limit(self.room - len(downloads))]
        return DownloadRequestReply(remaining_limits=left)


async def ask(account: Account, *, max_wait_s: float = 1e6) -> tuple[list[int], list[Event]]:
    """Ask for all items as the request stage does; return the sizes granted, and the events."""
    events: list[Event] = []
    client = cast(M2MClient, account)
    quota = Quota(client, events.append, check_interval_s=0.0, max_wait_s=max_wait_s)
    rest, granted = list(ITEMS), []
    while rest and (grant := await quota.request(rest, label="job")):
        granted.append(grant.count)
        del rest[: grant.count]
    return granted, events


async def test_a_service_that_tells_no_limits_is_simply_asked() -> None:
    account = Account()
    assert await ask(account) == ([10], []) and account.looks == 0


async def test_after_a_refusal_there_is_a_pause_before_the_next_check() -> None:
    granted, events = await ask(Account(50, first=0))
    assert granted == [10] and events == [QuotaWait(0.0), QuotaLeft(50), QuotaLeft(40)]


async def test_the_whole_call_is_waited_for_once_and_then_any_room_is_taken() -> None:
    account = Account(4, 4, 9, first=0)
    granted, _ = await ask(account)
    assert granted == [4, 6] and account.asked == [10, 4, 6]


async def test_an_account_with_a_small_allowance_is_asked_bit_by_bit() -> None:
    granted, _ = await ask(Account(3, 3, 3, 3, allowance=3, first=3))
    assert granted == [3, 3, 3, 1]


async def test_without_any_room_patience_comes_to_an_end() -> None:
    account = Account(first=0)
    granted, events = await ask(account, max_wait_s=0.0)
    assert granted == [] and events == [] and account.asked == [10]


async def test_any_other_refusal_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()

    async def refuse(downloads: Sequence[DownloadItem], *, label: str) -> DownloadRequestReply:
        raise ApiError("download-request", error_code="INPUT_INVALID")

    monkeypatch.setattr(account, "download_request", refuse)
    with pytest.raises(ApiError, match="INPUT_INVALID"):
        await ask(account)


@pytest.mark.parametrize(("rooms", "room"), [([], None), ([5], 5), ([5, 3], 3), ([-2], 0)])
def test_the_tightest_limit_counts(rooms: list[int], room: int | None) -> None:
    assert room_in(map(limit, rooms)) == room
