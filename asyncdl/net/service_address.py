"""The base address of a service, as its config names it."""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from asyncdl.errors import ConfigError
from asyncdl.net.hosts import TLS_FORM, goes_in_clear
from asyncdl.redact import Url


@dataclass(frozen=True, slots=True, repr=False)
class ServiceAddress:
    """Where a service is. What is called there has a path below the base address."""

    base: URL
    """Without query and fragment."""

    @property
    def host(self) -> str:
        """Host, and port if it is not the usual one; never a user or a password."""
        return self.base.authority.rpartition("@")[2]

    @property
    def hostname(self) -> str:
        """The host alone, without a port."""
        return self.base.host or ""

    @property
    def origin(self) -> str:
        """Such as ``https://host``."""
        return f"{self.base.scheme}://{self.host}"

    def url_of(self, path: str) -> str:
        """Return the URL of what has this path below the base address."""
        return f"{str(self.base).rstrip('/')}/{path}"


def service_address(
    url: str, *, key: str, allowed: str = "", has_secrets: bool = False
) -> ServiceAddress:
    """Read the base address of a service.

    Args:
        url: An http or https address; query and fragment are left out.
        key: Of the config, for errors.
        allowed: What else the key may hold, for errors.
        has_secrets: Whether secrets are sent there, which needs TLS unless it is this machine.
    Raises: ConfigError.
    """
    url = Url(url)  # whose repr shows no secret
    if (base := _read(url)) is None:
        form = f"http:// or https:// and a host{allowed}"
        raise ConfigError("not the address of a service", key=key, value=url, allowed=form)
    if has_secrets and goes_in_clear(base.scheme, base.raw_host or ""):
        del base  # Else a traceback that shows local variables shows what is in it.
        problem = "would show token and key to everybody on the way"
        raise ConfigError(problem, key=key, value=url, allowed=TLS_FORM)
    return ServiceAddress(base.with_query(None).with_fragment(None))


def _read(url: str) -> URL | None:
    """Return an http(s) address; ``None`` if it is not one."""
    try:
        base = URL(str(url))
        (base.host or "").encode("idna")  # as it is done to look it up
        is_one = base.scheme in ("http", "https") and base.host and base.port
    except ValueError:
        return None
    return base if is_one else None
