"""Scenes that come as several products: the one that is meant comes, under its own name."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import ConfigError
from asyncdl.events import Event, FileFinished, TransferRetry
from asyncdl.job.choosing.scope import DAMAGED, FAILED
from asyncdl.job.places import extraction
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.job.plan import Plan
from asyncdl.job.status import status_of
from asyncdl.job.verifying import verify_files
from asyncdl.journal import StatePlaces, open_state
from asyncdl.sandbox.injected_faults import Faults
from tests.job.bench import Bench, outcome
from tests.job.test_plan import plan

pytestmark = pytest.mark.slow

Search = Mapping[str, Any]
TILES: Search = {"dataset": "landsat_ard_tile_c2", "start": "2000-01-01", "limit": 2}
CELLS: Search = {"dataset": "srtm_v3", "start": "2000-01-01", "limit": 2}
PHOTOS: Search = {"dataset": "naip", "scenes": ["3011997", "3011999"]}
GRANULES: Search = {"dataset": "sentinel_2a", "start": "2000-01-01", "limit": 2}
FILM: Search = {"dataset": "corona2", "scenes": ["DS1101-1069DF089"]}

FIRST, SECOND = "3014361", "3014295"
"""Two photos with one display id; sorted, the other one would come first."""
SHARED = "M_3109742_NW_14_060_20201206"


def bundle(product: str | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": "bundle", **({"product": product} if product else {}), **more}


def there(bench: Bench) -> list[str]:
    return [path.relative_to(bench.directory).as_posix() for path in bench.files]


async def complete(
    bench: Bench, *products: dict[str, Any], search: Search, **more: Any
) -> Counter[str]:
    """Run a job that has to succeed; return how its files ended."""
    summary = await bench.run(*products, search=dict(search), **more)
    assert summary.is_complete, summary.failures or summary.error
    assert not [path for path in bench.directory.rglob("*") if ".part" in path.name]
    return Counter({state: count for state, count in summary.files.items() if count})


async def planned(bench: Bench, *products: dict[str, Any], search: Search) -> Plan:
    return await plan(bench, *products, search=dict(search))


# --- which one --------------------------------------------------------------------------


async def test_the_products_of_a_tile_stand_side_by_side_under_their_hosts_names(
    bench: Bench,
) -> None:
    products = [bundle("D773"), bundle("surface temperature")]
    await complete(bench, *products, search=TILES)
    names = {(Path(name).parts[2], name[-7:]) for name in there(bench)}
    assert names == {("D773", "_SR.tar"), ("D774", "_ST.tar")} and len(there(bench)) == 4
    again = await complete(bench, *products, search=TILES)
    assert again == {"total": 4, "skipped": 4} and set(bench.requested.values()) == {1}


@pytest.mark.parametrize("faults", [{"preparing": 1.0}, {"duplicates": 1.0}])
async def test_products_of_a_tile_that_have_to_be_waited_for_are_not_mixed_up(
    bench: Bench, faults: dict[str, Any]
) -> None:
    """In the queue only their codes tell them apart."""
    bench.service.faults = Faults(**faults)
    await complete(bench, bundle("D773"), bundle("D774"), search=TILES)
    names = {(Path(name).parts[2], name[-7:]) for name in there(bench)}
    assert names == {("D773", "_SR.tar"), ("D774", "_ST.tar")}


async def test_single_bands_of_a_tile_come_beside_its_tar(bench: Bench) -> None:
    bands = {"kind": "bands", "bands": ["SR_B4", "QA_PIXEL"]}
    await complete(bench, bands, bundle("D773"), search=TILES)
    endings = Counter(Path(name).name[36:] for name in there(bench))
    assert endings == {"SR_B4.TIF": 2, "QA_PIXEL.TIF": 2, "SR.tar": 2}


async def test_one_format_of_several(bench: Bench) -> None:
    await complete(bench, bundle("GeoTIFF 1 arc-second"), search=CELLS)
    assert len(there(bench)) == 2 and all(name.endswith("_1arc_v3.tif") for name in there(bench))
    assert all(path.read_bytes().startswith((b"II", b"MM")) for path in bench.files)


@pytest.mark.parametrize(
    ("search", "product", "codes"),
    [
        (TILES, None, ["D772", "D773", "D777"]),
        (CELLS, None, ["D539 GeoTIFF 1 Arc-second"]),
        (CELLS, "arc-second", ["D539"]),
        (CELLS, "D999", ["D539"]),
        (TILES, "D771", ["D773"]),
    ],
)
async def test_what_is_not_clear_is_said_before_anything_is_asked_for(
    bench: Bench, search: Search, product: str | None, codes: list[str]
) -> None:
    told = await outcome(bench.job(bundle(product), search=dict(search)))
    assert isinstance(told, ConfigError) and all(code in str(told) for code in codes)
    assert not bench.requested
    with pytest.raises(ConfigError):
        await planned(bench, bundle(product), search=search)


async def test_a_changed_product_is_another_file(bench: Bench) -> None:
    await complete(bench, bundle("D441"), search=PHOTOS)
    assert (await complete(bench, bundle("D482"), search=PHOTOS))["downloaded"] == 2
    assert (await complete(bench, bundle("D441"), search=PHOTOS))["skipped"] == 2


async def test_the_plan_names_products(bench: Bench) -> None:
    made = await planned(bench, bundle("D773"), search=TILES)
    (product,) = made.as_json()["products"]["bundle"]["products"]
    assert (product["code"], product["files"]) == ("D773", 2)
    assert "Surface Reflectance" in product["name"] and product["size_bytes"] > 0
    await complete(bench, bundle("D773"), search=TILES)
    assert (await planned(bench, bundle("D773"), search=TILES)).requests == 0


# --- unpacked ---------------------------------------------------------------------------


UNPACKED = [
    (PHOTOS, bundle(extract=True), {".tif", ".txt"}),
    (PHOTOS, bundle("D482", extract=True, members=["*.tif"]), {".tif"}),
    (GRANULES, bundle(extract=True, members=["*_B0?.tif"]), {".tif"}),
    (TILES, bundle("D773", extract=True), {".TIF", ".xml", ".json", ".txt"}),
    (FILM, bundle("D992", extract=True), None),
]


@pytest.mark.parametrize(("search", "product", "endings"), UNPACKED)
async def test_archives_of_all_forms_are_unpacked_and_do_not_stay(
    bench: Bench, search: Search, product: dict[str, Any], endings: set[str] | None
) -> None:
    await complete(bench, product, search=search)
    found = {path.suffix for path in bench.directory.glob("bundle/**/*") if path.is_file()}
    assert found and not found & {".zip", ".tar", ".tgz"}
    assert endings is None or found <= endings
    requested = bench.requested
    assert "skipped" in await complete(bench, product, search=search)
    assert bench.requested == requested, "nothing is asked for again"
    async with open_state(bench.directory, "sandbox") as journal:
        checked = await verify_files(FolderPlacer(bench.directory), journal, bench.events.append)
    assert checked.total and not checked.damaged


async def test_a_granules_folders_are_kept(bench: Bench) -> None:
    await complete(bench, bundle(extract=True), search=GRANULES)
    assert any(name.count("/") > 4 for name in there(bench))
    told = [m for e in bench.events if isinstance(e, FileFinished) for m in e.members]
    assert set(there(bench)) <= set(told)


async def test_an_archive_that_is_asked_for_stays(bench: Bench) -> None:
    product = bundle(extract=True, keep_tar=True)
    await complete(bench, product, search=PHOTOS)
    zips = list(bench.directory.rglob("*.zip"))
    assert len(zips) == 2
    for path in zips:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    assert (path.parent / info.filename).read_bytes() == archive.read(info)
    assert (await complete(bench, product, search=PHOTOS))["skipped"] == 2


async def test_an_archive_that_was_kept_is_unpacked_later_without_a_request(bench: Bench) -> None:
    await complete(bench, bundle(), search=PHOTOS)
    requested = bench.requested
    await complete(bench, bundle(extract=True), search=PHOTOS)
    assert bench.requested == requested and len(list(bench.directory.rglob("*.tif"))) == 2


async def test_a_product_that_is_no_archive_says_so_and_blames_nobody(bench: Bench) -> None:
    summary = await bench.run(bundle("D539", extract=True), search=dict(CELLS))
    assert {(f.reason, f.attempts) for f in summary.failures} == {("not-an-archive", 1)}
    assert all("tiff" in f.detail and "extract = false" in f.remedy for f in summary.failures)
    assert there(bench) == []
    await complete(bench, bundle("D539"), search=CELLS)


async def test_a_zip_with_something_odd_in_it_fails_alone_and_leaves_nothing_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "MAX_MEMBERS", 1)
        summary = await bench.run(bundle(extract=True), search=dict(PHOTOS))
    assert {f.reason for f in summary.failures} == {"extract-failed"}
    assert not list(bench.directory.rglob("*.tif"))
    await complete(bench, bundle(extract=True), search=PHOTOS)


@pytest.mark.parametrize("product", [bundle(), bundle(extract=True), bundle("D441", extract=True)])
@pytest.mark.parametrize("settings", [{"stac": True}, {"verify": "size"}, {"durable": True}])
async def test_other_settings_work_with_products_too(
    bench: Bench, product: dict[str, Any], settings: dict[str, Any]
) -> None:
    await complete(bench, product, search=PHOTOS, **settings)
    assert "skipped" in await complete(bench, product, search=PHOTOS, **settings)


async def test_a_page_in_place_of_an_archive_is_the_hosts_fault(bench: Bench) -> None:
    bench.service.faults = Faults(html=1.0, strikes=1)
    await complete(bench, bundle(extract=True), search=PHOTOS)


class Killed(BaseException):
    """Stands for a process that ends here."""


async def test_a_run_that_is_killed_halfway_through_a_zip_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.service.faults = Faults(short_body=1.0)

    def kill(event: Event) -> None:
        if isinstance(event, TransferRetry):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("asyncdl.job.places.extraction._Pass.end", lambda passage: None)
        with pytest.raises((Killed, BaseExceptionGroup)):
            await bench.job(bundle(extract=True), search=dict(PHOTOS)).run(kill)
    await complete(bench, bundle(extract=True), search=PHOTOS)
    assert len(list(bench.directory.rglob("*.tif"))) == 2


async def test_what_came_out_moves_with_the_layout(bench: Bench) -> None:
    await complete(bench, bundle(extract=True), search=GRANULES)
    before = {path.read_bytes() for path in bench.files}
    layout = "{kind}/{dataset}/{product_id}/{file}"
    again = await complete(bench, bundle(extract=True), search=GRANULES, layout=layout)
    assert again == {"total": 2, "skipped": 2}
    assert all(Path(name).parts[1] in ("sentinel_2a", "unknown") for name in there(bench))
    assert {path.read_bytes() for path in bench.files} == before
    async with open_state(bench.directory, "sandbox") as journal:
        assert not (
            await verify_files(FolderPlacer(bench.directory), journal, bench.events.append)
        ).damaged


async def test_a_member_that_is_damaged_comes_again(bench: Bench) -> None:
    await complete(bench, bundle(extract=True), search=PHOTOS)
    bad = next(path for path in bench.files if path.suffix == ".tif")
    whole = bad.read_bytes()
    bad.write_bytes(b"II*\0 bad")
    async with open_state(bench.directory, "sandbox") as journal:
        assert (
            len(
                (
                    await verify_files(FolderPlacer(bench.directory), journal, bench.events.append)
                ).damaged
            )
            == 1
        )
    summary = await bench.run(bundle(extract=True), search=dict(PHOTOS), only=DAMAGED)
    assert summary.files["downloaded"] == 1 and bad.read_bytes() == whole


# --- two scenes, one display id ---------------------------------------------------------


def of(*entities: str) -> Search:
    return {"dataset": "naip", "scenes": list(entities)}


@pytest.mark.parametrize("product", [bundle(), bundle("D441"), bundle(extract=True)])
async def test_both_scenes_come_and_the_first_one_stays(
    bench: Bench, product: dict[str, Any]
) -> None:
    await complete(bench, product, search=of(FIRST))
    before = {path: path.read_bytes() for path in bench.files}
    await complete(bench, product, search=of(FIRST, SECOND))
    assert {path: path.read_bytes() for path in before} == before
    apart = [path for path in bench.files if SECOND in path.parts]
    assert len(apart) == len(before) == len(bench.files) / 2
    assert {p.read_bytes() for p in apart}.isdisjoint(before.values()), "other pixels"
    for search in (of(SECOND), of(SECOND, FIRST), of(FIRST)):
        assert set(await complete(bench, product, search=search)) == {"total", "skipped"}
        assert (await planned(bench, product, search=search)).requests == 0
    assert set(bench.requested.values()) == {1}


async def test_without_a_memory_the_same_scene_is_first_in_every_run(
    tmp_path: Path, bench: Bench
) -> None:
    names = []
    for run, search in enumerate((of(FIRST, SECOND), of(SECOND, FIRST))):
        own = Bench(bench.service, tmp_path / f"run-{run}")
        await complete(own, bundle(), search=search)
        names.append({name: (own.directory / name).read_bytes() for name in there(own)})
    assert names[0] == names[1] and len(names[0]) == 2


async def test_a_layout_with_entity_ids_tells_all_scenes_apart(bench: Bench) -> None:
    layout = "{entity_id}/{file}"
    await complete(bench, bundle(), search=of(FIRST, SECOND), layout=layout)
    assert {Path(name).parts[0] for name in there(bench)} == {FIRST, SECOND}


async def test_verify_and_status_know_both(bench: Bench) -> None:
    await complete(bench, bundle(), search=of(FIRST, SECOND))
    status = await status_of(StatePlaces(bench.directory), "sandbox")
    assert status is not None and status.overview.files == {"bundle": {"verified": 2}}
    apart = next(path for path in bench.files if FIRST in path.parts)
    apart.write_bytes(b"PK\3\4 damaged")
    async with open_state(bench.directory, "sandbox") as journal:
        checked = await verify_files(FolderPlacer(bench.directory), journal, bench.events.append)
    assert [c.file for c in checked.damaged] == [apart.relative_to(bench.directory).as_posix()]


async def test_a_failed_file_of_the_second_scene_is_tried_again(bench: Bench) -> None:
    await complete(bench, bundle(), search=of(FIRST))
    bench.service.faults = Faults(gone=1.0)
    await bench.run(bundle(), search=dict(of(FIRST, SECOND)), attempts=1)
    bench.service.faults = Faults()
    summary = await bench.run(bundle(), search=dict(of(FIRST, SECOND)), only=FAILED)
    assert summary.is_complete
    assert len(bench.files) == 2
