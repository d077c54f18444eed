"""What every file of a sandbox really holds, told without a server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from asyncdl.sandbox.archive import Archive, RasterSize
from asyncdl.sandbox.bundles import SizedContent
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.lookup import find_target

_CHUNK_BYTES = 1024 * 1024


class ExpectedFiles:
    """All files of a sandbox that was served with the same arguments.

    Whoever proves the bytes of a run can be another process than the one that
    served them.

    Args:
        scenes: Ids of scenes and U.S. tiles beside those that are always there.
        generated: How many computed scenes there are besides.
        raster_pixels: Width and height of all rasters.
        file_size: Bytes of each raster file, in place of ``raster_pixels``; 1024 or more.
        seed: Another seed makes other pixels.
    Raises: ValueError, for an id in ``scenes`` that is none, or an impossible ``file_size``.
    """

    def __init__(
        self,
        *,
        scenes: Sequence[str] = (),
        generated: int = 0,
        raster_pixels: int = 64,
        file_size: int | None = None,
        seed: int = 0,
    ) -> None:
        self.catalog = Catalog(generated, tuple(scenes))
        self.archive = Archive(self.catalog, RasterSize(raster_pixels, file_size), seed)

    def size_of(self, name: str) -> int:
        """Return the length of a file in bytes. Raises: KeyError, if there is none."""
        return self._content(name).size

    def bytes_of(self, name: str) -> bytes:
        """Return all of a file. Raises: KeyError, if there is none."""
        return b"".join(self._chunks(name))

    def sha512_of(self, name: str) -> str:
        """Return the digest of a file in hex, however large it is.

        Args:
            name: Such as ``…_SR_B4.TIF``, or ``….tar`` for a bundle, as it is while
                ``bundle_changes`` is off. Where entities share a file name:
                ``<entity id>/<file name>``.
        Raises: KeyError, if there is no such file.
        """
        digest = hashlib.sha512()
        for chunk in self._chunks(name):
            digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, name: str) -> Iterator[bytes]:
        content = self._content(name)
        for start in range(0, content.size, _CHUNK_BYTES):
            yield content.read(start, min(start + _CHUNK_BYTES, content.size))

    def _content(self, name: str) -> SizedContent:
        target = find_target(self.catalog, name)
        if target is None:
            raise KeyError(name)
        return self.archive.content(target, target.mtime)
