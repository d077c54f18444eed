"""Jobs whose replies are damaged on their way, wherever they are not essential."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import anyio.to_thread
import msgspec
import orjson
import pytest

from asyncdl.events import FileFinished
from asyncdl.job.choosing.scenes import found_scenes
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.plan import make_plan
from asyncdl.job.reporting.report import Summary
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.m2m.calling import calls, envelope
from asyncdl.m2m.calling.envelope import read_envelope
from asyncdl.m2m.models import REPLIES, Json
from asyncdl.m2m.reply_rows import RawRows
from asyncdl.pages.maps import map_page
from asyncdl.sandbox import Faults
from tests.damage import Path as Place
from tests.damage import damage
from tests.job.bench import ANCHORAGE, BANDS, BUNDLE, GROUP, RED, Bench

HARMS = 12
"""In each reply."""

SPARED = frozenset(
    {
        "secondaryDownloads",
        "availableDownloads",
        "preparingDownloads",
        "available",
        "requested",
        "eulaCode",
    }
)
"""The lists of what a job is about, and a text that would ask for something."""

Rewrite: TypeAlias = Callable[[str, Json], Json]
"""From endpoint and data to the data that comes instead."""

Rewriting: TypeAlias = Callable[[Rewrite], None]


@pytest.fixture
def rewriting(monkeypatch: pytest.MonkeyPatch) -> Rewriting:
    """Let all replies from now on come changed."""
    read = read_envelope

    def begin(rewrite: Rewrite) -> None:
        def read_and_rewrite(endpoint: str, *args: object, **options: object) -> Json:
            data = read(endpoint, *args, **options)  # type: ignore[arg-type]
            if isinstance(data, RawRows):
                return RawRows(_rows(orjson.dumps(rewrite(endpoint, data.plain()))))
            return data if data is None else rewrite(endpoint, data)

        monkeypatch.setattr(calls, "read_envelope", read_and_rewrite)

    return begin


def _rows(text: bytes) -> list[msgspec.Raw]:
    return msgspec.json.decode(text, type=list[msgspec.Raw])


def spares(path: Place) -> bool:
    """Leave lists and their elements: what is lost with one is lost."""
    is_row_of_options = isinstance(path[0], int) and path[-1] == "available"
    return (path[-1] in SPARED and not is_row_of_options) or isinstance(path[-1], int)


def harming(seed: int, count: int = HARMS, spares: Callable[[Place], bool] = spares) -> Rewrite:
    """Return what harms each reply at random, for each seed in another way."""
    chance = random.Random(seed)

    def rewrite(endpoint: str, data: Json) -> Json:
        kind = REPLIES.get(endpoint)
        return data if kind is None else damage(chance, data, kind, count, spares)

    return rewrite


@pytest.mark.parametrize("seed", range(24))
async def test_a_job_on_damaged_replies_is_complete(
    bench: Bench, rewriting: Rewriting, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewriting(harming(seed))
    if seed % 4 < 2:
        monkeypatch.setattr(envelope, "LARGE_BYTES", 8)  # rows are read scene by scene
    if seed % 3 == 0:
        bench.service.faults = Faults(preparing=0.5, checksums=True)
    summary = await bench.complete(RED if seed % 2 else BANDS, BUNDLE)
    assert summary.files["downloaded"] == (6 if seed % 2 else 15)


@pytest.mark.parametrize("seed", range(24, 30))
async def test_file_groups_of_damaged_replies_are_complete(
    bench: Bench, rewriting: Rewriting, seed: int
) -> None:
    """But for the groups themselves: a file of which nobody says that it is in one is in none."""
    rewriting(harming(seed, spares=lambda place: spares(place) or "fileGroups" in place))
    summary = await bench.complete(GROUP)
    assert summary.files["downloaded"] == 39


@pytest.mark.parametrize("seed", range(10))
async def test_plan_and_map_take_damaged_replies(
    bench: Bench, rewriting: Rewriting, seed: int
) -> None:
    rewriting(harming(seed, count=30))
    config = bench.config(BANDS, BUNDLE, scenes_per_page=100)
    account = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(account, url=bench.service.url) as client:
        made = await make_plan(
            client, config, search_plan_of(config), "sandbox", emit=lambda event: None
        )
        scenes = await found_scenes(client, search_plan_of(config), config, emit=lambda event: None)
    assert (made.scenes, made.kinds["bands"].files, made.kinds["bundle"].files) == (3, 12, 3)
    assert orjson.dumps(made.as_json())
    assert len(scenes) == 3 and len({scene.entity_id for scene in scenes}) == 3
    assert scenes[0].acquired in await anyio.to_thread.run_sync(map_page, "Scenes", scenes)


@pytest.mark.parametrize("lost", [("totalHits",), ("nextRecord",), ("totalHits", "nextRecord")])
async def test_a_search_is_whole_though_its_pages_say_little(
    bench: Bench, rewriting: Rewriting, lost: tuple[str, ...]
) -> None:
    def rewrite(endpoint: str, data: Json) -> Json:
        keeps = endpoint != "scene-search"
        return data if keeps else {key: data[key] for key in data if key not in lost}

    rewriting(rewrite)
    config = bench.config(RED, scenes_per_page=1)
    account = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(account, url=bench.service.url) as client:
        scenes = await found_scenes(client, search_plan_of(config), config, emit=lambda event: None)
    assert len(scenes) == 3


# --- Level 1 as the service sends it since October 2025 ------------------------------

# Read on import: a test with a loop may not block it.
DATA = Path(__file__).parent.parent / "data"
L1_ROWS: list[Json] = orjson.loads(
    (DATA / "recorded_download-options_landsat_ot_c2_l1_2025-10.json").read_bytes()
)
UNSAID = [{"id": "sha512", "value": None}]
LEVEL_1 = ANCHORAGE | {"dataset": "landsat_ot_c2_l1"}


def as_recorded(endpoint: str, data: Json) -> Json:
    """Put the recorded rows in place of the sandbox's, with its ids and single files."""
    if endpoint != "download-options":
        return data
    by_scene: dict[str, list[Json]] = {}
    for row in data:
        by_scene.setdefault(row["entityId"], []).append(row)
    return [row for rows in by_scene.values() for row in _recorded_rows(rows)]


