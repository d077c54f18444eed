"""What ``asyncdl clean`` takes: a config, or a place in a store."""

from __future__ import annotations

import pytest

from asyncdl.cli.main import exit_status


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Give either a CONFIG or -d"),
        (["x.toml", "-d", "s3://bucket"], "Give either a CONFIG or -d"),
        (["x.toml", "--older-than", "1d"], "is for -d"),
        (["-d", "data"], "allowed: s3://bucket/prefix"),
        (["-d", "s3://key:secret@bucket/x"], "credentials do not belong there"),
    ],
)
def test_a_place_or_a_config_is_cleaned(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(["clean", *arguments]) == 2
    printed = capsys.readouterr()
    assert problem in printed.err and "secret" not in printed.err + printed.out
