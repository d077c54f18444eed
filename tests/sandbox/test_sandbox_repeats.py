"""The replies to a repeated ``download-request``, in all the forms on record.

The shapes are compared with the recorded replies in ``tests/data``.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import orjson
import pytest

from asyncdl.errors import ConfigError
from asyncdl.sandbox import Faults
from asyncdl.sandbox.injected_faults import Repeats
from tests.sandbox.m2m_caller import (
    BUNDLE,
    PLAIN,
    RED,
    SCENE,
    Caller,
    Json,
    open_caller,
)

DATA = Path(__file__).parents[1] / "data"
FORMS = get_args(Repeats)


def recorded(name: str) -> Json:
    """Return the ``data`` of a recorded reply."""
    reply = orjson.loads((DATA / f"recorded_download-{name}.json").read_bytes())
    return reply.get("data", reply)


def shape(reply: Json) -> Json:
    """Return which fields a reply has, and of which types, whatever their number."""
    if isinstance(reply, list):
        return [shape(reply[0])] if reply else []
    if isinstance(reply, dict):
        named = {"map": "map"} if all(key.isdecimal() for key in reply) and reply else None
        return named or {key: shape(value) for key, value in reply.items()}
    return None if reply is None else type(reply).__name__


def ids(reply: Json, where: str = "availableDownloads") -> list[int]:
    return [download["downloadId"] for download in reply[where]]


async def fetched(call: Caller, label: str) -> Json:
    """Request the red band under a label, fetch it, and return the reply."""
    reply = await call.request((RED, PLAIN), label=label)
    await call.get(reply["availableDownloads"][0]["url"])
    return reply


async def statuses(call: Caller, label: str) -> list[str]:
    reply = await call("download-retrieve", label=label)
    return [entry["statusCode"] for entry in (*reply["available"], *reply["requested"])]


@pytest.mark.parametrize("repeats", FORMS)
@pytest.mark.parametrize("is_fetched", [False, True])
async def test_the_same_label_gives_the_old_id(repeats: Repeats, is_fetched: bool) -> None:
    async with open_caller(Faults(repeats=repeats)) as call:
        first = await call.request((RED, PLAIN))
        if is_fetched:
            await call.get(first["availableDownloads"][0]["url"])
        again = await call.request((RED, PLAIN))
        assert again["newRecords"] == first["newRecords"]
        assert (ids(again), again["duplicateProducts"]) == (ids(first), [])


@pytest.mark.parametrize("repeats", ["anew", "duplicate"])
@pytest.mark.parametrize("preparing", [0.0, 1.0])
async def test_what_was_not_fetched_is_a_duplicate_under_its_older_label(
    repeats: Repeats, preparing: float
) -> None:
    async with open_caller(Faults(repeats=repeats, preparing=preparing, polls=1)) as call:
        first = await call.request((RED, PLAIN), label="older")
        again = await call.request((RED, PLAIN), label="newer")
        assert again["duplicateProducts"] == first["newRecords"]
        assert (again["newRecords"], ids(again), ids(again, "preparingDownloads")) == ([], [], [])
        assert await statuses(call, "newer") == []
        assert await statuses(call, "older") == ["A"]


async def test_what_was_fetched_comes_anew_as_recorded_last() -> None:
    """14 and 18 November 2023: other ids, all of them available, and no duplicates."""
    records = [recorded(f"request_{day}") for day in ("2023-11-14", "same-files_2023-11-18")]
    async with open_caller(Faults(early_replies=True)) as call:
        replies = [await fetched(call, label) for label in ("14 Nov", "18 Nov")]
    for first, second in (records, replies):
        assert set(ids(first)).isdisjoint(ids(second))
        assert second["duplicateProducts"] == second["preparingDownloads"] == []
        assert list(map(int, second["newRecords"])) == ids(second)
    assert shape(replies) == shape(records)


async def test_two_jobs_may_have_an_entry_each_for_the_same_file() -> None:
    async with open_caller() as call:
        first, second = [await fetched(call, label) for label in ("first", "second")]
        assert await statuses(call, "first") == await statuses(call, "second") == ["D"]
        assert await call("download-order-remove", label="first") == 1
        assert (await call.request((RED, PLAIN), label="second"))["newRecords"] == (
            second["newRecords"]
        )
        assert ids(first) != ids(second)


async def test_what_was_fetched_may_stay_a_duplicate() -> None:
    async with open_caller(Faults(repeats="duplicate")) as call:
        first = await fetched(call, "older")
        again = await call.request((RED, PLAIN), label="newer")
        assert again["duplicateProducts"] == first["newRecords"]


@pytest.mark.parametrize("preparing", [0.0, 1.0])
async def test_old_ids_may_come_back_under_the_new_label(preparing: float) -> None:
    """As in 2021: they are new records under the label of the last request."""
    faults = Faults(repeats="old", preparing=preparing, early_replies=True, polls=9)
    async with open_caller(faults) as call:
        first = await call.request((RED, PLAIN), label="older")
        again = await call.request((RED, PLAIN), label="newer")
        [number] = first["newRecords"]
        assert again["newRecords"] == {number: "newer"}
        where = "preparingDownloads" if preparing else "availableDownloads"
        assert ids(again, where) == [int(number)]
        assert await call("download-search", label="older") == []
        assert len(await call("download-search", label="newer")) == 1
    if preparing:
        assert shape(again) == shape(recorded("request_200-preparing_trimmed"))


@pytest.mark.parametrize("repeats", FORMS)
async def test_a_removed_order_vanishes_for_those_who_leaned_on_it(repeats: Repeats) -> None:
    async with open_caller(Faults(repeats=repeats)) as call:
        first = await call.request((RED, PLAIN), label="older")
        leaning = await call.request((RED, PLAIN), label="newer")
        for label in ("older", "newer"):
            await call("download-order-remove", label=label)
        assert await statuses(call, "older") == []
        again = await call.request((RED, PLAIN), label="newer")
        assert again["duplicateProducts"] == []
        assert set(ids(again)).isdisjoint([*ids(first), *ids(leaning)])


async def test_nothing_is_moved_by_a_request_that_the_quota_refuses() -> None:
    async with open_caller(Faults(repeats="old", recent_limit=1)) as call:
        await call.request((RED, PLAIN), label="older")
        items = [
            {"entityId": entity, "productId": product}
            for entity, product in ((RED, PLAIN), (SCENE, BUNDLE))
        ]
        error = await call.error("download-request", downloads=items, label="newer")
        assert error == "RATE_LIMIT_USER_DL"
        assert await statuses(call, "older") == ["A"]


async def test_replies_have_the_fields_of_those_on_record() -> None:
    async with open_caller() as call:
        reply = await call.request((RED, PLAIN), (SCENE, BUNDLE))
        assert shape(reply) == shape(recorded("request_frb_2025-05"))
    async with open_caller(Faults(early_replies=True, preparing=1.0)) as call:
        reply = await call.request((RED, PLAIN))
        assert shape(reply) == shape(recorded("request_preparing"))


async def test_a_look_at_the_queue_has_the_fields_of_those_on_record() -> None:
    async with open_caller() as call:
        await call.request((RED, PLAIN), (SCENE, BUNDLE))
        first = await call("download-retrieve", label="job")
        await call.request((RED.replace("B4", "B5"), PLAIN))
        second = await call("download-retrieve", label="job")
        eulas: Json = {"eulas": []}
        assert shape(first) == shape(recorded("retrieve_5-available")) | eulas
        assert shape(second) == shape(recorded("retrieve_199-requested_trimmed")) | eulas
        assert {entry["statusText"] for entry in second["requested"]} == {"Downloading"}


async def test_a_loop_that_reads_only_what_is_available_comes_to_its_end() -> None:
    """USGS's notebook reads ``requested`` in its first look, and ``available`` in all others."""
    async with open_caller(Faults(preparing=0.5, polls=3)) as call:
        pairs = [(RED.replace("B4", f"B{n}"), PLAIN) for n in range(1, 8)]
        reply = await call.request(*pairs)
        waiting, urls = set(ids(reply, "preparingDownloads")), []
        assert waiting
        looks = 0
        while waiting:
            looked = await call("download-retrieve", label="job")
            found = looked["available"] + (looked["requested"] if looks == 0 else [])
            urls += [entry["url"] for entry in found if entry["downloadId"] in waiting]
            waiting -= {entry["downloadId"] for entry in found}
            looks += 1
        assert looks == 3
        assert {(await call.get(url))[0] for url in urls} == {200}


def test_there_are_three_forms() -> None:
    assert Faults.parse(["repeats=old"]).repeats == "old"
    with pytest.raises(ConfigError, match="anew or duplicate or old"):
        Faults.parse(["repeats=new"])


async def test_the_call_log_says_when_each_call_began_and_ended() -> None:
    async with open_caller(Faults(api_latency_s=0.01)) as call:
        await call.request((RED, PLAIN))
        await call("download-retrieve", label="job")
        first, second = list(call.service.call_log)[-2:]
        assert first.began_s < first.ended_s <= second.began_s < second.ended_s
