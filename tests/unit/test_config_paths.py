"""Paths in configs that a shell or a system would write otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.config import load_config
from asyncdl.errors import ConfigError

CONFIG = (
    '[search]\ndataset = "landsat_ot_c2_l2"\nlimit = 1\n[[products]]\nkind = "bundle"\n[download]\n'
)


def refused(folder: Path, line: str) -> str:
    path = folder / "job.toml"
    path.write_text(f"{CONFIG}{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "right"),
    [
        (r'"D:\new\tiles"', '"D:/new/tiles"'),
        (r'"D:\tiles\b"', '"D:/tiles/b"'),
        (r'"\\\\server\\share\\new\nx"', '"//server/share/new/nx"'),
        (r'"C:\Users\me"', "/ for it"),
        (r'"C:\data"', "/ for it"),
        (r'"D:\x"', "/ for it"),
    ],
)
def test_a_backslash_that_became_something_else_is_named(
    tmp_path: Path, written: str, right: str
) -> None:
    text = refused(tmp_path, f"directory = {written}")
    assert f"write {right}, or use single quotes" in text


@pytest.mark.parametrize(
    "path",
    ["$HOME/data", "${HOME}/data", "%USERPROFILE%/x", "/data/$USER", "a/${X}b", "$env:TEMP/x",
     "%ProgramFiles(x86)%/x"],
)  # fmt: skip
def test_variables_of_shells_are_refused_with_what_to_write(tmp_path: Path, path: str) -> None:
    text = refused(tmp_path, f"directory = '{path}'")
    assert "contains a variable" in text and "a leading ~ is your home folder" in text
    assert f"'{path}'" in text


@pytest.mark.parametrize("path", ["5 $ a day", "data$1", "100%", "50% of 100% done", "a%20b"])
def test_a_sign_alone_is_no_variable(tmp_path: Path, path: str) -> None:
    (tmp_path / "job.toml").write_text(f"{CONFIG}directory = '{path}'\n")
    assert load_config(tmp_path / "job.toml").download.directory == str(tmp_path / path)


def test_a_folder_that_is_there_may_be_called_as_it_likes(tmp_path: Path) -> None:
    (tmp_path / "$HOME").mkdir()
    (tmp_path / "job.toml").write_text(f"{CONFIG}directory = '$HOME'\n")
    assert load_config(tmp_path / "job.toml").download.directory == str(tmp_path / "$HOME")


def test_the_home_folder_is_meant_by_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "job.toml").write_text(f"{CONFIG}directory = '~/data'\n")
    assert load_config(tmp_path / "job.toml").download.directory == str(tmp_path / "data")


def test_a_path_is_shown_as_it_was_written(tmp_path: Path) -> None:
    assert r"token_file = 'C:\me\token': " in refused(
        tmp_path, "[service]\ntoken_file = 'C:\\me\\token'"
    )


def test_what_is_wrong_elsewhere_gets_no_hint(tmp_path: Path) -> None:
    assert "backslash" not in refused(tmp_path, "directory = [")
