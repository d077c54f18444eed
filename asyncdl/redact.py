"""Take bearer secrets out of anything a person or a file may see.

A signed file URL works for whoever holds it, so the signature counts as a
secret like the token and the API key do. Every message, event and log record
that carries text from outside passes through :func:`redact`.
"""

import re

MASK = "***"

_PATTERNS = (
    # landsatlook: ?requestSignature=<base64 of a signed JSON>
    re.compile(r"(requestSignature=)[^&\s\"'<>]+", re.IGNORECASE),
    # dds: /download/<token> and /download-staging/<token>
    re.compile(r"(/download(?:-staging)?/)[A-Za-z0-9+/=_%-]{8,}"),
    # presigned object stores and generic bearer parameters
    re.compile(
        r"((?:X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential|Signature|sig|access_token"
        r"|api_?key|token)=)[^&\s\"'<>]+",
        re.IGNORECASE,
    ),
    re.compile(r"(X-Auth-Token['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+", re.IGNORECASE),
    re.compile(
        r"(Authorization['\"]?\s*[:=]\s*['\"]?(?:Bearer |Basic )?)[^\s'\",}]+", re.IGNORECASE
    ),
    # user:password@ in a URL
    re.compile(r"(://)[^/\s@:]+:[^/\s@]+(?=@)"),
)

# Without one of these no pattern can match; most text has none, and is let
# through in a tenth of the time.
_MARK = re.compile(r"=|@|/download|token|authorization", re.IGNORECASE)


class Secret(str):
    """A text that works like any other, but shows nothing of itself in a ``repr``.

    A ``repr`` is what debuggers, crash reporters and tracebacks with local
    variables show, without anybody having asked for the secret.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class SecretBytes(bytes):
    """Bytes that may hold a secret; a ``repr`` shows their number alone."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Url(str):
    """A URL whose ``repr`` shows it without its secrets."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(redact(str(self)))


def redact(text: str) -> str:
    """Replace every known form of secret in ``text`` by ``***``.

    Idempotent, and total: text without a secret comes back unchanged.
    """
    if not _MARK.search(text):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{MASK}", text)
    return text
