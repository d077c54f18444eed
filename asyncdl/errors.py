"""What can go wrong, as kinds that a caller can act on.

::

    AsyncdlError
    ├── ConfigError           the config or the command line is wrong
    ├── DirectoryBusyError    another run holds the download directory
    ├── ApiError              the M2M service responded with an error
    │   ├── AuthError         … because of the token, the account or its role
    │   ├── EndpointRemoved   … because it no longer has this endpoint
    │   └── ForeignResponse   the response is not M2M's: a page of a proxy, a firewall, a CDN
    ├── NetworkError          no usable response: refused, reset, timed out
    ├── TransferError         one file cannot be had (``reason`` says why)
    │   ├── HttpStatusError   the file host responded with this status
    │   ├── SizeMismatch      more or fewer bytes than expected
    │   ├── ChecksumMismatch  other bytes than expected
    │   ├── RangeRefused      a partial response that cannot be placed
    │   ├── WrongContent      an error page or a broken file in place of data
    │   └── Stalled           no useful bytes for too long
    ├── DiskError             the file system refused
    ├── StoreError            an object store refused, or cannot be reached
    └── MisuseError           the program uses an object as it cannot be used

An error carries its facts as attributes and builds its one-line message from
them. It knows by itself whether a new try makes sense (``retryable``) and how
long the server asked to wait (``retry_after_s``). No message holds a secret.
Pickled or copied it stays what it was, so it also comes out of a process pool.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from asyncdl.redact import Url, redact, redact_url
from asyncdl.remedies import AGAIN, FINAL, NETWORK, remedy_of

if TYPE_CHECKING:
    from pathlib import Path


def wrong_type(field: str, value: object, allowed: str) -> TypeError:
    """Return the error for a value of another type; the value itself may be a secret."""
    return TypeError(f"{field}: {type(value).__name__} (allowed: {allowed})")


class Portable(BaseException):
    """An exception that pickle and copy make again from its fields.

    Python itself would call the constructor with ``args``, which are the message and
    not what the constructor wants. A field that cannot be pickled is replaced by the text
    that the message has for it.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: _sendable(value) for name, value in vars(self).items()}
        return _made_again, (type(self), self.args), fields

    def __copy__(self) -> Self:
        twin = _made_again(type(self), self.args)
        twin.__dict__.update(vars(self))
        return twin


_Kind = TypeVar("_Kind", bound=BaseException)


def _made_again(kind: type[_Kind], args: tuple[Any, ...]) -> _Kind:
    error = kind.__new__(kind, *args)
    error.args = args  # an OSError whose constructor is its own takes none until that runs
    return error


class _AsWritten(str):
    """How a value looks in a message, in place of the value itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _sendable(value: object) -> object:
    import pickle  # takes a while, and few errors are pickled

    try:
        pickle.dumps(value)
    except Exception:  # what refuses to be pickled may raise anything
        return _AsWritten(repr(value))
    return value


class AsyncdlError(Exception, Portable):
    """Root of every error that asyncdl raises on purpose."""

    retryable: bool = False
    """Whether the same request may succeed when it is made again."""
    retry_after_s: float | None = None
    """Seconds that the server asked to wait, if it did."""


class ConfigError(AsyncdlError):
    """The config file or an argument is wrong.

    Args:
        problem: What is wrong, without the place.
        file: The config file, if one was read.
        key: Dotted key, such as ``search.cloud_cover``.
        value: The value found there, as written.
        allowed: What would be right.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Path | None = None,
        key: str = "",
        value: object = None,
        allowed: str = "",
    ) -> None:
        self.problem = problem
        self.file = file
        self.key = key
        self.value = Url(value) if isinstance(value, str) and "://" in value else value
        self.allowed = allowed
        super().__init__(redact(problem))

    def __str__(self) -> str:
        place = f"{self.file}: " if self.file else ""
        if self.key:
            place += self.key if self.value is None else f"{self.key} = {_as_written(self.value)}"
            place += ": "
        hint = f" (allowed: {self.allowed})" if self.allowed else ""
        return redact(f"{place}{self.problem}{hint}")


_LONGEST_VALUE_CHARS = 500
"""As much of a value as a message repeats."""


def _as_written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if type(value) is str and value.isprintable() and "'" not in value:
        return _shortened(f"'{value}'")  # with its backslashes as they were written
    try:
        # Masked before it is cut: what shows where a secret is may be beyond.
        text = redact(repr(value))
    except (RecursionError, ValueError):  # a list in lists, or a number of thousands of digits
        return f"a {type(value).__name__}"
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE_CHARS else f"{text[:_LONGEST_VALUE_CHARS]}…"


