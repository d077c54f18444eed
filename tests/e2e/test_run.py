"""``asyncdl run`` as a process."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio
import orjson
import pytest

from asyncdl.sandbox import Faults, Service
from tests.e2e.conftest import COMMAND, MakeConfig, Run, environment, files_under

ANCHORAGE = Path(__file__).parents[2] / "examples" / "anchorage.toml"


def copy_of_example(folder: Path) -> Path:
    for name in ("anchorage.toml", "anchorage.geojson"):
        (folder / name).write_bytes((ANCHORAGE.parent / name).read_bytes())
    return folder / "anchorage.toml"


async def test_the_demo_fetches_the_notebooks_case_and_the_second_time_nothing(
    asyncdl_run: Run, tmp_path: Path
) -> None:
    config = copy_of_example(tmp_path)
    first = await asyncdl_run("run", config, "--sandbox", "--json")
    assert first.status == 0, first.stderr
    assert first.summary["scenes"] == 3
    totals = {kind: sum(n.values()) for kind, n in first.summary["by_kind"].items()}
    assert totals == {"bands": 12, "bundle": 3, "band_group": 39}
    found = files_under(tmp_path / "data")
    assert len(found) == 54
    again = await asyncdl_run("run", config, "--sandbox", "--json")
    assert again.status == 0
    assert again.summary["files"]["skipped"] == 54
    assert again.summary["bytes"]["downloaded"] == 0
    assert files_under(tmp_path / "data") == found


async def test_for_people_the_outcome_is_a_few_lines(asyncdl_run: Run, tmp_path: Path) -> None:
    ended = await asyncdl_run("run", copy_of_example(tmp_path), "--sandbox")
    assert ended.stdout.startswith("Complete: 3 scenes, 54 files")
    assert "12 files: 12 downloaded" in ended.stdout
    assert "\x1b" not in ended.stdout + ended.stderr, "no display where there is no terminal"


async def test_json_gives_a_line_for_each_file_and_the_summary_last(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("run", make_config(), "--json")
    *files, summary = ended.lines
    assert [line["event"] for line in files] == ["file"] * 6
    assert {line["state"] for line in files} == {"downloaded"}
    assert summary["event"] == "summary"
    assert summary["files"] == {
        "total": 6, "downloaded": 6, "skipped": 0, "failed": 0, "unresolved": 0,
    }  # fmt: skip


async def test_files_in_preparation_come_when_they_are_ready(
    asyncdl_run: Run, make_config: MakeConfig, service: Service
) -> None:
    service.faults = Faults.parse(["preparing=0.5", "polls=4"])
    ended = await asyncdl_run("run", make_config(), "--json")
    assert ended.status == 0, ended.stderr
    assert service.calls["download-retrieve"] >= 4
    assert ended.summary["files"]["downloaded"] == 6


async def test_an_id_that_never_resolves_is_named_with_its_reason(
    asyncdl_run: Run, make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    service.faults = Faults.parse(["never=0.2"])
    ended = await asyncdl_run("run", make_config(poll="interval = 0.05\ndeadline = 0.5"))
    assert ended.status == 1
    report = orjson.loads((tmp_path / "data" / "asyncdl-report.json").read_bytes())
    assert report["status"] == "incomplete"
    unresolved = report["files"]["unresolved"]
    assert 0 < unresolved < 6
    assert report["files"]["downloaded"] == 6 - unresolved
    assert {f["reason"] for f in report["failures"]} == {"deadline"}
    assert report["failures"][0]["file"] in ended.stdout


async def test_a_wrong_token_is_one_clear_line_and_status_3(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("run", make_config(), ASYNCDL_TOKEN="wrong-token-value")
    assert ended.status == 3
    [line] = ended.stderr.splitlines()
    assert "AUTH_INVALID" in line
    assert "wrong-token-value" not in line
    assert ended.stdout == ""


async def test_no_token_at_all_names_the_places_for_one(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("run", make_config(), ASYNCDL_TOKEN="")
    assert ended.status == 3
    [line] = ended.stderr.splitlines()
    assert "ASYNCDL_TOKEN" in line


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"download": "workers = 0"}, ["download.workers = 0", "1 to 256"]),
        ({"download": "wokers = 3"}, ["download.wokers = 3", "did you mean workers?"]),
        ({"products": '[[products]]\nkind = "band"'}, ["products[0].kind = 'band'", '"bundle"']),
        ({"search": "[search"}, ["is not TOML"]),
        ({"search": 'dataset = "x"\naoi = "no.geojson"'}, ["search.aoi = 'no.geojson'"]),
        ({"service_keys": 'token = "abc123"'}, ["service.token", "ASYNCDL_TOKEN"]),
    ],
)
async def test_a_bad_config_is_status_2_with_file_key_value_and_what_is_allowed(
    asyncdl_run: Run,
    make_config: MakeConfig,
    service: Service,
    broken: dict[str, str],
    told: list[str],
) -> None:
    config = make_config(**broken)
    ended = await asyncdl_run("run", config)
    assert ended.status == 2
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"asyncdl: {config}: ")
    assert all(part in line for part in told), line
    assert "abc123" not in line
    assert not service.calls, "nothing went over the network"


async def test_a_band_that_no_scene_has_lists_what_there_is(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    products = '[[products]]\nkind = "bands"\nbands = ["SR_B4", "SR_B44"]'
    ended = await asyncdl_run("run", make_config(products=products))
    assert ended.status == 2
    assert "'SR_B44'" in ended.stderr
    assert "QA_PIXEL" in ended.stderr
    assert files_under(tmp_path / "data") == {}


async def test_a_cut_search_is_told_with_the_full_count(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("run", make_config(search=SEARCH_CUT))
    assert ended.status == 0
    assert "Taking 1 of 3 scenes: search.limit is 1." in ended.stderr


SEARCH_CUT = """
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = 2020-03-01
end = 2020-03-15
cloud_cover = [0, 60]
limit = 1
"""


async def interrupted(
    service: Service,
    config: Path,
    folder: Path,
    *signals: signal.Signals,
    command: Sequence[str] = COMMAND,
) -> int:
    """Run, send the signals once the first file is there, and return the status."""
    async with await anyio.open_process(
        [*command, "run", str(config)],
        env=environment(service),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        with anyio.fail_after(200):
            while not any((folder / "bands").rglob("*.TIF")):
                await anyio.sleep(0.02)
            for number in signals:
                process.send_signal(number)
            return await process.wait()


SENT = "nobody sends a signal to one process alone"
HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)
hangups = (
    pytest.mark.skipif(
        signal.getsignal(HANGUP) is signal.SIG_IGN, reason="these tests run under nohup"
    ),
    pytest.mark.posix("a terminal that goes sends a signal"),
)


@pytest.mark.unix(SENT)
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, pytest.param(HANGUP, marks=hangups)]
)
async def test_an_interrupted_run_tidies_up_and_a_second_one_goes_on(
    asyncdl_run: Run,
    make_config: MakeConfig,
    service: Service,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    service.faults = Faults.parse(["rate=60000"])  # a few files a second: time to interrupt
    config = make_config(download="workers = 1")
    assert await interrupted(service, config, tmp_path / "data", number) == 130
    assert not service.scene_lists.names, "the lists are removed on the way out"
    assert service.calls["logout"] == 1
    report = orjson.loads((tmp_path / "data" / "asyncdl-report.json").read_bytes())
    assert report["status"] == "interrupted"
    done = set(files_under(tmp_path / "data"))
    service.faults = Faults()
    before = dict(service.file_requests)
    again = await asyncdl_run("run", config, "--json")
    assert again.status == 0
    assert again.summary["files"]["skipped"] >= 1
    found = files_under(tmp_path / "data")
    assert not [name for name in found if name.endswith((".part", ".part.state"))]
    for name in done & set(found):
        file = Path(name).name
        assert service.file_requests[file] == before[file], "finished files are not asked for again"


@hangups[0]
@hangups[1]
async def test_a_terminal_that_goes_says_so_twice_and_the_run_still_tidies_up(
    make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    service.faults = Faults.parse(["rate=60000"])
    config = make_config(download="workers = 1")
    hangup = (HANGUP, HANGUP)
    assert await interrupted(service, config, tmp_path / "data", *hangup) == 130
    assert service.calls["logout"] == 1


@pytest.mark.posix("a terminal that goes sends a signal")
async def test_under_nohup_a_run_goes_on_when_the_terminal_has_gone(
    make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    service.faults = Faults.parse(["rate=60000"])
    config = make_config(download="workers = 1")
    nohup = ("/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *COMMAND)
    status = await interrupted(service, config, tmp_path / "data", HANGUP, command=nohup)
    assert status == 0
    assert orjson.loads((tmp_path / "data" / "asyncdl-report.json").read_bytes())["files"]


async def test_two_runs_on_one_directory_the_second_says_who_has_it(
    asyncdl_run: Run, make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    service.faults = Faults.parse(["never=1"])
    config = make_config()
    async with await anyio.open_process(
        [*COMMAND, "run", str(config)],
        env=environment(service),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        with anyio.fail_after(200):
            while not service.calls["download-retrieve"]:
                await anyio.sleep(0.02)
            second = await asyncdl_run("run", config)
            first.send_signal(signal.SIGINT)
            await first.wait()
    assert second.status == 1
    assert f"is in use by process {first.pid}" in second.stderr


async def test_an_outage_is_waited_for_as_long_as_the_option_says(
    asyncdl_run: Run, make_config: MakeConfig, service: Service
) -> None:
    service.faults = Faults(api_down=True)
    ended = await asyncdl_run("run", make_config(), "--max-wait", "1s", "--json")
    assert (ended.status, ended.summary["status"]) == (1, "stopped")
    assert re.search(r"down for \d+ s, and 1 s is the longest", ended.summary["error"])


async def test_an_option_that_is_no_duration_is_refused_with_what_is_allowed(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("run", make_config(), "--max-wait", "soon")
    assert ended.status == 2
    assert "'soon'" in ended.stderr and "6h" in ended.stderr
