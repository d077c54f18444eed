"""``asyncdl`` with large files split and noted so finely that a kill finds them in the middle."""

from __future__ import annotations

from dataclasses import replace

import asyncdl.job.job as job
from asyncdl.cli.main import main
from asyncdl.config import DownloadConfig
from asyncdl.job.choosing.from_config import limits_of
from asyncdl.transfer import Limits

CHECKPOINT_BYTES = 64 * 1024
FLUSH_BYTES = 16 * 1024


def fine_limits(download: DownloadConfig) -> Limits:
    return replace(
        limits_of(download),
        checkpoint_bytes=CHECKPOINT_BYTES,
        flush_bytes=FLUSH_BYTES,
        flush_interval_s=0.02,
        split_from_bytes=CHECKPOINT_BYTES,
        first_look_s=0.0,
        split_after_s=0.0,
        smallest_piece_bytes=CHECKPOINT_BYTES,
    )


if __name__ == "__main__":
    vars(job)["limits_of"] = fine_limits
    main()