def _recorded_rows(rows: list[Json]) -> list[Json]:
    scene = {key: rows[0][key] for key in ("displayId", "entityId", "datasetId")}
    staged = next(row["id"] for row in rows if row["downloadSystem"] == "dds_ms")
    files = next(row["secondaryDownloads"] for row in rows if row["downloadSystem"] == "folder")
    changes: dict[str, Json] = {
        "dds_ms": {"id": staged},
        "folder": {"secondaryDownloads": [file | {"checksum": UNSAID} for file in files]},
    }
    return [row | scene | changes.get(row["downloadSystem"], {}) for row in L1_ROWS]


async def run_level_1(bench: Bench, rewriting: Rewriting) -> Summary:
    bench.service.faults = Faults(dds=1.0)  # fresh scenes have no other bundle
    rewriting(as_recorded)
    bands = {"kind": "bands", "bands": ["B4", "QA_PIXEL"]}
    return await bench.complete(bands, BUNDLE, search=LEVEL_1)


async def test_level_1_of_october_2025_comes_whole(bench: Bench, rewriting: Rewriting) -> None:
    summary = await run_level_1(bench, rewriting)
    assert summary.files["downloaded"] == 9
    assert sum(path.suffix == ".tar" for path in bench.files) == 3
    browse = {row["id"] for row in L1_ROWS if row["downloadSystem"] == "ls_frb"}
    assert len(browse) == 6
    assert browse.isdisjoint(product for _, product in bench.requested)


async def test_checksums_without_a_value_are_said_once(
    bench: Bench, rewriting: Rewriting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "asyncdl"):
        await run_level_1(bench, rewriting)
    said = [line for line in caplog.messages if "unusable checksums" in line]
    assert len(said) == 1
    assert "sha512 without a value" in said[0] and "(6 times)" in said[0]


# --- checksums of any name -----------------------------------------------------------


@pytest.mark.parametrize(
    ("cksum", "sha256"),
    [("cksum", "sha256"), ("CKSUM", "SHA256SUM"), ("no-such", "sha-256"), ("crc", "Sha256Sum")],
)
async def test_a_digest_counts_whatever_the_service_calls_it(
    bench: Bench, rewriting: Rewriting, cksum: str, sha256: str
) -> None:
    names = {b'"cksum"': b'"%b"' % cksum.encode(), b'"sha256sum"': b'"%b"' % sha256.encode()}

    def rewrite(endpoint: str, data: Json) -> Json:
        text = orjson.dumps(data)
        for name, other in names.items():
            text = text.replace(name, other)
        return orjson.loads(text)

    bench.service.faults = Faults(checksums=True)
    rewriting(rewrite)
    await bench.complete(RED, verify="checksum", stac_url="")
    proofs = [event.proof for event in bench.events if isinstance(event, FileFinished)]
    assert len(proofs) == 3 and all("sha256" in proof for proof in proofs)
