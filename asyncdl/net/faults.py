"""What can go wrong on the way to a host and back: one sentence for each fault, for every client.

Pure. The M2M client, the STAC client, the doctor and both clients of the engine raise these faults,
so one fault reads the same everywhere. :mod:`asyncdl.net.aiohttp_faults` reads them from the
exceptions of aiohttp, which the engine's own client does without.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from asyncdl.errors import RETRYABLE_STATUS, NetworkError
from asyncdl.net.address_policy import AddressRefused

if TYPE_CHECKING:
    from datetime import datetime

CONNECT, BODY, GARBLED = "connect", "body", "garbled"
"""Phases of a :class:`NetworkError`; without one, the fault came between request and response."""


class Fault(Struct, frozen=True):
    """One thing that went wrong, in the words that every client uses."""

    cause: str
    """For people, in one sentence; a remedy may follow behind a semicolon."""
    retryable: bool = True
    """Whether it may pass by itself."""
    phase: str = ""
    errno: int | None = None
    """The operating system's number, if it has one for this."""

    def error(self, what: str) -> NetworkError:
        """Return the error to raise; ``what`` says what was being done."""
        return NetworkError(
            what, self.cause, retryable=self.retryable, errno=self.errno, phase=self.phase
        )


NAME_UNKNOWN = Fault("the host name cannot be resolved", phase=CONNECT)
NOT_AN_ADDRESS = Fault("not a valid host name or address", retryable=False)
REFUSED = Fault("connection refused", phase=CONNECT)
CONNECT_TIMEOUT = Fault("timed out while connecting", phase=CONNECT)
RESPONSE_TIMEOUT = Fault("timed out while waiting for the response")
CLOSED = Fault("the host closed the connection before sending a response")
CUT_SHORT = Fault("the response body was cut short", phase=BODY)
BROKEN = Fault("the connection broke")
NOT_DECODABLE = Fault("the response body is not in the Content-Encoding that it names", phase=BODY)
SESSION_CLOSED = Fault("the session has been closed", retryable=False)

MAX_HEAD_BYTES = 64 * 1024
"""Status line and headers of a response together; longer ones are not read on."""
HEADERS_TOO_LONG = "the headers are too long"
NO_STATUS_LINE = "no status line"
BAD_LENGTH = "invalid Content-Length"
BAD_CHUNK_SIZE = "invalid chunk size"
BAD_CHUNK_END = "a chunk does not end where its size says"
BAD_HEADER_LINE = "invalid header line"

_PROXY_LOGIN = (
    "it wants a user name and a password, or other ones (written before its host in the variable "
    "that names it, as name:password@)"
)
_PROXY_FORBIDS = "ask the network's administrators to allow this host"
_PASSING_SOCKS_CODES = (1, 3, 4, 5, 6, 91)
"""Failures on the way from the proxy, which may pass; others are its rules.

Source: RFC 1928, section 6; 91 is all that SOCKS 4 has for them."""


def not_http(detail: str = "") -> Fault:
    """Return the fault for bytes that cannot be read as a response."""
    cause = "the response is not valid HTTP"
    return Fault(f"{cause}: {detail}" if detail else cause, phase=GARBLED)


def proxy_unreachable(error: OSError) -> Fault:
    """Return the fault for a proxy that takes no connection."""
    return Fault(
        f"the proxy cannot be reached: {_words_of(error)}", phase=CONNECT, errno=error.errno
    )


def proxy_refusal(status: int) -> Fault:
    """Return the fault for a proxy that lets no request through to the host."""
    advice = {407: _PROXY_LOGIN, 401: _PROXY_FORBIDS, 403: _PROXY_FORBIDS}.get(status)
    cause = "; ".join(filter(None, (f"the proxy responded with {status}", advice)))
    return Fault(cause, retryable=status in RETRYABLE_STATUS)


def socks_refusal(said: str, *, code: int | None = None, has_responded: bool = True) -> Fault:
    """Return the fault for a SOCKS proxy that opens no connection to the host.

    Args:
        said: In the words of the library.
        code: Of the protocol, if the proxy gave one.
        has_responded: Whether anything came at all.
    """
    said = said.lower()
    if not has_responded:
        return Fault("the proxy closed the connection before sending a response", phase=CONNECT)
    if code is not None:
        cause = f"the proxy did not connect to the host: {said}"
        return Fault(cause, retryable=code in _PASSING_SOCKS_CODES, phase=CONNECT)
    if "uthentication" in said:
        cause = f"the proxy refused the login: {said}; {_PROXY_LOGIN}"
        return Fault(cause, retryable=False, phase=CONNECT)
    return Fault(f"the proxy does not speak this kind of SOCKS: {said}", False, phase=CONNECT)


