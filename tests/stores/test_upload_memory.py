"""What processes that upload have in memory, beside what is on disk."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from asyncdl.stores.object_store import MIB
from benchmarks.measuring import Run, run
from tests.stores.served import served
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

MOST_MIB = 128


def fetched(weed: Weed, prefix: str, folder: Path, sizes_bytes: list[int]) -> Run:
    """Have the command put some files into the store, with their digests."""
    sums = []
    (folder / "data").mkdir()
    for number, size_bytes in enumerate(sizes_bytes):
        data = number.to_bytes(4, "big") * (size_bytes // 4)
        (folder / "data" / f"{number}.bin").write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {number}.bin\n")
    (folder / "sums").write_text("".join(sums))
    environment = weed.environment() | {
        "AWS_ENDPOINT_URL": weed.endpoint, "AWS_REGION": "us-east-1", "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
    }  # fmt: skip
    with served(folder / "data") as url:
        urls = folder / "urls"
        urls.write_text("".join(f"{url}/{number}.bin\n" for number in range(len(sizes_bytes))))
        target = f"s3://{weed.bucket}/{prefix}"
        options = ["--quiet", "--checksums", str(folder / "sums"), "-d", target, "-i", str(urls)]
        done = run([sys.executable, "-m", "asyncdl", "get", *options], environment)
    listed = weed.client().list_objects_v2(Bucket=weed.bucket, Prefix=f"{prefix}/")["Contents"]
    assert sorted(found["Size"] for found in listed) == sorted(sizes_bytes)[:1000]
    assert weed.uploads(prefix) == []
    return done


def test_a_large_file_is_never_in_memory(weed: Weed, prefix: str, tmp_path: Path) -> None:
    assert fetched(weed, prefix, tmp_path, [512 * MIB]).peak_rss_mib < MOST_MIB


def test_several_large_files_share_a_bound(weed: Weed, prefix: str, tmp_path: Path) -> None:
    assert fetched(weed, prefix, tmp_path, [48 * MIB] * 6).peak_rss_mib < MOST_MIB


def test_many_small_files_share_a_bound(weed: Weed, prefix: str, tmp_path: Path) -> None:
    assert fetched(weed, prefix, tmp_path, [2048] * 900).peak_rss_mib < MOST_MIB
