"""Addresses of object stores, such as ``s3://bucket/prefix``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
FORM = "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
MAX_KEY_BYTES = 1024
"""Of an object, in all three kinds of stores."""
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
MAX_CONTAINER_FOLDERS = 253
"""Of an object's key in Azure, whose parts are 254 at the most."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")


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
        scheme = found["scheme"].lower()
        if scheme == "az" and not _CONTAINER.fullmatch(bucket):
            raise ValueError(
                "has no valid name of a container: 3 to 63 lower-case letters, digits and single"
                " hyphens between them"
            )
        prefix = prefix.strip("/")
        if prefix and not is_plain(prefix):
            raise ValueError(
                "has an empty or dotted folder, a backslash, or a control character in its prefix"
            )
        address = cls(scheme, bucket, prefix)
        if prefix and (problem := address.problem_of("")):
            raise ValueError(f"has a prefix whose {problem}")
        return address

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

    def problem_of(self, path: str) -> str:
        """Return what is wrong with the key of an object; empty if the store takes it.

        Source: the naming rules of the three providers.
        """
        key = self.key_of(path)
        if len(key.encode()) > MAX_KEY_BYTES:
            return f"name has more than the {MAX_KEY_BYTES} bytes that a store allows"
        if self.scheme != "az":
            return ""
        folders = key.split("/")
        if len(folders) > MAX_CONTAINER_FOLDERS + 1:
            return f"name has more than the {MAX_CONTAINER_FOLDERS} folders that Azure allows"
        if any(name.endswith(".") for name in folders):
            return "name has a part that ends with a dot, which Azure drops"
        return ""

    def url_of(self, path: str) -> str:
        """Return the address of an object, as other tools take it."""
        return f"{self.scheme}://{self.bucket}/{self.key_of(path)}"


def is_plain(key: str) -> bool:
    """Return whether all stores and the library take a key as it is.

    Some stores, such as SeaweedFS, drop empty folders and read backslashes as slashes.
    """
    return all(name not in ("", ".", "..") for name in key.split("/")) and not any(
        sign == "\\" or ord(sign) < 32 for sign in key
    )
