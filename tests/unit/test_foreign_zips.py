"""Zips that other programs wrote come out as ``zipfile`` reads them."""

from __future__ import annotations

import ensurepip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.test_zip import as_zipfile_reads, read_whole, stream

WAYS = {
    "zip": ["zip", "-qr", "a.zip", "d"],
    "zip, stored": ["zip", "-qr", "-0", "a.zip", "d"],
    "zip, sizes behind": ["zip", "-qr", "-fd", "a.zip", "d"],
    "zip, Zip64": ["zip", "-qr", "-fz", "a.zip", "d"],
    "zip, piped": ["sh", "-c", "zip -qr - d | cat > a.zip"],
    "zip, piped and stored": ["sh", "-c", "zip -qr -0 - d | cat > a.zip"],
    "7z": ["7z", "a", "-bd", "-tzip", "a.zip", "d"],
    "7z, bzip2": ["7z", "a", "-bd", "-tzip", "-mm=BZip2", "a.zip", "d"],
    "7z, LZMA": ["7z", "a", "-bd", "-tzip", "-mm=LZMA", "a.zip", "d"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "d" / "below"
    below.mkdir(parents=True)
    (tmp_path / "d" / "noise.tif").write_bytes(os.urandom(90_000))
    (tmp_path / "d" / "empty").touch()
    (below / "ü b.txt").write_text("text" * 9000)
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_a_zip_of_another_program(way: str, folder: Path) -> None:
    command = WAYS[way]
    if shutil.which(way.partition(",")[0]) is None:
        pytest.skip(f"{way.partition(',')[0]} is not installed")
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    data = (folder / "a.zip").read_bytes()
    truth = as_zipfile_reads(data)
    assert len(truth) == 3
    assert stream(data, 1000).files == read_whole(data).files == truth


def test_the_wheels_that_python_brings() -> None:
    wheels = list(Path(ensurepip.__file__).parent.rglob("*.whl"))
    if not wheels:
        pytest.skip("this Python comes without any")
    for wheel in wheels:
        data = wheel.read_bytes()
        assert stream(data, 65_536).files == as_zipfile_reads(data)
