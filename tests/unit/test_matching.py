"""What a reply says is told of the file it is about, or of none."""

import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.m2m.downloads.matching import (
    FileIndex,
    Matched,
    is_usable_url,
    match_entry,
    match_reply,
    names_in_url,
)
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, read_reply

DATA = Path(__file__).parent.parent / "data"
SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
ENTITY = "LC80680172020070LGN00"
HOST = "https://landsatlook.usgs.gov"


def wanted(entity_id: str, file_name: str, kind: str = "bands", product: str = "p") -> WantedFile:
    return WantedFile(
        entity_id=entity_id,
        product_id=product,
        scene=SCENE,
        file_name=file_name,
        kinds=(kind,),
        size_bytes=None,
        estimate_bytes=0,
    )


ANGLES = wanted(f"L2ST_{SCENE}_ANG_TXT", f"{SCENE}_ANG.txt")
RED = wanted(f"L2SR_{SCENE}_SR_B4_TIF", f"{SCENE}_SR_B4.TIF")
BUNDLE = wanted(ENTITY, f"{SCENE}.tar", kind="bundle")
ALL = (ANGLES, RED, BUNDLE)


def signed(file_id: str) -> str:
    text = json.dumps({"downloadId": 1, "id": file_id}, ensure_ascii=False)
    return b64encode(text.encode()).decode()


def reply_to(asked: tuple[WantedFile, ...] = ALL, **data: Any) -> Matched:
    return match_reply(asked, read_reply(data, DownloadRequestReply))


def entry(**fields: Any) -> DownloadEntry:
    return DownloadEntry(download_id=7, **fields)


def accounted(matched: Matched) -> list[WantedFile]:
    return [
        *(item.file for item in matched.available),
        *(item.file for item in matched.preparing),
        *(item.file for item in matched.failed),
        *matched.unaccounted,
    ]


def test_the_urls_of_the_notebook_find_their_files() -> None:
    data = json.loads((DATA / "reconstructed_download-request_available.json").read_text())["data"]
    matched = match_reply(ALL, read_reply(data, DownloadRequestReply))
    assert {(item.file, item.download_id) for item in matched.available} == {
        (ANGLES, 784781626),
        (BUNDLE, 784782481),
    }
    # The third URL is about another scene.
    assert matched.unmatched == (784792322,)
    assert matched.unaccounted == (RED,)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        (f"{HOST}/data/{SCENE}/{SCENE}_SR_B4.TIF?requestSignature=x", RED),
        (f"{HOST}/gen-bundle?landsat_product_id={SCENE}&requestSignature=x", BUNDLE),
        (f"{HOST}/f?requestSignature={signed(f'{SCENE}_ANG.txt')}", ANGLES),
        (f"{HOST}/f?requestSignature={signed(SCENE)}", BUNDLE),
    ],
)
def test_a_reply_without_entities_is_read_from_its_urls(url: str, file: WantedFile) -> None:
    matched = reply_to(availableDownloads=[{"downloadId": 1, "url": url}])
    assert [(item.file, item.url) for item in matched.available] == [(file, url)]


@given(st.text(min_size=1, max_size=30))
def test_a_signature_is_read_in_any_form_it_travels_in(file_id: str) -> None:
    """Whole, without its padding, with its plus signs quoted or not."""
    text = signed(file_id)
    for form in (text, text.rstrip("="), text.replace("+", "%2B")):
        assert names_in_url(f"{HOST}/f?requestSignature={form}") == ["f", file_id]


@given(st.text())
def test_no_url_is_an_error(url: str) -> None:
    assert all(names_in_url(url))
    assert all(names_in_url(f"https://[{url}?requestSignature={url}"))


def test_what_is_no_signature_names_nothing() -> None:
    for value in ("@@@", "AAAA", b64encode(b"[1]").decode(), urlsafe_b64encode(b"{").decode()):
        assert names_in_url(f"{HOST}/?requestSignature={value}") == []


@pytest.mark.parametrize("url", [None, "", "soon", "https://dds.cr.usgs.gov/download-staging/eyJ="])
def test_available_without_a_usable_url_counts_as_preparing(url: str | None) -> None:
    download = {"downloadId": 1, "url": url, "entityId": ENTITY}
    matched = reply_to(availableDownloads=[download])
    assert [(item.file, item.download_id) for item in matched.preparing] == [(BUNDLE, 1)]
    assert not is_usable_url(url)


def test_a_preparing_file_that_nothing_identifies_is_left_to_retrieve() -> None:
    data = json.loads((DATA / "recorded_download-request_preparing.json").read_text())["data"]
    matched = match_reply([BUNDLE], read_reply(data, DownloadRequestReply))
    assert matched.unmatched == (26107136,)
    assert matched.unaccounted == (BUNDLE,)


