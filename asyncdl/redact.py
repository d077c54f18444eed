"""Masks secrets in all text that a person or a file may see.

A signed file URL works for anyone who has it, so its signature is a secret like the token and the
API key. Every message, event and log record with text from outside passes through :func:`redact`.
"""

import re
from collections.abc import Iterable

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
_NAMED = re.compile(
    r"((?:password|passwd|secret|jwt|api_?key|token)=['\"])[^'\"\r\n]+"
    r"|((?:password|passwd|secret|jwt)=)[^&;\s\"'<>]+",
    re.IGNORECASE,
)
"""Outside URLs, as in the ``repr`` of what others made."""
_JSON = re.compile(
    r"(['\"](?:access_|refresh_|id_|client_)?(?:token|password|passwd|secret|api_?key)['\"]"
    r"[ \t]*+:[ \t]*+['\"])[^'\"\r\n]+",
    re.IGNORECASE,
)
_SIGN = r"(?:['\"]?[ \t]*+[:=][ \t]*+(?:b?['\"])?|['\"],[ \t]*+b?['\"])"
"""Between the name of a header and its value: as sent, in a dict, or in a tuple."""
_HEADERS = (
    re.compile(
        r"((?<![\w-])(?:(?:proxy-)?authorization|x-[\w-]*(?:key|token|secret|signature|credential)"
        r"|private-token|api-key|(?:ocp-apim-)?subscription-key)"
        # Of a quoted value to the quote; of another to the line's end, with quotes that it has.
        rf"{_SIGN}(?:(?:Bearer|Basic) )?)(?:=\\?\"[^\"\r\n]*+\"?|[^'\"\r\n])++",
        re.IGNORECASE,
    ),
    # What a host throws back of a login, without the name of the header; no word of prose
    # has a capital or a digit within.
    re.compile(r"(\b(?i:Basic|Bearer) )(?=[a-z]*[A-Z0-9+/=_.~-])[A-Za-z0-9+/=_.~-]{6,}"),
    re.compile(rf"(Cookie{_SIGN})[^\s'\"}}][^'\"\n}}]*", re.IGNORECASE),
)
_PATH_TOKEN = re.compile(r"(/download(?:-staging)?/)[A-Za-z0-9+/=_%-]{8,}")
"""dds: ``/download/<token>`` and ``/download-staging/<token>``."""
_BARE_USER = re.compile(r"^(/*+)[^\s/?#@:]*+:[^\s/?#]*@")
"""``user:password@`` without a scheme; an ``@`` alone may stand in the name of a folder."""
_USER = re.compile(r"(://)[^/\s@:]+:[^/\s@]+(?=@)")

# Without one of these nothing is masked; most text has none, and is let through in a tenth
# of the time.
_WORDS = (
    "token", "key", "authorization", "cookie", "passw", "secret", "jwt", "signature", "x-",
    "basic ", "bearer ",
)  # fmt: skip
_URL_SIGNS = ("//", "http", "\\/")
_ENCODED_SIGN = "%3a%2f"

_START = re.compile(
    # Also as typed by mistake, and as JSON may write it.
    r"https?:(?:\\u002f|[\\/])*+|:(?:\\?/){2}|(?<![\w:/.\\])//",
    re.IGNORECASE,
)
"""What the host of a URL stands behind."""
_PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/(?!download)[A-Za-z0-9._-]+)*+/?"
)
"""A text that is a URL without any part that may be a secret, as most are."""
_ENCODED = re.compile(r"(%3A(?:%2F){2})([^\s\"'<>&]++)", re.IGNORECASE)
"""A URL as a part of another one."""
_NO_URL = re.compile(r"[\s\"'<>]")
"""What ends a URL in a text."""
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

    A ``repr`` is what debuggers, crash reporters and tracebacks with local variables show.
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
        masked = redact(f"https://h{text}")[9:] if text.startswith("/") else redact_url(text)
        return repr(masked)


def redact(text: str) -> str:
    """Replace every secret in ``text`` by ``***``.

    In URLs these are user and password, all values of the query, and tokens in the path; paths of
    files stay as they are. Idempotent, and total: text without a secret is returned unchanged.
    """
    if _PLAIN_URL.fullmatch(text):
        return text
    lower = text.lower()
    if "=" in text:
        text = _without_groups(text, _SIGNATURES)
    if any(word in lower for word in _WORDS):
        text = _without_groups(text, (_JSON, *_HEADERS))
        text = _NAMED.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)
    if any(sign in lower for sign in _URL_SIGNS):
        text = _mask_urls(text)
    return _ENCODED.sub(_mask_encoded, text) if _ENCODED_SIGN in lower else text


