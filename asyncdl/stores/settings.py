"""How a store is reached: plain data, which travels to other processes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncdl.errors import ConfigError
from asyncdl.stores.address import StoreAddress

ENDPOINT_VARIABLES = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "az": ("AZURE_STORAGE_ENDPOINT",),
}
"""Variables that the providers' tools, or the client library, take the URL of a service from."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """A store, and how it is reached. No credentials: each process finds them by itself."""

    address: StoreAddress
    endpoint: str | None = None
    """URL of the service; ``None`` for the provider's own."""
    region: str | None = None
    """``None`` takes that of the environment or the profile."""
    profile: str | None = None
    """Profile of the AWS config; ``None`` takes that of the environment."""
    max_wait_s: float = 0.0
    """How long to wait for a store that is down; 0 for a minute or so."""
    memory_bytes: int = 32 * 1024**2
    """Of all uploads of whole files, as far as one alone does not need more."""

    @property
    def service_url(self) -> str | None:
        """The endpoint, here or by the variables that other tools take it from."""
        names = ENDPOINT_VARIABLES.get(self.address.scheme, ())
        found = (os.environ[name] for name in names if os.environ.get(name))
        return self.endpoint if self.endpoint is not None else next(found, None)


def checked_url(url: str | None) -> str | None:
    """Return the URL of a service without a slash at its end.

    Raises: ConfigError, if it is none; one from the environment or an AWS config was never read.
    """
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ConfigError(
            "not the URL of a service", key="store.endpoint", value=url,
            allowed="an http or https URL without a user, such as https://minio.example.org:9000",
        )  # fmt: skip
    return url.rstrip("/")
