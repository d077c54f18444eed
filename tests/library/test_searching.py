"""``asyncdl.search``: the config's words as arguments, and scenes that others understand."""

from __future__ import annotations

import inspect
import pickle
import sys
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

import asyncdl
from asyncdl import sync
from asyncdl.library.scenes import SHOWN, SceneHit
from asyncdl.library.settings import box_of, search_settings
from asyncdl.m2m.searching.rings import signed_area
from asyncdl.sandbox import Service
from tests.job.bench import ANCHORAGE

IN_WORDS: dict[str, Any] = dict(ANCHORAGE)
"""The search of the notebook as arguments."""
IDS = [
    "LC08_L2SP_067018_20200303_20200822_02_T1",
    "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC08_L2SP_068018_20200310_20200822_02_T1",
]


async def test_a_search_is_a_list_of_scenes(service: Service) -> None:
    scenes = await asyncdl.search(**IN_WORDS, service=service)
    assert sorted(scenes.ids) == sorted(IDS)
    assert (len(scenes), scenes.total) == (3, 3)
    assert isinstance(scenes[:2], asyncdl.Scenes) and scenes[:2].ids == scenes.ids[:2]
    assert [scene.product_id for scene in scenes] == scenes.ids
    assert scenes == pickle.loads(pickle.dumps(scenes))


async def test_scenes_can_be_put_into_sets(service: Service) -> None:
    scenes = await asyncdl.search(**IN_WORDS, service=service)
    again = await asyncdl.search(**IN_WORDS, service=service)
    assert set(scenes[:2]) | set(again) == set(scenes) and len({*scenes, *again}) == 3
    assert hash(scenes) == hash(again) and {scenes: 1}[again] == 1


async def test_a_scene_says_what_is_known_of_it(service: Service) -> None:
    (scene,) = await asyncdl.search(scenes=IDS[1:2], service=service)
    assert (scene.path, scene.row, scene.tier, scene.satellite) == (68, 17, "T1", 8)
    assert (scene.acquired, scene.dataset) == ("2020-03-10", "landsat_ot_c2_l2")
    assert scene.entity_id.startswith("LC8068017")
    assert repr(scene).startswith(f"<{IDS[1]}, 2020-03-10, ")


async def test_scenes_are_geojson(service: Service) -> None:
    scenes = await asyncdl.search(**(IN_WORDS | {"limit": 1}), service=service)
    collection = scenes.__geo_interface__
    assert (collection["type"], len(collection["features"])) == ("FeatureCollection", 1)
    feature = scenes[0].__geo_interface__
    assert (feature["id"], feature["properties"]["tier"]) == (scenes[0].product_id, "T1")
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1] and signed_area(ring) > 0


async def test_geopandas_has_a_row_for_each_scene(service: Service) -> None:
    pytest.importorskip("geopandas", reason="geopandas is not installed: make extras")
    scenes = await asyncdl.search(**IN_WORDS, service=service)
    frame = scenes.to_geodataframe()
    assert list(frame.index) == scenes.ids and frame.crs == "EPSG:4326"
    assert frame.loc[IDS[1], "path"] == 68 and frame.geometry.is_valid.all()
    assert frame.total_bounds[0] == pytest.approx(frame.geometry.bounds.minx.min())
    empty = asyncdl.Scenes([]).to_geodataframe()
    assert len(empty) == 0 and "cloud_cover" in empty.columns


async def test_without_geopandas_it_says_how_to_install_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(ImportError, match="pip install geopandas"):
        asyncdl.Scenes([]).to_geodataframe()


async def test_scenes_are_an_area_themselves(service: Service) -> None:
    first = await asyncdl.search(scenes=IDS[:1], service=service)
    around = await asyncdl.search(
        "landsat_ot_c2_l2", aoi=first, start="2020-03-01", end="2020-03-31", service=service
    )
    assert IDS[0] in around.ids


async def test_a_limit_is_said(service: Service) -> None:
    scenes = await asyncdl.search(**(IN_WORDS | {"limit": 1}), service=service)
    assert (len(scenes), scenes.total) == (1, 3)
    assert any("search.limit is 1" in notice for notice in scenes.notices)
    assert repr(scenes).startswith("<Scenes: 1 of 3>")


async def test_unknown_ids_are_said(service: Service) -> None:
    unknown = IDS[0].replace("067018", "067099")
    scenes = await asyncdl.search(scenes=[unknown, IDS[1]], service=service)
    assert scenes.ids == IDS[1:2]
    assert scenes.notices == ("Scenes that the service does not know: 1.",)


async def test_a_config_is_searched_as_it_is(service: Service) -> None:
    config = asyncdl.parse_config(
        {"search": dict(ANCHORAGE), "products": [{"kind": "bundle"}]}, base=Path("/")
    )
    assert len(await asyncdl.search(config, service=service)) == 3
    with pytest.raises(asyncdl.AsyncdlError, match="limit: a Config says that itself"):
        await asyncdl.search(config, limit=1, service=service)


