"""A plan counts what a run would fetch, and asks for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import ConfigError, DiskError
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.plan import Plan, make_plan
from asyncdl.journal import STATE_FOLDER
from asyncdl.m2m import Credentials, M2MClient
from tests.job.bench import BANDS, RED, Bench


async def plan(bench: Bench, *products: dict[str, Any], **settings: Any) -> Plan:
    config = bench.config(*products, **settings)
    account = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(account, url=bench.service.url) as client:
        return await make_plan(
            client, config, search_plan_of(config), "sandbox", emit=bench.events.append
        )


async def test_a_plan_counts_what_is_wanted_and_changes_nothing(bench: Bench) -> None:
    made = await plan(bench)
    assert {kind: counts.files for kind, counts in made.kinds.items()} == {
        "bands": 12, "bundle": 3, "band_group": 39
    }  # fmt: skip
    assert (made.scenes, made.missing_bytes > 0, made.fits) == (3, True, True)
    assert made.quota.room == 15_000
    assert bench.service.calls["download-request"] == 0 and not bench.directory.exists()


async def test_a_file_that_two_products_want_is_requested_once(bench: Bench) -> None:
    made = await plan(bench)
    await bench.complete(files_per_request=20)
    assert made.requests == len(bench.requested) < 54


@pytest.mark.parametrize("products", [(), (BANDS,)])
async def test_after_a_run_nothing_is_missing(bench: Bench, products: tuple[Any, ...]) -> None:
    await bench.complete(*products)
    made = await plan(bench, *products)
    assert (made.requests, made.missing_bytes) == (0, 0)
    assert all(counts.files == counts.present_files for counts in made.kinds.values())
    assert made.as_json()["products"]["bands"]["present_files"] == 12


async def test_files_are_known_without_a_journal_too(bench: Bench) -> None:
    await bench.complete(RED)
    (bench.directory / ".asyncdl" / "journal.sqlite").unlink()
    assert (await plan(bench, RED)).requests == 0


def make_file(directory: Path) -> None:
    directory.write_text("in the way")


def make_file_above(directory: Path) -> None:
    directory.parent.rmdir()
    directory.parent.write_text("in the way")


def make_dangling(directory: Path) -> None:
    directory.symlink_to("nowhere")


def make_file_for_state(directory: Path) -> None:
    directory.mkdir()
    (directory / STATE_FOLDER).write_text("in the way")


def make_dangling_state(directory: Path) -> None:
    directory.mkdir()
    (directory / STATE_FOLDER).symlink_to("nowhere")


@pytest.mark.parametrize(
    "spoil",
    [make_file, make_file_above, make_dangling, make_file_for_state, make_dangling_state],
)
async def test_a_plan_stops_at_a_directory_as_a_run_does(
    bench: Bench, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    (tmp_path / "in").mkdir()
    bench.directory = tmp_path / "in" / "it"
    spoil(bench.directory)
    with pytest.raises(DiskError) as caught:
        await plan(bench, RED)
    summary = await bench.run(RED)
    assert (summary.status, summary.error) == ("stopped", str(caught.value))
    assert "is a " in summary.error and bench.service.calls == {}


async def test_a_plan_stops_at_a_name_too_long(bench: Bench, tmp_path: Path) -> None:
    bench.directory = tmp_path / ("d" * 256)
    with pytest.raises(DiskError, match="too long"):
        await plan(bench, RED)


@pytest.mark.parametrize("there", [".", "data", f"data/{STATE_FOLDER}"])
async def test_a_plan_tells_that_nothing_may_be_written(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    """The user who runs the tests may have all rights, so the system's word is made up."""
    bench.directory = tmp_path / "data"
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    asked: list[Path] = []
    monkeypatch.setattr("os.access", lambda at, mode: asked.append(at))
    with pytest.raises(DiskError, match="Permission denied"):
        await plan(bench, RED)
    assert asked == [tmp_path / there]


async def test_a_plan_refuses_what_a_run_would_refuse(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="NO_SUCH"):
        await plan(bench, {"kind": "bands", "bands": ["NO_SUCH"]})
