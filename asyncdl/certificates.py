"""Why a server's certificate was refused, and what helps. Pure."""

from __future__ import annotations

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
_WEAK = "it is too weak for this machine's OpenSSL: its owner has to renew it"
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
    66: _WEAK,
    67: _WEAK,
    68: _WEAK,
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
