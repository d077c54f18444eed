"""The products of a dataset are shown with what a config takes for them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.terminal import Terminal

CONFIG = """
[search]
dataset = "srtm_v3"
start = 2000-01-01
limit = 1
[[products]]
kind = "bundle"
{product}
"""


def write(folder: Path, product: str) -> str:
    path = folder / "cells.toml"
    path.write_text(CONFIG.format(product=product))
    return str(path)


def test_products_are_listed_beside_groups(terminal: Terminal, folder: Path) -> None:
    assert terminal.run("file-groups", "landsat_ot_c2_l2", "--sandbox", "--json") == 0
    rows = [orjson.loads(line) for line in terminal.out.splitlines()]
    codes = {row["product_code"]: row for row in rows if "product_code" in row}
    assert codes["D694"]["product_name"] == "Landsat Collection 2 Level-2 Product Bundle"
    assert codes["D694"]["download_system"] == "ls_zip"
    assert {row["file_group"] for row in rows if "file_group" in row} >= {"ls_c2l2_sr_band"}


def test_a_dataset_without_groups_has_products_all_the_same(
    terminal: Terminal, folder: Path
) -> None:
    assert terminal.run("file-groups", "srtm_v3", "--sandbox") == 0
    assert "D539" in terminal.out and "GeoTIFF 1 Arc-second" in terminal.out


def test_a_plan_says_which_product_it_is(terminal: Terminal, folder: Path) -> None:
    config = write(folder, 'product = "geotiff 1 arc-second"')
    assert terminal.run("plan", config, "--sandbox") == 0
    assert "D539  GeoTIFF 1 Arc-second" in terminal.out


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("product", "problem"),
    [
        ("", "products.product: is missing"),
        ('product = "D538"', "products.product = 'D538': no scene has this product"),
        ('product = "arc-second"', "matches several products"),
    ],
)
def test_a_choice_that_is_none_lists_what_there_is(
    terminal: Terminal, folder: Path, command: str, product: str, problem: str
) -> None:
    assert terminal.run(command, write(folder, product), "--sandbox") == 2
    assert problem in terminal.err and "D539 GeoTIFF 1 Arc-second (" in terminal.err
    assert not list(folder.rglob("*.tif"))


@pytest.mark.parametrize("product", ['product = ""', 'product = "--"', "product = 773"])
def test_a_product_that_is_no_text_is_refused_without_a_network(
    terminal: Terminal, folder: Path, product: str
) -> None:
    assert terminal.run("plan", write(folder, product), "--sandbox") == 2
    assert 'a product code such as "D773"' in terminal.err