def _without_groups(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(_mask_rest, text)
    return text


def _mask_rest(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}"


def redact_url(url: str) -> str:
    """Replace the secrets in what should be a URL, and may be one without its scheme.

    All of the text is taken for it, be there signs in it that no URL may have.
    """
    if _PLAIN_URL.fullmatch(url):
        return url
    scheme, sign, rest = url.partition("://")
    if not sign:
        bare = _BARE_USER.sub(rf"\1{MASK}@", url)
        return redact(_without_values(bare))
    if _NO_URL.search(rest):
        user, at, host = rest.rpartition("@")
        rest = _without_values(f"{MASK}@{host}" if at and _NO_URL.search(user) else rest)
    return redact(f"{scheme}://{rest}")


def _without_values(url: str) -> str:
    start = url.find("?")
    return url if start < 0 else url[:start] + _mask_parameters(url[start:])


def unsigned(url: str) -> str:
    """Return what stays of a URL, or of its path, when it is signed anew.

    For telling whether two URLs mean the same file; other secrets may be left in it.
    """
    signatures = _SIGNATURES if "=" in url else ()
    return _without_groups(url, (*signatures, _PATH_TOKEN, _USER))


def _mask_urls(text: str) -> str:
    done: list[str] = []
    at = 0
    while found := _START.search(text, at):
        start, sign = found.end(), found[0].lower()
        is_http = sign.startswith("http")
        masked, stop = _mask_host(
            text, start, names_token=is_http or sign[0] == ":", is_whole="//" in sign
        )
        done += text[at:start], masked
        end = _end_of(_PATH, text, stop)
        masked, at = _mask_query(text, end)
        done += _mask_path(text[stop:end], is_http=is_http), masked
    done.append(text[at:])
    return "".join(done)


def _mask_encoded(found: re.Match[str]) -> str:
    """Return a URL in a URL without who is named in front of its host, and without its query."""
    sign, rest = found.groups()
    if (query := rest.lower().find("%3f")) >= 0:
        rest = f"{rest[: query + 3]}{MASK}"
    slash = rest.lower().find("%2f")
    host, path = (rest, "") if slash < 0 else (rest[:slash], rest[slash:])
    user, at, host = host.rpartition("%40")
    return f"{sign}{MASK if user else ''}{at}{host}{path}"


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Return where what matches from ``start`` on ends; at ``start`` where nothing does."""
    match = pattern.match(text, start)
    return match.end() if match else start


def _mask_host(text: str, start: int, *, names_token: bool, is_whole: bool) -> tuple[str, int]:
    """Return the host of a URL without who is named in front of it, and where it ends.

    Args:
        text: Holds the URL.
        start: Of the host, or of who is named.
        names_token: Whether a word alone in front of ``@`` is a secret; else only one behind ``:``.
        is_whole: Whether this is a URL, also where nobody is named.
    """
    end = _end_of(_AUTHORITY, text, start)
    user, at, host = text[start:end].rpartition("@")
    if not at and names_token:
        user, at, host = text[start:end].rpartition("%40")
    if at and (names_token or ":" in user):
        return (f"{MASK}{at}{host}" if user else f"{at}{host}"), end
    if at or not (names_token and is_whole):
        return text[start:end], end
    if (port := _BAD_PORT.search(host)) is None:
        return host, end
    rest = text[start : _end_of(_REST, text, start)]
    if "@" in rest:
        return MASK, start + rest.rindex("@")
    return f"{host[: port.start()]}:{MASK}", end


def _mask_path(path: str, is_http: bool) -> str:
    if is_http:
        path = _PATH_TOKEN.sub(rf"\1{MASK}", path)
        path = _without_encoded_query(path)
    if ";" not in path:
        return path
    head, *parameters = path.split(";")
    return ";".join((head, *(_masked_parameter(text, is_path=True) for text in parameters)))


def _without_encoded_query(path: str) -> str:
    lower = path.lower()
    start = lower.find("%3f")
    return f"{path[: start + 3]}{MASK}" if start >= 0 and "%3d" in lower[start:] else path


def _mask_query(text: str, start: int) -> tuple[str, int]:
    query = _QUERY.match(text, start)
    if query is None:
        return "", start
    bare = query[0].rstrip(_CLOSING)
    closing = query[0][len(bare) :]
    stars = len(closing) - len(closing.lstrip("*"))  # of what is masked already
    bare, closing = bare + closing[:stars], closing[stars:]
    return _mask_parameters(bare) + closing, query.end()


def _mask_parameters(query: str) -> str:
    return _PARAMETER.sub(
        lambda found: found[1] + _masked_parameter(found[2], is_path="#" in found[1]), query
    )


def _masked_parameter(text: str, *, is_path: bool) -> str:
    """Return a parameter without its value; one without a name is all value, but in a path
    and behind a ``#``."""
    name, sign, value = text.partition("=")
    if not sign:
        return text if is_path or not text else MASK
    if not value:
        # Base64 ends so, too; and few names have digits.
        is_name = len(name) <= _LONGEST_NAME and not any(map(str.isdigit, name))
        return text if is_name else MASK
    return f"{name}={MASK}" if value.strip("=") else MASK
