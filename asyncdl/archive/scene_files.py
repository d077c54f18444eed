"""The files of a scene in the archive, in the form in which the M2M service lists them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asyncdl.archive.bucket import ObjectAddress
from asyncdl.m2m.models import DownloadOption, Flag
from asyncdl.stac import FileDigest

PRODUCT = "archive"
"""Product id of all files there; a request names the file by its entity id."""
UNLISTED = (".json", ".jpeg")
"""Ends of names of files that the service does not list, so that a word means the same."""
SYSTEM = "ls_s3"
"""Download system of single files, as the service writes it."""


@dataclass(frozen=True, slots=True)
class ArchivedScene:
    """The files of one product whose digests are known."""

    product_id: str
    entity_id: str
    files: Mapping[str, ObjectAddress]
    """By file name."""

    @property
    def folder(self) -> ObjectAddress | None:
        """An address in the folder of the files; ``None`` without files."""
        return next(iter(self.files.values()), None)

    def options(self, sizes: Mapping[str, int]) -> list[DownloadOption]:
        """Return its files as download options: one row with single files.

        Args:
            sizes: By key; what is not listed there is not available.
        """
        files = [
            DownloadOption(
                id=PRODUCT,
                entity_id=name,
                display_id=name,
                available=Flag(address.key in sizes),
                bulk_available=Flag(address.key in sizes),
                filesize=sizes.get(address.key),
                download_system=SYSTEM,
            )
            for name, address in self.files.items()
        ]
        return [
            DownloadOption(
                id=PRODUCT,
                entity_id=self.entity_id,
                display_id=self.product_id,
                download_system="folder",
                secondary_downloads=files,
            )
        ]


def archived_scene(
    product_id: str, entity_id: str, digests: Mapping[str, FileDigest]
) -> ArchivedScene:
    """Return what the catalogue says of a product's files.

    Args:
        product_id: Display id.
        entity_id: Of the scene; may be empty, then the product id stands for it.
        digests: Of its files by name. A file without an address there is left out.
    """
    found = (
        (name, ObjectAddress.parse(digest.archived_at))
        for name, digest in digests.items()
        if not name.endswith(UNLISTED)
    )
    files = {name: address for name, address in found if address is not None}
    return ArchivedScene(product_id, entity_id or product_id, files)
