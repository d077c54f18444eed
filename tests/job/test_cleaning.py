"""``asyncdl clean`` of a job in a folder: what is unfinished goes, and is this job's."""

from __future__ import annotations

import pytest

from asyncdl.errors import DirectoryBusyError
from asyncdl.job.cleaning import Cleaned, clean_job
from asyncdl.journal import open_state
from asyncdl.transfer.parts.part_file import part_path, state_path
from tests.job.bench import RED, Bench

pytestmark = pytest.mark.slow


async def clean(bench: Bench) -> Cleaned:
    return await clean_job(bench.config(RED), "sandbox", lambda text: None)


async def test_only_parts_of_files_of_the_job_go(bench: Bench) -> None:
    await bench.complete(RED)
    finished = bench.files
    others = bench.directory / "download.zip.part"
    for path in (part_path(finished[0]), state_path(finished[0]), others):
        path.write_bytes(b"123")
    assert await clean(bench) == Cleaned(1, 6)
    assert bench.files == sorted([*finished, others])
    assert await clean(bench) == Cleaned()


async def test_a_folder_without_a_job_is_left_as_it_is(bench: Bench) -> None:
    assert await clean(bench) == Cleaned()
    assert not bench.directory.exists()


async def test_nothing_goes_while_a_run_goes_on(bench: Bench) -> None:
    await bench.complete(RED)
    async with open_state(bench.directory, "sandbox"):
        with pytest.raises(DirectoryBusyError):
            await clean(bench)
