"""``asyncdl verify`` as a process."""

from __future__ import annotations

import os
from pathlib import Path

from asyncdl.sandbox import Service
from tests.e2e.conftest import MakeConfig, Run, files_under

ALL_KINDS = """
[[products]]
kind = "bands"
bands = ["SR_B4", "MTL"]
[[products]]
kind = "bundle"
"""


def flip_a_bit(path: Path) -> None:
    """Change one bit in the middle, as a failing disk does: no size and no date tells of it."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


async def test_all_files_are_right_and_no_network_is_asked(
    asyncdl_run: Run, make_config: MakeConfig, service: Service
) -> None:
    config = make_config(products=ALL_KINDS)
    await asyncdl_run("run", config)
    calls = service.calls.total()
    ended = await asyncdl_run("verify", config)
    assert ended.status == 0 and ended.stdout.startswith("12 of 12 files right"), ended.stderr
    assert service.calls.total() == calls


async def test_flipped_bits_and_lost_files_are_found_and_mended(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    config, data = make_config(products=ALL_KINDS), tmp_path / "data"
    await asyncdl_run("run", config)
    truth = files_under(data)
    red, text, tar = (next(data.rglob(pattern)) for pattern in ("*_B4.TIF", "*_MTL.txt", "*.tar"))
    flip_a_bit(red)
    flip_a_bit(tar)
    text.unlink()
    found = await asyncdl_run("verify", config, "--json")
    assert found.status == 1
    reasons = {line["file"]: line["reason"] for line in found.lines[:-1]}
    assert reasons == {
        str(red.relative_to(data)): "checksum-mismatch",
        str(tar.relative_to(data)): "checksum-mismatch",
        str(text.relative_to(data)): "missing",
    }
    assert found.summary["files"] == {"total": 12, "verified": 9, "damaged": 3}
    assert (await asyncdl_run("status", config, "--json")).summary["files"]["bands"]["damaged"] == 2
    mended = await asyncdl_run("verify", config, "--repair", "--json")
    assert mended.status == 0, mended.stderr
    assert (mended.summary["files"]["total"], mended.summary["files"]["downloaded"]) == (3, 3)
    assert files_under(data) == truth


async def test_a_run_fetches_what_was_found_damaged_too(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    config, data = make_config(), tmp_path / "data"
    await asyncdl_run("run", config)
    truth = files_under(data)
    flip_a_bit(next(data.rglob("*_B4.TIF")))
    assert (await asyncdl_run("verify", config, "--quiet")).status == 1
    ended = await asyncdl_run("run", config, "--json")
    assert (ended.summary["files"]["skipped"], ended.summary["files"]["downloaded"]) == (5, 1)
    assert files_under(data) == truth


async def test_a_file_that_is_right_again_is_trusted_again(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    config, data = make_config(), tmp_path / "data"
    await asyncdl_run("run", config)
    red = next(data.rglob("*_B4.TIF"))
    kept = red.read_bytes()
    flip_a_bit(red)
    await asyncdl_run("verify", config)
    red.write_bytes(kept)
    assert (await asyncdl_run("verify", config)).status == 0


async def test_without_a_run_there_is_nothing_to_verify(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    ended = await asyncdl_run("verify", make_config())
    assert ended.status == 1 and ended.stdout.startswith("Nothing was verified")
    assert not (tmp_path / "data").exists()
