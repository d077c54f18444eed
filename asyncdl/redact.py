"""Take bearer secrets out of anything a person or a file may see.

A signed file URL works for whoever holds it, so the signature counts as a
secret like the token and the API key do. Every message, event and log record
that carries text from outside passes through :func:`redact`.
"""

import re

MASK = "***"

_SIGNATURES = (
    # landsatlook: ?requestSignature=<base64 of a signed JSON>
    re.compile(r"(requestSignature=)[^&\s\"'<>]+", re.IGNORECASE),
    # presigned object stores and generic bearer parameters
    re.compile(
        r"((?:X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential|Signature|sig|access_token"
        r"|api_?key|token)=)[^&\s\"'<>]+",
        re.IGNORECASE,
    ),
)
_HEADERS = (
    re.compile(r"(X-Auth-Token['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+", re.IGNORECASE),
    re.compile(
        r"(Authorization['\"]?\s*[:=]\s*['\"]?(?:Bearer |Basic )?)[^\s'\",}]+", re.IGNORECASE
    ),
    re.compile(r"(Cookie['\"]?\s*[:=]\s*['\"]?)[^\s'\"}][^'\"\n}]*", re.IGNORECASE),
)
_PATH_TOKEN = re.compile(r"(/download(?:-staging)?/)[A-Za-z0-9+/=_%-]{8,}")
"""dds: ``/download/<token>`` and ``/download-staging/<token>``."""
_BARE_USER = re.compile(r"^(/*+)[^\s/?#@:]*+:[^\s/?#]*@")
"""``user:password@`` without a scheme; an ``@`` alone may stand in the name of a folder."""
_USER = re.compile(r"(://)[^/\s@:]+:[^/\s@]+(?=@)")

# Without one of these nothing is masked; most text has none, and is let through in a tenth
# of the time.
_MARK = re.compile(r"=|://|token|authorization|cookie", re.IGNORECASE)

_LONGEST_NAME = 20
"""Of a parameter without a value that is still taken for a name."""
_AUTHORITY = re.compile(r"[^\s/?#\"<>]*+")
_REST = re.compile(r"[^\s\"<>]{0,4096}+")
"""As much as can belong to a URL, within reason."""
_BAD_PORT = re.compile(r":[^0-9:\],.;)'\"]")
"""No port begins so: what follows belongs to a password with signs that no URL may hold."""
_PATH = re.compile(r"(?:(?!://)[^\s\"<>?#])*+")
"""To its end, or to where the host of another URL begins in it."""
_QUERY = re.compile(r"[?#](?:[^\s\"<>']|'(?![,:)}\]]|$))*+")
"""Query and fragment; a quote ends them where it closes what a message quotes."""
_PARAMETER = re.compile(r"([;&?#])([^;&?#]++)")
_CLOSING = ".,:;)]}*"
"""What may stand behind a URL in a sentence."""


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


class SecretBuffer(bytearray):
    """The same for bytes that are still arriving."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Url(str):
    """A URL whose ``repr`` shows it without its secrets."""

    __slots__ = ()

    def __repr__(self) -> str:
        text = str(self)
        # A path and its query alone: what is sent to a host.
        masked = redact(f"https://{text}")[8:] if text.startswith("/") else redact_url(text)
        return repr(masked)


def redact(text: str) -> str:
    """Replace every secret in ``text`` by ``***``.

    Of URLs that is whoever is named in front of the host, all values of the query, and tokens
    in the path; paths of files stay as they are. Idempotent, and total: text without a secret
    comes back unchanged.
    """
    if not _MARK.search(text):
        return text
    for pattern in (*_SIGNATURES, *_HEADERS):
        text = pattern.sub(rf"\1{MASK}", text)
    return _mask_urls(text)


def redact_url(url: str) -> str:
    """Replace the secrets in what should be a URL, and may be one without its scheme."""
    if "://" in url:
        return redact(url)
    bare = _BARE_USER.sub(rf"\1{MASK}@", url)
    start = bare.find("?")
    return bare if start < 0 else bare[:start] + _mask_query(bare, start)[0]


def unsigned(url: str) -> str:
    """Return what stays of a URL, or of its path, when it is signed anew.

    For telling whether two URLs mean the same file; other secrets may be left in it.
    """
    for pattern in (*_SIGNATURES, _PATH_TOKEN, _USER):
        url = pattern.sub(rf"\1{MASK}", url)
    return url


def _mask_urls(text: str) -> str:
    done: list[str] = []
    at = 0
    while (start := text.find("://", at)) >= 0:
        start += len("://")
        is_http = text[max(0, start - 8) : start].lower().endswith(("http://", "https://"))
        masked, stop = _mask_host(text, start)
        done += text[at:start], masked
        end = _end_of(_PATH, text, stop)
        masked, at = _mask_query(text, end)
        done += _mask_path(text[stop:end], is_http), masked
    done.append(text[at:])
    return "".join(done)


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Return where what matches from ``start`` on ends; at ``start`` where nothing does."""
    match = pattern.match(text, start)
    return match.end() if match else start


def _mask_host(text: str, start: int) -> tuple[str, int]:
    """Return the host of a URL without who is named in front of it, and where it ends."""
    end = _end_of(_AUTHORITY, text, start)
    user, at, host = text[start:end].rpartition("@")
    if at:
        return (f"{MASK}@{host}" if user else f"@{host}"), end
    if (port := _BAD_PORT.search(host)) is None:
        return host, end
    rest = text[start : _end_of(_REST, text, start)]
    if "@" in rest:
        return MASK, start + rest.rindex("@")
    return f"{host[: port.start()]}:{MASK}", end


def _mask_path(path: str, is_http: bool) -> str:
    if is_http:
        path = _PATH_TOKEN.sub(rf"\1{MASK}", path)
    if ";" not in path:
        return path
    head, *parameters = path.split(";")
    return ";".join((head, *(_masked_parameter(text, is_path=True) for text in parameters)))


def _mask_query(text: str, start: int) -> tuple[str, int]:
    query = _QUERY.match(text, start)
    if query is None:
        return "", start
    bare = query[0].rstrip(_CLOSING)
    closing = query[0][len(bare) :]
    stars = len(closing) - len(closing.lstrip("*"))  # of what is masked already
    bare, closing = bare + closing[:stars], closing[stars:]
    masked = _PARAMETER.sub(
        lambda found: found[1] + _masked_parameter(found[2], is_path="#" in found[1]), bare
    )
    return masked + closing, query.end()


def _masked_parameter(text: str, *, is_path: bool) -> str:
    """Return a parameter without its value; one without a name is all value, but in a path
    and behind a ``#``."""
    name, sign, value = text.partition("=")
    if not sign:
        return text if is_path or not text else MASK
    if not value:
        # Base64 ends so, too.
        return text if len(name) <= _LONGEST_NAME else MASK
    return f"{name}={MASK}" if value.strip("=") else MASK
