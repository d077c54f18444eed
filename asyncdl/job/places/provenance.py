"""What is known of the bytes of a placed file, and how a store keeps it with the object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from asyncdl.transfer import Digest
from asyncdl.transfer.verification.digests import ALGORITHMS

PROOF, SOURCE, DOWNLOAD = "proof", "source", "downloadid"
"""Names of what is kept with an object, beside its digests: letters and digits are allowed by
all kinds of stores."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of the bytes of a file, for places that keep it with them."""

    proof: str = ""
    """The checks that it passed."""
    digests: tuple[Digest, ...] = ()
    source: str = ""
    """Where the digest in the proof is from."""
    download_id: int | None = None
    """Of the download at the service; ``None`` if it is not known any more."""


def facts_of(provenance: Provenance) -> dict[str, str]:
    """Return what is kept with an object."""
    facts = {digest.algorithm: digest.value for digest in provenance.digests}
    facts |= {PROOF: provenance.proof, SOURCE: provenance.source}
    if provenance.download_id is not None:
        facts[DOWNLOAD] = str(provenance.download_id)
    return {name: value for name, value in facts.items() if value}


def digests_in(facts: Mapping[str, str]) -> tuple[Digest, ...]:
    """Return the digests that are kept with an object."""
    found = ((name, facts[name]) for name in ALGORITHMS if name in facts)
    digests = []
    for name, value in found:
        with suppress(ValueError):  # somebody else has written it
            digests.append(Digest(name, value))
    return tuple(digests)
