"""What aiohttp's exceptions mean, in the words of :mod:`asyncdl.net.faults`.

The one place that reads them, for the M2M client, the STAC client, the doctor, and the engine
where it goes by a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from msgspec.structs import replace

from asyncdl.errors import NetworkError, Portable
from asyncdl.net.faults import (
    BAD_CHUNK_END,
    BAD_CHUNK_SIZE,
    BAD_HEADER_LINE,
    BAD_LENGTH,
    BROKEN,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    CUT_SHORT,
    HEADERS_TOO_LONG,
    NAME_UNKNOWN,
    NO_STATUS_LINE,
    NOT_AN_ADDRESS,
    NOT_DECODABLE,
    RESPONSE_TIMEOUT,
    Fault,
    connect_fault,
    handshake_fault_in,
    not_http,
    proxy_refusal,
    proxy_unreachable,
    system_fault,
    tls_fault_in,
)

_DETAILS = (
    ("content-length", BAD_LENGTH),
    ("status line", NO_STATUS_LINE),
    ("more than", HEADERS_TOO_LONG),
    ("too many headers", HEADERS_TOO_LONG),
    ("chunk size", BAD_CHUNK_SIZE),
    ("chunk", BAD_CHUNK_END),
    ("header", BAD_HEADER_LINE),
)
"""Words of the parser's messages, and what they mean; the first counts.

The messages themselves quote what the host has sent, so they are not repeated."""
_NOT_ENOUGH = "Not enough data"
"""In the parser's message for a body that ends too early."""


class KnownFault(Portable, aiohttp.ClientError):
    """Raised within aiohttp by connectors of ours that know already what is wrong."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.cause)
        self.fault = fault


@contextmanager
def session_errors(what: str, *, phase: str = "") -> Iterator[None]:
    """Raise NetworkError for what aiohttp raises.

    Args:
        what: What is being done, such as ``request to example.org``.
        phase: Of faults that do not say theirs.
    """
    try:
        yield
    except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
        # Cut off from the cause: it shows the URL with its signature, and the request's headers.
        raise _error_of(error, what, phase) from None
    except (aiohttp.ClientError, OSError) as error:
        raise _error_of(error, what, phase) from error


def _error_of(error: aiohttp.ClientError | OSError, what: str, phase: str) -> NetworkError:
    fault = fault_of(error)
    return replace(fault, phase=fault.phase or phase).error(what)


def fault_of(error: aiohttp.ClientError | OSError) -> Fault:
    """Return what an exception of aiohttp means, or one of the system that it lets through."""
    match error:
        case KnownFault():
            return error.fault
        case aiohttp.ClientHttpProxyError():
            return proxy_refusal(error.status)
        case aiohttp.ClientConnectorError():
            return _connector_fault(error)
        case aiohttp.ConnectionTimeoutError():
            return CONNECT_TIMEOUT
        case TimeoutError():
            return RESPONSE_TIMEOUT
        case aiohttp.ServerDisconnectedError():
            return CLOSED
        case aiohttp.ClientPayloadError():
            return _body_fault(error)
        case aiohttp.InvalidURL():
            return NOT_AN_ADDRESS
        case aiohttp.ClientResponseError():
            return _parser_fault(error.message)
        case OSError():
            return tls_fault_in(error) or _loss_fault(error)
    return replace(BROKEN, cause=f"{BROKEN.cause} ({type(error).__name__})")


def _connector_fault(error: aiohttp.ClientConnectorError) -> Fault:
    """Return why there is no connection."""
    if fault := handshake_fault_in(error):
        return replace(fault, phase=CONNECT)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return proxy_unreachable(error.os_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NAME_UNKNOWN
    return connect_fault(error.os_error)


def _loss_fault(error: OSError) -> Fault:
    """Return why a connection ended before the response."""
    # aiohttp writes to a connection that the host has closed meanwhile, and keeps no reason.
    return system_fault(error, BROKEN) if error.errno else CLOSED


def _body_fault(error: aiohttp.ClientPayloadError) -> Fault:
    cause = error.__cause__
    if isinstance(cause, aiohttp.http_exceptions.ContentEncodingError):
        return NOT_DECODABLE
    message = getattr(cause, "message", "")
    if isinstance(cause, aiohttp.http_exceptions.BadHttpMessage) and _NOT_ENOUGH not in message:
        return _parser_fault(message)
    return system_fault(cause, CUT_SHORT)


def _parser_fault(message: str) -> Fault:
    lower = message.lower()
    if "content-encoding" in lower:
        return NOT_DECODABLE
    return not_http(next((detail for words, detail in _DETAILS if words in lower), ""))
