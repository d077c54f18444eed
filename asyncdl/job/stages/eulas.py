"""Licence agreements that some files come with: shown, and fetched only when accepted."""

from __future__ import annotations

from asyncdl.errors import ApiError, NetworkError
from asyncdl.events import FileState, Notice
from asyncdl.job.run_context import RunContext
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.pending import Ready

SHOWN_CHARS = 1000
"""Of an agreement; the rest is to be read where the service shows it."""


class Eulas:
    """Refuses files whose agreement was not accepted; shows each agreement once."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    async def permit(self, run: RunContext, ready: Ready) -> bool:
        """Tell whether a file may be fetched; if not, report its ending."""
        code = ready.eula_code
        if not code or code in run.config.service.accept_eulas:
            return True
        await self._show(run, code)
        run.finish(
            ready.wanted,
            FileState.FAILED,
            reason="eula",
            detail=f"it comes under the licence agreement {code}, which was not accepted",
            remedy=f'Read the agreement; if you accept it, add "{code}" to service.accept_eulas.',
        )
        return False

    async def _show(self, run: RunContext, code: str) -> None:
        if code in self._shown:
            return
        self._shown.add(code)
        text = await _text_of(run.client, code)
        run.emit(Notice(f"Licence agreement {code}: {text}", "warning"))


async def _text_of(client: M2MClient, code: str) -> str:
    """Ask for an agreement. Source: endpoint ``download-eula``."""
    try:
        agreements = await client.download_eula([code])
    except (ApiError, NetworkError) as error:
        return f"its text cannot be had at present ({error})"
    text = " ".join(a.agreement_content.strip() for a in agreements) or "the service has no text"
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} […]"
