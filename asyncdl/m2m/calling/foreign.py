"""Responses that are not from M2M: what they say, and what may have sent them. Pure.

Pages of CDNs, firewalls, filters, proxies and captive portals come with any status, any type and
any coding; what is read here is for people only.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Mapping

import orjson

from asyncdl.m2m.models import Json
from asyncdl.net.hosts import hostname_of

MAX_PAGE_BYTES = 64 * 1024
"""The title of a page is at its beginning."""
MAX_QUOTE_CHARS = 160
MAX_KIND_CHARS = 80
"""For type and sender in the headers."""

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_UNSEEN = re.compile(r"<!--.*?(?:-->|$)|<(script|style)\b.*?(?:</\1\s*>|$)", re.I | re.S)
_TITLE = re.compile(r"<title\b[^>]{0,500}>(.*?)(?:</title|$)", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h[1-3]\b[^>]{0,500}>(.*?)(?:</h[1-3]|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*(?:>|$)")
_PASSWORD_FIELD = re.compile(r"<input\b[^>]{0,500}type\s*=\s*[\"']?password", re.IGNORECASE)
_JSON_TEXTS = ("message", "Message", "error", "detail", "title", "error_description", "reason")
"""Where gateways put their messages."""

ADMINISTRATOR = "ask the network's administrators to let this host through"
_PORTAL = (
    "a captive portal or login page of the network: log in there with a browser, then run again"
)
_FILTER = f"a web filter or firewall of the network blocks it: {ADMINISTRATOR}"
_PROXY = "a proxy sent it: check HTTPS_PROXY and what the proxy allows"
_COUNTRY = "this country or address may be blocked: try another network, without a VPN"
_REFUSED = (
    "a firewall, proxy, web filter or CDN refuses this network, its country or its address: try "
    f"another network, without a VPN, or {ADMINISTRATOR}; neither token nor role is at fault"
)
_WANTS_LOGIN = (
    "a proxy or gateway wants a login of its own: check HTTPS_PROXY; the token is not at fault"
)
_NOBODY_THERE = "no M2M service is at this address: check service.url, or look for a newer asyncdl"
_ELSEWHERE = "a captive portal, a proxy or maintenance sends requests elsewhere"
_TOO_LARGE = "a gateway takes no request that large: set a smaller service.scenes_per_call"
_TOO_MANY = "a CDN or gateway counts too many requests from this address"
_FAILING = "the service is in maintenance, or a gateway in front of it fails"
_INSTEAD = "maintenance, or a captive portal or proxy that responds in the service's place"

_WORDS = (
    (
        re.compile(
            r"captive portal|hotspot|guest network|wi-?fi|network (?:login|authentication)|"
            r"(?:log|sign) ?in to (?:the|your|this) network",
            re.IGNORECASE,
        ),
        _PORTAL,
    ),
    (
        re.compile(
            r"zscaler|forti(?:guard|net|gate)|websense|forcepoint|palo alto|blue ?coat|sophos|"
            r"cisco umbrella|mcafee|barracuda|netskope|web ?filter|content filter|"
            r"url (?:filter|categor)|(?:company|acceptable use|security) polic",
            re.IGNORECASE,
        ),
        _FILTER,
    ),
    (
        re.compile(
            r"your (?:country|region|location)|from (?:your|this) country|geo-?block", re.IGNORECASE
        ),
        _COUNTRY,
    ),
)
"""Senders that are recognised by their words; the first match counts."""
_PROXY_WORDS = re.compile(r"\bsquid\b|proxy", re.IGNORECASE)
"""Count for refusals only: gateways of the service call themselves proxies when they fail."""

_CAUSE_OF_STATUS = {
    401: _WANTS_LOGIN,
    403: _REFUSED,
    404: _NOBODY_THERE,
    405: _NOBODY_THERE,
    407: _WANTS_LOGIN,
    410: _NOBODY_THERE,
    413: _TOO_LARGE,
    429: _TOO_MANY,
    451: _COUNTRY,
    511: _PORTAL,
}


def describe_foreign(
    status: int, headers: Mapping[str, str], body: bytes | bytearray
) -> tuple[str, str, str]:
    """Return type, text and likely cause of a body that is not an envelope.

    Args:
        status: HTTP status.
        headers: Case-insensitive.
        body: The whole body.
    Returns: Type and sender, such as ``text/html, CloudFront``; title or first words, which may be
        empty, and are not cleaned; the likely cause.
    """
    text = _text_of(headers, body)
    said = _said(body, text)
    return _kind(headers, body, said), said, _cause(status, headers, text)


def without_bom(body: bytes | bytearray) -> bytes | memoryview:
    """Return JSON for the parser: UTF-8 without a byte order mark."""
    for bom, charset in _BOMS:
        if body.startswith(bom):
            if charset == "utf-8":
                return memoryview(body)[len(bom) :]
            return body[len(bom) :].decode(charset, "replace").encode()
    # A view, for orjson takes no subclass of bytes.
    return memoryview(body)


def _text_of(headers: Mapping[str, str], body: bytes | bytearray) -> str:
    """Return the beginning of a page as text; invalid bytes are replaced."""
    page = _unpacked(bytes(body[:MAX_PAGE_BYTES]))
    for bom, charset in _BOMS:
        if page.startswith(bom):
            return page[len(bom) :].decode(charset, "replace")
    named = _CHARSET.search(headers.get("Content-Type") or "")
    try:
        return page.decode(named[1] if named else "utf-8", "replace")
    except (LookupError, ValueError):
        return page.decode("utf-8", "replace")


def _unpacked(page: bytes) -> bytes:
    """Decode gzip that no header names."""
    if not page.startswith(b"\x1f\x8b"):
        return page
    try:
        return zlib.decompressobj(wbits=31).decompress(page, MAX_PAGE_BYTES)
    except zlib.error:
        return page


def _said(body: bytes | bytearray, text: str) -> str:
    value = _json_of(body)
    if value is not None:
        return _short(_in_json(value))
    if "\0" in text or "\ufffd" * 3 in text:
        return ""  # no text at all
    seen = _UNSEEN.sub(" ", text)
    for part in (_TITLE, _HEADING):
        if (found := part.search(seen)) and (words := _words(found[1])):
            return words
    return _words(seen)


def _words(markup: str) -> str:
    return _short(_unescaped(_TAG.sub(" ", markup)))


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character whose number has thousands of digits
        return text


def _short(text: str) -> str:
    # Ten times what is shown, so that a secret is whole when it is looked for.
    return " ".join(text[: 20 * MAX_QUOTE_CHARS].split())[: 10 * MAX_QUOTE_CHARS]


def _json_of(body: bytes | bytearray) -> Json:
    if len(body) > MAX_PAGE_BYTES:
        return None
    try:
        value: Json = orjson.loads(without_bom(body))
    except ValueError:
        return None
    return value


def _in_json(value: Json, depth: int = 3) -> str:
    if isinstance(value, dict) and depth:
        found = next((value[name] for name in _JSON_TEXTS if value.get(name)), None)
        return "" if found is None else _in_json(found, depth - 1)
    return "" if isinstance(value, dict | list) else str(value)


def _kind(headers: Mapping[str, str], body: bytes | bytearray, said: str) -> str:
    if not body.strip():
        what = "an empty body"
    else:
        type_ = (headers.get("Content-Type") or "").partition(";")[0].strip()
        what = type_ or ("no type" if said else "no text")
    server, target = headers.get("Server") or "", hostname_of(headers.get("Location") or "")
    to = f"to {target}" if target else ""
    return _unescaped(", ".join(_short(text) for text in (what, to, server) if text))


def _cause(status: int, headers: Mapping[str, str], text: str) -> str:
    if status in (407, 451, 511):
        return _CAUSE_OF_STATUS[status]
    server = " ".join(headers.get(name) or "" for name in ("Server", "X-Squid-Error"))
    words = f"{server} {_TAG.sub(' ', _UNSEEN.sub(' ', text))}"
    for pattern, cause in _WORDS:
        if pattern.search(words):
            return cause
    if status < 500 and _PROXY_WORDS.search(words):
        return _PROXY
    if status < 300 and _PASSWORD_FIELD.search(text):
        return _PORTAL
    if status in (301, 308):
        return _NOBODY_THERE
    if 300 <= status < 400:
        return _ELSEWHERE
    if status >= 500:
        return _FAILING
    return _CAUSE_OF_STATUS.get(status, _INSTEAD if status < 300 else _REFUSED)
