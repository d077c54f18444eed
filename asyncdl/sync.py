"""The same calls from ordinary code and notebooks, without ``await`` and event loop.

::

    from asyncdl import sync

    with sync.M2MClient(credentials) as client:
        print(client.permissions())

    with sync.Job(config) as job:
        for event in job:
            ...
    print(job.summary)

Each block has an event loop in a thread of its own, so it also works where a loop
is running already, as in a notebook. Methods, arguments, results and errors are those
of the asynchronous classes of the same names; ``sync.pyi`` is made from them. An
interrupt (Ctrl-C) in the block cancels the work, which saves its state as usual.
Everything that is still open when the program ends is closed then, however it ends:
runs are cancelled, and clients log out.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from functools import partial, update_wrapper
from types import TracebackType
from typing import Any, ClassVar, ParamSpec, Self, TypeVar

import anyio.from_thread
from anyio.from_thread import BlockingPortal

from asyncdl.at_exit import PlainThreads, close_at_exit, is_closed
from asyncdl.config import Config
from asyncdl.errors import MisuseError
from asyncdl.job import job as _job
from asyncdl.job.reporting.report import Summary
from asyncdl.library.checking import status as _status
from asyncdl.library.checking import verify as _verify
from asyncdl.library.downloading import download as _download
from asyncdl.library.downloading import plan as _plan
from asyncdl.library.mapping import map as _map
from asyncdl.library.searching import search as _search
from asyncdl.m2m import m2m_client as _client
from asyncdl.transfer import downloader as _downloader

__all__ = [
    "Downloader",
    "Job",
    "M2MClient",
    "download",
    "map",
    "plan",
    "run_job",
    "search",
    "status",
    "verify",
]


_OUTSIDE = "{} works inside its `with` block only"


class _SyncProxy:
    """Synchronous calls of an asynchronous object, which is made when the block is entered."""

    _of: ClassVar[type]
    """The asynchronous class."""

    def __init_subclass__(cls, of: type) -> None:
        """Give the class the signature and the methods of the asynchronous one, for ``help``."""
        cls._of = of
        cls.__signature__ = inspect.signature(of)  # type: ignore[attr-defined]
        for name, method in inspect.getmembers(of, inspect.isfunction):
            if not name.startswith("_") and name not in _HIDDEN:
                setattr(cls, name, _ordinary(method))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._make = partial(self._of, *args, **kwargs)
        self._resources = ExitStack()
        self._portal: BlockingPortal | None = None
        self._target: Any = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._portal = stack.enter_context(anyio.from_thread.start_blocking_portal())
            self._portal.call(_use_plain_threads)
            # In the loop's thread, since some constructors need a loop.
            made = self._portal.call(self._make)
            self._target = stack.enter_context(self._portal.wrap_async_context_manager(made))
            self._resources = stack.pop_all()
        close_at_exit(id(self), partial(self.__exit__, None, None, None))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._portal = None
        is_closed(id(self))
        return self._resources.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._target is None:
            raise AttributeError(f"{type(self).__name__} has no {name!r} outside its block")
        return getattr(self._target, name)

    def __iter__(self) -> Iterator[Any]:
        return _iterate(self, aiter(self._target))

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if self._portal is None:
            raise MisuseError(_OUTSIDE.format(type(self).__name__))
        return self._portal.call(function, *args)

    def _open(self, manager: AbstractAsyncContextManager[Any]) -> AbstractContextManager[Any]:
        if self._portal is None:
            raise MisuseError(_OUTSIDE.format(type(self).__name__))
        return self._portal.wrap_async_context_manager(manager)


async def _use_plain_threads() -> None:
    asyncio.get_running_loop().set_default_executor(PlainThreads(1))


_HIDDEN = {"aclose"}
"""Public there, but of no use behind a ``with`` block."""


def _ordinary(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that waits for its result."""

    def call(self: _SyncProxy, /, *args: Any, **kwargs: Any) -> Any:
        work = partial(method, self._target, *args, **kwargs)
        if inspect.iscoroutinefunction(method):
            return self._call(work)
        result = self._call(partial(_call_on_loop, work))
        if isinstance(result, AbstractAsyncContextManager):
            return self._open(result)
        return result

    return update_wrapper(call, method)


async def _call_on_loop(function: Callable[[], Any]) -> Any:
    return function()


def _iterate(proxy: _SyncProxy, events: AsyncIterator[Any]) -> Iterator[Any]:
    while True:
        try:
            event = proxy._call(anext, events)
        except StopAsyncIteration:
            return
        yield event


class M2MClient(_SyncProxy, of=_client.M2MClient):
    """See :class:`asyncdl.M2MClient`."""


class Downloader(_SyncProxy, of=_downloader.Downloader):
    """See :class:`asyncdl.Downloader`."""


class Job(_SyncProxy, of=_job.Job):
    """See :class:`asyncdl.Job`; iterate over it for its events."""

    @property
    def summary(self) -> Summary | None:
        """The outcome; set when the run has ended, in whatever way, also after the block."""
        summary: Summary | None = self._target.summary if self._target is not None else None
        return summary


def run_job(config: Config, *, emit: Callable[[Any], None] | None = None, **kwargs: Any) -> Summary:
    """Run a job to its end and return its outcome; see :meth:`asyncdl.Job.run`."""

    async def run() -> Summary:
        job = _job.Job(config, **kwargs)
        return await (job.run(emit) if emit else job.run())

    with anyio.from_thread.start_blocking_portal() as portal:
        return portal.call(run)


P = ParamSpec("P")
R = TypeVar("R")


def _waited_for(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Return a function that runs a coroutine to its end, in a loop of its own."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if getattr(kwargs.get("service"), "is_served_here", False):
            name = function.__name__
            raise MisuseError(
                f"sync.{name} would wait for a sandbox on the event loop that it blocks: "
                f"`await asyncdl.{name}(…)` here"
            )
        with anyio.from_thread.start_blocking_portal() as portal:
            return portal.call(partial(function, *args, **kwargs))

    return update_wrapper(call, function)


search = _waited_for(_search)
plan = _waited_for(_plan)
download = _waited_for(_download)
status = _waited_for(_status)
verify = _waited_for(_verify)
map = _waited_for(_map)
