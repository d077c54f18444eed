"""Requests to S3 that the library of stores does not know, or not well enough. All calls block.

They are botocore's, which is there for its chain of credentials.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from asyncdl.errors import StoreError
from asyncdl.stores.credentials import botocore_session, endpoint_of
from asyncdl.stores.faults import store_error
from asyncdl.stores.settings import StoreSettings, checked_url


def s3_client(settings: StoreSettings) -> Any:
    """Return a client of botocore. Raises: ConfigError."""
    from botocore.config import Config

    session = botocore_session(settings.profile)
    url = checked_url(settings.service_url or endpoint_of(session))
    style = {"addressing_style": "auto" if url is None else "path"}
    return session.create_client(
        "s3",
        endpoint_url=url,
        region_name=settings.region or session.get_config_variable("region") or "us-east-1",
        config=Config(s3=style, connect_timeout=10, read_timeout=60),
    )


class ListedPage(NamedTuple):
    """Some objects of a listing."""

    objects: list[dict[str, Any]]
    """As the library of stores describes them."""
    last: str | None
    """Key behind which the next page begins; ``None`` after the last page."""


def listed_page(client: Any, settings: StoreSettings, prefix: str, after: str) -> ListedPage:
    """Return a page of a listing, whatever the names in it are. Raises: StoreError.

    Args:
        client: Of :func:`s3_client`.
        settings: Of the store.
        prefix: What the keys begin with.
        after: Key behind which the page begins; empty for the first one.
    """
    with our_errors(settings):
        page = client.list_objects_v2(
            Bucket=settings.address.bucket, Prefix=prefix, StartAfter=after
        )
    found = page.get("Contents", [])
    objects = [{"path": o["Key"], "size": o["Size"], "e_tag": o.get("ETag", "")} for o in found]
    return ListedPage(objects, found[-1]["Key"] if found and page.get("IsTruncated") else None)


class our_errors:  # noqa: N801 - used like `suppress`
    """Turns errors of botocore into ours."""

    def __init__(self, settings: StoreSettings) -> None:
        self._address = str(settings.address)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Raise StoreError instead of an error of botocore."""
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
