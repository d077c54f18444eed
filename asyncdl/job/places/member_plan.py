"""Which members of a bundle are unpacked, where they go, and what they have to match: plain data.

A plan can be sent to another process, where it says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from asyncdl.config.layouts import LayoutTemplate
from asyncdl.job.places.extraction import Unpacker, UnpackSpec
from asyncdl.job.places.layout import Layout, unpacking_of
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest, Form, form_of
from asyncdl.transfer.verification.checks import Expected


class MemberPlan(Struct, frozen=True):
    """How one bundle is unpacked."""

    bundle: WantedFile
    files: str
    """Template of the paths of files."""
    bundles: str
    """Template of the paths of bundles."""
    form: Form | None = None
    """Of every member; ``None`` decides by its name."""
    digests: dict[str, tuple[Digest, ...]] = field(default_factory=dict)
    """Of members, by name."""
    fingerprint: str | None = None
    """Computed where no digest is known."""
    max_bytes: int | None = None
    """Size limit of a member."""
    durable: bool = False

    def is_wanted(self, name: str) -> bool:
        """Return whether a member is unpacked."""
        unpacking = unpacking_of(self.bundle)
        return unpacking is not None and bool(unpacking.wanted_of([name], self.bundle.scene))

    def path_of(self, name: str) -> str:
        """Return where a member goes, below the top of the layout."""
        layout = Layout(LayoutTemplate(self.files), LayoutTemplate(self.bundles))
        return str(layout.place_of_member(self.bundle, name).relative)

    def expected_of(self, name: str, size_bytes: int | None) -> Expected:
        """Return what a member has to match."""
        form = form_of(name) if self.form is None else self.form
        return Expected(form, size_bytes, self.digests.get(name, ()), fingerprint=self.fingerprint)


def spec_of(plan: MemberPlan, work_path: Callable[[str], Path]) -> UnpackSpec:
    """Return a plan as an unpacker takes it.

    Args:
        plan: For one bundle.
        work_path: Returns where on this machine the file of a path is written.
    """
    return UnpackSpec(
        is_wanted=plan.is_wanted,
        target_of=lambda name: work_path(plan.path_of(name)),
        expected_of=plan.expected_of,
        max_bytes=plan.max_bytes,
        durable=plan.durable,
    )


class BundleUnpacker(Unpacker):
    """Unpacks one bundle by a plan, which can be sent elsewhere instead.

    Args:
        plan: For the bundle.
        work_path: As :func:`spec_of` takes it.
    """

    def __init__(self, plan: MemberPlan, work_path: Callable[[str], Path]) -> None:
        super().__init__(plan.bundle.file_name, spec_of(plan, work_path))
        self.plan = plan
