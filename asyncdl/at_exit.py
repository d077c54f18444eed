"""Close everything that is still open when the program ends.

Open event loops run in threads, and Python waits for threads before it calls the functions of
``atexit``: without this, a program that leaves one open never ends. So a thread waits for the
end of the main thread and of those still at work, and closes what is left.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

log = logging.getLogger("asyncdl.sync")

P = ParamSpec("P")
T = TypeVar("T")

_NAME = "asyncdl worker at exit"
_open: dict[int, Callable[[], object]] = {}
"""Functions that close open objects, by a number of each."""
_lock = threading.Lock()
_watched_process: int | None = None
"""Its id: neither threads nor open loops survive in a forked process."""


def close_at_exit(key: int, close: Callable[[], object]) -> None:
    """Have ``close`` called when the program ends, unless :func:`is_closed` comes before."""
    global _watched_process
    with _lock:
        if _watched_process != os.getpid():
            _watched_process = os.getpid()
            _open.clear()
            threading.Thread(target=_watch, name=_NAME, daemon=False).start()
        _open[key] = close


def is_closed(key: int) -> None:
    """Forget an object that was closed."""
    with _lock:
        _open.pop(key, None)


def _watch() -> None:
    threading.main_thread().join()
    # The main thread may have left other threads at work, with their own clients.
    while at_work := [thread for thread in threading.enumerate() if _is_at_work(thread)]:
        at_work[0].join()
    with _lock:
        left = list(_open.values())
    closing = [threading.Thread(target=_close, args=(close,), name=_NAME) for close in left]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()


def _is_at_work(thread: threading.Thread) -> bool:
    # The workers of event loops end with their loops; daemons are not waited for.
    is_of_a_loop = "worker" in thread.name.lower() and thread.name.startswith(("AnyIO", "asyncdl"))
    return not thread.daemon and thread is not threading.main_thread() and not is_of_a_loop


def _close(close: Callable[[], object]) -> None:
    try:
        close()
    except Exception:
        log.exception("an object that was open at the end of the program could not be closed")


class PlainThreads(ThreadPoolExecutor):
    """Runs each call in a thread of its own.

    Event loops resolve host names in their executor. Python's own accepts no calls after the
    main thread has ended, and a logout may need a new connection.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn`` in a new thread."""
        future: Future[T] = Future()
        run = partial(_fulfil, future, lambda: fn(*args, **kwargs))
        threading.Thread(target=run, name="asyncdl worker", daemon=True).start()
        return future


def _fulfil(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
