"""Checks of the account: its login, its permissions, its limits, and notices of the service."""

from __future__ import annotations

from asyncdl.doctor.finding import Check, CheckState
from asyncdl.job.choosing.preflight import MACHINE_ADVICE, notice_of
from asyncdl.m2m import M2MClient
from asyncdl.m2m.account.credentials import FoundCredentials
from asyncdl.m2m.models import room_in
from asyncdl.units import count

CREDENTIALS_ADVICE = "run `asyncdl login`, or set ASYNCDL_USERNAME and ASYNCDL_TOKEN"
LOGIN_ADVICE = "make a new application token on https://ers.cr.usgs.gov, then `asyncdl login`"


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
