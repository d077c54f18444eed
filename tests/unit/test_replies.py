"""Replies are read by what they must have; everything else costs at most itself.

The judges are the recorded and documented replies, whole and damaged in thousands of ways.
"""

from __future__ import annotations

import copy
import random
import re
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import orjson
import pytest

from asyncdl.m2m.models import (
    REPLIES,
    DatasetFilter,
    DownloadOption,
    GeoJsonText,
    Json,
    RateLimits,
    RequestedDownload,
    Scene,
    ScenePage,
    read_reply,
)
from asyncdl.m2m.tolerant import Id
from docs import make_replies
from tests.damage import DROP, ODD, Spot, harmed, odd_values, spots

DATA = Path(__file__).parent.parent / "data"

MORE_KINDS: dict[str, Any] = {
    "scene-metadata": Scene,
    "scene-search-result": Scene,
    "dataset-filter-entries": list[DatasetFilter],
}
"""Samples that are named after a part of a reply, or after an endpoint that is a part of others."""
NOT_READ = re.compile(
    r"recorded_error_|recorded_stac|checksum-fragments|login|grid2ll|order-products|order-submit"
    r"|scene-list-remove|scene-list-add|download-remove|download-order-remove"
)
"""Errors, fragments, and samples of endpoints without a model."""


def endpoint_of(name: str) -> str:
    words = name.removesuffix(".json").partition("_")[2]
    return words.partition("_")[0]


def kind_of(name: str) -> Any:
    endpoint = endpoint_of(name)
    return MORE_KINDS.get(endpoint) or REPLIES[endpoint]


def sample(name: str) -> Json:
    reply = orjson.loads((DATA / name).read_bytes())
    return reply["data"] if isinstance(reply, dict) and "errorCode" in reply else reply


NAMES = sorted(path.name for path in DATA.glob("*.json") if not NOT_READ.search(path.name))
SAMPLES = [(name, sample(name)) for name in NAMES]
IDS = [name.removesuffix(".json") for name in NAMES]


def losses_of(data: Json, kind: Any) -> tuple[Any, list[tuple[str, str]]]:
    losses: list[tuple[str, str]] = []
    return read_reply(data, kind, lambda path, why: losses.append((path, why))), losses


def test_all_samples_are_among_these() -> None:
    assert len(SAMPLES) >= 45


@pytest.mark.parametrize(("name", "data"), SAMPLES, ids=IDS)
def test_every_sample_is_read_with_nothing_lost(name: str, data: Json) -> None:
    _, losses = losses_of(data, kind_of(name))
    assert not losses


def shown(reply: Any) -> Json:
    """Return what was read as plain JSON, at the same places as in the reply."""
    return msgspec.to_builtins(
        reply,
        builtin_types=(),
        enc_hook=lambda value: value.plain() if isinstance(value, GeoJsonText) else int(value),
    )


def without(read: Json, harms: list[tuple[Spot, Json]], *, was_read: bool) -> Json:
    """Return what was read but for the harmed places.

    A harmed element is left out of the list of what was read before; it is not in the other.
    """
    result = copy.deepcopy(read)
    for spot, _ in sorted(harms, key=lambda harm: [str(step) for step in harm[0].path]):
        if spot.is_element and was_read:
            continue
        holder = result
        try:
            for step in spot.path[:-1]:
                holder = holder[step]
            del holder[spot.path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # unknown to the model
    return result


def check(name: str, data: Json, harms: list[tuple[Spot, Json]]) -> None:
    kind = kind_of(name)
    before = without(shown(read_reply(data, kind)), harms, was_read=False)
    read = read_reply(harmed(data, harms), kind)
    assert without(shown(read), harms, was_read=True) == before, harms


HARMS_OF_ONE = 90
HARMS_TOGETHER = 15


@pytest.mark.parametrize(("name", "data"), SAMPLES, ids=IDS)
def test_a_harm_costs_only_itself(name: str, data: Json) -> None:
    """Nulled, dropped, retyped or added at any depth, where it is not essential."""
    chance = random.Random(name)
    free = list(spots(data, kind_of(name)))
    for spot in chance.choices(free, k=HARMS_OF_ONE) if free else ():
        check(name, data, [(spot, odd_values(chance, spot))])


@pytest.mark.parametrize(("name", "data"), SAMPLES, ids=IDS)
def test_many_harms_cost_only_themselves(name: str, data: Json) -> None:
    chance = random.Random(f"{name} many")
    free = [spot for spot in spots(data, kind_of(name)) if not spot.is_element]
    for _ in range(HARMS_TOGETHER):
        chosen = chance.sample(free, min(len(free), chance.randint(2, 8)))
        check(name, data, [(spot, odd_values(chance, spot)) for spot in chosen])


def test_thousands_of_harms_are_tried() -> None:
    damageable = [name for name, data in SAMPLES if next(spots(data, kind_of(name)), None)]
    assert len(damageable) * (HARMS_OF_ONE + HARMS_TOGETHER) >= 4_000


ROW = {"id": "p", "entityId": "e", "displayId": "d", "available": True}


@pytest.mark.parametrize("odd", [o for o in ODD if o is not DROP], ids=repr)
@pytest.mark.parametrize(
    "name",
    [field.encode_name for field in msgspec.structs.fields(DownloadOption) if not field.required],
)
def test_any_optional_field_may_be_anything(name: str, odd: Json) -> None:
    (row,) = read_reply([ROW | {name: odd}], list[DownloadOption])
    assert (row.id, row.entity_id) == ("p", "e")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("filesize", "12", 12),
        ("filesize", " 012 ", 12),
        ("filesize", 12.0, 12),
        ("filesize", 12.5, None),
        ("filesize", True, None),
        ("filesize", -1, None),
        ("filesize", 10**30, None),
        ("filesize", "0x10", None),
        ("id", 7, "7"),
        ("displayId", 7, ""),
        ("fileGroups", "ls_c2l2", None),
        ("fileGroups", {}, []),
        ("fileGroups", {"0": "a", "2": "b"}, ["a", "b"]),
        ("fileGroups", ["a", None, 7], ["a", "7"]),
        ("secondaryDownloads", {}, []),
        ("secondaryDownloads", "none", None),
        ("secondaryDownloads", [{"id": "p"}], None),
        ("checksum", {}, []),
        ("checksum", [{"value": 1}], None),
    ],
)
def test_what_is_sure_is_read_and_what_is_not_is_unknown(
    name: str, value: Json, read: object
) -> None:
    option = read_reply(ROW | {name: value}, DownloadOption)
    field = next(f.name for f in msgspec.structs.fields(option) if f.encode_name == name)
    assert getattr(option, field) == read


