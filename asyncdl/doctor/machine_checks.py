"""Checks of this machine: versions, and the disk."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import ssl
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import aiohttp

from asyncdl.doctor.finding import Check, CheckState
from asyncdl.job.places.placer import free_bytes
from asyncdl.journal import NO_LOCKS, OTHER_PLACE, StatePlaces, check_locks, check_writable
from asyncdl.net.tls import Tls, TlsSettings, installed_truststore, named_roots, tls_context
from asyncdl.units import size
from asyncdl.version import __version__

LITTLE_BYTES = 2 * 10**9
"""Less free space is soon used up: a bundle of Landsat 8 or 9 takes about one gigabyte."""

_PACKAGE = re.compile(r"[\w.-]++")
_IS_OPTIONAL = re.compile(r"\bextra\s*+==")


def check_versions() -> Check:
    """Show the versions that a bug report should name."""
    core = (
        f"asyncdl {__version__}, Python {platform.python_version()}, "
        f"aiohttp {aiohttp.__version__}, SQLite {sqlite3.sqlite_version}"
    )
    return Check("versions", CheckState.OK, "; ".join((core, *_optional())))


def _optional() -> Iterator[str]:
    found = {package: _version_of(package) for package in _optional_packages()}
    if present := [f"{package} {version}" for package, version in found.items() if version]:
        yield f"with {', '.join(present)}"
    if absent := [package for package, version in found.items() if not version]:
        yield f"without {', '.join(absent)}"


def _optional_packages() -> list[str]:
    try:
        needed = metadata.requires("asyncdl") or []
    except metadata.PackageNotFoundError:
        return []  # run from its sources, without being installed
    optional = (_PACKAGE.match(text) for text in needed if _IS_OPTIONAL.search(text))
    return sorted({found[0] for found in optional if found})


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def check_disk(directory: Path) -> Check:
    """Return whether a download directory can be written to, and how much space is free. Blocks.

    Raises: DiskError, if it is not a folder and cannot become one, or must not be written to.
    """
    check_writable(directory)
    room = free_bytes(directory)
    if room is None:
        return Check(
            "disk", CheckState.OK, f"{directory}: the volume does not report its free space"
        )
    seen = f"{size(room)} free for {directory}"
    if room < LITTLE_BYTES:
        return Check(
            "disk", CheckState.WARN, seen, "make room; `asyncdl plan` shows what a job needs"
        )
    return Check("disk", CheckState.OK, seen)


def check_journal(places: StatePlaces) -> Check:
    """Return where a job keeps its state, after trying the locks that it needs there. Blocks."""
    first, *others = places.in_order
    try:
        check_locks(next(at for at in (first, *first.parents) if at.is_dir()))
    except OSError as error:
        text = f"{first}: {error.strerror or error}"
        if error.errno not in NO_LOCKS:
            return Check("journal", CheckState.WARN, f"locks not tried: {text}")
        if not others:
            return Check("journal", CheckState.FAIL, text, OTHER_PLACE)
        advice = f"a run keeps its journal in {others[0]}; or {OTHER_PLACE}"
        return Check("journal", CheckState.WARN, text, advice)
    return Check("journal", CheckState.OK, f"journal and lock in {first}")


def check_trust(tls: Tls | None) -> Check:
    """Return which CA certificates are trusted, and which client certificate is shown.

    Raises: ConfigError, for a file that is not what it should be.
    """
    context = tls_context(tls)
    parts = [_roots_of(tls), ssl.OPENSSL_VERSION]
    if isinstance(tls, TlsSettings) and tls.client_cert is not None:
        parts.insert(1, f"shows {tls.client_cert} to hosts that request one")
    if context.verify_mode == ssl.CERT_REQUIRED:
        return Check("trust", CheckState.OK, "; ".join(parts))
    return Check("trust", CheckState.WARN, "; ".join(parts), "this context checks no certificate")


def _roots_of(tls: Tls | None) -> str:
    if isinstance(tls, ssl.SSLContext):
        return "an SSLContext of the caller"
    if roots := named_roots(tls or TlsSettings(), os.environ):
        return f"CA certificates in {roots.path} ({roots.named_by})"
    if installed_truststore():
        return f"the operating system's store (truststore {_version_of('truststore')})"
    places = ssl.get_default_verify_paths()
    where = places.cafile or places.capath
    if not where:
        return "no CA certificates: name a file of them by ca_file (--cacert)"
    return f"CA certificates in {where} (OpenSSL's default)"
