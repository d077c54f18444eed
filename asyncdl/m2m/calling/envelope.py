"""What a response of the service means: its data, or one of our errors. Pure.

The body is read before the HTTP status, since the service sends errors with status 200, and status
500 for an account that is merely busy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote, quote_plus

import msgspec
import orjson
from msgspec import Raw

from asyncdl.errors import ApiError, AuthError, EndpointRemoved, ForeignResponse
from asyncdl.m2m.calling.foreign import (
    MAX_KIND_CHARS,
    MAX_QUOTE_CHARS,
    describe_foreign,
    without_bom,
)
from asyncdl.m2m.models import Json
from asyncdl.m2m.reply_rows import RawRows
from asyncdl.net.retry import parse_retry_after
from asyncdl.outside import TooMuch, check_values
from asyncdl.redact import MASK

MAX_MESSAGE_CHARS = 1000
"""The service's messages are a sentence or two; longer ones are misplaced pages."""


class ErrorKind(Enum):
    """What the caller has to do about an error."""

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
    # Comes with status 500, which would otherwise be retried.
    "VERSION_UNKNOWN": ErrorKind.FATAL,
}

# Both spellings of AUTH_UNAUTHROIZED, the service's own and the right one, are in the second
# family, and so are further codes that refuse an account.
_KIND_OF_FAMILY = {
    "AUTH_KEY": ErrorKind.KEY,
    "AUTH": ErrorKind.ACCOUNT,
    "UNAUTH": ErrorKind.ACCOUNT,
    "USER": ErrorKind.ACCOUNT,
    "PERMISSION": ErrorKind.ACCOUNT,
    "ACCESS_": ErrorKind.ACCOUNT,
    "ACCOUNT_": ErrorKind.ACCOUNT,
    "FORBIDDEN": ErrorKind.ACCOUNT,
    "ROLE_": ErrorKind.ACCOUNT,
    "SEARCH_": ErrorKind.SEARCH,
    "DATASET_": ErrorKind.FATAL,
    "ENDPOINT_": ErrorKind.FATAL,
    "INPUT_": ErrorKind.FATAL,
    "INVALID_": ErrorKind.FATAL,
    "ORDER_": ErrorKind.FATAL,
}

_ROLE_HINT = (
    "the account needs the role MACHINE: ask for access to the Machine-to-Machine interface under "
    "Access Request on https://ers.cr.usgs.gov; its token must not have expired"
)
_ACCOUNT_HINT = "user name, token or rights were refused; `asyncdl doctor` shows which"
_TOKEN_HINT = (
    "the user name or the application token is wrong or expired; "
    "make a new token on the profile page of https://ers.cr.usgs.gov"
)
_CHANGED_HINT = "the API has changed; look for a newer asyncdl"
_REMOVED_HINT = "USGS has removed or renamed this endpoint; look for a newer asyncdl"
_DATASET_HINT = "it does not exist, or this account may not see it"
_BUSY_HINT = "another program, here or elsewhere, is using this account"

_HINT_OF_CODE = {
    "AUTH_INVALID": _TOKEN_HINT,
    "AUTH_UNAUTHROIZED": _ROLE_HINT,
    "AUTH_UNAUTHORIZED": _ROLE_HINT,
    "DATASET_AUTH": _DATASET_HINT,
    "DATASET_INVALID": _DATASET_HINT,
    "DATASET_UNAUTHORIZED": _DATASET_HINT,
    "RATE_LIMIT": _BUSY_HINT,
    "RATE_LIMIT_USER": _BUSY_HINT,
    "VERSION_UNKNOWN": _CHANGED_HINT,
}
_HINT_OF_FAMILY = {
    "AUTH_KEY": "",
    "AUTH": _ACCOUNT_HINT,
    "ACCOUNT_": _ACCOUNT_HINT,
}
_HINT_OF_STATUS = {301: _CHANGED_HINT, 308: _CHANGED_HINT, 401: _ROLE_HINT, 403: _ROLE_HINT}
_REMOVED_STATUS = frozenset({404, 405, 410})
"""Of envelopes without a code: only endpoints are requested by their address."""
_REMOVED_WORDS = re.compile(
    r"\b(?:invalid|unknown|no such|unsupported|removed|deprecated) end ?point", re.IGNORECASE
)
"""The message alone shows whether ``NOT_FOUND`` is about an item or the endpoint."""

