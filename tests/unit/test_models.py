"""The service's habits are smoothed out, and what it may add does no harm."""

from __future__ import annotations

import gc
from contextlib import suppress
from pathlib import Path

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.m2m.models import (
    Allowance,
    Checksum,
    DatasetFileGroups,
    DatasetFilter,
    DatasetProduct,
    DownloadEntry,
    DownloadOption,
    DownloadRequestReply,
    DownloadRetrieveReply,
    Flag,
    GeoJsonText,
    Json,
    Limit,
    RateLimits,
    RequestedDownload,
    Scene,
    ScenePage,
    read_reply,
)

DATA = Path(__file__).parent.parent / "data"

SIGNED = "https://host/file?requestSignature=c2VjcmV0"


def data_of(name: str) -> Json:
    reply = orjson.loads((DATA / name).read_bytes())
    return reply["data"] if "errorCode" in reply else reply


@pytest.mark.parametrize(
    ("name", "as_type"),
    [
        ("recorded_scene-search_one-hit.json", ScenePage),
        ("documented_scene-search_page.json", ScenePage),
        ("recorded_scene-search-result_naip.json", Scene),
        ("documented_dataset-file-groups.json", DatasetFileGroups),
        ("recorded_download-options.json", list[DownloadOption]),
        ("recorded_download-options_naip_trimmed.json", list[DownloadOption]),
        ("documented_download-options_secondary.json", list[DownloadOption]),
        ("reconstructed_download-options_l2_no-file-groups.json", list[DownloadOption]),
        ("documented_download-request.json", DownloadRequestReply),
        ("recorded_download-request_preparing.json", DownloadRequestReply),
        ("reconstructed_download-request_available.json", DownloadRequestReply),
        ("documented_download-retrieve.json", DownloadRetrieveReply),
        ("recorded_download-retrieve_5-available.json", DownloadRetrieveReply),
    ],
)
def test_every_recorded_form_is_read(name: str, as_type: type[object]) -> None:
    assert read_reply(data_of(name), as_type)


@pytest.mark.parametrize("value", [True, 1, "Y", "y", "Yes", "true", "1", " Y "])
def test_many_forms_are_true(value: Json) -> None:
    assert Flag.read(value)


@pytest.mark.parametrize("value", [False, 0, 0.0, "N", "no", "0", "false"])
def test_many_forms_are_false(value: Json) -> None:
    assert not Flag.read(value)


@pytest.mark.parametrize("value", [None, "maybe", "", 2, -1, [], {}, "nan"])
def test_what_is_neither_is_unknown(value: Json) -> None:
    with pytest.raises(ValueError, match="neither"):
        Flag.read(value)
    option = read_reply({"id": "p", "entityId": "e", "available": value}, DownloadOption)
    assert option.available is None


@pytest.mark.parametrize("value", [True, "Y", 1])
def test_flags_are_read_within_a_reply(value: Json) -> None:
    option = read_reply({"id": "p", "entityId": "e", "available": value}, DownloadOption)
    assert option.available
    assert not option.bulk_available


@pytest.mark.parametrize("empty", [[], {}, None])
def test_an_empty_map_may_come_as_a_list(empty: Json) -> None:
    assert read_reply({"newRecords": empty}, DownloadRequestReply).new_records == {}
    assert read_reply({"secondary": empty or []}, DatasetFileGroups).secondary == {}


def test_cloud_cover_comes_as_text_number_or_nothing() -> None:
    covers = [
        read_reply({"entityId": "e", "cloudCover": cover}, Scene).cloud_cover
        for cover in ("44.79", 9, None)
    ]
    assert covers == [44.79, 9.0, None]


def test_a_requested_download_names_its_checksums_in_its_own_way() -> None:
    parts = data_of("documented_checksum-fragments.json")
    raw = {"downloadId": 1, **parts["download-request entry, optional"]}
    reply = read_reply(raw, RequestedDownload)
    assert [c.id for c in reply.checksum_values or ()] == ["cksum", "sha256sum"]


def test_a_digest_of_digits_alone_stays_text() -> None:
    digits = "0123456789" * 6 + "0123"
    assert read_reply({"id": "sha256sum", "value": digits}, Checksum).value == digits
    assert read_reply({"id": "cksum", "value": 803788146}, Checksum).value == 803788146


def test_what_is_new_is_ignored() -> None:
    assert read_reply({"entityId": "e", "fromTheFuture": [1]}, Scene).entity_id == "e"


def test_what_is_missing_is_told_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\[0\]"):
        read_reply([{"displayId": "d"}], list[Scene])


