"""Digests that a host sends in its response headers. Pure.

| header | of what | encoding |
|---|---|---|
| ``Repr-Digest`` (RFC 9530), ``Digest`` (RFC 3230) | the whole file | base64 |
| ``Content-Digest`` (RFC 9530), ``Content-MD5`` (RFC 1864) | the body | base64 |
| ``x-amz-checksum-…`` | the body | base64 |
| ``x-goog-hash``, ``x-ms-blob-content-md5`` | the whole file | base64 |
| ``x-checksum-…``, ``oc-checksum`` | the whole file | hex |
| ``x-amz-meta-md5``, ``-md5chksum``, ``-sha256`` … | the whole file, by who stored it | either |

A digest of the body is used if the body is the whole file: with a 200, and with a 206 from the
first byte to the last. An ``ETag`` is not a digest, even if it looks like one: how the host makes
it is not specified. CRC32C, CRC64 and Adler-32 are not computed.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Iterator, Mapping

from asyncdl.transfer.verification.digests import Digest

LISTED = frozenset({"repr-digest", "digest", "content-digest", "x-goog-hash"})
"""Headers whose values are lists and may come in several fields."""

_ITEM = re.compile(r"\s*([a-z0-9_*.-]+)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?")
_KNOWN = {"sha-256": ("sha256", 32), "sha-512": ("sha512", 64)}
"""The secure algorithms of RFC 9530, and the length of their values in bytes."""

_BYTES = {"sha512": 64, "sha384": 48, "sha256": 32, "sha224": 28, "sha1": 20, "md5": 16, "crc32": 4}
_NAMES = {
    "sha": "sha1",
    **{name: name for name in _BYTES},
    **{f"sha-{size}": f"sha{size}" for size in (1, 224, 256, 384, 512)},
    **{f"id-sha-{size}": f"sha{size}" for size in (256, 512)},
}
"""Names of algorithms as hosts write them, in lower case."""
_OF_BODY = ("sha512", "sha256", "sha1", "crc32")
_OF_FILE = ("sha512", "sha384", "sha256", "sha1", "md5")
_BY_UPLOADER = {
    "x-amz-meta-sha512": "sha512",
    "x-amz-meta-sha256": "sha256",
    "x-amz-meta-sha1": "sha1",
    "x-amz-meta-md5chksum": "md5",
    "x-amz-meta-md5": "md5",
}

_HEADERS = frozenset(
    {
        *LISTED,
        *("content-md5", "x-ms-blob-content-md5", "oc-checksum"),
        *(f"x-amz-checksum-{name}" for name in _OF_BODY),
        *(f"x-checksum-{name}" for name in _OF_FILE),
        *_BY_UPLOADER,
    }
)
"""All of them. Most responses have none, which is found out in a twentieth of the time."""

_log = logging.getLogger("asyncdl.transfer")


def read_digest_headers(headers: Mapping[str, str], *, is_whole: bool) -> tuple[Digest, ...]:
    """Return the digests of the whole file that the headers of a response give.

    Args:
        headers: By name, in lower case.
        is_whole: Whether the body is the whole file.
    Returns: One for each algorithm at most: the first of the table above.
    """
    # One by one: a caller's session keeps names as they came, and compares them without their case.
    if not any(map(headers.__contains__, _HEADERS)):
        return ()
    found: dict[str, Digest] = {}
    for digest in _read_all(headers, is_whole=is_whole):
        found.setdefault(digest.algorithm, digest)
    return tuple(found.values())


def _read_all(headers: Mapping[str, str], *, is_whole: bool) -> Iterator[Digest]:
    yield from read_repr_digest(headers.get("repr-digest"))
    yield from _read_pairs(headers.get("digest"))
    if is_whole:
        yield from read_repr_digest(headers.get("content-digest"))
        yield from read_content_md5(headers.get("content-md5"))
        for name in _OF_BODY:
            yield from _read_value(name, headers.get(f"x-amz-checksum-{name}"))
    stored = headers.get("x-goog-stored-content-encoding", "identity")
    # If Google decompresses an object on its way, the hash is that of the compressed one.
    if stored.strip().lower() in ("", "identity") or headers.get("content-encoding"):
        yield from _read_pairs(headers.get("x-goog-hash"))
    yield from _read_value("md5", headers.get("x-ms-blob-content-md5"))
    for name in _OF_FILE:
        yield from _read_value(name, headers.get(f"x-checksum-{name}"))
    yield from _read_pairs(headers.get("oc-checksum"), separator=":")
    for header, name in _BY_UPLOADER.items():
        yield from _read_value(name, headers.get(header))


def read_repr_digest(header: str | None) -> tuple[Digest, ...]:
    """Read a ``Repr-Digest``, or a ``Content-Digest``, which has the same syntax.

    Returns: What can be checked; empty if absent, malformed, or of other algorithms.
    Source: RFC 9530, sections 2 and 3.
    """
    digests = []
    for item in (header or "").split(","):
        match = _ITEM.fullmatch(item)
        algorithm, size = _KNOWN.get(match[1] if match else "", ("", 0))
        value = _decode(match[2]) if match else b""
        if algorithm and len(value) == size:
            digests.append(Digest(algorithm, value.hex()))
        elif header:
            _log.warning("a digest that cannot be checked: %.40s", item.strip())
    return tuple(digests)


def read_content_md5(header: str | None) -> tuple[Digest, ...]:
    """Read a ``Content-MD5``, which covers the body of its response.

    Returns: One digest, or none if absent or malformed.
    Source: RFC 1864, section 2; withdrawn by RFC 9110, and still sent by object stores.
    """
    value = _decode((header or "").strip())
    if len(value) == _BYTES["md5"]:
        return (Digest("md5", value.hex()),)
    if header:
        _log.warning("a Content-MD5 that cannot be checked: %.40s", header.strip())
    return ()


def _read_pairs(header: str | None, separator: str = "=") -> Iterator[Digest]:
    """Read ``name=value, …``; other algorithms are ignored.

    Source: RFC 3230, section 4.3.2; cloud.google.com/storage/docs/xml-api/reference-headers.
    """
    for item in (header or "").split(","):
        name, _, value = item.strip().partition(separator)
        if algorithm := _NAMES.get(name.strip().lower()):
            yield from _read_value(algorithm, value)


def _read_value(algorithm: str, text: str | None) -> Iterable[Digest]:
    """Read one value, in base64 or hex, whichever has the right length.

    Checksums of checksums, as for objects in several parts (``…-3``), are neither.
    """
    value, size = (text or "").strip().strip('"'), _BYTES[algorithm]
    if len(value) == 2 * size and re.fullmatch("[0-9a-fA-F]+", value):
        return (Digest(algorithm, value.lower()),)
    decoded = _decode(value)
    if len(decoded) == size:
        return (Digest(algorithm, decoded.hex()),)
    if value:
        _log.info("a digest that cannot be checked: %.40s", value)
    return ()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        # Not base64, perhaps not even ASCII.
        return b""
