"""Settings that lower rooms name are spelt as the reader of a message knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl import remedies
from asyncdl.cli.spelling import _GET_OPTIONS, _NAMED, with_get_options, with_options
from tests.cli.terminal import Terminal


def test_get_names_its_options() -> None:
    assert with_get_options("replace it (`overwrite`)") == "replace it (`--overwrite`)"
    assert with_get_options("`ca_file` or `other`") == "`--cacert` or `other`"


def test_other_commands_name_the_option_behind_the_key() -> None:
    assert (
        with_options("name it by `ca_file`; `name`") == "name it by `ca_file` (`--cacert`); `name`"
    )


OF_JOBS = {"endpoint", "layout", "region", "window"}
"""Keys of a config that a remedy may name: ``get`` has no option for them."""


def test_every_setting_that_a_remedy_names_is_an_option_of_get() -> None:
    texts = [*remedies._BY_REASON.values(), *remedies._BY_STATUS.values()]
    named = {name for text in texts for name in _NAMED.findall(text)}
    assert named and named <= {*_GET_OPTIONS, *OF_JOBS}


@pytest.mark.parametrize("option", sorted({*_GET_OPTIONS.values()}))
def test_get_has_each_option(option: str, terminal: Terminal) -> None:
    assert terminal.run("get", "--help") == 0
    assert f"{option} " in terminal.out or f"{option}," in terminal.out


def test_a_header_that_get_has_an_option_for_is_refused_with_its_name(
    terminal: Terminal, tmp_path: Path
) -> None:
    status = terminal.run("get", "http://127.0.0.1:9/a", "-d", str(tmp_path), "-H", "If-Match: a")
    assert status == 2 and "`-N` has what has changed fetched again" in terminal.err
