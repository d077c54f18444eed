"""What coordinator and agents send each other, as plain data. Pure.

Everything travels as bytes in :class:`Sealed`, so that nothing in between can show a URL: not a log
of the cluster, not its dashboard, not the ``repr`` in an error.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct, field

from asyncdl.cluster.orders import FileOrder
from asyncdl.cluster.outcomes import OrderOutcome
from asyncdl.cluster.shares import Share
from asyncdl.events import (
    ConnectionsInUse,
    HostStrain,
    HostWait,
    Notice,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.job.places.store_placer import StorePlace
from asyncdl.net.tls import TlsSettings
from asyncdl.stores.settings import StoreSettings
from asyncdl.transfer import Limits

EngineEvent: TypeAlias = (
    TransferStarted
    | TransferProgress
    | TransferRetry
    | TransferEnded
    | ConnectionsInUse
    | HostWait
    | HostStrain
    | ServiceWait
    | ServiceBack
    | Notice
)
"""What an engine emits."""


class FreshUrl(Struct, frozen=True, array_like=True):
    """The response to a refused URL."""

    number: int
    """Of the order."""
    url: str | None
    """``None`` if there is none: the file has failed."""

    def __repr__(self) -> str:
        return f"<a URL for order {self.number}>"


class HostLesson(Struct, frozen=True):
    """What one agent has learned about a host, for all others."""

    host: str
    """Its name, with the port if the URL has one."""
    pause_s: float = 0.0
    """How long no request is to be made."""
    reason: str = ""
    """Why, such as ``http-429``."""
    is_strained: bool = False
    """Whether it had too many connections."""


class Instructions(Struct, omit_defaults=True):
    """What a coordinator tells an agent to do."""

    orders: list[FileOrder] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    """Orders that are no longer wanted; nothing is reported of them."""
    asked_for: list[int] = field(default_factory=list)
    """Orders that are given back, as interrupted, if they have not begun."""
    urls: list[FreshUrl] = field(default_factory=list)
    lessons: list[HostLesson] = field(default_factory=list)
    share: Share | None = None
    """What the agent may use from now on; ``None`` changes nothing."""

    def __bool__(self) -> bool:
        return self.share is not None or any(
            (self.orders, self.withdrawn, self.asked_for, self.urls, self.lessons)
        )


class AgentReport(Struct, omit_defaults=True):
    """What an agent reports."""

    outcomes: list[OrderOutcome] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """Orders that wait for a fresh URL."""
    waits: list[tuple[int, bool]] = field(default_factory=list)
    """Orders that wait for their host, or no longer do, in order of time."""
    events: list[EngineEvent] = field(default_factory=list)
    """Of the transfers; progress is the latest only."""
    in_use: int = 0
    """Connections now."""
    has_ended: bool = False
    """Whether the agent takes no more orders."""


UPLOADING_BYTES = 8 * 1024**2
"""Of the uploads of one agent, in memory: a machine may have several workers."""


class AgentStore(Struct, frozen=True):
    """A store, and how an agent places files in it. Without credentials: it has its own."""

    settings: StoreSettings
    spool_bytes: int
    """Of each agent."""
    uploads: int
    """At once, of each agent."""

    def place(self, spool: Path, spool_bytes: int) -> StorePlace:
        """Return it with a spool."""
        settings = replace(self.settings, memory_bytes=UPLOADING_BYTES)
        return StorePlace(settings, spool, spool_bytes, self.uploads)


class AgentSettings(Struct, frozen=True):
    """What an agent is started with."""

    version: str
    """Of asyncdl; first, so that it can be read whatever follows."""
    directory: str
    """Shared by all workers; empty if there is a store."""
    marker: str
    """Name of a file in the directory, or of an object in the store."""
    marker_text: str
    """What it holds, if it is the same place."""
    limits: Limits
    certificates: tuple[str | None, str | None, str | None]
    """The files of :class:`TlsSettings`, as paths: certificates themselves do not travel."""
    lease_s: float
    """Seconds without a word of the coordinator after which the transfers stop."""
    shares_connections: bool = True
    """Whether the number of files at once depends on the connections that each of them uses."""
    store: AgentStore | None = None
    """Where files are placed, each by the worker that received it; ``None`` for the directory,
    which all workers share."""
    name: str = ""
    """No other agent has it."""
    ignores_interrupts: bool = False
    """Whether Ctrl-C is the coordinator's business: its terminal signals the worker as well."""

    @property
    def tls(self) -> TlsSettings:
        """Which certificates are trusted and shown."""
        return TlsSettings(*self.certificates)


def certificates_of(tls: TlsSettings) -> tuple[str | None, str | None, str | None]:
    """Return the files of some settings, for :attr:`AgentSettings.certificates`."""
    ca_file, client_cert, client_key = (
        None if path is None else os.fspath(path)
        for path in (tls.ca_file, tls.client_cert, tls.client_key)
    )
    return ca_file, client_cert, client_key


class ProbeReport(Struct, frozen=True):
    """What an agent found when it was started."""

    problem: str = ""
    """What is wrong, as a sentence; empty if nothing is."""
    remedy: str = ""
    host: str = ""
    """Name of its machine."""


class VersionOnly(Struct, frozen=True):
    """The one field of :class:`AgentSettings` that every version reads."""

    version: str = ""


class Sealed:
    """Bytes of a message, whose ``repr`` says nothing about them."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[type[Sealed], tuple[bytes]]:
        return Sealed, (self.data,)

    def __repr__(self) -> str:
        return f"<{len(self.data)} bytes for asyncdl>"


T = TypeVar("T")


def _plain(value: object) -> object:
    """Return a value of a config as what it is a kind of, such as seconds as a number."""
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise NotImplementedError


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)


def seal(message: Struct) -> Sealed:
    """Return a message as bytes."""
    return Sealed(_encoder.encode(message))


def open_sealed(sealed: Sealed, kind: type[T]) -> T:
    """Return the message in a seal. Raises: msgspec.ValidationError, for any other message."""
    return msgspec.msgpack.decode(sealed.data, type=kind)
