"""``init`` writes what ``run`` takes, from options or from prompts."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.cli import prompts
from asyncdl.cli.init import config_text, toml_value
from asyncdl.cli.main import cli
from asyncdl.config import DownloadConfig, SearchConfig, load_config, parse_config
from tests.cli.terminal import Terminal

SEARCH = ("--dataset", "landsat_ot_c2_l2", "--wrs", "68/17")
GOOD = ["", "-149.9,61.2", "2020-03-01", "2020-03-15", "60", "red, nir08", "", "", ""]
"""One line for each prompt: an empty one takes the default."""


def enter(*lines: str, file: str = "-") -> Result:
    return CliRunner().invoke(cli, ["init", file], input="".join(f"{line}\n" for line in lines))


def config_in(result: Result) -> dict[str, Any]:
    assert not isinstance(result.exception, click.ClickException), result.exception
    return tomllib.loads(result.stdout)


def test_options_make_a_config_that_run_takes(terminal: Terminal, folder: Path) -> None:
    assert terminal.run(
        "init", "--dataset", "landsat_ot_c2_l2", "--aoi", "examples/anchorage.geojson",
        "--start", "2020-03-01", "--end", "2020-03-15", "--cloud-cover", "10-60",
        "--bands", "SR_B4,QA_PIXEL", "--bundle", "--file-groups", "ls_c2l2_sr_band",
        "--directory", "files",
    ) == 0, terminal.err  # fmt: skip
    config = load_config("asyncdl.toml")
    assert config.search.start == date(2020, 3, 1)
    assert config.search.cloud_cover == (10, 60)
    assert [type(product).__name__ for product in config.products] == [
        "BandsProduct", "BundleProduct", "BandGroupProduct",
    ]  # fmt: skip
    assert config.directory == folder / "files"


@pytest.mark.parametrize(
    ("option", "typed", "key", "value"),
    [
        ("--bbox", "-150.9,61,-148.9,61.5", "bbox", (-150.9, 61.0, -148.9, 61.5)),
        ("--point", "-149.9 61.2", "point", (-149.9, 61.2)),
        ("--wrs", "68/17, 68/18", "wrs", ((68, 17), (68, 18))),
    ],
)
def test_an_area_has_many_forms(
    option: str, typed: str, key: str, value: object, terminal: Terminal, folder: Path
) -> None:
    dataset = ("--dataset", "landsat_ot_c2_l2")
    assert terminal.run("init", "a.toml", *dataset, option, typed, "--bundle") == 0, terminal.err
    assert getattr(load_config("a.toml").search, key) == value


def test_a_config_that_is_there_is_replaced_only_by_force(terminal: Terminal, folder: Path) -> None:
    Path("asyncdl.toml").write_text("mine")
    assert terminal.run("init", *SEARCH, "--bundle") == 2
    assert "--force" in terminal.err
    assert Path("asyncdl.toml").read_text() == "mine"
    assert terminal.run("init", *SEARCH, "--bundle", "--force") == 0
    load_config("asyncdl.toml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*SEARCH,), "products"),
        ((*SEARCH, "--bands", "SR_B44"), "has no band SR_B44; did you mean SR_B4?"),
        ((*SEARCH, "--bbox", "1,2,3,4", "--bundle"), "clashes"),
        ((*SEARCH, "--start", "March", "--bundle"), "YYYY-MM-DD"),
        ((*SEARCH, "--cloud-cover", "101", "--bundle"), "0 to 100"),
        (("--dataset", "landsat_ot_c2_l2", "--aoi", "no.geojson", "--bundle"), "no such file"),
        (("--dataset", "landsat_ot_c2_l2", "--bundle"), "whole archive"),
    ],
)
def test_what_run_would_refuse_is_not_written(
    arguments: Sequence[str], message: str, terminal: Terminal, folder: Path
) -> None:
    assert terminal.run("init", *arguments) == 2
    assert message in terminal.err
    assert not Path("asyncdl.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "landsat_ot_c2_l3", "--bundle"), ["c2_l3; did you mean landsat_ot_c2"]),
        (
            ("--dataset", "nix", "--bundle"),
            ["unknown dataset nix; `asyncdl datasets nix`"],
        ),
        (
            ("--dataset", "nix", "--bands", "rde,SR_B4"),
            ["unknown dataset nix", "has a band rde; did you mean red?"],
        ),
        (("--scenes-file", "-", "--bands", "rde,SR_*"), ["has a band rde; did you mean red?"]),
        (("--scenes-file", "-", "--bands", "TOA_?,red"), ["no known dataset has a band TOA_?"]),
        (("--dataset", "landsat_ot_c2_l2", "--bands", "SR_*"), []),
    ],
)
def test_what_only_the_service_knows_is_noted(
    arguments: Sequence[str], message: list[str], terminal: Terminal, folder: Path
) -> None:
    place = () if "--scenes-file" in arguments else ("--wrs", "68/17")
    assert terminal.run("init", *arguments, *place) == 0, terminal.err
    notes = [line for line in terminal.err.splitlines() if line.startswith("Note: ")]
    assert len(notes) == len(message)
    assert all(part in note for part, note in zip(message, notes, strict=True))


def test_inputs_make_a_config_that_run_accepts() -> None:
    config = parse_config(config_in(enter(*GOOD)))
    assert config.search.dataset == "landsat_ot_c2_l2"
    assert config.search.point == (-149.9, 61.2)
    assert config.search.cloud_cover == (0, 60)
    assert [msgspec.to_builtins(p) for p in config.products] == [
        {"kind": "bands", "bands": ("red", "nir08"), "window": None, "exact": False}
    ]


@pytest.mark.parametrize(
    ("question", "bad", "message"),
    [
        (1, "no.geojson", "no such file"),
        (1, "1,99", "latitude"),
        (2, "2020-02-30", "YYYY-MM-DD"),
        (3, "2020-02-01", "before start"),
        (4, "600", "0 to 100"),
        (5, "redd", "did you mean red?"),
        (6, "perhaps", "invalid input"),
    ],
)
def test_a_bad_input_is_prompted_again(question: int, bad: str, message: str) -> None:
    result = enter(*GOOD[:question], bad, *GOOD[question:])
    assert message in result.stderr
    assert config_in(result) == config_in(enter(*GOOD))


def test_a_search_of_everything_is_prompted_again() -> None:
    result = enter("", "", "", "", "", "68/17", *GOOD[2:])
    assert parse_config(config_in(result)).search.wrs == ((68, 17),)


def test_no_product_at_all_is_prompted_again() -> None:
    assert config_in(enter(*GOOD[:5], "", "n", "", *GOOD[5:])) == config_in(enter(*GOOD))


def test_inputs_that_end_too_early_write_nothing(folder: Path) -> None:
    result = enter(*GOOD[:3], file="a.toml")
    assert result.exit_code == 2
    assert "standard input has ended" in result.stderr
    assert not Path("a.toml").exists()


def test_every_key_stands_in_the_text_with_its_own_words() -> None:
    raw = {"search": {"dataset": "x", "limit": 1}, "products": [{"kind": "bundle"}]}
    text = config_text({**raw, "download": {}}, "a.toml")
    for kind in (SearchConfig, DownloadConfig):
        for field in kind.__struct_fields__:
            assert f"\n# {field} =" in text or f"\n{field} =" in text, field
    assert "First day of acquisition, inclusive." in text


@settings(max_examples=40)
@given(st.recursive(st.text() | st.integers() | st.booleans() | st.dates(), st.lists, max_leaves=5))
def test_toml_gives_back_what_was_written(value: object) -> None:
    try:
        text = f"key = {toml_value(value)}\n"
        text.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is in no file that is UTF-8
    assert tomllib.loads(text)["key"] == value


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("1,2", {"point": [1.0, 2.0]}),
        ("1 2 3 4", {"bbox": [1.0, 2.0, 3.0, 4.0]}),
        ("68/17", {"wrs": [[68, 17]]}),
        ("1,2,3", {"aoi": "1,2,3"}),
        (" my area.geojson ", {"aoi": "my area.geojson"}),
    ],
)
def test_an_area_is_recognized_by_its_form(text: str, area: object) -> None:
    assert prompts.area(text) == area
