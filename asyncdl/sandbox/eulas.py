"""The licence agreement that some files come with.

Source: API notes, sections 5.3 and 5.7.
"""

from __future__ import annotations

from typing import Any

from asyncdl.sandbox.state import SandboxState

EULA_CODE = "HDDS"
"""As in the documented reply of ``download-eula``."""


def eula_code(world: SandboxState, file_name: str) -> str | None:
    """Return the code that stands beside a download."""
    return EULA_CODE if world.faults.picks("eula", file_name) else None


def agreement(code: str) -> dict[str, Any]:
    """Return an agreement as ``download-eula`` tells it."""
    text = "These data are for a trial of the asyncdl sandbox, and for nothing else."
    return {"eulaCode": code, "agreementContent": text}
