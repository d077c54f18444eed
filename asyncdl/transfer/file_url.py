"""Which resource a URL stands for, however often it is signed anew. Pure.

An ``ETag`` is unique among the versions of one resource only (RFC 9110, section
8.8.3), and the query is part of what names a resource. So bytes of ``dl?id=1`` are
never continued by ``dl?id=2``, though both may have the ``ETag`` ``"1"``. What signs a
URL names no other resource, and is left out.
"""

from __future__ import annotations

from urllib.parse import unquote_plus, urlsplit

from asyncdl.redact import MASK, Url, redact
from asyncdl.transfer.host_health import SampleFile
from asyncdl.transfer.http import check_headers, led_to
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.request_headers import hidden
from asyncdl.transfer.wire_url import read_target

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
"""Parameters that belong to a signature only where the signature itself is there, too:
``st=TX`` alone may be a state of the USA, and ``sv=2`` a version."""
_DIGEST_CHARS = 24


def source_of(url: str, *, is_renewed: bool = False) -> str:
    """Return what names the resource of a URL, without its secrets.

    Args:
        url: Any ``http`` or ``https`` URL.
        is_renewed: Whether a service names fresh URLs for the same file, which may hold
            a secret in their paths. Such a part of the path names no resource then.
    Returns: Scheme, host and path as they are read; where a query names the resource as
        well, or a part of the path must not be shown, a number that stands for them.
    """
    parts = urlsplit(url)
    shown = display_url(url)
    hidden = parts.path if MASK in shown and not is_renewed else ""
    return _with_number(shown, hidden, _naming_query(parts.query))


def display_url(url: str) -> str:
    """Return scheme, host and path of a URL, without secrets: for people."""
    parts = urlsplit(url)
    return redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def file_id(url: str) -> str:
    """Return a number for the file of a URL, which stays when the URL is signed anew."""
    return _number(source_of(url, is_renewed=True))


def resource_id(url: str) -> str:
    """Return a number for the resource that redirects have led to, on whichever host."""
    parts = urlsplit(url)
    name = parts.path.rpartition("/")[2]
    return f"{_number(name)}-{_number(parts.path, _naming_query(parts.query))}"


def has_same_name(place: str, other: str) -> bool:
    """Tell whether the paths behind two numbers of :func:`resource_id` end alike."""
    return place.partition("-")[0] == other.partition("-")[0]


def _with_number(shown: str, *hidden: str) -> str:
    return f"{shown}#{_number(*hidden)}" if any(hidden) else shown


def _number(*texts: str) -> str:
    import hashlib  # Sets up OpenSSL, which takes longer than all of ours.

    joined = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:_DIGEST_CHARS]


def _naming_query(query: str) -> str:
    """Return the parameters that name the resource; their order means nothing."""
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


class FileUrl:
    """The URL of one file, which a fresh one may replace, and the headers sent with it.

    Args:
        request: What is wanted.
    Raises: TransferError, if its URL is none, or a header cannot be sent.
    """

    def __init__(self, request: FileRequest) -> None:
        self._named_by = request.named_by
        self.now = _checked(request.url, request.named_by)
        self.headers = hidden(request.headers)
        check_headers(self.now, self.headers)
        self.sample = SampleFile(self.now, self.headers, lambda: request.inmost)
        """The file as others of its host ask for it, to compare with."""
        self.is_renewed = request.refresh is not None or request.named_by is not None
        """Whether a service names fresh URLs of the same file."""
        self.source = source_of(request.url, is_renewed=self.is_renewed)
        """What stays of the URL when it is signed anew; no secret is in it."""
        self.sources = {self.source, *map(source_of, request.mirrors)}
        """Those of all mirrors."""

    def replace(self, fresh: str) -> None:
        """Ask at a fresh URL from now on.

        Raises: TransferError, WrongContent, if it is none that may be followed.
        """
        self.now = self.sample.url = _checked(fresh, self._named_by)


def _checked(url: str, named_by: str | None) -> str:
    """Return a URL as it may be fetched. Raises: TransferError, WrongContent."""
    url = Url(url)
    if named_by is not None:
        return led_to(named_by, url)
    read_target(url)
    return url