_ENDPOINT = re.compile(r"\bend ?point\b", re.IGNORECASE)
_GONE = re.compile(r"\b(?:not|no longer|removed|invalid|unknown|unavailable)\b", re.IGNORECASE)
"""The same, where the endpoint is named first."""

_OTHER_NAMES_OF_THE_CODE = ("error_code", "errorcode", "code", "error")
"""Believed when a known code stands there."""
_NAMES_OF_THE_MESSAGE = ("errorMessage", "error_message", "errormessage", "error")
_NAMES_INSIDE = ("code", "errorCode", "name", "id")
"""Where a code is an object."""
_MARKS_OF_AN_ENVELOPE = frozenset({"data", "errorCode", "errorMessage"})
_MAX_DEPTH = 5
_FORM_OF_A_CODE = re.compile(r"[A-Za-z]\w*(?:[ -]\w+){0,5}", re.ASCII)


def read_envelope(
    endpoint: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | bytearray,
    *,
    secrets: Sequence[str] = (),
    are_rows_apart: bool = False,
) -> Json:
    """Return the ``data`` of a response.

    Args:
        endpoint: Named in errors.
        status: HTTP status; decides only where the body has no code.
        headers: Of the response, ``Retry-After`` among them.
        body: The whole body, JSON or not.
        secrets: Hidden in every message: the token and the key.
        are_rows_apart: Whether a long list is returned as :class:`RawRows`.
    Returns: Plain JSON, also ``None``: for many calls that is what success looks like.
    Raises:
        AuthError: the key, the token, the account or its role was refused.
        ApiError: any other error code, an error status, or a body that is no envelope.
    Source: API reference, "JSON Response"; the list of exception codes.
    """
    try:
        check_values(body)
    except TooMuch as problem:
        raise _foreign_for(
            endpoint, status, headers, f"the response is not M2M's: it {problem}"
        ) from None
    envelope = _open(body, secrets, are_rows_apart=are_rows_apart)
    if envelope is None:
        raise _foreign(endpoint, status, headers, body, secrets)
    if not envelope.is_error and status < 300:
        return envelope.data
    raise _refusal(endpoint, status, headers, envelope)


def _refusal(
    endpoint: str, status: int, headers: Mapping[str, str], envelope: _Envelope
) -> ApiError:
    """Return the error for an envelope that refuses."""
    code = envelope.error_code
    kind = classify(code, status)
    is_removed = _is_removed(code, status, envelope.message)
    error_type = AuthError if kind in _AUTH_KINDS else EndpointRemoved if is_removed else ApiError
    hint = _REMOVED_HINT if is_removed else _hint(code, status)
    return error_type(
        endpoint,
        error_code=code,
        message=_with_hint(envelope.message, hint),
        request_id=envelope.request_id,
        http_status=status,
        retryable=kind in _RETRYABLE_KINDS,
        retry_after_s=_retry_after_s(headers),
    )


def _foreign(
    endpoint: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | bytearray,
    secrets: Sequence[str],
) -> ForeignResponse:
    """Return the error for a body that is not from the service."""
    kind, said, cause = describe_foreign(status, headers, body)
    quoted = _clean(said, secrets)[:MAX_QUOTE_CHARS]
    kind = _clean(kind, secrets)[:MAX_KIND_CHARS]
    says = f' and says "{quoted}"' if quoted else ""
    message = f"the response is not M2M's ({kind}){says}; {cause}"
    return _foreign_for(endpoint, status, headers, message)


