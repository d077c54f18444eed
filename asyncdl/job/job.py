"""A whole job, for the command line and for programs that embed it."""

from __future__ import annotations

import weakref
from asyncio import Task
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import AsyncGeneratorType, MappingProxyType, TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio import CancelScope, CapacityLimiter

from asyncdl.background import begin, end_of, require_asyncio
from asyncdl.config import Config
from asyncdl.errors import (
    AsyncdlError,
    AuthError,
    ConfigError,
    DirectoryBusyError,
    MisuseError,
    StoreError,
    wrong_type,
)
from asyncdl.events import Emit, Event, JobFinished, JobStarted, Notice, discard
from asyncdl.job.changed_scenes import mark_superseded, mark_withdrawn
from asyncdl.job.choosing.from_config import (
    credentials_of,
    kinds_of,
    limits_of,
    options_of,
    products_of,
    tls_of,
)
from asyncdl.job.choosing.preflight import (
    AccountCheck,
    check_names_early,
    naming_datasets,
    pass_on_notices,
)
from asyncdl.job.choosing.scope import FAILED, Now, Scope, first_new_day, narrow_to_new, scope_of
from asyncdl.job.choosing.search_plan import SearchPlan, search_plan_of
from asyncdl.job.deferred_calls import DeferredCalls
from asyncdl.job.fetcher_choice import files_in_hand, open_fetcher_of, spool_of
from asyncdl.job.finalize import finalizing
from asyncdl.job.identity import fingerprint_of, label_of, search_mark_of
from asyncdl.job.job_state import keep_report, open_job_state
from asyncdl.job.pipeline import pipeline
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.space import Space
from asyncdl.job.places.spool_sweep import swept_spool
from asyncdl.job.places.target import placer_of
from asyncdl.job.queue.link_window import LinkWindow
from asyncdl.job.queue.order_end import OrderEnd
from asyncdl.job.queue.outstanding_requests import read_back
from asyncdl.job.reporting.event_log import log_event
from asyncdl.job.reporting.event_stream import EventQueue
from asyncdl.job.reporting.report import Report, Summary, write_report
from asyncdl.job.run_context import RunContext
from asyncdl.job.source import NO_ACCOUNT, needs_account, open_source
from asyncdl.job.stages.cutting import windows_in
from asyncdl.journal import FileStatus, Journal, RunStart, places_of
from asyncdl.m2m import ClientOptions, Credentials
from asyncdl.m2m.downloads.retrieval import SharedPolls
from asyncdl.markup import Markup, element
from asyncdl.net.tls import Tls, tls_context
from asyncdl.stac import StacCatalog, StacOptions
from asyncdl.transfer import Limits

_DAMAGED_JOURNAL = (
    "The journal could not be read and was put aside; existing files are verified again."
)
_NEVER_WHOLE = (
    "No run has finished with this config yet: only what failed so far is tried again here."
    " A run without --retry-failed fetches the rest."
)


