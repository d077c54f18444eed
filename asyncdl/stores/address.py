"""Addresses of object stores, such as ``s3://bucket/prefix``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
FORM = "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
MAX_KEY_BYTES = 1024
"""Of an object, in all three kinds of stores."""
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")


def is_store(text: str) -> bool:
    """Return whether a text is meant as the address of a store, be it a right one or not."""
    found = _ADDRESS.match(text)
    return found is not None and found["scheme"].lower() not in ("http", "https", "file")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A place in an object store, below which files are placed."""

    scheme: str
    """One of :data:`SCHEMES`."""
    bucket: str
    """The bucket, or container."""
    prefix: str = ""
    """With forward slashes, without one at either end; empty for the whole bucket."""

    @classmethod
    def parse(cls, text: str) -> StoreAddress:
        """Read an address. Raises: ValueError, saying what is wrong with it."""
        found = _ADDRESS.fullmatch(text)
        if found is None or found["scheme"].lower() not in SCHEMES:
            raise ValueError("is not the address of a store that asyncdl knows")
        bucket, _, prefix = found["rest"].partition("/")
        if "@" in bucket or ":" in bucket:
            raise ValueError("has more than a bucket after //; credentials do not belong there")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("has no valid name of a bucket")
        prefix = prefix.strip("/")
        if prefix and not all(map(_is_plain, prefix.split("/"))):
            raise ValueError("has an empty or dotted folder, or a control character, in its prefix")
        return cls(found["scheme"].lower(), bucket, prefix)

    def __str__(self) -> str:
        """Return the address as it is written in a config."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def key_of(self, path: str) -> str:
        """Return the key of an object.

        Args:
            path: Below the prefix, with forward slashes.
        """
        return f"{self.prefix}/{path}" if self.prefix else path

    def path_of(self, key: str) -> str:
        """Return the path below the prefix of a key."""
        return key.removeprefix(f"{self.prefix}/") if self.prefix else key

    def url_of(self, path: str) -> str:
        """Return the address of an object, as other tools take it."""
        return f"{self.scheme}://{self.bucket}/{self.key_of(path)}"


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and not any(ord(sign) < 32 for sign in name)
