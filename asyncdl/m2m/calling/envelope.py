"""What a reply of the service means: its data, or one of our errors.

Pure. The body is read before the HTTP status, for the service sends errors
with status 200 and tells with status 500 that an account is merely busy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import orjson

from asyncdl.errors import ApiError, AuthError
from asyncdl.m2m.models import Json
from asyncdl.redact import MASK
from asyncdl.retry import parse_retry_after

MAX_MESSAGE_CHARS = 1000
"""The service's texts are a sentence or two; what is longer is a page that went astray."""


class ErrorKind(Enum):
    """What an error asks of the caller."""

    KEY = "log in again, once, and repeat the call"
    ACCOUNT = "give up: the token, the account or its role was refused"
    BUSY = "wait seconds: another call of the account is running"
    QUOTA = "wait for the quota's window; file transfers may go on"
    SEARCH = "repeat the search a few times"
    SERVER = "repeat the call with growing pauses"
    FATAL = "give up: the same call cannot succeed"


_AUTH_KINDS = frozenset({ErrorKind.KEY, ErrorKind.ACCOUNT})
_RETRYABLE_KINDS = frozenset({ErrorKind.BUSY, ErrorKind.QUOTA, ErrorKind.SEARCH, ErrorKind.SERVER})

_KIND_OF_CODE = {
    "AUTH_EXPIRED": ErrorKind.KEY,
    "AUTH_KEY_INVALID": ErrorKind.KEY,
    "RATE_LIMIT": ErrorKind.BUSY,
    "RATE_LIMIT_USER": ErrorKind.BUSY,
    "RATE_LIMIT_USER_DL": ErrorKind.QUOTA,
    "SERVER_ERROR": ErrorKind.SERVER,
    "UNKNOWN": ErrorKind.SERVER,
    "DOWNLOAD_ERROR": ErrorKind.FATAL,
    "ENDPOINT_UNAVAILABLE": ErrorKind.FATAL,
    "EXPORT_ERROR": ErrorKind.FATAL,
    "NOT_FOUND": ErrorKind.FATAL,
    "RESTORE_ORDER_ERROR": ErrorKind.FATAL,
    "SUBSCRIPTION_ERROR": ErrorKind.FATAL,
    # Comes with status 500, which would otherwise ask for patience.
    "VERSION_UNKNOWN": ErrorKind.FATAL,
}

# Both spellings of AUTH_UNAUTHROIZED, the service's own and the right one, are
# in the first family, and so is whatever it may refuse an account with next.
_KIND_OF_FAMILY = {
    "AUTH_": ErrorKind.ACCOUNT,
    "SEARCH_": ErrorKind.SEARCH,
    "DATASET_": ErrorKind.FATAL,
    "INPUT_": ErrorKind.FATAL,
    "ORDER_": ErrorKind.FATAL,
}

_ROLE_HINT = (
    "the account needs the role MACHINE (Access Request on https://ers.cr.usgs.gov) "
    "and a token that has not expired"
)
_TOKEN_HINT = (
    "the user name or the application token is wrong or expired; "
    "make a new token on the profile page of https://ers.cr.usgs.gov"
)
_CHANGED_HINT = "the API has changed; look for a newer asyncdl"
_DATASET_HINT = "it does not exist, or this account may not see it"
_BUSY_HINT = "another program, here or elsewhere, is using this account"

_HINT_OF_CODE = {
    "AUTH_INVALID": _TOKEN_HINT,
    "AUTH_UNAUTHROIZED": _ROLE_HINT,
    "AUTH_UNAUTHORIZED": _ROLE_HINT,
    "DATASET_AUTH": _DATASET_HINT,
    "DATASET_INVALID": _DATASET_HINT,
    "DATASET_UNAUTHORIZED": _DATASET_HINT,
    "ENDPOINT_UNAVAILABLE": _CHANGED_HINT,
    "RATE_LIMIT": _BUSY_HINT,
    "RATE_LIMIT_USER": _BUSY_HINT,
    "VERSION_UNKNOWN": _CHANGED_HINT,
}
_HINT_OF_STATUS = {
    301: _CHANGED_HINT,
    308: _CHANGED_HINT,
    401: _ROLE_HINT,
    403: _ROLE_HINT,
    404: _CHANGED_HINT,
    410: _CHANGED_HINT,
}