def test_a_lone_record_is_a_list_of_one() -> None:
    option = read_reply(ROW | {"checksum": {"id": "sha512", "value": "ab"}}, DownloadOption)
    assert [(c.id, c.value) for c in option.checksum or ()] == [("sha512", "ab")]


def test_an_element_without_its_essentials_is_left_out_and_named() -> None:
    rows = [ROW, {"id": "p"}, "row", ROW | {"secondaryDownloads": [{}, ROW]}]
    read, losses = losses_of(rows, list[DownloadOption])
    assert len(read) == 2
    assert len(read[1].secondary_downloads) == 1
    assert [path for path, _ in losses] == ["$[1]", "$[2]", "$[3].secondaryDownloads[0]"]
    assert "$[1].entityId" in losses[0][1]


@pytest.mark.parametrize(
    ("data", "kind", "place"),
    [
        ([{"id": "p"}, {"id": "q"}], list[DownloadOption], "$[0].entityId"),
        ("rows", list[DownloadOption], "$"),
        ({}, ScenePage, "$.results"),
        ({"results": "none"}, ScenePage, "$.results"),
        ({"results": [{"entityId": ""}]}, ScenePage, "$.results[0].entityId"),
        ({"downloadId": 1 << 63}, RequestedDownload, "$.downloadId"),
        ({"downloadId": -1}, RequestedDownload, "$.downloadId"),
        ([None], list[Id], "$[0]"),
    ],
)
def test_what_is_essential_is_named_when_it_is_missing(data: Json, kind: Any, place: str) -> None:
    """A list of which nothing can be read must not pass for an empty one."""
    with pytest.raises(msgspec.ValidationError) as refused:
        read_reply(data, kind)
    assert f"`{place}`" in str(refused.value)


@pytest.mark.parametrize("bulk", [None, "maybe", [], DROP])
def test_a_scene_of_which_nobody_says_so_is_not_kept_from_bulk(bulk: Json) -> None:
    options = {} if bulk is DROP else {"bulk": bulk}
    assert read_reply({"entityId": "e", "options": options}, Scene).is_bulk
    assert not read_reply({"entityId": "e", "options": {"bulk": "N"}}, Scene).is_bulk


@pytest.mark.parametrize("cover", ["nan", -1, 100.5, "1e400", [], "cloudy"])
def test_a_cloud_cover_that_is_none_is_unknown(cover: Json) -> None:
    assert read_reply({"entityId": "e", "cloudCover": cover}, Scene).cloud_cover is None


def test_a_quota_without_counts_is_none() -> None:
    limits = read_reply({"remainingLimits": [{"limitType": "user"}, {}]}, RateLimits)
    assert limits.room is None
    assert limits.allowances == {}
    one = {"remainingLimits": [{"recentDownloadCount": None, "pendingDownloadCount": 3}]}
    assert read_reply(one, RateLimits).room == 3


def test_a_reply_that_is_nested_without_end_is_read_as_far_as_it_goes() -> None:
    row: Json = {"id": 7}
    for _ in range(400):
        row = ROW | {"secondaryDownloads": [row]}
    assert read_reply([row], list[DownloadOption])[0].id == "p"


def test_one_bad_row_of_many_costs_no_more_than_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in conversions, of which each good row has to need one."""
    calls = 0
    convert = msgspec.convert

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return convert(*args, **options)

    monkeypatch.setattr(msgspec, "convert", counted)
    rows = [ROW] * 1_000
    assert len(read_reply(rows, list[DownloadOption])) == 1_000
    assert calls == 1
    rows[500] = ROW | {"filesize": "odd"}
    assert len(read_reply(rows, list[DownloadOption])) == 1_000
    assert calls < 1_000 + 50


def test_the_page_of_essential_fields_is_up_to_date() -> None:
    assert make_replies.PAGE.read_text(encoding="utf-8") == make_replies.page()


def test_the_client_reads_each_endpoint_as_the_page_says() -> None:
    source = (make_replies.PAGE.parents[1] / "asyncdl/m2m/m2m_client.py").read_text(
        encoding="utf-8"
    )
    typed = re.findall(
        r'_(?:call_typed|read)\(\s*"([a-z-]+)",\s*(?:[\w{}]+|\{[^}]*\}),'
        r"\s*(\w+(?:\[[\w\[\], ]+\])?)",
        source,
    )
    named = dict(typed)
    assert named.keys() == REPLIES.keys()
    for name, kind in named.items():
        assert _name_of(REPLIES[name]) == kind


def _name_of(kind: Any) -> str:
    if kind == Id:
        return "Id"
    if origin := get_origin(kind):
        return f"{origin.__name__}[{', '.join(map(_name_of, get_args(kind)))}]"
    return str(kind.__name__)
