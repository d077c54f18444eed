"""What the options of ``get`` mean for the engine."""

from __future__ import annotations

import click
import pytest

from asyncdl.cli.get import get
from asyncdl.cli.get_options import GetOptions
from asyncdl.transfer import Digest, Limits

URL, SHA = "http://host/a", "ab" * 32


def options(*arguments: str) -> GetOptions:
    return GetOptions(**get.make_context("get", [URL, *arguments]).params)


def test_the_defaults_are_those_that_the_help_names() -> None:
    limits, usual = options().limits(), Limits()
    assert (limits.max_redirects, limits.header_timeout_s, limits.max_wait_s) == (50, 300.0, 0.0)
    assert limits.connect_timeout_s == usual.connect_timeout_s == 30.0
    assert limits.stall_timeout_s == usual.stall_timeout_s == 60.0
    assert (limits.max_rate_bytes_s, limits.max_size_bytes) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--max-wait", "6h"], "max_wait_s", 21_600.0),
        (["--max-redirects", "0"], "max_redirects", 0),
        (["--connect-timeout", "2.5"], "connect_timeout_s", 2.5),
        (["--header-timeout", "10m"], "header_timeout_s", 600.0),
        (["--stall-timeout", "5s"], "stall_timeout_s", 5.0),
        (["--limit-rate", "1M"], "max_rate_bytes_s", 1 << 20),
        (["--limit-rate", "100K"], "max_rate_bytes_s", 102_400),
        (["--limit-rate", "5 MB/s"], "max_rate_bytes_s", 5_000_000),
        (["--max-size", "2G"], "max_size_bytes", 2 << 30),
        (["-j", "3", "-x", "7"], "connections", 21),
        (["-j", "5"], "connections", 20),
        ([], "connections", 16),
        (["-j", "auto"], "per_host", 16),
        (["-x", "8"], "connections", 16),
        (["-x", "20"], "connections", 20),
        (["-x", "20"], "connections_per_file", 20),
        ([], "connections_per_file", 16),
        (["-j", "5"], "connections_per_file", 4),
    ],
)
def test_an_option_reaches_the_engine(arguments: list[str], field: str, value: float) -> None:
    assert getattr(options(*arguments).limits(), field) == value


@pytest.mark.parametrize("wrong", ["0", "257", "many", "1.5", "-1", "²"])
def test_files_at_once_are_a_number_or_auto(wrong: str) -> None:
    with pytest.raises(click.BadParameter, match="allowed: auto, or 1 to 256"):
        options("-j", wrong)


def test_digests_of_both_options_count() -> None:
    found = options("--sha256", SHA.upper(), "--checksum", f"md5={'0' * 32}").digests()
    assert found == (Digest("sha256", SHA), Digest("md5", "0" * 32))
