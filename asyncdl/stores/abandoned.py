"""Uploads that were begun and never finished: found and removed. All calls block.

A killed upload leaves its parts in the store, where no listing shows them and the provider may
charge for them. The library for everything else knows no request that lists them, so this is
botocore's work, and for S3 alone: Azure drops such parts after a week, and Google by a rule of
the bucket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asyncdl.errors import StoreError
from asyncdl.stores.credentials import botocore_session
from asyncdl.stores.faults import store_error
from asyncdl.stores.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """An upload whose object never appeared."""

    path: str
    """Of the object, below the prefix."""
    upload_id: str


def can_list(settings: StoreSettings) -> bool:
    """Return whether a store says which uploads are unfinished."""
    return settings.address.scheme == "s3"


def unfinished_uploads(settings: StoreSettings) -> list[UnfinishedUpload]:
    """Return all unfinished uploads below the prefix. Raises: StoreError; ConfigError."""
    address = settings.address
    prefix = f"{address.prefix}/" if address.prefix else ""
    client = _client(settings)
    found = []
    with _our_errors(settings):
        pages = client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=address.bucket, Prefix=prefix):
            found += [
                UnfinishedUpload(address.path_of(upload["Key"]), upload["UploadId"])
                for upload in page.get("Uploads", ())
            ]
    return found


def remove_uploads(settings: StoreSettings, uploads: Iterable[UnfinishedUpload]) -> None:
    """Remove unfinished uploads with all their parts. Raises: StoreError."""
    client, address = _client(settings), settings.address
    with _our_errors(settings):
        for upload in uploads:
            client.abort_multipart_upload(
                Bucket=address.bucket, Key=address.key_of(upload.path), UploadId=upload.upload_id
            )


def _client(settings: StoreSettings) -> Any:
    from botocore.config import Config

    session = botocore_session(settings.profile)
    style = {"addressing_style": "auto" if settings.service_url is None else "path"}
    return session.create_client(
        "s3",
        endpoint_url=settings.service_url,
        region_name=settings.region or session.get_config_variable("region") or "us-east-1",
        config=Config(s3=style, connect_timeout=10, read_timeout=60),
    )


class _our_errors:  # noqa: N801 - used like `suppress`
    """Turns errors of botocore into ours."""

    def __init__(self, settings: StoreSettings) -> None:
        self._address = str(settings.address)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None or not isinstance(error, Exception):
            return
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        if isinstance(error, NoCredentialsError):
            detail = "no credentials were found for the store"
            raise StoreError(self._address, detail, reason="store-credentials") from None
        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
            text = f"<Code>{code}</Code> status code: {status}"
            raise store_error(self._address, RuntimeError(text)) from None
        if isinstance(error, BotoCoreError):
            raise store_error(self._address, RuntimeError(type(error).__name__)) from None
