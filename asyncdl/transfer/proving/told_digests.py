"""Digests that a host tells of its own accord. Pure."""

from __future__ import annotations

import base64
import logging
import re

from asyncdl.transfer.proving.digests import Digest

_ITEM = re.compile(r"\s*([a-z0-9_*.-]+)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?")
_KNOWN = {"sha-256": ("sha256", 32), "sha-512": ("sha512", 64)}
"""The algorithms of RFC 9530 that are fit for the purpose, and the bytes of their values."""

_MD5_BYTES = 16

_log = logging.getLogger("asyncdl.transfer")


def read_repr_digest(header: str | None) -> tuple[Digest, ...]:
    """Read a ``Repr-Digest``: digests of the whole file, whatever part an answer brings.

    ``Content-Digest`` covers the bytes of one answer only and is not read.

    Returns: What can be checked; empty if absent, malformed, or of other algorithms.
    Source: RFC 9530, section 3.
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
    """Read a ``Content-MD5``, which covers the body of its answer: the whole file with a 200 only.

    Returns: One digest, or none if absent or malformed.
    Source: RFC 1864, section 2; withdrawn by RFC 9110, and still told by object stores.
    """
    value = _decode((header or "").strip())
    if len(value) == _MD5_BYTES:
        return (Digest("md5", value.hex()),)
    if header:
        _log.warning("a Content-MD5 that cannot be checked: %.40s", header.strip())
    return ()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        # Neither base64, nor ASCII at all.
        return b""
