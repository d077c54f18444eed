"""Errors as plain data: what ended a file on a worker ends it at the coordinator. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from asyncdl.errors import AsyncdlError, TransferError
from asyncdl.redact import redact

UNEXPECTED = "worker-error"
"""Reason of the ``TransferError`` for what nobody foresaw on a worker."""

Fact: TypeAlias = bool | int | float | str | None


class ErrorRecord(Struct, frozen=True):
    """An error of asyncdl with all its facts, none of which has a secret."""

    kinds: tuple[str, ...]
    """Names of its class and the classes above, the closest first."""
    message: tuple[str, ...]
    """Its ``args``."""
    facts: dict[str, Fact]
    """Its attributes."""
    paths: tuple[str, ...] = ()
    """Those of them that are paths."""


def record_of_error(error: AsyncdlError) -> ErrorRecord:
    """Return an error as data; a fact that is no plain value becomes text."""
    values = vars(error)
    return ErrorRecord(
        kinds=tuple(kind.__name__ for kind in _kinds_of(type(error))),
        message=tuple(str(arg) for arg in error.args),
        facts={name: _fact(value) for name, value in values.items()},
        paths=tuple(name for name, value in values.items() if isinstance(value, Path)),
    )


def _fact(value: object) -> Fact:
    is_plain = value is None or type(value) in (bool, int, float, str)
    return value if is_plain else str(value)  # type: ignore[return-value]  # checked here


def _kinds_of(kind: type) -> Iterator[type[AsyncdlError]]:
    return (above for above in kind.__mro__ if issubclass(above, AsyncdlError))


def error_of(record: ErrorRecord) -> AsyncdlError:
    """Return the error that a record was made of, or of the closest class that is known here."""
    known = {kind.__name__: kind for kind in _all_kinds(AsyncdlError)}
    kind = next((known[name] for name in record.kinds if name in known), AsyncdlError)
    error = kind.__new__(kind)
    error.args = record.message
    facts = {
        name: Path(str(value)) if name in record.paths else value
        for name, value in record.facts.items()
    }
    vars(error).update(facts)
    return error


def _all_kinds(kind: type[AsyncdlError]) -> Iterator[type[AsyncdlError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _all_kinds(below)


def record_of_unexpected(error: Exception) -> ErrorRecord:
    """Return what nobody foresaw, as the error of one file: it stops no other."""
    detail = redact(f"unexpected error on a worker: {type(error).__name__}: {error}")
    return record_of_error(TransferError("", detail, reason=UNEXPECTED, retryable=False))