def read_envelope(
    endpoint: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Sequence[str] = (),
) -> Json:
    """Return the ``data`` of a reply.

    Args:
        endpoint: Named in errors.
        status: HTTP status; decides only where the body has no code.
        headers: Headers of the reply, ``Retry-After`` among them.
        body: The whole body, JSON or not.
        secrets: Texts that no message may repeat: the token and the key.
    Returns: Plain JSON, also ``None``: for many calls that is what success looks like.
    Raises:
        AuthError: the key, the token, the account or its role was refused.
        ApiError: any other error code, an error status, or a body that is no envelope.
    Source: API reference, "JSON Response"; the list of exception codes.
    """
    envelope = _open(body, secrets)
    if envelope is not None and not envelope.error_code and status < 300:
        return envelope.data
    if envelope is None:
        type_ = _clean(headers.get("Content-Type") or "no type", secrets)
        envelope = _Envelope(message=f"the reply is no M2M envelope ({type_})")
    code = envelope.error_code
    kind = classify(code, status)
    error_type = AuthError if kind in _AUTH_KINDS else ApiError
    raise error_type(
        endpoint,
        error_code=code,
        message=_with_hint(envelope.message, _hint(code, status)),
        request_id=envelope.request_id,
        http_status=status,
        retryable=kind in _RETRYABLE_KINDS,
        retry_after_s=parse_retry_after(headers.get("Retry-After")),
    )


def kind_of(error: ApiError) -> ErrorKind:
    """Tell what ``error`` asks of the caller."""
    return classify(error.error_code, error.http_status)


def classify(error_code: str, http_status: int | None) -> ErrorKind:
    """Tell what a reply with this code and status asks of the caller.

    Args:
        error_code: The service's code; empty if the reply had none.
        http_status: Status of the reply; ``None`` for a finding of our own, which is final.
    """
    if not error_code:
        return _kind_of_status(http_status)
    known = _KIND_OF_CODE.get(error_code)
    if known is not None:
        return known
    for family, kind in _KIND_OF_FAMILY.items():
        if error_code.startswith(family):
            return kind
    # A code of the future: the status is all there is to go by.
    if http_status == 429:
        return ErrorKind.BUSY
    return ErrorKind.SERVER if (http_status or 0) >= 500 else ErrorKind.FATAL


def _kind_of_status(status: int | None) -> ErrorKind:
    if status is None:
        return ErrorKind.FATAL
    if status in (401, 403):
        return ErrorKind.KEY
    if status == 429:
        return ErrorKind.BUSY
    # An outage may send everybody to its notice for a while; 301 and 308 are for good.
    if 300 <= status < 400:
        return ErrorKind.FATAL if status in (301, 308) else ErrorKind.SERVER
    if 400 <= status < 500 and status not in (408, 425):
        return ErrorKind.FATAL
    # The rest are gateways, and maintenance pages sent with status 200.
    return ErrorKind.SERVER


def refused_again(error: AuthError) -> AuthError:
    """Make the final error of a call that was refused right after a new login, too."""
    return AuthError(
        error.endpoint,
        error_code=error.error_code,
        message=_with_hint(error.message, "refused again right after a new login"),
        request_id=error.request_id,
        http_status=error.http_status,
    )


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What a reply says of itself, cleaned, and its data."""

    error_code: str = ""
    message: str = ""
    request_id: int | None = None
    data: Json = field(default=None, repr=False)


def _open(body: bytes, secrets: Sequence[str]) -> _Envelope | None:
    """Return the envelope, or ``None`` if the body is none."""
    raw = _parse(body)
    if raw is None:
        return None
    number = raw.get("requestId")
    return _Envelope(
        error_code=_clean(raw.get("errorCode"), secrets),
        message=_clean(raw.get("errorMessage"), secrets),
        request_id=number if isinstance(number, int) and number else None,
        data=raw.get("data"),
    )


def _parse(body: bytes) -> dict[str, Json] | None:
    try:
        # A view, for orjson takes no subclass of bytes.
        envelope = orjson.loads(memoryview(body))
    except orjson.JSONDecodeError:
        return None
    return envelope if isinstance(envelope, dict) else None


def _clean(value: Json, secrets: Sequence[str]) -> str:
    """Make one short printable line of the service's text, without our secrets."""
    text = str(value or "")
    for secret in filter(None, secrets):
        text = text.replace(secret, MASK)
    line = " ".join(text.split())
    return "".join(filter(str.isprintable, line))[:MAX_MESSAGE_CHARS]


def _hint(code: str, status: int) -> str:
    return _HINT_OF_CODE.get(code, "") if code else _HINT_OF_STATUS.get(status, "")


def _with_hint(message: str, hint: str) -> str:
    return "; ".join(filter(None, (message.rstrip(". ") if hint else message, hint)))
