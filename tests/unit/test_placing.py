"""A second place for a file."""

from __future__ import annotations

from pathlib import Path

from asyncdl.job.stages.placing import copy_file
from asyncdl.transfer.parts.part_file import part_path


async def test_what_cannot_be_tidied_up_beside_a_copy_does_not_fail_it(tmp_path: Path) -> None:
    source, target = tmp_path / "source.tif", tmp_path / "bands" / "target.tif"
    source.write_bytes(b"right")
    part_path(target).mkdir(parents=True)
    await copy_file(source, target)
    assert target.read_bytes() == b"right"
