"""What one failed request says about the file, its URL, its host, and our connections. Pure.

Four questions are asked about each error:

- Is the URL refused? Then a fresh one may help (:func:`is_url_refused`).
- Are the bytes wrong? Then none of them is worth keeping (:func:`is_bad_file`,
  :func:`is_other_version`).
- Would fewer connections have helped (:func:`strain_of`)?
- Is the host down (:func:`evidence_of`)?

What is done about it is decided per host in :mod:`asyncdl.transfer.host_state` and per file in
:mod:`asyncdl.transfer.retries`.
"""

from __future__ import annotations

from enum import Enum

from asyncdl.errors import (
    AsyncdlError,
    ChecksumMismatch,
    HttpStatusError,
    NetworkError,
    RangeRefused,
    Stalled,
    TransferError,
    WrongContent,
)
from asyncdl.transfer.error_pages import LOGIN_PAGE, is_page, names_outage
from asyncdl.transfer.range_responses import OTHER_VERSION
from asyncdl.transfer.verification.structure import BROKEN_FILE, ERROR_PAGE

_GATEWAY = frozenset({502, 503, 504, *range(520, 525)})
"""Statuses of gateways whose upstream host is down."""
_TOO_MANY_REQUESTS = frozenset({429, 503})


class Strain(Enum):
    """Whether fewer connections would have helped."""

    NONE = "no sign of it"
    POSSIBLE = "one may be chance; many at once are not"
    CERTAIN = "the host says so"


class Evidence(Enum):
    """What one failed request says about its host."""

    NONE = "nothing: the failure is final, or on our side"
    THERE = "the host has decided about this file, so it is up"
    UNEXPLAINED = "something came: neither the file nor a mention of an outage"
    EXPLAINED = "what hosts do when they are down, and with single files as well"
    SILENT = "not one byte came"
    UNREACHABLE = "no connection; no single file can be the cause"


def is_url_refused(error: AsyncdlError) -> bool:
    """Return whether the URL itself was refused, as one with an expired signature is."""
    if isinstance(error, HttpStatusError):
        return error.url_refused
    return isinstance(error, WrongContent) and error.reason in (ERROR_PAGE, LOGIN_PAGE)


def is_bad_file(error: AsyncdlError) -> bool:
    """Return whether all bytes arrived and are wrong, so that none is worth keeping."""
    if isinstance(error, WrongContent):
        return error.reason == BROKEN_FILE
    return isinstance(error, ChecksumMismatch)


def is_other_version(error: Exception) -> bool:
    """Return whether an error means that the file changed while it was fetched."""
    return isinstance(error, RangeRefused) and error.reason == OTHER_VERSION


def is_too_many_requests(error: AsyncdlError) -> bool:
    """Return whether the host refuses requests because there are too many."""
    return isinstance(error, HttpStatusError) and error.status in _TOO_MANY_REQUESTS


def strain_of(error: AsyncdlError, *, has_bytes: bool, is_beside_others: bool) -> Strain:
    """Return what an error says about the number of connections.

    Args:
        error: What ended a request.
        has_bytes: Whether the request had brought bytes of the file.
        is_beside_others: Whether other connections receive bytes from the host.
    """
    if isinstance(error, HttpStatusError):
        return _strain_of_status(error)
    if isinstance(error, Stalled):
        return Strain.POSSIBLE
    if not isinstance(error, NetworkError) or has_bytes:
        # A connection that brought bytes may break for many reasons.
        return Strain.NONE
    if error.phase == "connect":
        # Without other connections it is an outage and has nothing to do with their number.
        return Strain.CERTAIN if is_beside_others else Strain.NONE
    return Strain.NONE if error.phase else Strain.POSSIBLE


def _strain_of_status(error: HttpStatusError) -> Strain:
    if error.status == 429 or (error.status == 503 and error.retry_after_s is not None):
        return Strain.CERTAIN
    return Strain.POSSIBLE if error.status >= 500 and error.retryable else Strain.NONE


def evidence_of(error: AsyncdlError, *, is_about_host: bool = True) -> Evidence:
    """Return what an error says about a host.

    Args:
        error: What ended a request that brought no bytes.
        is_about_host: False if the host only redirected to the one that failed.
    """
    if isinstance(error, HttpStatusError):
        return _evidence_of_status(error.status, is_retryable=error.retryable)
    if is_page(error):
        return Evidence.EXPLAINED if names_outage(error) else Evidence.UNEXPLAINED
    if isinstance(error, Stalled):
        return Evidence.EXPLAINED
    if isinstance(error, NetworkError):
        return _evidence_of_break(error, is_about_host=is_about_host)
    return Evidence.THERE if isinstance(error, TransferError) else Evidence.NONE


def _evidence_of_status(status: int, *, is_retryable: bool) -> Evidence:
    if status in _GATEWAY:
        return Evidence.EXPLAINED
    return Evidence.UNEXPLAINED if status >= 500 and is_retryable else Evidence.THERE


def _evidence_of_break(error: NetworkError, *, is_about_host: bool) -> Evidence:
    if not error.retryable:
        return Evidence.NONE
    if error.phase == "garbled":
        return Evidence.UNEXPLAINED
    if error.phase == "body" or not is_about_host:
        return Evidence.EXPLAINED
    return Evidence.UNREACHABLE if error.phase == "connect" else Evidence.SILENT
