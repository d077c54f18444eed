"""Digests as STAC items write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORMS = {"1340": ("sha512", 128), "1220": ("sha256", 64)}
"""Code of the algorithm and length of its value, in hex: the algorithm, and its hex digits."""
_CODE_DIGITS = 4
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What the bytes of one file add up to."""

    algorithm: str
    """``sha512`` or ``sha256``."""
    value: str
    """Lower-case hex."""


def parse_multihash(text: object) -> FileDigest | None:
    """Read a ``file:checksum``.

    Returns: ``None``, if it is no SHA-2 digest in hex.
    Source: the ``file`` extension of STAC; the multihash table; API notes, section 8.
    """
    if not isinstance(text, str):
        return None
    lowered = text.strip().lower()
    algorithm, digits = _FORMS.get(lowered[:_CODE_DIGITS], ("", 0))
    value = lowered[_CODE_DIGITS:]
    if algorithm and len(value) == digits and _HEX.fullmatch(value):
        return FileDigest(algorithm, value)
    return None
