"""What is read of a bucket whose reader pays: sizes by listings, and signed links to objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asyncdl.errors import ConfigError, StoreError
from asyncdl.stores.credentials import botocore_session
from asyncdl.stores.faults import store_error

PAYER = "requester"
LINK_LIFETIME_S = 3600
"""Links are renewed when they are refused, so they need not live long."""


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """How the archive is reached. Credentials are found as AWS's own tools find them."""

    region: str = "us-west-2"
    endpoint: str | None = None
    """URL of a service other than AWS."""
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """An object of a bucket."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> ObjectAddress | None:
        """Read ``s3://bucket/key``; ``None`` for anything else."""
        bucket, slash, key = text.removeprefix("s3://").partition("/")
        is_valid = text.startswith("s3://") and bucket and slash and key
        return cls(bucket, key) if is_valid else None

    @property
    def folder(self) -> str:
        """The key up to its last slash."""
        return self.key.rpartition("/")[0] + "/"


class ArchiveBucket:
    """Reads the archive. All methods block, and may be called by several threads.

    Raises: ConfigError, without the extra ``store``, or for an unknown profile.
    """

    def __init__(self, settings: ArchiveSettings) -> None:
        self._address = settings.endpoint or f"s3 in {settings.region}"
        self._client = _client_of(settings)

    def sizes(self, folder: ObjectAddress) -> dict[str, int]:
        """Return the sizes of all objects in an object's folder, by key.

        Raises: StoreError.
        Source: ``ListObjectsV2`` with ``x-amz-request-payer``.
        """
        try:
            return dict(self._listed(folder))
        except Exception as error:
            raise _explained(self._address, error) from None

    def _listed(self, folder: ObjectAddress) -> Iterator[tuple[str, int]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=folder.bucket, Prefix=folder.folder, RequestPayer=PAYER
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                yield entry["Key"], entry["Size"]

    def link(self, address: ObjectAddress) -> str:
        """Return a signed URL of an object. Sends no request, but may renew credentials.

        Raises: StoreError.
        """
        try:
            return str(
                self._client.generate_presigned_url(
                    "get_object",
                    Params={"Bucket": address.bucket, "Key": address.key},
                    ExpiresIn=LINK_LIFETIME_S,
                )
            )
        except Exception as error:
            raise _explained(self._address, error) from None


def _client_of(settings: ArchiveSettings) -> Any:
    session = botocore_session(settings.profile)
    from botocore.config import Config

    if session.get_credentials() is None:
        raise ConfigError(
            "needs credentials for AWS, and there are none",
            key="download.source",
            value="s3",
            allowed='the environment, ~/.aws or a role; or source = "m2m"',
        )
    style = "path" if settings.endpoint else "auto"
    client = session.create_client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": style},
            retries={"mode": "standard", "max_attempts": 5},
        ),
    )
    client.meta.events.register("before-sign.s3.GetObject", _pay_by_link)
    return client


def _pay_by_link(request: Any, **_: object) -> None:
    """Say in the link itself who pays: as a header it would have to come with each request.

    Source: AWS, "Downloading objects from Requester Pays buckets", for REST.
    """
    request.params = {**request.params, "x-amz-request-payer": PAYER}


def _explained(address: str, error: Exception) -> StoreError:
    """Return an error of botocore as ours; its own text may quote the request."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return store_error(address, RuntimeError(f"<Code>{code}</Code> status code: {status}"))
    return store_error(address, RuntimeError(type(error).__name__))
