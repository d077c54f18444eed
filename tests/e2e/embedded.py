"""A program that runs a job the way a service does, and looks whether it is still as it was.

Run by ``test_embedded.py``; says nothing when all is well.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

JOIN_S = 20.0
"""A thread that was told to end gets this long; one that was not would stay for good."""
WORKERS = ("AnyIO worker thread", "asyncio_")
"""Idle threads that belong to the loop and go with it."""


def claim(something: object, seen: object) -> None:
    """Fail unless it is so; an assert would be none under ``python -O``."""
    if not something:
        raise AssertionError(seen)


def state() -> dict[str, Any]:
    """Return what a library has to leave alone."""
    root = logging.getLogger()
    return {
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "root logger": (root.level, list(root.handlers), list(root.filters), logging.root.disabled),
        "logger class": logging.getLoggerClass(),
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "folder": Path.cwd(),
    }


def check_unchanged(before: dict[str, Any]) -> None:
    after = state()
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    claim(not changed, changed)


def threads() -> Iterator[threading.Thread]:
    """Yield the threads but for this one."""
    return (thread for thread in threading.enumerate() if thread is not threading.current_thread())


async def serve(url: str, directory: str) -> None:
    """Run a job twice, once watched, while other work of the loop goes on."""
    before = state()
    import asyncdl

    raw = {
        "service": {"url": url, "stac_url": ""},
        "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
        "products": [{"kind": "bands", "bands": ["red"]}],
        "download": {"directory": directory, "stac": True},
    }
    config = asyncdl.parse_config(raw)
    others = asyncio.all_tasks()
    summary = await asyncdl.Job(config).run()
    claim(summary.files["downloaded"] == 1, summary)
    async with asyncdl.Job(config) as job:
        async for _ in job:
            check_unchanged(before)
    claim(job.summary is not None and job.summary.files["skipped"] == 1, job.summary)
    claim(asyncio.all_tasks() == others, asyncio.all_tasks() - others)
    left = [thread for thread in threads() if not thread.name.startswith(WORKERS)]
    claim(not left, left)


def main() -> None:
    before = state()
    asyncio.run(serve(*sys.argv[1:]), debug=False)
    check_unchanged(before)
    for thread in threads():
        thread.join(JOIN_S)
    claim(not list(threads()), list(threads()))
    handlers = [type(one) for one in logging.getLogger("asyncdl").handlers]
    claim(handlers == [logging.NullHandler], handlers)


if __name__ == "__main__":
    main()