@pytest.mark.parametrize(
    "reply",
    [
        DownloadEntry(download_id=1, url=SIGNED),
        DownloadRetrieveReply(available=[DownloadEntry(download_id=1, url=SIGNED)]),
        DownloadRequestReply(available_downloads=[RequestedDownload(download_id=1, url=SIGNED)]),
    ],
)
def test_signatures_are_not_shown(reply: object) -> None:
    assert "c2VjcmV0" not in f"{reply} {reply!r} {[reply]}"


@pytest.mark.parametrize(
    ("entry", "is_ready"),
    [
        ({"url": SIGNED, "statusCode": "A"}, True),
        ({"url": SIGNED, "statusCode": "D", "statusText": "Downloading"}, True),
        ({"url": SIGNED, "statusCode": "Q", "statusText": "News"}, True),
        ({"url": SIGNED, "statusCode": "Q", "statusText": "Preparing"}, False),
        ({"url": SIGNED, "statusCode": "Q", "statusText": "Expired"}, False),
        ({"url": "https://dds.cr.usgs.gov/download-staging/abc", "statusCode": "Q"}, False),
        ({"url": "", "statusCode": "A"}, False),
        ({"url": None, "statusCode": "A"}, False),
    ],
)
def test_ready_is_what_has_a_url_that_can_be_fetched(entry: Json, is_ready: bool) -> None:
    assert read_reply({"downloadId": 1, **entry}, DownloadEntry).is_ready is is_ready


def test_the_room_of_a_quota_is_its_tightest_count() -> None:
    counts = {"recentDownloadCount": 5, "pendingDownloadCount": "3", "unattemptedDownloadCount": 9}
    assert read_reply(counts, Limit).room == 3
    assert Limit(recent_download_count=-1).room == 0


def test_a_quota_tells_what_is_left_and_used_where_the_least_is_left() -> None:
    limits = read_reply(data_of("documented_rate-limit-summary.json"), RateLimits)
    assert limits.allowances == {
        "recent": Allowance(14_999, used=1),
        "pending": Allowance(20_000, used=0),
        "unattempted": Allowance(19_995, used=5),
    }
    assert RateLimits().allowances == {}
    untold = RateLimits(remaining_limits=[Limit(recent_download_count=5)])
    assert untold.allowances["recent"] == Allowance(5, used=None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["available", "requested", "downloadId", "url", "newRecords"]), inner
        )
    ),
)


@settings(deadline=None)
@given(data=json_values)
def test_whatever_comes_is_read_or_refused_in_one_way(data: Json) -> None:
    for as_type in (DownloadRetrieveReply, DownloadRequestReply, DatasetFileGroups):
        with suppress(msgspec.ValidationError):
            read_reply(data, as_type)


def test_a_filter_tells_whether_it_is_a_range_or_what_it_offers() -> None:
    filters = read_reply(data_of("recorded_dataset-filters.json"), list[DatasetFilter])
    by_label = {f.field_label: f for f in filters}
    assert by_label["WRS Path"].is_range
    assert by_label["WRS Path"].values == ()
    assert not by_label["Collection Category"].is_range
    assert {"T1", "T2"} <= set(by_label["Collection Category"].values)


def test_a_dataset_says_which_digests_its_products_have() -> None:
    reply = orjson.loads((DATA / "documented_checksum-fragments.json").read_bytes())
    fragment = reply["dataset-download-options entry, optional"]
    product = read_reply({"productId": "p", **fragment}, DatasetProduct)
    assert [kind.id for kind in product.checksum_types or ()] == ["cksum", "sha256sum"]


def test_a_page_of_scenes_is_little_work_for_the_garbage_collector() -> None:
    data = data_of("documented_scene-search_page.json")
    page = read_reply(data, ScenePage)
    assert page.results
    assert not any(map(gc.is_tracked, page.results))
    assert not gc.is_tracked(page)
    for scene, raw in zip(page.results, data["results"], strict=True):
        assert not gc.is_tracked(scene.options)
        assert scene.spatial_coverage == raw["spatialCoverage"]
        assert scene.spatial_bounds == raw["spatialBounds"]


@pytest.mark.parametrize("value", [5, "Polygon", True, [[1.0, 2.0]], None])
def test_a_footprint_that_is_no_object_is_left_out(value: Json) -> None:
    losses: list[str] = []
    raw = {"entityId": "E", "spatialCoverage": value}
    scene = read_reply(raw, Scene, lambda path, why: losses.append(path))
    assert scene.spatial_coverage is None
    assert losses == ([] if value is None else ["$.spatialCoverage"])


def test_an_empty_footprint_may_be_sent_as_a_list() -> None:
    assert GeoJsonText.read([]).plain() == {}
