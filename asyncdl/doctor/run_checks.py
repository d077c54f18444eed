"""All checks in order: this machine, the hosts, the account. Those of the account are here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from anyio import to_thread

from asyncdl.config import ServiceConfig
from asyncdl.doctor.finding import Check, CheckState, guarded
from asyncdl.doctor.host_checks import HostReply, check_clock, check_host, check_proxies, probe_host
from asyncdl.doctor.machine_checks import check_disk, check_journal, check_trust, check_versions
from asyncdl.doctor.store_checks import check_store
from asyncdl.job.choosing.from_config import options_of, tls_of
from asyncdl.job.choosing.preflight import MACHINE_ADVICE, notice_of
from asyncdl.job.places.store_placer import StorePlace
from asyncdl.journal import StatePlaces
from asyncdl.m2m import ClientOptions, M2MClient
from asyncdl.m2m.account.credentials import FoundCredentials
from asyncdl.m2m.account.stored_account import USGS_HOST, account_host
from asyncdl.m2m.models import room_in
from asyncdl.net.retry import Backoff
from asyncdl.net.tls import Tls
from asyncdl.units import count

FILE_HOSTS = ("https://landsatlook.usgs.gov/", "https://dds.cr.usgs.gov/")
"""Where files of the USGS come from. Source: API notes, section 7."""
CREDENTIALS_ADVICE = "run `asyncdl login`, or set ASYNCDL_USERNAME and ASYNCDL_TOKEN"
LOGIN_ADVICE = "make a new application token on https://ers.cr.usgs.gov, then `asyncdl login`"

LONGEST_CALL_S = 60.0
"""None of the calls here is expensive for the service."""


def check_credentials(found: FoundCredentials) -> Check:
    """Show where user name and token were found; never the token."""
    seen = (
        f"user name {found.credentials.username} from {found.username_from}, "
        f"token from {found.token_from}"
    )
    return Check("credentials", CheckState.OK, seen)


async def check_login(client: M2MClient) -> Check:
    """Log in. Source: endpoint ``login-token``."""
    await client.login()
    return Check("login", CheckState.OK, "the service accepts the token")


async def check_permission(client: M2MClient) -> Check:
    """Show what the account may do. Source: endpoint ``permissions``."""
    permissions = await client.permissions()
    seen = ", ".join(permissions) or "none"
    if "download" in permissions:
        return Check("permission", CheckState.OK, seen)
    return Check(
        "permission", CheckState.FAIL, f"no download among: {seen}", MACHINE_ADVICE, is_refusal=True
    )


async def check_notices(client: M2MClient) -> Check:
    """Show the notices of the service. Source: endpoint ``notifications``."""
    notices = [notice_of(notice) for notice in await client.notifications()]
    if not notices:
        return Check("notices", CheckState.OK, "none")
    seen = "; ".join(notice.text for notice in notices)
    if all(notice.severity == "info" for notice in notices):
        return Check("notices", CheckState.OK, seen)
    return Check(
        "notices", CheckState.WARN, seen, "expect delays; runs wait as [service] max_wait says"
    )


async def check_limits(client: M2MClient) -> Check:
    """Show how many downloads may be requested. Source: endpoint ``rate-limit-summary``."""
    limits = await client.rate_limit_summary()
    room = limits.room
    if room is None:
        return Check("limits", CheckState.OK, "the service reports none")
    most = room_in(limits.initial_limits)
    seen = f"{count(room, 'download')} left" + (f" of {most:,}" if most else "")
    if room:
        return Check("limits", CheckState.OK, seen)
    return Check("limits", CheckState.WARN, seen, "the quota has 15 minutes; a run waits by itself")


ACCOUNT_CHECKS = (
    ("permission", check_permission),
    ("notices", check_notices),
    ("limits", check_limits),
)
"""Run after a login."""


def skipped(name: str) -> Check:
    """Return the result of a check that needs a login, where there is none."""
    return Check(name, CheckState.WARN, "skipped, as there is no login", "see above")


@dataclass(frozen=True, slots=True)
class DoctorTarget:
    """What is checked."""

    service: ServiceConfig
    directory: Path
    """Where downloads would go."""
    find_account: Callable[[], FoundCredentials]
    """Finds the account, or raises AuthError. May block."""
    file_hosts: tuple[str, ...] | None = None
    """URLs of file hosts; by default those of the USGS, for its own service."""
    state_directory: Path | None = None
    """The user's folder for the states of jobs, if one is named."""
    store: StorePlace | None = None
    """The object store that files go to, if they do; ``directory`` is its spool then."""

    @property
    def places(self) -> StatePlaces:
        """Where the state of the job may be."""
        store = str(self.store.settings.address) if self.store else ""
        return StatePlaces(self.directory, self.state_directory, store)

    @property
    def hosts(self) -> list[tuple[str, str]]:
        """Names of checks, and the URL that each requests."""
        hosts = [("api", self.service.url)]
        if self.service.digest_url:
            hosts.append(("stac", self.service.digest_url))
        files = self.file_hosts
        if files is None:
            files = FILE_HOSTS if account_host(self.service.url) == USGS_HOST else ()
        return hosts + [("files", url) for url in files]


async def run_checks(target: DoctorTarget) -> AsyncGenerator[Check]:
    """Yield one check after the other; a failed one does not stop the others."""
    yield await guarded("versions", to_thread.run_sync(check_versions))
    yield await guarded("disk", to_thread.run_sync(check_disk, target.directory))
    yield await guarded("journal", to_thread.run_sync(check_journal, target.places))
    if target.store is not None:
        yield await guarded("store", to_thread.run_sync(check_store, target.store))
    tls = tls_of(target.service)
    yield await guarded("trust", to_thread.run_sync(check_trust, tls))
    urls = [url for _, url in target.hosts]
    yield await guarded("proxy", to_thread.run_sync(check_proxies, urls))
    replies: list[HostReply] = []
    for name, url in target.hosts:
        yield await guarded(name, _check_host(name, url, tls, replies))
    yield check_clock(replies)
    found: list[FoundCredentials] = []
    yield await guarded("credentials", _check_credentials(target, found), CREDENTIALS_ADVICE)
    if not found:
        for name in ("login", *dict(ACCOUNT_CHECKS)):
            yield skipped(name)
        return
    account = found[0].credentials
    options = _quick(options_of(target.service))
    async with M2MClient(account, url=target.service.url, options=options) as client:
        login = await guarded("login", check_login(client), LOGIN_ADVICE)
        yield login
        for name, check in ACCOUNT_CHECKS:
            if login.state is CheckState.OK:
                yield await guarded(name, check(client), MACHINE_ADVICE)
            else:
                yield skipped(name)


async def _check_host(name: str, url: str, tls: Tls, replies: list[HostReply]) -> Check:
    reply = await probe_host(url, tls)
    replies.append(reply)
    return check_host(name, reply)


async def _check_credentials(target: DoctorTarget, found: list[FoundCredentials]) -> Check:
    found.append(await to_thread.run_sync(target.find_account))
    return check_credentials(found[0])


def _quick(options: ClientOptions) -> ClientOptions:
    """Return options with which a service that is down is reported at once."""
    return replace(
        options,
        max_wait_s=0.0,
        backoff=Backoff(attempts=1),
        rate_limit_patience_s=LONGEST_CALL_S,
        read_timeout_s=min(options.read_timeout_s, LONGEST_CALL_S),
        connect_timeout_s=15.0,
    )
