"""The digests that the service and the STAC catalogue tell."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from asyncdl.sandbox.bundles import SizedContent

_CHUNK_BYTES = 256 * 1024
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of one file."""

    cksum: int
    """As the POSIX tool ``cksum`` prints it."""
    sha256: str
    """Hex."""
    sha512: str
    """Hex."""

    @property
    def multihash(self) -> str:
        """The SHA-512 as ``file:checksum`` of a STAC item tells it."""
        return "1340" + self.sha512


def digest(content: SizedContent) -> Digests:
    """Read a content once and return its digests."""
    sha256, sha512, crc = hashlib.sha256(), hashlib.sha512(), PosixCrc()
    for start in range(0, content.size, _CHUNK_BYTES):
        chunk = content.read(start, min(start + _CHUNK_BYTES, content.size))
        sha256.update(chunk)
        sha512.update(chunk)
        crc.update(chunk)
    return Digests(crc.value(content.size), sha256.hexdigest(), sha512.hexdigest())


class PosixCrc:
    """The CRC of ``cksum``, at the speed of zlib.

    Both use the same polynomial, but zlib takes the bits of each byte in the
    opposite order; so bytes are mirrored on the way in and the sum on the way out.

    Source: POSIX.1-2017, cksum.
    """

    def __init__(self) -> None:
        # zlib starts from all ones and inverts; this makes its register begin at zero.
        self._crc = _ALL_ONES

    def update(self, chunk: bytes) -> None:
        """Take in more bytes."""
        self._crc = zlib.crc32(chunk.translate(_MIRRORED), self._crc)

    def value(self, size_bytes: int) -> int:
        """Return the sum over all bytes so far, of which there are ``size_bytes``."""
        length = size_bytes.to_bytes((size_bytes.bit_length() + 7) // 8, "little")
        register = zlib.crc32(length.translate(_MIRRORED), self._crc) ^ _ALL_ONES
        return int(f"{register:032b}"[::-1], 2) ^ _ALL_ONES