class DirectoryBusyError(AsyncdlError):
    """Another run holds the download directory.

    Args:
        directory: The directory both runs want; for a store, that of its state.
        holder: The process that holds it, as in the lock file; may be empty.
        target: Address of the store, if it is one.
    """

    def __init__(self, directory: Path, holder: str = "", *, target: str = "") -> None:
        self.directory = directory
        self.target = target or str(directory)
        self.holder = holder
        by = f" by {holder}" if holder else ""
        super().__init__(
            f"{self.target} is in use{by}; wait for that run or choose another directory"
        )


class ApiError(AsyncdlError):
    """The M2M service responded with an error.

    Args:
        endpoint: Such as ``scene-search``.
        error_code: The service's code, such as ``RATE_LIMIT``; empty if it gave none.
        message: The service's text.
        request_id: The service's number for the call, for its help desk.
        http_status: Status of the response; never the base of a decision alone.
        retryable: Whether the same call may succeed later.
        retry_after_s: Seconds to wait that the response asked for.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        error_code: str = "",
        message: str = "",
        request_id: int | None = None,
        http_status: int | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.error_code = error_code
        self.message = redact(message)
        self.request_id = request_id
        self.is_alone = False
        """Whether only this call fails, again and again, while the service is well."""
        self.http_status = http_status
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        super().__init__(endpoint, error_code)

    @property
    def is_quota(self) -> bool:
        """Whether the download quota is used up; its window has to pass, transfers may go on."""
        return self.error_code == "RATE_LIMIT_USER_DL"

    def __str__(self) -> str:
        code = self.error_code or (f"HTTP {self.http_status}" if self.http_status else "")
        text = ": ".join(filter(None, (self.endpoint, code, self.message)))
        if self.request_id:
            text += f" (request {self.request_id})"
        return text


class AuthError(ApiError):
    """The token, the account or its role was refused; another try cannot help."""


class EndpointRemoved(ApiError):
    """The service has removed or renamed this endpoint; only a newer asyncdl can help."""


class ForeignResponse(ApiError):
    """The response is not M2M's: something on the way, or in its place, sent it.

    It says nothing about the account, whatever its status is.
    """


class NetworkError(AsyncdlError):
    """No usable response: name not resolved, refused, reset, timed out.

    Args:
        what: What was being done, such as ``request to files.example.org``.
        cause: The kind of failure in a few words.
        retryable: False for failures that last, such as a bad certificate.
        errno: The operating system's number for it, if there is one.
        phase: ``connect`` if there was no connection, ``body`` if it broke within a body,
            ``garbled`` if what came is not HTTP; else empty.
    """

    url = ""
    """Which URL it is about, without its secrets, where that is known."""

    def __init__(
        self,
        what: str,
        cause: str,
        *,
        retryable: bool = True,
        errno: int | None = None,
        phase: str = "",
    ) -> None:
        self.errno = errno
        self.phase = phase
        self.what = redact(what)
        self.cause = redact(cause)
        self.retryable = retryable
        super().__init__(f"{self.what}: {self.cause}")

    @property
    def remedy(self) -> str:
        """What can be done about it, in one sentence."""
        return NETWORK if self.retryable else FINAL


class TransferError(AsyncdlError):
    """One file cannot be had.

    Args:
        url: Of the request; kept without its secrets.
        reason: Stable code for reports, such as ``size-mismatch``.
        detail: The facts in one line.
    """

    reason = "transfer"
    remedy = AGAIN

    def __init__(
        self,
        url: str,
        detail: str,
        *,
        reason: str | None = None,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.url = redact_url(url)
        self.detail = redact(detail)
        self.attempts = 0
        if reason is not None:
            self.reason = reason
        if retryable is not None:
            self.retryable = retryable
        self.remedy = remedy_of(self.reason, type(self).remedy, is_retryable=self.retryable)
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)

    def __str__(self) -> str:
        return f"{self.detail} [{self.reason}] {self.url}"


class HttpStatusError(TransferError):
    """The file host responded with a status that brings no data.

    ``url_refused`` is true when a fresh URL for the same file may help.
    """

    def __init__(self, url: str, status: int, *, retry_after_s: float | None = None) -> None:
        self.status = status
        self.is_crowded = False
        """Whether other files were being fetched from the host, so that this request may have been
        refused as one connection too many."""
        super().__init__(
            url,
            f"the host responded with {status}",
            reason=f"http-{status}",
            retryable=status in RETRYABLE_STATUS,
            retry_after_s=retry_after_s,
        )

    @property
    def url_refused(self) -> bool:
        """Whether the URL itself was refused, as an expired signature is."""
        return self.status in (401, 403, 404, 410)


class SizeMismatch(TransferError):
    """More or fewer bytes than expected."""

    reason = "size-mismatch"
    retryable = True

    def __init__(self, url: str, *, expected: int, got: int) -> None:
        self.expected = expected
        self.got = got
        super().__init__(url, f"expected {expected} bytes, got {got}")


class ChecksumMismatch(TransferError):
    """Other bytes than expected, in the whole file or in a ``member`` of an archive."""

    reason = "checksum-mismatch"
    retryable = True

    def __init__(
        self, url: str, *, algorithm: str, expected: str, got: str, member: str = ""
    ) -> None:
        self.algorithm = algorithm
        self.expected = expected
        self.got = got
        self.member = member
        of = f" of {member}" if member else ""
        super().__init__(url, f"{algorithm}{of} is {got}, expected {expected}")


class RangeRefused(TransferError):
    """A partial response that cannot be placed; the file has to begin again."""

    reason = "range-refused"
    retryable = True


class WrongContent(TransferError):
    """An error page, a login page or a broken file in place of the data."""

    reason = "wrong-content"
    retryable = True
    names_outage = False
    """Whether the page says that the host is down."""

    def become(self, reason: str) -> None:
        """Take another reason, now that the page has been read; another try does not help then."""
        self.reason, self.retryable = reason, False
        self.remedy = remedy_of(reason, TransferError.remedy, is_retryable=False)


class Stalled(TransferError):
    """No useful bytes for too long."""

    reason = "stalled"
    retryable = True

    def __init__(self, url: str, *, seconds: float, count: int = 0) -> None:
        self.seconds = seconds
        self.count = count
        what = f"only {count} bytes in" if count else "no bytes for"
        super().__init__(url, f"{what} {seconds:g} s")


class DiskError(AsyncdlError):
    """The file system refused.

    Args:
        path: The file or folder in question.
        cause: The operating system's error.
    """

    def __init__(self, path: Path, cause: OSError) -> None:
        self.path = path
        self.errno = cause.errno
        # Other files close theirs sooner or later.
        self.retryable = cause.errno in TOO_MANY_OPEN
        self.detail = cause.strerror or str(cause)
        super().__init__(f"{path}: {self.detail}")

    @property
    def remedy(self) -> str:
        """What can be done about it, in one sentence."""
        return _REMEDIES.get(self.errno or 0, "Check the disk, then run the same command again.")

    @property
    def is_full(self) -> bool:
        """Whether the volume or the quota is used up, so that the whole run has to stop."""
        return self.errno in (errno.ENOSPC, errno.EDQUOT)


class StoreError(AsyncdlError):
    """An object store refused, or cannot be reached.

    Args:
        address: Of the store, or of the object in it.
        detail: What happened, in a few words, without secrets.
        reason: Stable code for reports, such as ``store-denied``.
        retryable: Whether the same request may succeed when it is made again.
    """

    def __init__(
        self, address: str, detail: str, *, reason: str = "store", retryable: bool = False
    ) -> None:
        self.address = address
        self.detail = redact(detail)
        self.reason = reason
        self.retryable = retryable
        self.remedy = remedy_of(reason, AGAIN, is_retryable=retryable)
        super().__init__(f"{address}: {self.detail}")

    @property
    def is_missing(self) -> bool:
        """Whether there is no such object."""
        return self.reason == "store-no-object"

    @property
    def stops_run(self) -> bool:
        """Whether no other file can be placed either, so that the whole run has to stop."""
        return self.reason not in (
            "store",
            "store-no-object",
            "store-exists",
            "store-name",
            "store-unsupported",
        )


class MisuseError(AsyncdlError, RuntimeError):
    """The program uses an object as it cannot be used, such as a client after its block."""


TOO_MANY_OPEN = frozenset({errno.EMFILE, errno.ENFILE})
"""System errors that say: too many files and connections are open at once."""

_NO_RIGHT = "Make sure you may write there, or choose another download directory."
_IN_THE_WAY = "Move away what is in the way, or choose another download directory."
_REMEDIES = {
    errno.ENOSPC: "Make room on the disk, then run the same command again: it continues.",
    errno.EDQUOT: "Make room within your quota, then run the same command again: it continues.",
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: _NO_RIGHT,
    errno.ENAMETOOLONG: "Choose a download directory with a shorter path.",
    errno.EISDIR: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ELOOP: _IN_THE_WAY,
    **dict.fromkeys(TOO_MANY_OPEN, "Allow more open files (`ulimit -n`), or use fewer workers."),
}

RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Statuses after which the same URL may return data (RFC 9110 §15; 52x: CDN habit)."""


INTERRUPTED = "interrupted"
"""Reason of a fetch that was stopped from outside."""


def reason_of(error: BaseException) -> str:
    """Return the stable code of what ended a file, or a try of it."""
    match error:
        case TransferError():
            reason = error.reason
        case NetworkError():
            reason = "network"
        case DiskError():
            reason = "disk"
        case StoreError():
            reason = error.reason
        case _:
            reason = INTERRUPTED
    return reason


@contextmanager
def ungrouped() -> Iterator[None]:
    """Let callers see the error that stopped a task group instead of the group around it."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = _first_leaf(group)
        # What caused it stays in sight; that there was a group does not.
        raise error from error.__cause__


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
