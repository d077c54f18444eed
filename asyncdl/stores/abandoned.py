"""Uploads that were begun and never finished: found and removed. All calls block.

A killed upload leaves its parts in the store, where no listing shows them and the provider may
charge for them. The library for everything else knows no request that lists them, so this is
botocore's work, and for S3 alone: Azure drops such parts after a week, and Google by a rule of
the bucket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from asyncdl.stores.s3_requests import our_errors, s3_client
from asyncdl.stores.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """An upload whose object never appeared."""

    path: str
    """Of the object, below the prefix."""
    upload_id: str
    begun: datetime


def can_list(settings: StoreSettings) -> bool:
    """Return whether a store says which uploads are unfinished."""
    return settings.address.scheme == "s3"


def unfinished_uploads(settings: StoreSettings) -> list[UnfinishedUpload]:
    """Return all unfinished uploads below the prefix. Raises: StoreError; ConfigError."""
    address = settings.address
    prefix = f"{address.prefix}/" if address.prefix else ""
    client = s3_client(settings)
    found = []
    with our_errors(settings):
        pages = client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=address.bucket, Prefix=prefix):
            found += [
                UnfinishedUpload(
                    address.path_of(upload["Key"]), upload["UploadId"], upload["Initiated"]
                )
                for upload in page.get("Uploads", ())
            ]
    return found


def remove_uploads(settings: StoreSettings, uploads: Iterable[UnfinishedUpload]) -> None:
    """Remove unfinished uploads with all their parts. Raises: StoreError."""
    client, address = s3_client(settings), settings.address
    with our_errors(settings):
        for upload in uploads:
            client.abort_multipart_upload(
                Bucket=address.bucket, Key=address.key_of(upload.path), UploadId=upload.upload_id
            )
