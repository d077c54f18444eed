"""Which resource a URL identifies, however often it is signed again. Pure.

An ``ETag`` is unique among the versions of one resource only (RFC 9110, section 8.8.3), and the
query is part of what identifies a resource. So bytes of ``dl?id=1`` are never continued by
``dl?id=2``, though both may have the ``ETag`` ``"1"``. Parameters that only sign a URL identify
no other resource and are left out.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

from asyncdl.redact import MASK, redact

# fmt: off
_SIGNING = frozenset({
    "requestsignature", "signature", "sig", "token", "access_token", "auth_token",
    "api_key", "apikey", "awsaccesskeyid", "googleaccessid", "ossaccesskeyid", "key-pair-id",
    "x-oss-signature", "x-oss-signature-version", "x-oss-credential", "x-oss-date",
    "x-oss-expires", "x-oss-security-token", "q-sign-algorithm", "q-ak", "q-sign-time",
    "q-key-time", "q-header-list", "q-url-param-list", "q-signature", "hdnts", "hdnea",
    "hdntl", "__gda__",
})
# fmt: on
"""Parameters that sign or authorize in any case, in lower case."""
_SIGNING_PREFIXES = ("x-amz-", "x-goog-")
# fmt: off
_AZURE = frozenset({
    "se", "sp", "sv", "sr", "st", "spr", "sip", "si", "ses", "sdd", "skoid", "sktid",
    "skt", "ske", "sks", "skv", "saoid", "suoid", "scid",
})
# fmt: on
_SIGNING_BESIDE = {
    "signature": frozenset({"expires", "policy", "security-token", "securitytoken"}),
    "sig": _AZURE,
    "token": frozenset({"expires", "expiry", "exp"}),
}
"""Parameters that belong to a signature only if the signature itself is present:
``st=TX`` alone may be a state of the USA, and ``sv=2`` a version."""
_DIGEST_CHARS = 24
_URLS_IN_USE = 64
"""Each is needed several times while its file begins."""


def source_of(url: str, *, is_renewed: bool = False) -> str:
    """Return what identifies the resource of a URL, without its secrets.

    Args:
        url: Any ``http`` or ``https`` URL.
        is_renewed: Whether a service gives fresh URLs for the same file, whose paths may hold
            a secret. That part of the path is ignored then.
    Returns: Scheme, host and path. A hash follows if the query also identifies the resource,
        or if a part of the path must not be shown.
    """
    parts = urlsplit(url)
    shown = display_url(url)
    hidden = parts.path if MASK in shown and not is_renewed else ""
    query = _identifying_query(parts.query)
    return f"{shown}#{_hash(hidden, query)}" if hidden or query else shown


@lru_cache(_URLS_IN_USE)
def display_url(url: str) -> str:
    """Return scheme, host and path of a URL, without secrets, for messages."""
    parts = urlsplit(url)
    return redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def file_id(url: str) -> str:
    """Return a hash for the file of a URL, which stays the same when the URL is signed again."""
    return _hash(source_of(url, is_renewed=True))


def resource_id(url: str) -> str:
    """Return a hash for the resource that redirects led to, whatever its host."""
    parts = urlsplit(str(url))  # to its cache, a subclass of str is another key
    name = parts.path.rpartition("/")[2]
    return f"{_hash(name)}-{_hash(parts.path, _identifying_query(parts.query))}"


def has_same_name(resource: str, other: str) -> bool:
    """Return whether the paths behind two :func:`resource_id` end in the same segment."""
    return resource.partition("-")[0] == other.partition("-")[0]


def _hash(*texts: str) -> str:
    import hashlib  # Sets up OpenSSL, which takes longer than all other imports together.

    joined = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:_DIGEST_CHARS]


def _identifying_query(query: str) -> str:
    """Return the parameters that identify the resource, in alphabetical order."""
    if not query:
        return ""
    fields = [field for field in query.split("&") if field]
    names = [unquote_plus(field.partition("=")[0]).lower() for field in fields]
    signing = _signing(frozenset(names))
    kept = (f for f, name in zip(fields, names, strict=True) if not _signs(name, signing))
    return "&".join(sorted(kept))


def _signing(names: frozenset[str]) -> frozenset[str]:
    beside = (more for name, more in _SIGNING_BESIDE.items() if name in names)
    return _SIGNING.union(*beside)


def _signs(name: str, signing: frozenset[str]) -> bool:
    return name in signing or name.startswith(_SIGNING_PREFIXES)
