"""From the config's words to what is searched and selected."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from asyncdl.config import Config, parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.from_config import group_names, kinds_of, products_of
from asyncdl.job.choosing.search_plan import ids_of, query_of
from asyncdl.m2m.downloads.selection import BandsWanted, BundleWanted, GroupWanted

L2 = "LC08_L2SP_068017_20200310_20200822_02_T1"
L1 = "LC08_L1TP_068017_20200310_20200822_02_T1"
ENTITY = "LC80680172020070LGN00"
BUNDLE: dict[str, Any] = {"kind": "bundle"}


def config_of(*products: dict[str, Any], **search: Any) -> Config:
    return parse_config({"search": search, "products": list(products) or [BUNDLE]})


def ids(**search: Any) -> dict[str, list[str]]:
    return ids_of(config_of(**search).search)


def test_a_search_asks_for_what_the_config_says() -> None:
    search = config_of(dataset="landsat_ot_c2_l2", months=[3], limit=5, point=[-150.0, 61.0]).search
    query = query_of(search)
    assert (query.dataset, query.months, query.limit) == ("landsat_ot_c2_l2", (3,), 5)
    assert len(query.area.filters) == 1 and query.wrs == ()


def test_a_bad_area_is_told_before_any_network(tmp_path: Path) -> None:
    aoi = tmp_path / "aoi.geojson"
    aoi.write_text('{"type": "Feature", "geometry": null, "properties": {}}')
    with pytest.raises(ConfigError):
        query_of(config_of(dataset="landsat_ot_c2_l2", aoi=str(aoi)).search)


def test_each_id_comes_once_under_its_own_dataset() -> None:
    assert ids(scenes=[L2, L1, L2]) == {"landsat_ot_c2_l2": [L2], "landsat_ot_c2_l1": [L1]}


def test_a_scene_id_needs_a_dataset_beside_it() -> None:
    assert ids(scenes=[ENTITY], dataset="landsat_ot_c2_l2") == {"landsat_ot_c2_l2": [ENTITY]}
    with pytest.raises(ConfigError, match=ENTITY):
        ids(scenes=[ENTITY])


def test_an_id_of_another_dataset_is_refused() -> None:
    with pytest.raises(ConfigError, match="belongs to landsat_ot_c2_l1"):
        ids(scenes=[L1], dataset="landsat_ot_c2_l2")


def test_a_file_of_ids_may_have_comments_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"# spring\n\n  {L2}  # cloudy\n")
    assert ids(scenes_file=str(file)) == {"landsat_ot_c2_l2": [L2]}


@pytest.mark.parametrize(
    ("dataset", "wrong", "told"),
    [
        (None, ENTITY, "the dataset of this id is not known"),
        ("landsat_ot_c2_l2", L1, "this id belongs to landsat_ot_c2_l1"),
    ],
)
def test_a_wrong_id_in_a_file_is_told_with_its_line(
    tmp_path: Path, dataset: str | None, wrong: str, told: str
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"# spring\n{L2}\n{wrong}\n{L2}\n{wrong}\n")
    with pytest.raises(ConfigError) as refused:
        ids(scenes_file=str(file), **({"dataset": dataset} if dataset else {}))
    where = f"search.scenes_file = {str(file)!r}: line 3, {wrong!r}: "
    assert str(refused.value).startswith(f"{where}{told} (allowed: ")


def test_a_file_of_ids_may_begin_with_a_mark_and_has_to_be_text(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(L2, encoding="utf-8-sig")
    assert ids(scenes_file=str(file)) == {"landsat_ot_c2_l2": [L2]}
    file.write_bytes(f"{L2}\n".encode("utf-16-le"))
    with pytest.raises(ConfigError, match=r"search\.scenes_file = .*: looks like UTF-16 without"):
        ids(scenes_file=str(file))


def test_a_file_without_ids_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("# none\n")
    with pytest.raises(ConfigError, match="has no ids"):
        ids(scenes_file=str(file))


def test_ids_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{L2}\n"))
    assert ids(scenes_file="-") == {"landsat_ot_c2_l2": [L2]}


def test_products_keep_their_order_and_groups_come_once() -> None:
    config = config_of(
        {"kind": "band_group", "file_groups": ["g", "h"]},
        {"kind": "bands", "bands": ["red"]},
        {"kind": "band_group", "file_groups": ["h"]},
        BUNDLE,
        scenes=[L2],
    )
    products = products_of(config)
    assert products == (
        GroupWanted(("g", "h")), BandsWanted(("red",)), GroupWanted(("h",)), BundleWanted()
    )  # fmt: skip
    assert kinds_of(config) == ("band_group", "bands", "bundle")
    assert group_names(products) == ("g", "h")