def moved_inward(host: str) -> Fault:
    """Return the fault for a host whose addresses are all further inward than it was met at."""
    return Fault(f"{host} now leads further into this network than before", phase=CONNECT)


@contextmanager
def network_errors(what: str) -> Iterator[None]:
    """Raise NetworkError for what the system and ``ssl`` raise while a connection is made."""
    try:
        yield
    except AddressRefused:
        raise
    except OSError as error:
        raise connect_fault(error).error(what) from error


def connect_fault(error: OSError) -> Fault:
    """Return what went wrong on the way to a connection, TLS included."""
    if isinstance(error, socket.gaierror):
        return NAME_UNKNOWN
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if isinstance(error, TimeoutError):
        return CONNECT_TIMEOUT
    fault = handshake_fault_in(error) or system_fault(error)
    return replace(fault, phase=CONNECT)


def system_fault(error: BaseException | None, otherwise: Fault = BROKEN) -> Fault:
    """Return what ``ssl`` or the system says of a connection.

    Args:
        error: Why the connection ended; ``None`` if the host just closed it.
        otherwise: Counts where the error says nothing.
    """
    if isinstance(error, ssl.SSLError):
        return replace(tls_fault(error), phase=otherwise.phase)
    if isinstance(error, OSError) and (error.errno or error.strerror):
        return replace(otherwise, cause=_words_of(error), errno=error.errno)
    return otherwise


def _words_of(error: OSError) -> str:
    """Return the system's words; asyncio's say which call failed, and not why."""
    said = error.strerror or ""
    if error.errno and (not said or "onnect call failed" in said):
        said = os.strerror(error.errno)
    return said or str(error) or BROKEN.cause


# -- TLS ---------------------------------------------------------------------

_UNKNOWN_ISSUER = (
    "a proxy or firewall may inspect TLS: make its CA known to this machine, or name its file by "
    "`ca_file` or in SSL_CERT_FILE; without one, update the system's CA certificates"
)
_WRONG_HOST = (
    "another machine responds in the host's name: look for a captive portal, a proxy or a wrong "
    "address"
)
_EXPIRED = "check this machine's clock, which says {now}; if it is right, the server has to renew"
_NOT_YET_VALID = "check this machine's clock, which says {now}"
_WEAK_CERTIFICATE = "it is too weak for this machine's OpenSSL: its owner has to renew it"
_OLD_FORM = (
    "Python 3.13 and later take only certificates of the modern form, but for those whose CA is "
    "named by `ca_file`"
)

_REMEDIES = {
    2: _UNKNOWN_ISSUER,
    9: _NOT_YET_VALID,
    10: _EXPIRED,
    18: _UNKNOWN_ISSUER,
    19: _UNKNOWN_ISSUER,
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
    23: "the certificate was revoked: contact the operator of the server",
    62: _WRONG_HOST,
    64: _WRONG_HOST,
    66: _WEAK_CERTIFICATE,
    67: _WEAK_CERTIFICATE,
    68: _WEAK_CERTIFICATE,
    **dict.fromkeys(range(79, 94), _OLD_FORM),
}
"""By OpenSSL's X509_V_ERR_ number (x509_vfy.h)."""


def certificate_problem(error: Exception, *, now: datetime | None = None) -> str:
    """Return OpenSSL's reason for refusing a certificate, and the remedy, in one line.

    Args:
        error: Of ``ssl``, as the handshake raised it.
        now: For tests; this machine's clock by default.
    """
    reason = str(getattr(error, "verify_message", "") or error).strip().rstrip(".")
    remedy = _REMEDIES.get(getattr(error, "verify_code", 0), "")
    if "{now}" in remedy:
        remedy = remedy.format(now=_day(now))
    return "; ".join(filter(None, (f"bad certificate: {reason}", remedy)))


def _day(now: datetime | None) -> str:
    from datetime import UTC, datetime  # Nobody wants to know as long as all is well.

    return f"{now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


_CLOSED_IN_HANDSHAKE = "the host closed the connection during the TLS handshake"
"""Without any reason of OpenSSL's; the two clients' loops report it differently."""