def test_an_accepted_id_without_a_download_is_left_to_retrieve() -> None:
    matched = reply_to(newRecords={"5": "label", "x": "label"})
    assert matched.unmatched == (5,)


def test_duplicates_keep_the_label_they_stand_under() -> None:
    matched = reply_to(duplicateProducts={"44783885": "older"}, newRecords=[])
    assert matched.duplicates == {44783885: "older"}
    assert matched.unaccounted == ALL


def test_a_refused_file_keeps_its_reason_without_secrets() -> None:
    message = f"disabled {HOST}/x?requestSignature=abcdef"
    rejected = {"entityId": RED.entity_id, "productId": "p", "errorMessage": message}
    matched = reply_to(failed=[rejected, {"entityId": "unknown"}, {"entityId": ENTITY}])
    assert [(item.file, item.message) for item in matched.failed] == [
        (RED, f"disabled {HOST}/x?requestSignature=***"),
        (BUNDLE, "the service gave no reason"),
    ]


def test_one_entity_in_two_products_is_told_apart_or_left() -> None:
    full = wanted("3011997", "M_full", product="D441")
    small = wanted("3011997", "M_small", product="D482")
    matched = reply_to(
        (full, small),
        availableDownloads=[
            {"downloadId": 1, "entityId": "3011997", "url": f"{HOST}/M_small"},
            {"downloadId": 2, "entityId": "3011997", "url": f"{HOST}/other"},
        ],
        failed=[{"entityId": "3011997", "productId": "D441", "errorMessage": "no"}],
    )
    assert [item.file for item in matched.available] == [small]
    assert [item.file for item in matched.failed] == [full]
    assert matched.unmatched == (2,)


def test_a_signed_url_is_in_no_repr() -> None:
    matched = reply_to(
        availableDownloads=[{"downloadId": 1, "entityId": ENTITY, "url": f"{HOST}/secret"}]
    )
    assert "secret" not in repr(matched)


downloads = st.builds(
    lambda number, file, url: {"downloadId": number, "entityId": file, "url": url},
    st.integers(1, 6),
    st.sampled_from([None, "other", *(file.entity_id for file in ALL)]),
    st.sampled_from([None, f"{HOST}/{SCENE}_SR_B4.TIF", f"{HOST}/download-staging/x"]),
)


@given(st.lists(downloads), st.lists(downloads), st.lists(downloads))
def test_every_file_is_told_of_exactly_once(
    available: list[Any], preparing: list[Any], failed: list[Any]
) -> None:
    matched = reply_to(availableDownloads=available, preparingDownloads=preparing, failed=failed)
    assert sorted(map(id, accounted(matched))) == sorted(map(id, ALL))
    assert len(set(matched.unmatched)) == len(matched.unmatched)


@pytest.mark.parametrize(
    ("found", "file"),
    [
        (entry(entity_id=RED.entity_id), RED),
        (entry(entity_id=ENTITY, display_id=SCENE), BUNDLE),
        (entry(display_id=SCENE), BUNDLE),
        (entry(display_id=f"{SCENE}_ANG.txt"), ANGLES),
        (entry(url=f"{HOST}/data/{SCENE}_SR_B4.TIF?requestSignature=x"), RED),
        (entry(entity_id="26162", display_id="S2A_OPER"), None),
        (entry(), None),
    ],
)
def test_an_entry_of_the_queue_is_about_one_file_or_none(
    found: DownloadEntry, file: WantedFile | None
) -> None:
    assert match_entry(found, ALL) == file


def test_a_queue_of_the_service_finds_its_pictures() -> None:
    data = json.loads((DATA / "recorded_download-retrieve_5-available.json").read_text())["data"]
    entries = read_reply(data["available"], list[DownloadEntry])
    files = [wanted(str(item.entity_id), str(item.display_id)) for item in entries]
    index = FileIndex(files)
    assert [index.match_entry(item) for item in entries] == files


def test_two_products_of_one_scene_are_told_apart_by_their_codes() -> None:
    """Their entries in the queue have one entity, and URLs that nobody knows beforehand."""
    one, other = (
        WantedFile("E", f"id-{code}", "S", "S", ("bundle",), None, 0, product_code=code)
        for code in ("D773", "D774")
    )
    entry = DownloadEntry(download_id=1, url="https://host/a/b", entity_id="E", product_code="D774")
    assert match_entry(entry, [one, other]) is other
    assert match_entry(replace_code(entry, None), [one, other]) is None


def replace_code(entry: DownloadEntry, code: str | None) -> DownloadEntry:
    return DownloadEntry(
        download_id=entry.download_id, url=entry.url, entity_id=entry.entity_id, product_code=code
    )
