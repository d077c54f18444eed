"""Asking for a file that came before, to tell a host that is down from files that are bad."""

from __future__ import annotations

from collections.abc import Iterable

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, TransferError
from asyncdl.transfer.answers import Ask
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.host_health import Evidence, SampleFile, evidence_of
from asyncdl.transfer.http import Sender, SourcedUrl, open_answer
from asyncdl.transfer.proving.verify import Form, check_type

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
