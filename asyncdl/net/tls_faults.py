"""What OpenSSL's reasons mean, why a certificate was refused, and what helps. Pure."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


_UNKNOWN_ISSUER = (
    "a proxy or firewall may inspect TLS: make its CA known to this machine, or name its file by "
    "ca_file (--cacert) or in SSL_CERT_FILE; without one, update the system's CA certificates"
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
    "named by ca_file (--cacert)"
)

_REMEDIES = {
    2: _UNKNOWN_ISSUER,
    9: _NOT_YET_VALID,
    10: _EXPIRED,
    18: _UNKNOWN_ISSUER,
    19: _UNKNOWN_ISSUER,
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
    23: "the certificate was revoked: ask who runs the server",
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


CLOSED = "it closed the connection in the middle of the TLS handshake"
"""Without any reason of OpenSSL's: for both clients, whose loops say it differently."""


@dataclass(frozen=True, slots=True)
class TlsFault:
    """Why there is no TLS with a host, or none any more."""

    cause: str
    """For people, with OpenSSL's own reason."""
    retryable: bool
    """Whether it may pass by itself."""


_NO_TLS = "the host speaks no TLS on this port; is the address one of http:// or another port?"
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
    "certificate (client_cert, --cert)"
)
_UNKNOWN_NAME = "the server does not know this host's name; is it the right address?"
_WANTED = "the host wants a client certificate: name one by client_cert (--cert)"
_REFUSED = (
    "the host refuses our client certificate; see what client_cert (--cert) names, or ask who "
    "runs the host"
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
    ("UNEXPECTED_EOF", CLOSED),
)
"""The same of those that may pass."""


def tls_fault(error: ssl.SSLError) -> TlsFault:
    """Return what an error of OpenSSL's means; it may come in the handshake or later."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFault(certificate_problem(error), retryable=False)
    reason = error.reason or ""
    said = reason.replace("_", " ").lower() or str(error)
    for table, retryable in ((_LASTING, False), (_PASSING, True)):
        for part, meaning in table:
            if part in reason:
                return TlsFault(f"no TLS: {meaning} (OpenSSL: {said})", retryable)
    return TlsFault(f"no TLS: {said}", retryable=True)


def tls_fault_in(error: BaseException) -> TlsFault | None:
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


def handshake_fault_in(error: BaseException) -> TlsFault | None:
    """Return the same for an error on the way to a connection, where an end is a fault, too.

    The loops say it by a ConnectionResetError of their own, which has no number.
    """
    reason = getattr(error, "os_error", error)
    if isinstance(reason, ConnectionResetError) and not reason.args:
        return TlsFault(f"no TLS: {CLOSED}", retryable=True)
    return tls_fault_in(error)
