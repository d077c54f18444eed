"""Events that people have to know of, as single lines. Pure."""

from __future__ import annotations

from asyncdl.events import (
    ApiRetry,
    Event,
    HostStrain,
    HostWait,
    Notice,
    QuotaWait,
    ServiceBack,
    ServiceWait,
)
from asyncdl.units import count, duration


def note_of(event: Event) -> str:
    """Return the line for an event that people have to know of; empty for the rest."""
    match event:
        case Notice(text=text, severity=severity):
            return text if severity == "info" else f"Note: {text}"
        case ApiRetry(endpoint=endpoint, reason=reason, wait_s=wait_s):
            return f"{endpoint} again in {wait_s:.0f} s: {reason}"
        case QuotaWait(wait_s=wait_s):
            return f"The download quota is used up; looking again in {wait_s:.0f} s"
        case HostWait(host=host, reason=reason, wait_s=wait_s):
            return f"{host} is given a rest of {wait_s:.0f} s: {reason}"
        case HostStrain(connections=connections, allowed=allowed) if connections < allowed:
            return (
                f"{event.host} gets {connections} of {count(allowed, 'connection')}: {event.reason}"
            )
        case HostStrain(host=host, allowed=allowed):
            return f"{host} gets all {count(allowed, 'connection')} again"
        case ServiceWait(service=service, reason=reason, since_s=since_s, next_try_s=next_try_s):
            again = f"trying again in {next_try_s:.0f} s"
            return f"{service} has been down for {duration(since_s)} ({reason}); {again}"
        case ServiceBack(service=service, after_s=after_s):
            return f"{service} is back after {duration(after_s)}"
    return ""
