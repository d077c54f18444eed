"""What a check has found; a check that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

from asyncdl.errors import (
    ApiError,
    AsyncdlError,
    AuthError,
    DiskError,
    ForeignResponse,
    NetworkError,
    StoreError,
)
from asyncdl.redact import redact

NETWORK_ADVICE = "check network, proxy (HTTPS_PROXY) and firewall; is the host in maintenance?"
SERVICE_ADVICE = "the service failed; try again later"


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """A run may succeed, but this should be known."""
    FAIL = "fail"
    """A run would fail."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    name: str
    state: CheckState
    seen: str
    """What was found, in a line."""
    advice: str = ""
    """What can be done, in a line; empty if all is well."""
    is_refusal: bool = False
    """Whether credentials or permission were refused."""

    def as_json(self) -> dict[str, str]:
        """Return the check as ``--json`` shows it."""
        return {
            "name": self.name,
            "state": self.state.value,
            "seen": self.seen,
            "advice": self.advice,
        }


async def guarded(name: str, check: Awaitable[Check], advice: str = "") -> Check:
    """Return what a check has found; an exception is a finding, too.

    Args:
        name: Of the check.
        check: The check itself.
        advice: For a refusal.
    """
    try:
        return await check
    except AuthError as error:
        return Check(name, CheckState.FAIL, str(error), advice, is_refusal=True)
    except AsyncdlError as error:
        return Check(name, CheckState.FAIL, str(error), _advice_for(error))
    except Exception as error:  # one check is an item: the others must go on
        seen = redact(f"unexpected {type(error).__name__}: {error}")
        return Check(name, CheckState.FAIL, seen, "this is a bug in asyncdl; please report it")


def _advice_for(error: AsyncdlError) -> str:
    match error:
        case DiskError() | StoreError():
            return error.remedy
        case NetworkError() | ForeignResponse():
            return NETWORK_ADVICE
        case ApiError():
            return SERVICE_ADVICE
        case _:
            return "see what the message says"
