"""What ``asyncdl get`` prints of its files, one by one and in sum."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.printing import echo
from asyncdl.cli.spelling import with_get_options
from asyncdl.errors import DiskError, NetworkError, StoreError, TransferError, reason_of
from asyncdl.events import Event, FileFinished, FileState
from asyncdl.redact import redact
from asyncdl.run_state import RunState
from asyncdl.transfer import Fetched, Outcome
from asyncdl.transfer.verification.digests import ALGORITHMS
from asyncdl.units import count, size

_MORE = {
    "error-page": "If the page is what you want, `--accept-html` takes it.",
}
"""Remedies that only this command has."""
_STATES = (FileState.DOWNLOADED, FileState.SKIPPED, FileState.FAILED)
"""How a file of this command may end."""

log = logging.getLogger("asyncdl.cli")


class GetSummary:
    """Prints each outcome (JSON on stdout, or what failed on stderr), and the sum of them all."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._began_s = time.monotonic()
        self._state = RunState()
        self._failures: list[dict[str, object]] = []
        self._unmeasured = 0
        """Files without an announced length, which may be incomplete."""

    def take(self, event: Event) -> None:
        """Take one event of the engine."""
        self._state.apply(event, time.monotonic() - self._began_s)

    def add(self, outcome: Outcome) -> FileFinished:
        """Count one outcome and print it; return it as an event."""
        ending = ending_of(outcome)
        self.take(ending)
        line = _line_of(outcome, ending.state)
        if outcome.fetched is None:
            self._failures.append(line)
        elif _may_be_cut(outcome.fetched):
            self._note_unmeasured(outcome.fetched)
        _log(line)
        if self._as_json:
            echo_json({"event": "file", "url": outcome.request.key} | line)
        elif outcome.fetched is None:
            echo(f"failed: {line['file']}: {line['detail']} [{line['reason']}]", err=True)
        return ending

    @property
    def has_failures(self) -> bool:
        """Whether a file has failed."""
        return bool(self._failures)

    def _note_unmeasured(self, fetched: Fetched) -> None:
        self._unmeasured += 1
        if not self._as_json and not self._quiet:
            where = fetched.address or fetched.path
            echo(f"length unverified: {where}: the host did not say how long it is", err=True)

    def close(self, directory: Path | str, *, status: str = "") -> None:
        """Print the sum of it all."""
        status = status or ("incomplete" if self._failures else "complete")
        if self._as_json:
            echo_json(self._summary(status))
        elif not self._quiet:
            echo(self._sum_line(directory, status))
            for advice in dict.fromkeys(f"{f['reason']}: {f['remedy']}" for f in self._failures):
                echo(advice, err=True)

    def _summary(self, status: str) -> dict[str, object]:
        files, transfers = self._state.files, self._state.transfers
        return {
            "event": "summary",
            "status": status,
            "files": {
                "total": files.finished + transfers.interrupted,
                **{state.value: files.states[state] for state in _STATES},
                "unresolved": transfers.interrupted,
            },
            "bytes": {"downloaded": self._state.received_bytes},
            "elapsed_s": round(time.monotonic() - self._began_s, 3),
            "failures": self._failures,
        }

    def _sum_line(self, directory: Path | str, status: str) -> str:
        files, transfers = self._state.files, self._state.transfers
        numbers = {state.value: files.states[state] for state in _STATES}
        numbers["unfinished"] = transfers.interrupted
        states = ", ".join(f"{number:,} {state}" for state, number in numbers.items() if number)
        total = count(files.finished + transfers.interrupted, "file")
        doubt = f" (length unverified: {self._unmeasured:,})" if self._unmeasured else ""
        received = f"received {size(self._state.received_bytes)} into {directory}"
        return f"{status.capitalize()}{doubt}: {total}: {states or 'none'}; {received}"


def _line_of(outcome: Outcome, state: FileState) -> dict[str, object]:
    """Return an outcome as ``--json`` shows it, without its URL."""
    fetched = outcome.fetched
    if fetched is None:
        facts = _facts_of(outcome.error)
        return {"file": outcome.request.key, "state": state.value, **facts}
    return {
        "file": fetched.address or str(fetched.path),
        "state": state.value,
        "size_bytes": fetched.size_bytes,
        "proof": fetched.proof,
    }


def _may_be_cut(fetched: Fetched) -> bool:
    """Return whether a file may be incomplete: neither a length nor a digest was checked."""
    length, *checks = fetched.proof.split("+")
    return length == "unverified-length" and not set(checks) & set(ALGORITHMS)


def ending_of(outcome: Outcome) -> FileFinished:
    """Return an outcome as an event, of a file that belongs to no product."""
    key, fetched = outcome.request.key, outcome.fetched
    if fetched is None:
        return FileFinished("", "", key, FileState.FAILED)
    state = FileState.SKIPPED if fetched.already_there else FileState.DOWNLOADED
    return FileFinished("", "", key, state, size_bytes=fetched.size_bytes)


def _facts_of(error: Exception | None) -> dict[str, str]:
    """Return why a file failed."""
    detail = error.detail if isinstance(error, TransferError) else str(error)
    match error:
        case TransferError() | DiskError() | NetworkError() | StoreError():
            reason, remedy = reason_of(error), error.remedy
        case _:
            reason, remedy = "error", TransferError.remedy
    advice = " ".join(filter(None, (remedy, _MORE.get(reason))))
    texts = {"detail": redact(detail), "remedy": advice}
    return {"reason": reason} | {name: with_get_options(text) for name, text in texts.items()}


def _log(line: Mapping[str, object]) -> None:
    if line["state"] == "failed":
        log.warning("%s: failed: %s [%s]", line["file"], line["detail"], line["reason"])
    else:
        log.info("%s: %s (%s)", line["file"], line["state"], line["proof"])
