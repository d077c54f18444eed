"""Names that nobody knows, and where those are that somebody does."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal


@pytest.mark.parametrize(
    ("dataset", "listing"),
    [("zzz", "`asyncdl datasets`"), ("landsat_x", "`asyncdl datasets landsat`")],
)
def test_an_unknown_dataset_is_answered_with_a_command_that_finds_some(
    dataset: str, listing: str, terminal: Terminal
) -> None:
    assert terminal.run("file-groups", dataset, "--sandbox") == 2
    assert f"{listing} lists them" in terminal.err
    assert terminal.play(f"{listing.strip('`')} --sandbox --json") == 0
    assert "landsat_ot_c2_l2" in terminal.out
