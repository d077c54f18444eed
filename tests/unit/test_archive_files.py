"""What the catalogue says of the archive, as recorded, and which files of it a job is offered."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from asyncdl.archive.bucket import ObjectAddress
from asyncdl.archive.scene_files import archived_scene
from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.m2m.downloads.selection import BandsWanted, select_files
from asyncdl.stac.items import Page, read_page

PRODUCT = "LC08_L2SP_047027_20201204_20210313_02_T1"


@pytest.fixture
def page(data: Path) -> Page:
    item = (data / "recorded_stac-item_LC08_L2SP_047027_20201204_SR.json").read_bytes()
    return read_page(orjson.dumps({"features": [orjson.loads(item)]}))


def test_a_recorded_item_says_where_its_files_are_and_of_which_scene(page: Page) -> None:
    files = page.items[f"{PRODUCT}_SR"]
    address = files[f"{PRODUCT}_SR_B4.TIF"].archived_at
    assert address.startswith("s3://usgs-landsat/collection02/level-2/standard/oli-tirs/2020/")
    assert page.scene_ids == {f"{PRODUCT}_SR": "LC80470272020339LGN00"}


def test_bands_are_chosen_by_the_same_words(page: Page) -> None:
    scene = archived_scene(PRODUCT, "LC80470272020339LGN00", page.items[f"{PRODUCT}_SR"])
    sizes = {address.key: 1000 for address in scene.files.values()}
    selection = select_files(scene.options(sizes), [BandsWanted(("red", "QA_PIXEL", "MTL"))])
    names = {file.file_name.removeprefix(f"{PRODUCT}_") for file in selection.files}
    assert names == {"SR_B4.TIF", "QA_PIXEL.TIF", "MTL.txt", "MTL.xml"}
    assert all(file.size_bytes == 1000 for file in selection.files)
    assert {file.scene_id for file in selection.files} == {"LC80470272020339LGN00"}


def test_what_no_listing_has_is_not_offered(page: Page) -> None:
    scene = archived_scene(PRODUCT, "", page.items[f"{PRODUCT}_SR"])
    assert scene.entity_id == PRODUCT
    selection = select_files(scene.options({}), [BandsWanted(("red",))])
    assert not selection.files and [m.is_absent for m in selection.missing] == [False]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket/a/b.TIF", ObjectAddress("bucket", "a/b.TIF")),
        ("s3://bucket/", None),
        ("s3://bucket", None),
        ("s3:///key", None),
        ("https://bucket/key", None),
        ("", None),
    ],
)
def test_an_address_is_a_bucket_and_a_key(text: str, address: ObjectAddress | None) -> None:
    assert ObjectAddress.parse(text) == address


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"products": [{"kind": "bundle"}]}, "products.kind"),
        ({"products": [{"kind": "band_group", "file_groups": ["g"]}]}, "products.kind"),
        ({"service": {"stac_url": ""}}, "service.stac_url"),
        ({"archive": {"endpoint": "nowhere"}}, "archive.endpoint"),
    ],
)
def test_what_the_archive_has_not_is_refused(tables: dict[str, object], key: str) -> None:
    whole = {
        "search": {"scenes": [PRODUCT]},
        "products": [{"kind": "bands", "bands": ["red"]}],
        "download": {"source": "s3"},
    }
    with pytest.raises(ConfigError) as caught:
        parse_config(whole | tables)
    assert caught.value.key == key and caught.value.allowed
