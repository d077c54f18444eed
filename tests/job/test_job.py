"""The whole job: what is fetched, what is asked for, and what is not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import orjson
import pytest
from anyio import to_thread

from asyncdl.errors import AuthError, ConfigError
from asyncdl.events import FileFinished, FileState, JobFinished, JobStarted, Notice
from asyncdl.job.job import Job
from asyncdl.m2m.downloads import selection
from asyncdl.m2m.models import DownloadOption
from asyncdl.m2m.naming import dataset_of
from asyncdl.progress.run_progress import RunProgress
from tests.job.bench import ANCHORAGE, BANDS, BUNDLE, GROUP, RED, Bench

SCENES = (
    "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC08_L2SP_068018_20200310_20200822_02_T1",
)
WITHOUT_ST = "LC08_L2SR_047027_20201204_20210313_02_T1"


async def test_three_kinds_in_one_job(bench: Bench) -> None:
    summary = await bench.complete()
    assert summary.scenes == 3 and summary.files["total"] == 54
    assert {kind: n["downloaded"] for kind, n in summary.by_kind.items()} == {
        "bands": 12, "bundle": 3, "band_group": 39
    }  # fmt: skip
    assert len(bench.files) == 54 and set(bench.endings.values()) == {1}
    assert isinstance(bench.events[0], JobStarted) and bench.events[-1] == JobFinished("complete")


async def test_what_two_products_want_is_asked_for_and_fetched_once(bench: Bench) -> None:
    """SR_B4 and QA_PIXEL are among the bands and in the group."""
    settings = {"files_per_request": 20}  # the sandbox keeps calls of this size whole
    summary = await bench.complete(**settings)
    assert set(bench.requested.values()) == {1}
    assert len(bench.requested) == sum(bench.service.file_requests.values()) < 54
    assert summary.downloaded_bytes < summary.total_bytes


@pytest.mark.parametrize("is_again", [False, True])
async def test_what_has_come_adds_up_to_what_was_wanted(bench: Bench, is_again: bool) -> None:
    """Bundles are of another length than is listed, and some files go to two places."""
    if is_again:
        await bench.complete()
        bench.events.clear()
    summary = await bench.complete()
    progress, done_bytes = RunProgress(), 0
    for event in bench.events:
        progress.take(event)
        assert done_bytes <= progress.state.done_bytes <= progress.state.files.wanted_bytes
        done_bytes = progress.state.done_bytes
    assert progress.state.done_bytes == progress.state.files.wanted_bytes == summary.total_bytes


async def test_a_second_run_asks_for_nothing(bench: Bench) -> None:
    await bench.complete()
    calls, requests = bench.service.calls.copy(), dict(bench.service.file_requests)
    summary = await bench.complete()
    assert summary.files["skipped"] == 54 and summary.downloaded_bytes == 0
    assert bench.service.calls["download-request"] == calls["download-request"]
    assert bench.service.file_requests == requests


@pytest.mark.parametrize("state_is_lost", [False, True])
async def test_only_what_is_missing_or_wrong_is_fetched_again(
    bench: Bench, state_is_lost: bool
) -> None:
    await bench.complete(BANDS)
    gone, torn, *_ = (path for path in bench.files if path.suffix == ".TIF")
    gone.unlink()
    torn.write_bytes(torn.read_bytes()[:-9])
    if state_is_lost:
        (bench.directory / ".asyncdl" / "journal.sqlite").unlink()
    summary = await bench.complete(BANDS)
    assert (summary.files["downloaded"], summary.files["skipped"]) == (2, 10)


async def test_a_product_that_comes_later_is_copied_from_what_is_there(bench: Bench) -> None:
    await bench.complete(GROUP)
    before = bench.service.calls["download-request"]
    summary = await bench.complete(GROUP, RED)
    assert summary.by_kind["bands"]["downloaded"] == 3 and summary.downloaded_bytes == 0
    assert bench.service.calls["download-request"] == before


async def test_files_of_another_service_are_not_taken_for_real_ones(bench: Bench) -> None:
    await bench.complete(RED)
    job = bench.job(RED)
    job._service_name = "another"
    summary = await job.run()
    assert (summary.files["skipped"], summary.files["downloaded"]) == (0, 3)


@pytest.mark.parametrize("id_of", ["display", "entity"])
async def test_scenes_may_be_named_by_either_id(bench: Bench, id_of: str) -> None:
    scenes = [bench.service.catalog.find("landsat_ot_c2_l2", scene) for scene in SCENES]
    ids = [getattr(scene, f"{id_of}_id") for scene in scenes]
    search = {"scenes": ids, "dataset": "landsat_ot_c2_l2"}
    assert (await bench.complete(BUNDLE, search=search)).files["total"] == 2


async def test_a_scene_that_is_named_twice_is_fetched_once(bench: Bench) -> None:
    scene = bench.service.catalog.find("landsat_ot_c2_l2", SCENES[0])
    assert scene is not None
    search = {"scenes": [scene.display_id, scene.entity_id], "dataset": "landsat_ot_c2_l2"}
    assert (await bench.complete(RED, search=search)).files["total"] == 1
    assert sum(bench.service.file_requests.values()) == 1


async def made(bench: Bench, scenes_file: Path) -> Job:
    """Return a job for the ids in a file, which it reads when it runs."""
    # In a thread, because the check of a config looks whether its files are there.
    search = {"scenes_file": str(scenes_file)}
    return await to_thread.run_sync(partial(bench.job, RED, search=search))


async def test_ids_may_come_from_a_file(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(SCENES))
    job = await made(bench, file)
    assert (await job.run()).files["downloaded"] == 2


async def test_ids_that_are_none_are_refused_before_anything_is_written(
    bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("not an id\n")
    job = await made(bench, file)
    with pytest.raises(ConfigError, match=r"search\.scenes_file"):
        await job.run()
    assert not bench.directory.exists() and not bench.service.calls


async def test_scenes_may_come_from_stac_items_and_names_of_files(
    bench: Bench, tmp_path: Path
) -> None:
    items, names = tmp_path / "items.json", tmp_path / "names.txt"
    features = [{"type": "Feature", "id": f"{scene}_SR", "properties": {}} for scene in SCENES]
    items.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    names.write_text("\n".join(f"old/{scene.lower()}.tar" for scene in SCENES))
    for file in (items, names):
        job = await made(bench, file)
        assert (await job.run()).files["total"] == 2
    assert set(bench.requested.values()) == {1}


async def test_an_unknown_scene_fails_alone(bench: Bench) -> None:
    unknown = SCENES[0].replace("068017", "011011")
    summary = await bench.run(RED, BUNDLE, search={"scenes": [SCENES[0], unknown]})
    assert summary.status == "incomplete" and summary.files["downloaded"] == 2
    assert [(f.file, f.reason) for f in summary.failures] == [
        (f"bands/{unknown}", "not-found"),
        (f"bundle/{unknown}", "not-found"),
    ]


async def test_what_the_service_does_not_offer_at_present_fails_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_offered(option: DownloadOption) -> bool:
        return bool(option.available) and not option.display_id.endswith("_SR_B4.TIF")

    monkeypatch.setattr(selection, "is_offered", is_offered)
    summary = await bench.run(BANDS)
    assert (summary.files["downloaded"], summary.files["failed"]) == (9, 3)
    assert {f.reason for f in summary.failures} == {"not-offered"}


async def test_a_band_that_nobody_has_is_told_before_anything_is_fetched(bench: Bench) -> None:
    with pytest.raises(ConfigError, match=r"SR_B44.*did you mean SR_B4.*SR_B1, SR_B2"):
        await bench.run({"kind": "bands", "bands": ["SR_B4", "SR_B44"]})
    assert bench.service.calls["download-request"] == 0 and not bench.files
    report = orjson.loads((bench.directory / "asyncdl-report.json").read_bytes())
    assert report["status"] == "stopped" and "SR_B44" in report["error"]


async def test_a_group_that_nobody_has_is_told_before_anything_is_requested(bench: Bench) -> None:
    wrong = {"kind": "band_group", "file_groups": ["ls_c2l2_xx_band"]}
    for search in (ANCHORAGE, {"scenes": [SCENES[0]]}):
        with pytest.raises(ConfigError, match="ls_c2l2_sr_band"):
            await bench.run(wrong, RED, search=search)
    assert bench.service.calls["download-request"] == 0


async def test_a_group_is_checked_where_no_scene_is_found(bench: Bench) -> None:
    wrong = {"kind": "band_group", "file_groups": ["ls_c2l2_xx_band"]}
    with pytest.raises(ConfigError, match="ls_c2l2_sr_band"):
        await bench.run(wrong, search=ANCHORAGE | {"start": "1960-01-01", "end": "1960-01-02"})


async def test_a_group_that_scenes_have_takes_no_call(bench: Bench) -> None:
    await bench.complete(GROUP)
    assert bench.service.calls["dataset-file-groups"] == 0


async def test_what_a_scene_lacks_by_nature_is_a_notice_and_no_failure(bench: Bench) -> None:
    assert dataset_of(WITHOUT_ST) == "landsat_ot_c2_l2"
    search = {"scenes": [WITHOUT_ST, SCENES[0]]}
    summary = await bench.complete({"kind": "bands", "bands": ["SR_B4", "ST_B10"]}, search=search)
    assert summary.files["total"] == 3
    assert "Scenes that have no ST_B10, so that nothing is missing: 1." in summary.notices


async def test_a_band_that_no_scene_has_by_nature_is_a_warning_beside_other_files(
    bench: Bench,
) -> None:
    search = {"scenes": [WITHOUT_ST]}
    await bench.complete({"kind": "bands", "bands": ["SR_B4", "ST_B10"]}, search=search)
    (note,) = [e for e in bench.events if isinstance(e, Notice) and "ST_B10" in e.text]
    assert note.severity == "warning" and "there is: " in note.text and "SR_B4" in note.text


async def test_a_band_that_no_scene_has_is_an_error_when_there_is_nothing_else(
    bench: Bench,
) -> None:
    with pytest.raises(ConfigError, match="ST_B10"):
        await bench.run({"kind": "bands", "bands": ["ST_B10"]}, search={"scenes": [WITHOUT_ST]})


async def test_a_search_without_hits_is_complete_and_says_so(bench: Bench) -> None:
    summary = await bench.complete(search=ANCHORAGE | {"start": "1999-01-01", "end": "1999-01-02"})
    assert summary.files["total"] == 0 and "No scene matches the search." in summary.notices


async def test_a_limit_shows_the_full_count(bench: Bench) -> None:
    summary = await bench.complete(RED, search=ANCHORAGE | {"limit": 1})
    assert summary.files["total"] == 1
    assert "Taking 1 of 3 scenes: search.limit is 1." in summary.notices


async def test_a_wrong_token_is_refused_clearly(bench: Bench) -> None:
    job = bench.job(token="wrong")
    with pytest.raises(AuthError):
        await job.run()
    assert job.summary is not None and job.summary.status == "stopped"


async def test_each_finished_file_tells_its_proof(bench: Bench) -> None:
    await bench.complete(BANDS)
    proofs = {
        Path(event.file).suffix: (event.proof, event.source)
        for event in bench.events
        if isinstance(event, FileFinished) and event.state is FileState.DOWNLOADED
    }
    assert proofs == {
        ".TIF": ("length+sha512+tiff", "stac"),
        ".txt": ("length+sha512+text", "stac"),
    }


async def test_no_secret_is_left_anywhere(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    bench.service.faults.preparing = 0.5
    await bench.complete()
    state = b"".join(p.read_bytes() for p in (bench.directory / ".asyncdl").iterdir())
    report = (bench.directory / "asyncdl-report.json").read_bytes()
    told = caplog.text + repr(bench.events)
    for secret in (bench.service.token, "requestSignature", "/download/"):
        assert secret not in told.replace("requestSignature=***", "").replace("/download/***", "")
        assert secret.encode() not in state + report
