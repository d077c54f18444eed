"""Names that nobody knows, and where those are that somebody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


@pytest.mark.parametrize(
    ("dataset", "listing"),
    [("zzz", "`asyncdl datasets`"), ("landsat_x", "`asyncdl datasets landsat`")],
)
def test_an_unknown_dataset_is_an_error_with_a_command_that_lists_some(
    dataset: str, listing: str, terminal: Terminal
) -> None:
    assert terminal.run("file-groups", dataset, "--sandbox") == 2
    assert f"{listing} lists them" in terminal.err
    assert terminal.play(f"{listing.strip('`')} --sandbox --json") == 0
    assert "landsat_ot_c2_l2" in terminal.out


CONFIG = """
[search]
dataset = "landsat_ot_c2_l3"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
[[products]]
kind = "bundle"
[download]
directory = "data"
"""


@pytest.mark.parametrize(
    "command",
    [
        ("search", "job.toml", "--sandbox"),
        ("search", "job.toml", "--sandbox", "--json"),
        ("map", "job.toml", "-o", "map.html", "--sandbox"),
        ("plan", "job.toml", "--sandbox"),
        ("run", "job.toml", "--sandbox"),
        ("file-groups", "landsat_ot_c2_l3", "--sandbox"),
        ("bands", "landsat_ot_c2_l3"),
    ],
    ids=" ".join,
)
def test_every_command_says_the_same_of_a_dataset_that_is_none(
    command: tuple[str, ...], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job.toml").write_text(CONFIG)
    assert terminal.run(*command) == 2
    assert "'landsat_ot_c2_l3'" in terminal.err
    assert "; did you mean landsat_ot_c2_l2? (allowed: " in terminal.err
    assert "DATASET_INVALID" not in terminal.err
    assert terminal.out == ""


@pytest.mark.parametrize("command", ["search", "map", "plan", "run"])
def test_a_metadata_field_that_is_none_is_refused_by_every_command_alike(
    command: str, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = '[search.metadata]\n"Image Qualty" = [10, 20]\n[[products]]'
    text = CONFIG.replace("l3", "l2").replace("[[products]]", table)
    Path("job.toml").write_text(text)
    output = ("-o", "map.html") if command == "map" else ()
    assert terminal.run(command, "job.toml", *output, "--sandbox") == 2
    assert "has no metadata field 'Image Qualty'; did you mean 'Image Quality'?" in terminal.err


def test_a_search_for_datasets_that_finds_none_says_what_may_have_been_meant(
    terminal: Terminal,
) -> None:
    """It is an empty list, as of any search, and no error."""
    assert terminal.run("datasets", "landsat_ot_c2_l3", "--sandbox", "--json") == 0
    assert terminal.out == ""
    assert "in its name; did you mean landsat_ot_c2_l2?" in terminal.err