def _foreign_for(
    endpoint: str, status: int, headers: Mapping[str, str], message: str
) -> ForeignResponse:
    return ForeignResponse(
        endpoint,
        message=message,
        http_status=status,
        retryable=_kind_of_foreign(status) in _RETRYABLE_KINDS,
        retry_after_s=_retry_after_s(headers),
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    return parse_retry_after(headers.get("Retry-After"), sent=headers.get("Date"))


def _is_removed(code: str, status: int, message: str) -> bool:
    """Return whether an error is about a missing endpoint, rather than a missing item."""
    if not code:
        return status in _REMOVED_STATUS
    if code.startswith("ENDPOINT_") or code == "INVALID_ENDPOINT":
        return True
    return code == "NOT_FOUND" and _says_removed(message)


def _says_removed(message: str) -> bool:
    if _REMOVED_WORDS.search(message):
        return True
    named = _ENDPOINT.search(message)
    return named is not None and _GONE.search(message, named.end()) is not None


def kind_of(error: ApiError) -> ErrorKind:
    """Return what the caller has to do about an error."""
    if isinstance(error, ForeignResponse):
        return _kind_of_foreign(error.http_status)
    return classify(error.error_code, error.http_status)


def classify(error_code: str, http_status: int | None) -> ErrorKind:
    """Return what the caller has to do about a response with this code and status.

    Args:
        error_code: The service's code; empty if the reply had none.
        http_status: Of the response; ``None`` for an error found here, which is final.
    """
    if not error_code:
        return _kind_of_status(http_status)
    if known := _kind_of_known(error_code):
        return known
    # A code of the future: the status is all there is to go by.
    if http_status == 429:
        return ErrorKind.BUSY
    return ErrorKind.SERVER if (http_status or 0) >= 500 else ErrorKind.FATAL


def _kind_of_known(error_code: str) -> ErrorKind | None:
    """Return the kind of a code that is known, alone or by its family."""
    return _KIND_OF_CODE.get(error_code) or _KIND_OF_FAMILY.get(_family_of(error_code))


def _family_of(error_code: str) -> str:
    return next(filter(error_code.startswith, _KIND_OF_FAMILY), "")


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
    return ErrorKind.SERVER


def _kind_of_foreign(status: int | None) -> ErrorKind:
    """Return what the caller has to do about a response that is not from the service.

    Where the account is unknown, another login does not help.
    """
    if status in (401, 403, 511):
        return ErrorKind.FATAL
    # Left are gateways that fail, and maintenance pages sent with status 200.
    return _kind_of_status(status)


def refused_again(error: AuthError) -> AuthError:
    """Return the final error of a call that was refused again, right after a new login."""
    return AuthError(
        error.endpoint,
        error_code=error.error_code,
        message=_with_hint(error.message, "refused again right after a new login"),
        request_id=error.request_id,
        http_status=error.http_status,
    )


@dataclass(frozen=True, slots=True)
class _Envelope:
    """The parts of an envelope, cleaned, and its data."""

    error_code: str = ""
    message: str = ""
    request_id: int | None = None
    data: Json = field(default=None, repr=False)

    @property
    def is_error(self) -> bool:
        """Whether it is an error, whatever the status: by a code, or by a message without data."""
        return bool(self.error_code) or (self.data is None and bool(self.message))


def _open(
    body: bytes | bytearray, secrets: Sequence[str], *, are_rows_apart: bool
) -> _Envelope | None:
    """Return the envelope, or ``None`` if the body is none."""
    raw = (_parse_apart(body) if are_rows_apart else None) or _parse(body)
    if raw is None or not _is_envelope(raw):
        return None
    number = raw.get("requestId")
    message = _first(raw, _NAMES_OF_THE_MESSAGE) or _message_in(raw.get("errorCode"))
    return _Envelope(
        error_code=_code_of(raw, secrets),
        message=_clean(_text_in(message), secrets),
        request_id=number if type(number) is int and number else None,
        data=raw.get("data"),
    )


def _parse(body: bytes | bytearray) -> dict[str, Json] | None:
    try:
        envelope = _load(without_bom(body))
    except orjson.JSONDecodeError:
        return None
    return envelope if isinstance(envelope, dict) else None


def _parse_apart(body: bytes | bytearray) -> dict[str, Json] | None:
    """Parse a long envelope, but not the elements of its data; ``None`` if they are no list."""
    text = without_bom(body)
    if len(text) <= LARGE_BYTES:
        return None
    try:
        fields = msgspec.json.decode(text, type=dict[str, Raw])
        rows = msgspec.json.decode(fields.pop("data", b"null"), type=list[Raw])
        return {name: _load(bytes(value)) for name, value in fields.items()} | {
            "data": RawRows(rows)
        }
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


LARGE_BYTES = 128 * 1024
"""JSON up to this size is parsed in less time than a thread takes."""


def _load(text: bytes | memoryview) -> Json:
    """Parse JSON; a long text in pieces, since a parser blocks all other threads.

    Raises: orjson.JSONDecodeError.
    """
    if len(text) <= LARGE_BYTES:
        return orjson.loads(text)
    try:
        if bytes(text[:1]) == b"[":
            return [_load(bytes(item)) for item in msgspec.json.decode(text, type=list[Raw])]
        fields = msgspec.json.decode(text, type=dict[str, Raw])
        return {name: _load(bytes(value)) for name, value in fields.items()}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return orjson.loads(text)  # neither a list nor an object, or nothing at all


def _is_envelope(raw: Mapping[str, Json]) -> bool:
    """Separate the service's JSON from a gateway's, such as ``{"message": "Forbidden"}``."""
    return not _MARKS_OF_AN_ENVELOPE.isdisjoint(raw) or bool(_code_of(raw, ()))


def _code_of(raw: Mapping[str, Json], secrets: Sequence[str]) -> str:
    """Return the code; empty if there is none."""
    if given := raw.get("errorCode"):
        return _code(_clean(_text_in(given, _NAMES_INSIDE), secrets)) or "UNKNOWN"
    for name in _OTHER_NAMES_OF_THE_CODE:
        code = _code(_clean(_text_in(raw.get(name), _NAMES_INSIDE), secrets))
        if _kind_of_known(code) is not None:
            return code
    return ""


def _first(raw: Mapping[str, Json], names: Sequence[str]) -> Json:
    return next((raw[name] for name in names if raw.get(name)), None)


def _text_in(
    value: Json, names: Sequence[str] = (*_NAMES_OF_THE_MESSAGE, "message"), depth: int = _MAX_DEPTH
) -> str:
    """Return the text of a code or message, which may be of any type."""
    if not depth or value is None:
        return ""
    if isinstance(value, dict):
        inner = _first(value, names)
        return _text_in([*value.values()] if inner is None else inner, names, depth - 1)
    if isinstance(value, list):
        return "; ".join(filter(None, (_text_in(part, names, depth - 1) for part in value[:10])))
    return str(value)


def _message_in(code: Json) -> Json:
    """Return the message inside a code that is an object."""
    return _first(code, (*_NAMES_OF_THE_MESSAGE, "message")) if isinstance(code, dict) else None


def _code(text: str) -> str:
    """Spell a code as the service does; what does not look like one stays as it is."""
    if not _FORM_OF_A_CODE.fullmatch(text):
        return text
    return text.upper().replace(" ", "_").replace("-", "_")


def _clean(value: Json, secrets: Sequence[str]) -> str:
    """Make one short printable line of the service's text, without our secrets."""
    text = str(value or "")
    for secret in filter(None, secrets):
        for form in (secret, quote_plus(secret), quote(secret), quote(secret, safe="")):
            text = text.replace(form, MASK)
    line = " ".join(text.split())
    return "".join(filter(str.isprintable, line))[:MAX_MESSAGE_CHARS]


def _hint(code: str, status: int) -> str:
    if not code:
        return _HINT_OF_STATUS.get(status, "")
    if (known := _HINT_OF_CODE.get(code)) is not None:
        return known
    family = _family_of(code)
    is_refusal = _KIND_OF_FAMILY.get(family) is ErrorKind.ACCOUNT
    return _HINT_OF_FAMILY.get(family, _ROLE_HINT if is_refusal else "")


def _with_hint(message: str, hint: str) -> str:
    return "; ".join(filter(None, (message.rstrip(". ") if hint else message, hint)))