class Array:
    """What arrays, numbers and times of numpy and pandas have in common."""

    def __init__(self, value: Any) -> None:
        self.tolist = lambda: value


def test_numbers_and_times_of_numpy_and_pandas_are_taken() -> None:
    """Such as the ``total_bounds`` of geopandas, or a day of pandas."""
    search = search_settings(
        {
            "dataset": "landsat_ot_c2_l2",
            "bbox": Array([-151.0, 61.0, -149.0, 62.0]),
            "start": datetime(2020, 3, 1),
            "end": Array(date(2020, 3, 15)),
            "months": range(3, 6),
            "cloud_cover": (Array(0), Array(60)),
            "limit": Array(3),
            "aoi": None,
        }
    ).search
    found: Any = (search.bbox, search.months, search.limit, search.start, search.end)
    days = (date(2020, 3, 1), date(2020, 3, 15))
    assert found == ((-151, 61, -149, 62), (3, 4, 5), 3, *days)
    window: Any = Array([-151, 61, -149, 62])
    assert box_of(window) == [-151, 61, -149, 62]
    with pytest.raises(asyncdl.ConfigError, match=r"search\.start .* with a time"):
        search_settings({"dataset": "any", "start": datetime(2020, 3, 1, 12)})


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"dataset": "landsat_ot_c2_l2"}, "search"),
        ({"limit": 3}, "search.dataset"),
        ({"dataset": "landsat_ot_c2_l2", "bbox": (1, 2, 3)}, "search.bbox"),
        ({"dataset": "landsat_ot_c2_l2", "bbox": (0, 0, 1, 1), "point": (0, 0)}, "search.point"),
        ({"dataset": "landsat_ot_c2_l2", "start": "March"}, "search.start"),
        ({"scenes": ["LC08"]}, "search.scenes"),
    ],
)
async def test_what_is_wrong_is_named(arguments: dict[str, Any], key: str) -> None:
    with pytest.raises(asyncdl.ConfigError) as caught:
        await asyncdl.search(**arguments)
    assert caught.value.key.startswith(key)
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("call", "wrong", "right"),
    [("search", "bbx", "bbox"), ("search", "cloud_cove", "cloud_cover"), ("plan", "band", "bands"),
     ("download", "windw", "window"), ("status", "servic", "service"), ("verify", "read", "reads"),
     ("map", "aera", "area")],
)  # fmt: skip
@pytest.mark.parametrize("is_sync", [False, True])
async def test_an_argument_of_another_name_has_a_suggestion_and_a_list(
    call: str, wrong: str, right: str, is_sync: bool
) -> None:
    with pytest.raises(TypeError) as caught:
        if is_sync:
            await anyio.to_thread.run_sync(partial(getattr(sync, call), "x", **{wrong: 1}))
        else:
            await getattr(asyncdl, call)("x", **{wrong: 1})
    text = str(caught.value)
    assert text.startswith(f"{call}() has no argument '{wrong}'; did you mean {right}? (allowed: ")
    assert all(name in text for name in inspect.signature(getattr(asyncdl, call)).parameters)


@pytest.mark.parametrize("call", ["search", "plan", "download", "status", "verify", "map"])
@pytest.mark.parametrize("path", ["job.toml", Path("job.toml")])
async def test_the_path_of_a_config_is_no_config(call: str, path: Any) -> None:
    with pytest.raises(TypeError, match=r"asyncdl\.load_config"):
        await getattr(asyncdl, call)(path)


@pytest.mark.parametrize(
    ("call", "words"), [("plan", {"bands": "red"}), ("download", {"bands": "red"}), ("map", {})]
)
async def test_what_is_no_scene_is_said(call: str, words: dict[str, str]) -> None:
    with pytest.raises(TypeError, match=r"scenes: int \(allowed: scenes of a search"):
        await getattr(asyncdl, call)([7], **words)


async def test_an_unknown_dataset_has_a_suggestion(service: Service) -> None:
    with pytest.raises(asyncdl.ConfigError, match="landsat_ot_c2_l2"):
        await asyncdl.search("landsat_ot_c2_l3", limit=1, service=service)


async def test_a_service_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="service: str"):
        await asyncdl.search("landsat_ot_c2_l2", limit=1, service="USGS")  # type: ignore[arg-type]


def scene(number: int) -> SceneHit:
    return SceneHit("d", f"p{number}", f"e{number}", "", None, None, None, None, None, "", None)


def test_a_long_list_is_short_when_shown() -> None:
    scenes = asyncdl.Scenes(map(scene, range(40_000)))
    assert len(repr(scenes).splitlines()) == SHOWN + 2
    assert repr(scenes).endswith("… and 39,990 more")
    assert repr(scenes[0]) == "<p0, unknown date, unknown cloud>"
