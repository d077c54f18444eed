"""Every code block in the README and the pages does what it says.

The commands of a page go on from each other, in one folder, as a reader's do. Its Python does not:
each block is a program of its own, which knows no name that it has not made itself.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
import tomllib
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

import asyncdl
from asyncdl.library import settings, wanted_files
from asyncdl.sandbox import Service
from tests.docs.blocks import ROOT, Block, blocks_of, pages
from tests.docs.terminal import AS, MODULES, NOT_RUN, looks_as_shown, play, steps_of
from tests.own_examples import copy_examples

LANGUAGES = {"python", "console", "toml"}
"""What is tried; other blocks are for the eye, and say so by having no language or another one."""

BASE: dict[str, Any] = {
    "search": {"dataset": "landsat_ot_c2_l2", "limit": 1},
    "products": [{"kind": "bundle"}],
    "download": {"directory": "data"},
}
"""What a fragment of a config is tried with."""

with_blocks = [page for page in pages() if any(b.language in LANGUAGES for b in blocks_of(page))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader is: in a folder with the examples and the files that the pages speak of."""
    copy_examples(tmp_path)
    copy_examples(tmp_path / "examples")
    for config in tmp_path.rglob("*.toml"):  # a new URL for a file comes with the next look
        config.write_text(f"{config.read_text()}\n[poll]\ninterval = 0.2\n")
    (tmp_path / "ids.txt").write_text("LC08_L2SP_068017_20200310_20200822_02_T1\n")
    for name in ("parcels.gpkg", "company-ca.pem", "me.pem", "me-key.pem"):
        (tmp_path / name).touch()
    token = tmp_path / "token"
    token.write_text("a token\n")
    token.chmod(0o600)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(300)  # a page may have a dozen commands, each a process
@pytest.mark.allow_blocking  # a config is read before the work begins, on the loop or not
@pytest.mark.parametrize("page", with_blocks)
async def test_the_blocks_of_a_page_do_what_they_say(
    page: str, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ASYNCDL_USERNAME", service.username)
    monkeypatch.setenv("ASYNCDL_TOKEN", service.token)
    for module in (settings, wanted_files):
        monkeypatch.setattr(module, "parse_config", partial(parse_for, service))
    for block in blocks_of(page):
        await try_block(block, service.url, folder)


def parse_for(service: Service, raw: dict[str, Any]) -> asyncdl.Config:
    """Read arguments of a call that names no service: this one stands in for the USGS's."""
    place = {"url": service.url, "stac_url": service.stac_url}
    return asyncdl.parse_config({"service": place} | raw)


async def try_block(block: Block, service_url: str, folder: Path) -> None:
    if block.title:
        (folder / block.title).write_text(block.text, encoding="utf-8")
    match block.language:
        case "python" if "asyncio.run" in block.text:
            await run_program(block, folder, service_url)
        case "python" if all(map(is_installed, modules_of(block))):
            await run_in_place(block)
        case "toml":
            raw = tomllib.loads(block.text)
            asyncdl.parse_config(raw if "products" in raw and "search" in raw else in_a_whole(raw))
        case "console":
            for step in steps_of(block):
                if step.is_run:
                    printed = await play(step, folder, environment())
                    assert looks_as_shown(step.shown, printed), "\n".join([str(block), *printed])


def modules_of(block: Block) -> set[str]:
    """Return what a block imports that the tests do without."""
    code = compile(
        block.text, str(block), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    )
    named = {
        alias.name if isinstance(node, ast.Import) else node.module or ""
        for node in ast.walk(code)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return named & MODULES


def is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


def in_a_whole(fragment: dict[str, Any]) -> dict[str, Any]:
    """Return a whole config with the tables of a fragment in it."""
    tables = {
        name: BASE.get(name, {}) | table for name, table in fragment.items() if name != "products"
    }
    return BASE | fragment | tables


def environment() -> dict[str, str]:
    """Return what a reader's shell knows: the command is installed, output comes in order."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


async def run_in_place(block: Block) -> None:
    """Run a block as `python -m asyncio` and notebooks do, in a namespace of its own."""
    names: dict[str, Any] = {"__name__": "page"}
    code = compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if "sync." in block.text:  # which is not for a loop's thread
        await anyio.to_thread.run_sync(exec, code, names)
        return
    with warnings.catch_warnings():
        if modules_of(block):
            warnings.simplefilter("ignore")  # what other packages warn of is none of ours
        result = eval(code, names)
    if inspect.isawaitable(result):
        await result


async def run_program(block: Block, folder: Path, service_url: str) -> None:
    """Run a whole program, which reads its config from a file."""
    config = folder / "examples" / "anchorage.toml"
    if "[service]" not in (text := config.read_text()):
        config.write_text(f'{text}\n[service]\nurl = "{service_url}"\n')
    (folder / "program.py").write_text(block.text, encoding="utf-8")
    with anyio.fail_after(200):
        done = await anyio.run_process(
            [sys.executable, "program.py"], cwd=folder, env=environment(), check=False
        )
    assert done.returncode == 0, f"{block}: {done.stderr.decode()}"


def test_every_block_has_a_language_that_is_tried_or_known() -> None:
    """A typing error in a fence would let its block go untried."""
    others = {b.language for page in pages() for b in blocks_of(page)} - LANGUAGES
    assert others <= {"", "ini", "json", "text"}


def test_every_block_of_python_makes_all_names_that_it_uses(tmp_path: Path) -> None:
    """Also those that are not run here, for want of what they import."""
    blocks = [b for page in pages() for b in blocks_of(page) if b.language == "python"]
    for number, block in enumerate(blocks):
        (tmp_path / f"block{number}.py").write_text(f"# {block}\n{block.text}", encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821"]
    done = subprocess.run([*ruff, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(blocks) > 25


def test_every_exception_from_running_is_needed() -> None:
    commands = [
        step.command
        for page in pages()
        for block in blocks_of(page)
        if block.language == "console"
        for step in steps_of(block)
    ]
    unused = [start for start in NOT_RUN if not any(c.startswith(start) for c in commands)]
    assert unused == []
    python = [b for page in pages() for b in blocks_of(page) if b.language == "python"]
    assert {module for block in python for module in modules_of(block)} == MODULES


def test_what_make_demo_comes_to_is_its_recipe() -> None:
    recipe = AS["make demo"].replace("asyncdl", "python -m asyncdl", 1)
    assert f"$(BIN)/{recipe}" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("shown", "is_right"),
    [
        ([], True),
        (["one", "two"], True),
        (["…", "two"], True),
        (["o…", "two"], True),
        (["one"], False),
        (["one", "three"], False),
        (["one", "two", "three"], False),
    ],
)
def test_output_is_compared_line_by_line_and_dots_stand_for_anything(
    shown: list[str], is_right: bool
) -> None:
    assert looks_as_shown(shown, ["one", "two"]) is is_right