class Job:
    """One run of a config: scenes searched, files requested, fetched and verified.

    Either run it and take the summary::

        summary = await Job(config).run()

    or watch it::

        async with Job(config) as job:
            async for event in job:
                ...
        print(job.summary)

    Leaving the block early cancels the run; a later run continues it. The block may be
    entered in one task and left in another, as by generators and fixtures; entered again
    after its end it is another run.

    Args:
        config: From :func:`asyncdl.load_config` or :func:`asyncdl.parse_config`.
        credentials: Of the account; by default found as :func:`find_credentials` says.
        client_options: Timeouts and retries of API calls; by default as ``[service]`` says.
        limits: Of the transfers; by default as ``[download]`` says.
        tls: Which certificates to trust, for API, catalogue and file hosts alike; by default as
            ``client_options`` or ``[service]`` say.
        service_name: Name under which the journal keeps files of this service apart
            from those of others; by default the host of its URL.
        only: Confines the run to files that the journal has in one of these states;
            by default it fetches everything that the config asks for.
        force: Whether it runs even if not everything fits on the disk.
    Raises: TypeError, for arguments of other types. Files of an area or of ids are read when a
        run begins, off the event loop.
    """

    def __init__(
        self,
        config: Config,
        *,
        credentials: Credentials | None = None,
        client_options: ClientOptions | None = None,
        limits: Limits | None = None,
        tls: Tls | None = None,
        service_name: str | None = None,
        only: Sequence[FileStatus] = (),
        force: bool = False,
    ) -> None:
        _check_types(config, credentials)
        self._config = config
        self._search_plan: SearchPlan | None = None
        self._credentials = credentials
        self._client_options = client_options or options_of(config.service)
        self._tls = tls or self._client_options.tls or tls_of(config.service)
        self._limits = limits or replace(
            limits_of(config.download), max_wait_s=config.service.max_wait
        )
        self._service_name = service_name or urlsplit(config.service.url).netloc
        self._only = tuple(only)
        self._is_forced = force
        self._space = Space(config, is_forced=force)
        self._events = EventQueue()
        self._scope: CancelScope | None = None
        self._task: Task[None] | None = None
        self._reader: weakref.ref[AsyncGeneratorType[Event, None]] | None = None
        self._error: Exception | None = None
        self._placer: Placer | None = None
        """Where the files go, once the place is held."""
        self._api_calls: Mapping[str, int] = MappingProxyType({})
        self.summary: Summary | None = None
        """The outcome; set when the run has ended, in whatever way."""

    def __repr__(self) -> str:
        return f"<Job: {self._config.title}, into {self._config.target}; {self._state}>"

    def _repr_html_(self) -> str:
        outcome = None if self.summary is None else Markup(self.summary._repr_html_())
        head = f"{self._config.title}, into {self._config.target}: {self._state}"
        return element("div", element("p", element("strong", head)), outcome)

    @property
    def _state(self) -> str:
        if self.summary is not None:
            return self.summary.status
        return "not begun" if self._task is None else "running"

    # -- run it ---------------------------------------------------------------

    async def run(self, emit: Emit = discard) -> Summary:
        """Run the job to its end.

        Args:
            emit: Takes every event; may neither block nor raise.
        Returns: The outcome, also when some files failed or the run had to stop
            because of the service or the disk.
        Raises:
            ConfigError: The area or the ids of the config are invalid, before any network and
                before anything is written; or the service does not know what it names.
            AuthError: The account was refused.
            DirectoryBusyError: Another run holds the directory.
        """
        require_asyncio("Job")
        search_plan = await self._whole_search_plan()
        self._space = Space(self._config, is_forced=self._is_forced)
        report = Report(kinds_of(self._config), service=self._service_name)

        def watch(event: Event) -> None:
            report.take(event)
            self._space.update(event)
            log_event(event)
            emit(event)

        try:
            await self._run(search_plan, report, watch)
        except (ConfigError, AuthError) as error:
            await self._end(report, watch, "stopped", str(error))
            raise
        except DirectoryBusyError:
            raise  # the report in that directory is the other run's
        except StoreError as error:
            return await self._end(report, watch, "stopped", f"{error}. {error.remedy}")
        except AsyncdlError as error:
            return await self._end(report, watch, "stopped", str(error))
        except anyio.get_cancelled_exc_class():
            await self._end(report, watch, "interrupted")
            raise
        return await self._end(report, watch)

    async def _whole_search_plan(self) -> SearchPlan:
        """Return which scenes the config selects; its files are read once, off the loop."""
        if self._search_plan is None:
            self._search_plan = await anyio.to_thread.run_sync(search_plan_of, self._config)
        return self._search_plan

    async def _run(self, whole: SearchPlan, report: Report, emit: Emit) -> None:
        config = self._config
        credentials = self._credentials
        if credentials is None and not needs_account(config):
            credentials = NO_ACCOUNT
        if credentials is None:
            credentials = await anyio.to_thread.run_sync(credentials_of, config.service)
        tls = await self._shared_tls()
        notify = partial(_notice_from_thread, emit)
        placer = placer_of(config, notify)
        was_empty = await anyio.to_thread.run_sync(placer.is_empty)
        async with (
            open_job_state(config, placer, self._service_name, notify) as journal,
            swept_spool(placer, journal),
            open_fetcher_of(
                config, self._limits, placer, emit, tls=self._tls, shared_tls=tls
            ) as fetcher,
            StacCatalog(
                config.service.digest_url, emit=emit, options=StacOptions(tls=tls)
            ) as catalog,
            open_source(
                config, credentials, replace(self._client_options, tls=tls), emit, catalog
            ) as client,
        ):
            self._api_calls, self._placer = client.calls, placer
            start = await self._begin(journal, credentials.username, whole, emit)
            scope = await self._scope_of(journal, start, report, emit)
            order = OrderEnd(journal, client, start.label, config.service.url)
            async with finalizing(journal, start, report, scope, order, emit):
                account = AccountCheck(client)
                if start.last_search is not None and config.search.follows_last_run:
                    # Scenes are chosen by the service's clock, which its replies state.
                    await account.check()
                now = Now.of(client.service_time)
                search_plan = whole
                if scope is not None:
                    search_plan = SearchPlan(named=scope.scenes, window=whole.window)
                if scope is None and config.search.follows_last_run:
                    search_plan = await narrow_to_new(journal, whole, start.last_search, now, emit)
                polls = SharedPolls(client, config.poll.interval)
                run = RunContext(
                    config=config,
                    label=start.label,
                    client=client,
                    fetcher=fetcher,
                    placer=placer,
                    placings=CapacityLimiter(placer.at_once) if placer.at_once else None,
                    spool=spool_of(config, placer),
                    journal=journal,
                    catalog=catalog,
                    outstanding=await read_back(journal, client, start, was_empty=was_empty),
                    order=order,
                    polls=polls,
                    deferred=DeferredCalls(
                        lambda within_s: client.is_calling or polls.is_due(within_s)
                    ),
                    link_window=LinkWindow(config.service.link_wait, files_in_hand(config)),
                    space=self._space,
                    emit=emit,
                    wait_for_reader=self._events.room,
                    scope=scope,
                    window_name=whole.window.name if whole.window else "",
                    window_of=await anyio.to_thread.run_sync(windows_in, whole.window),
                )
                await _fetch(run, search_plan, account)
                # By the first reply of this run, which came before any scene was searched.
                journal.search_started_at = client.service_time
                await self._finish(run, search_plan, start, now)

    async def _begin(
        self, journal: Journal, username: str, whole: SearchPlan, emit: Emit
    ) -> RunStart:
        """Note in the journal that the run begins, and report it."""
        config = self._config
        fingerprint = fingerprint_of(whole, products_of(config))
        start = await journal.begin(
            label=label_of(self._service_name, username, config.target),
            fingerprint=fingerprint,
            search_mark=search_mark_of(fingerprint, config.download),
        )
        emit(JobStarted(config.target, start.label))
        if journal.moved_reason:
            emit(Notice(journal.moved_reason, "warning"))
        if journal.was_recreated:
            emit(Notice(_DAMAGED_JOURNAL, "warning"))
        return start

    async def _scope_of(
        self, journal: Journal, start: RunStart, report: Report, emit: Emit
    ) -> Scope | None:
        """Return what the run is confined to; ``None`` for the whole config."""
        if not self._only:
            return None
        if self._only == FAILED and start.last_search is None:
            report.is_partial = True
            emit(Notice(_NEVER_WHOLE, "warning"))
        return await scope_of(journal, self._only)

    async def _finish(
        self, run: RunContext, search_plan: SearchPlan, start: RunStart, now: Now
    ) -> None:
        """Handle scenes that changed at the service, and write the STAC items."""
        config = self._config
        await mark_superseded(run)
        if config.search.follows_last_run and start.last_search is not None:
            since = first_new_day(start.last_search, now)
            await mark_withdrawn(run, search_plan.datasets, since, now.day)
        if config.download.stac:
            from asyncdl.job.itemizing import write_items  # Most jobs write no items.

            is_absolute = config.download.stac == "absolute"
            await write_items(run.journal, run.placer, run.emit, is_absolute=is_absolute)

    async def _shared_tls(self) -> Tls:
        """Return one context for all hosts where TLS is sure to be needed, else the settings."""
        service = self._config.service
        if any(url.startswith("https:") for url in (service.url, service.digest_url)):
            return await anyio.to_thread.run_sync(tls_context, self._tls)
        return self._tls

    async def _end(self, report: Report, emit: Emit, status: str = "", error: str = "") -> Summary:
        summary = report.summary(status=status, error=error, api_calls=self._api_calls)
        self.summary = summary
        try:
            # A cancelled run leaves its report, too.
            with anyio.CancelScope(shield=True):
                places = await anyio.to_thread.run_sync(places_of, self._config)
                durable = self._config.download.durable
                path = await write_report(places.report_folder, summary, durable=durable)
                if self._placer is not None:
                    await keep_report(self._config, self._placer, path, emit)
        except OSError as failure:
            # A full disk must not hide how the run ended.
            reason = failure.strerror or str(failure)
            emit(Notice(f"The report of this run could not be written: {reason}", "warning"))
        emit(JobFinished(summary.status))
        return summary

    # -- watch it -------------------------------------------------------------

    async def __aenter__(self) -> Self:
        require_asyncio("Job")
        if self._task is not None:
            raise MisuseError("the block of this Job is entered already; make another Job")
        self._events, self._error = EventQueue(), None
        self._scope = CancelScope()
        # Not in a task group of ours: generators and fixtures are entered in one task and left
        # in another, where a group could not end, and would cancel the wrong task.
        self._task = begin(self._drive(self._scope))
        return self

    async def _drive(self, scope: CancelScope) -> None:
        try:
            with scope:
                await self.run(self._events.put)
        except Exception as error:
            # Raised where the events are read: there the caller is listening.
            self._error = error
        finally:
            self._events.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield every event of the run; progress events may be skipped when the reader is slow.

        Raises: as :meth:`run`, after the last event; MisuseError, outside the block, or while
            another reader is active: each event goes to one.
        """
        if self._task is None:
            raise MisuseError("a Job has events inside its `async with` block only")
        other = self._reader() if self._reader is not None else None
        if other is not None and other.ag_frame is not None:
            raise MisuseError("the events of a Job have one reader, and another one is active")
        events = self._read(self._events)
        if isinstance(events, AsyncGeneratorType):
            self._reader = weakref.ref(events)
        return events

    async def _read(self, events: EventQueue) -> AsyncGenerator[Event]:
        async for event in events:
            yield event
        self._raise_error()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._scope is not None:
            self._scope.cancel()
        try:
            if self._task is not None:
                await end_of(self._task)
        finally:
            self._task = None
            # Also of a run that was cancelled before its first step.
            self._events.close()
        if error is None and not isinstance(self._error, AsyncdlError):
            self._raise_error()  # unexpected, and no reader has seen it


async def _fetch(run: RunContext, search_plan: SearchPlan, account: AccountCheck) -> None:
    """Fetch all files, after the checks that cannot wait; others are made after a refusal."""
    client = run.client
    run.deferred.add_droppable(
        "notices of the service were not read", partial(pass_on_notices, client, run.emit)
    )
    async with naming_datasets(client, search_plan), account.explaining_refusals():
        await check_names_early(client, search_plan)
        await pipeline(run, search_plan)


def _notice_from_thread(emit: Emit, text: str) -> None:
    """Emit a notice from a worker thread."""
    anyio.from_thread.run_sync(emit, Notice(text, "warning"))


def _check_types(config: object, credentials: object) -> None:
    if not isinstance(config, Config):
        allowed = "a Config, such as asyncdl.load_config gives"
        raise wrong_type("Job.config", config, allowed)
    if not isinstance(credentials, Credentials | None):
        raise wrong_type("Job.credentials", credentials, "Credentials, or None to find them")
