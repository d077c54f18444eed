"""What the client library of stores raises, as :class:`~asyncdl.errors.StoreError`. Pure.

The library's errors are few; what the store said is in their text: an HTTP status, and for S3
and Azure the code of an XML document. Their text also has the whole request, so none of it is
passed on but codes that are known here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from asyncdl.errors import StoreError


class Meaning(NamedTuple):
    """What a code or status of a store means."""

    reason: str
    detail: str


_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_NO_CREDENTIALS = re.compile(
    r"credential|169\.254\.169\.254|metadata\.google|IMDS|token request", re.IGNORECASE
)
_LOGIN = re.compile(r"Error performing token request")
_OPENING = (
    (
        re.compile(r"Account must be specified"),
        "no storage account is named: AZURE_STORAGE_ACCOUNT_NAME is not set",
    ),
    (re.compile(r"Invalid Access Key"), "AZURE_STORAGE_ACCOUNT_KEY has no key of an account"),
    (
        re.compile(r"service account file"),
        "the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read",
    ),
)
_PATH = re.compile(r'[Pp]ath "([^"]{1,200})"')
# Not the library's `retry_timeout`, which each error after several attempts has in its text.
_TOO_SLOW = re.compile(r"(?<!_)timed? ?out", re.IGNORECASE)

_BY_CODE = {
    "AccessDenied": Meaning("store-denied", "access was denied"),
    "AccountProblem": Meaning("store-denied", "there is a problem with the account"),
    "AllAccessDisabled": Meaning("store-denied", "access was denied"),
    "AuthenticationFailed": Meaning("store-denied", "the credentials were refused"),
    "AuthorizationFailure": Meaning("store-denied", "access was denied"),
    "AuthorizationPermissionMismatch": Meaning("store-denied", "access was denied"),
    "ContainerNotFound": Meaning("store-no-bucket", "there is no such container"),
    "EntityTooLarge": Meaning("store", "the file is larger than the store takes"),
    "ExpiredToken": Meaning("store-expired", "the credentials have expired"),
    "InvalidAccessKeyId": Meaning("store-denied", "the access key is not known there"),
    "InvalidBucketName": Meaning("store-no-bucket", "the name of the bucket is not valid"),
    "InvalidObjectState": Meaning("store", "the object is archived and cannot be read"),
    "InvalidToken": Meaning("store-denied", "the session token was refused"),
    "KeyTooLongError": Meaning("store-name", "the name of the object is too long"),
    "NoSuchBucket": Meaning("store-no-bucket", "there is no such bucket"),
    "NotImplemented": Meaning("store-unsupported", "the store does not know this kind of request"),
    "NoSuchKey": Meaning("store-no-object", "there is no such object"),
    "PermanentRedirect": Meaning("store-no-bucket", "the bucket is in another region"),
    "QuotaExceeded": Meaning("store-quota", "the quota is used up"),
    "RequestTimeTooSkewed": Meaning("store-clock", "this machine's clock differs from the store's"),
    "ServerBusy": Meaning("store-busy", "the store asks for fewer requests"),
    "SignatureDoesNotMatch": Meaning("store-denied", "the secret key does not fit the access key"),
    "SlowDown": Meaning("store-busy", "the store asks for fewer requests"),
    "TokenRefreshRequired": Meaning("store-expired", "the credentials have expired"),
    "TooManyBuckets": Meaning("store-quota", "the quota is used up"),
    "XMinioStorageFull": Meaning("store-quota", "the store is full"),
}
_BY_STATUS = {
    301: Meaning("store-no-bucket", "the bucket is elsewhere"),
    401: Meaning("store-denied", "the credentials were refused"),
    403: Meaning("store-denied", "access was denied"),
    404: Meaning("store-no-object", "there is no such object"),
    409: Meaning("store-changed", "another request for the same name was under way"),
    412: Meaning("store-changed", "the object has changed meanwhile"),
    416: Meaning("store-changed", "the object has changed meanwhile"),
    413: Meaning("store", "the file is larger than the store takes"),
    429: Meaning("store-busy", "the store asks for fewer requests"),
    503: Meaning("store-busy", "the store is overloaded"),
    501: Meaning("store-unsupported", "the store does not know this kind of request"),
    507: Meaning("store-quota", "the store is full"),
}
ODD_NAME = "store-odd-name"
"""Reason of a listing that fails because of an object whose name the library does not take."""
_ODD = "an empty or dotted folder"
RETRYABLE = frozenset({"store-busy", "store-down"})


def store_error(address: str, error: Exception) -> StoreError:
    """Return what an exception of the library means.

    Args:
        address: What the request was about.
        error: From the library; a ``FileNotFoundError`` or ``PermissionError`` of Python, too.
    """
    kind, text = type(error).__name__, str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code is not None and code[1] in _BY_CODE:
        return _made(address, _BY_CODE[code[1]])
    if kind == "InvalidPathError":
        return _made(address, Meaning(ODD_NAME, f"an object has a name with {_ODD}{_named(text)}"))
    if kind == "AlreadyExistsError":
        return _made(address, Meaning("store-exists", "there is such an object already"))
    if kind in ("NotFoundError", "FileNotFoundError"):
        return _made(address, Meaning("store-no-object", "there is no such object"))
    if kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return _made(address, Meaning("store-denied", "access was denied"))
    if status is not None and _LOGIN.search(text) is None:
        return _of_status(address, int(status[1]))
    if _NO_CREDENTIALS.search(text) is not None:
        return _made(
            address, Meaning("store-credentials", "no credentials were found for the store")
        )
    what = "no response in time" if _TOO_SLOW.search(text) else "the store cannot be reached"
    return _made(address, Meaning("store-down", what))


def _named(text: str) -> str:
    found = _PATH.search(text)
    return "" if found is None else f": {''.join(filter(str.isprintable, found[1]))}"


def opening_error(address: str, service: str, error: Exception) -> StoreError:
    """Return why a store cannot be opened: before any request, so by what it is told to use.

    Args:
        address: Of the store.
        service: Its kind, for people.
        error: From the library.
    """
    text = str(error)
    known = (detail for pattern, detail in _OPENING if pattern.search(text))
    detail = next(known, f"{service} cannot be opened ({type(error).__name__})")
    return StoreError(address, detail, reason="store-credentials")


def _of_status(address: str, status: int) -> StoreError:
    if status in _BY_STATUS:
        return _made(address, _BY_STATUS[status])
    said = f"the store responded with {status}"
    is_down = status >= 500 or status == 408
    return _made(address, Meaning("store-down", said) if is_down else Meaning("store", said))


def _made(address: str, meaning: Meaning) -> StoreError:
    is_retryable = meaning.reason in RETRYABLE
    return StoreError(address, meaning.detail, reason=meaning.reason, retryable=is_retryable)
