"""What follows a failed try of one file: another way, a fresh URL, a wait, or the end."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import anyio

from asyncdl.errors import TOO_MANY_OPEN, AsyncdlError, HttpStatusError, NetworkError, TransferError
from asyncdl.transfer import clock
from asyncdl.transfer.attempts import Attempts
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.error_pages import is_page
from asyncdl.transfer.file_progress import FileProgress
from asyncdl.transfer.file_url import FileUrl
from asyncdl.transfer.host_health import Evidence, SampleFile, evidence_of
from asyncdl.transfer.http import Sender, SourcedUrl, open_answer
from asyncdl.transfer.range_requests import RequestLadder
from asyncdl.transfer.range_responses import Known
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.responses import Ask
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.verification.structure import Form, check_type

_GOOD = frozenset({200, 206})


async def gives_any(engine: Engine, samples: Iterable[SampleFile]) -> bool:
    """Tell whether a host still gives one of the files that it gave before.

    Asks for one byte of each until one comes. A host that refuses one by a status of its
    own, as it does with a URL that has expired, has made up its mind and is there.
    """
    for sample in samples:
        try:
            if await _gives(engine, sample):
                return True
        except (NetworkError, TransferError) as error:
            if _is_decision(error):
                return True
    return False


async def _gives(engine: Engine, sample: SampleFile) -> bool:
    link = SourcedUrl(sample.url, sample.inmost())
    ask = Ask(0, 1).headers()
    sender = Sender(sample.headers, engine.logins.of(sample.url))
    with await open_answer(engine.client, link, ask, sender, engine.limits) as answer:
        if answer.head.status not in _GOOD:
            raise HttpStatusError(answer.url, answer.head.status)
        check_type(Form.ANY, answer.head.content_type, answer.url)
        return bool(await answer.read(1)) or answer.head.length == 0


def _is_decision(error: AsyncdlError) -> bool:
    return evidence_of(error) is Evidence.THERE


class Next(Enum):
    """What to do after a failed try."""

    GIVE_UP = "there is no other way"
    ASK_AGAIN = "the wait is over: ask in the way that was found"
    TRY_AGAIN = "look whether the bytes on disk are still of use, wait, and ask again"


class Recovery:
    """Decides about the failures of one file, and waits between its tries.

    Args:
        engine: What all files share.
        request: What is wanted.
        url: Where it is asked for; replaced when it is refused and there is a fresh one.
        ladder: Has a last way, without ``Range``.
        slot: Given to others during waits.
        progress: Reports retries.
    """

    def __init__(
        self,
        engine: Engine,
        request: FileRequest,
        url: FileUrl,
        ladder: RequestLadder,
        slot: Slot,
        progress: FileProgress,
    ) -> None:
        self.tries = Attempts(engine.limits)
        self.asked_at_s = clock.now_s()
        """When the last request was made."""
        self._engine = engine
        self._refresh = request.refresh
        self._url = url
        self._ladder = ladder
        self._slot = slot
        self._progress = progress

    def count_request(self) -> None:
        """Count a request that is about to be made."""
        self.tries.requests += 1
        self.asked_at_s = clock.now_s()

    async def after(self, error: AsyncdlError, have: int, known: Known) -> Next:
        """Find another way after a failed try.

        Args:
            error: How it failed; learns the number of attempts if it is the last.
            have: Bytes on disk now.
            known: What is known of the file.
        """
        if getattr(error, "errno", None) in TOO_MANY_OPEN:
            self._engine.host_limiter.shrink()
        if await self._has_place_later(error):
            return Next.ASK_AGAIN
        is_outage = await self._is_outage(error, have)
        # A page that everybody gets is not about this URL.
        if not (is_outage and is_page(error)) and await self._has_fresh_url(error):
            return Next.ASK_AGAIN
        may_go_on = self.tries.may_go_on(error, have, is_outage=is_outage)
        if self._takes_last_way(error, known, may_go_on=may_go_on):
            await self._pause(error, self.tries.wait_s(error) if may_go_on else 0.0, have)
            return Next.ASK_AGAIN
        if may_go_on:
            return Next.TRY_AGAIN
        self.settle_doubt(was_url=True)
        if isinstance(error, TransferError):
            error.attempts = self.tries.requests
        return Next.GIVE_UP

    async def wait(self, error: AsyncdlError) -> None:
        """Wait before the next try."""
        await self._pause(error, self.tries.wait_s(error), self.tries.failed)

    def note_data(self) -> None:
        """Note that bytes of the file are on their way."""
        self.settle_doubt(was_url=self.tries.crowded == 1 and self.tries.refreshes > 0)

    def settle_doubt(self, *, was_url: bool) -> None:
        """Tell the host_limiter what an earlier refusal was about, now that it is known."""
        if self.tries.is_in_doubt:
            self.tries.is_in_doubt = False
            self._engine.host_limiter.settle_doubt(self._url.now, was_url=was_url)

    async def _has_place_later(self, error: AsyncdlError) -> bool:
        """Prepare another try at a host that may have had one connection too many."""
        tries, backoff = self.tries, self._engine.limits.backoff
        if not tries.may_ask_once_more(error, can_refresh=self._refresh is not None):
            return False
        self._engine.host_limiter.doubt(self._url.now, self.asked_at_s)
        wait_s = backoff.delay_s(tries.crowded) if tries.crowded else 0.0
        tries.crowded += 1
        tries.is_in_doubt = True
        await self._pause(error, wait_s, tries.requests)
        return True

    async def _is_outage(self, error: AsyncdlError, have: int) -> bool:
        """Tell whether a failure is the host's, which is down for everybody."""
        host_limiter, file, limits = (
            self._engine.host_limiter,
            self._url.sample,
            self._engine.limits,
        )
        is_last = self.tries.would_end(error, have) or self._wants_fresh_url(error)
        rest_s = error.retry_after_s or 0.0
        if rest_s <= limits.max_retry_after_s:
            await host_limiter.compare(
                file,
                clock.now_s(),
                lambda files: gives_any(self._engine, files),
                is_last=is_last,
                rest_s=rest_s,
                slot=self._slot,
            )
        # The limits of this file: one that has another mirror does not wait for this one.
        return limits.max_wait_s > 0 and host_limiter.is_down(file.url)

    def _wants_fresh_url(self, error: AsyncdlError) -> bool:
        return self._refresh is not None and self.tries.may_refresh(error)

    async def _has_fresh_url(self, error: AsyncdlError) -> bool:
        """Replace a URL that was refused, if there is another."""
        if self._refresh is None or not self._wants_fresh_url(error):
            return False
        self.tries.refreshes += 1
        self._progress.retry(error, 0.0, self.tries.requests)
        async with self._slot.aside():
            fresh = await self._refresh()
        self._url.replace(fresh)
        return True

    def _takes_last_way(self, error: AsyncdlError, known: Known, *, may_go_on: bool) -> bool:
        if not isinstance(error, HttpStatusError) or self.tries.is_worn_out:
            return False
        is_last_try = may_go_on and not self._engine.limits.backoff.allows(self.tries.failed + 1)
        return self._ladder.takes_last_way(self._url.now, error, known, is_last_try=is_last_try)

    async def _pause(self, error: AsyncdlError, wait_s: float, attempt: int) -> None:
        self._progress.retry(error, wait_s, attempt)
        async with self._slot.aside():
            await anyio.sleep(wait_s)
