"""What a failed request says about the number of connections. Pure."""

from __future__ import annotations

from enum import Enum

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled


class Strain(Enum):
    """Whether fewer connections would have helped."""

    NONE = "nothing about it"
    PERHAPS = "it may be chance; many at once are not"
    CERTAIN = "the host says so"


def strain_of(error: AsyncdlError, *, has_bytes: bool, is_beside_others: bool) -> Strain:
    """Return what an error says about the number of connections.

    Args:
        error: What ended a request.
        has_bytes: Whether it had brought bytes of the file.
        is_beside_others: Whether the host brings bytes over other connections.
    """
    if isinstance(error, HttpStatusError):
        return _strain_of_status(error)
    if isinstance(error, Stalled):
        return Strain.PERHAPS
    if not isinstance(error, NetworkError) or has_bytes:
        # A line that brought bytes may break for many reasons.
        return Strain.NONE
    if error.phase == "connect":
        # With nobody else there, it is an outage and no matter of numbers.
        return Strain.CERTAIN if is_beside_others else Strain.NONE
    return Strain.NONE if error.phase else Strain.PERHAPS


def _strain_of_status(error: HttpStatusError) -> Strain:
    if error.status == 429 or (error.status == 503 and error.retry_after_s is not None):
        return Strain.CERTAIN
    return Strain.PERHAPS if error.status >= 500 and error.retryable else Strain.NONE