_NO_TLS = "the host does not speak TLS on this port; is it an http:// address, or another port?"
_NO_VERSION = (
    "the host and this machine's OpenSSL have no version of TLS in common; the older of the two "
    "needs an update"
)
_NO_CIPHER = (
    "the host and this machine's OpenSSL have no cipher in common; the older of the two needs "
    "an update"
)
_NOTHING_SHARED = (
    "the host refuses the handshake: no cipher or version in common, or it wants a client "
    "certificate (`client_cert`)"
)
_UNKNOWN_NAME = "the server does not know this host's name; is it the right address?"
_WANTED = "the host wants a client certificate: name one by `client_cert`"
_REFUSED = (
    "the host refuses our client certificate; check what `client_cert` names, or contact the "
    "operator of the host"
)
_WEAK = "the host's key is too short for this machine's OpenSSL; its owner has to renew it"
_OLD = "the host renegotiates in the old, unsafe way; its owner has to update it"
_DENIED = "the host denies access"

_LASTING = (
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("HTTP_REQUEST", _NO_TLS),
    ("HTTPS_PROXY_REQUEST", _NO_TLS),
    ("UNKNOWN_PROTOCOL", _NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", _NO_TLS),
    ("RECORD_LAYER_FAILURE", _NO_TLS),
    ("ALERT_PROTOCOL_VERSION", _NO_VERSION),
    ("UNSUPPORTED_PROTOCOL", _NO_VERSION),
    ("NO_PROTOCOLS_AVAILABLE", _NO_VERSION),
    ("WRONG_SSL_VERSION", _NO_VERSION),
    ("UNSUPPORTED_SSL_VERSION", _NO_VERSION),
    ("INAPPROPRIATE_FALLBACK", _NO_VERSION),
    ("INSUFFICIENT_SECURITY", _NO_CIPHER),
    ("NO_SHARED_CIPHER", _NO_CIPHER),
    ("NO_CIPHERS_AVAILABLE", _NO_CIPHER),
    ("HANDSHAKE_FAILURE", _NOTHING_SHARED),
    ("UNRECOGNIZED_NAME", _UNKNOWN_NAME),
    ("CERTIFICATE_REQUIRED", _WANTED),
    ("ALERT_NO_CERTIFICATE", _WANTED),
    ("PEER_DID_NOT_RETURN_A_CERTIFICATE", _WANTED),
    ("ALERT_BAD_CERTIFICATE", _REFUSED),
    ("ALERT_CERTIFICATE_", _REFUSED),
    ("ALERT_UNSUPPORTED_CERTIFICATE", _REFUSED),
    ("ALERT_UNKNOWN_CA", _REFUSED),
    ("ALERT_DECRYPT_ERROR", _REFUSED),
    ("ACCESS_DENIED", _DENIED),
    ("KEY_TOO_SMALL", _WEAK),
    ("BAD_DH_VALUE", _WEAK),
    ("UNSAFE_LEGACY_RENEGOTIATION", _OLD),
)
"""Parts of OpenSSL's reasons that no other try changes, and what they mean; the first counts.

Source: sslerr.h; for alerts also RFC 8446, section 6.2."""

_PASSING = (
    ("INTERNAL_ERROR", "the host failed"),
    ("USER_CANCEL", "the host gave up"),
    ("BAD_RECORD_MAC", "bytes were changed on the way"),
    ("UNEXPECTED_EOF", _CLOSED_IN_HANDSHAKE),
)
"""The same of those that may pass."""


def tls_fault(error: ssl.SSLError) -> Fault:
    """Return what an error of OpenSSL's means; it may come in the handshake or later."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Fault(certificate_problem(error), retryable=False)
    reason = error.reason or ""
    said = reason.replace("_", " ").lower() or str(error)
    for table, retryable in ((_LASTING, False), (_PASSING, True)):
        for part, meaning in table:
            if part in reason:
                return Fault(f"no TLS: {meaning} (OpenSSL: {said})", retryable)
    return Fault(f"no TLS: {said}", retryable=True)


def tls_fault_in(error: BaseException) -> Fault | None:
    """Return what is wrong with TLS if that is behind an error, be it wrapped by aiohttp.

    Args:
        error: Of ``ssl``, asyncio or aiohttp.
    """
    seen: BaseException | None = error
    while seen is not None:
        for name in ("certificate_error", "os_error"):
            if isinstance(inner := getattr(seen, name, None), ssl.SSLError):
                return tls_fault(inner)
        # aiohttp's own are of this class, too, and know no reason.
        if isinstance(seen, ssl.SSLError) and not hasattr(seen, "os_error"):
            return tls_fault(seen)
        seen = seen.__cause__
    return None


def handshake_fault_in(error: BaseException) -> Fault | None:
    """Return the same for an error on the way to a connection, where an end is a fault, too.

    The loops say it by a ConnectionResetError of their own, which has no number.
    """
    reason = getattr(error, "os_error", error)
    if isinstance(reason, ConnectionResetError) and not reason.args:
        return Fault(f"no TLS: {_CLOSED_IN_HANDSHAKE}")
    return tls_fault_in(error)
