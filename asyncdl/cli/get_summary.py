"""What ``asyncdl get`` has to tell of its files, one by one and in sum."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from asyncdl.cli.printing import echo, echo_json
from asyncdl.cli.spelling import spelt_for_get
from asyncdl.errors import INTERRUPTED, DiskError, NetworkError, TransferError, reason_of
from asyncdl.events import Event, FileFinished, FileState, TransferEnded
from asyncdl.redact import redact
from asyncdl.transfer import Fetched, Outcome
from asyncdl.transfer.verification.digests import ALGORITHMS
from asyncdl.units import count, size

_MORE = {
    "error-page": "If the page is what you want, `--accept-html` takes it.",
}
"""What this command can do besides."""

log = logging.getLogger("asyncdl.cli")


class GetSummary:
    """Counts outcomes and prints each: JSON on stdout, or what failed on stderr."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()
        self._received = 0
        self._unfinished: set[str] = set()
        self._failures: list[dict[str, object]] = []
        self._unmeasured = 0
        """Files whose length nobody has said, so that they may have been cut."""

    def watch(self, event: Event) -> None:
        """Count the bytes that came, and the files that the engine was stopped at."""
        if isinstance(event, TransferEnded):
            self._received += event.received_bytes
            if event.reason == INTERRUPTED:
                self._unfinished.add(event.key)

    def take(self, outcome: Outcome) -> None:
        """Count one outcome and print it."""
        self._unfinished.discard(outcome.request.key)
        state = ending_of(outcome).state.value
        if outcome.fetched is not None:
            line: dict[str, object] = {
                "file": str(outcome.fetched.path),
                "state": state,
                "size_bytes": outcome.fetched.size_bytes,
                "proof": outcome.fetched.proof,
            }
            if _may_be_cut(outcome.fetched):
                self._take_unmeasured(outcome.fetched)
        else:
            line = {
                "file": outcome.request.key,
                "state": state,
                **_facts_of(outcome.error),
            }
            self._failures.append(line)
        self.counts[state] += 1
        _log(line)
        if self._as_json:
            echo_json({"event": "file", "url": outcome.request.key} | line)
        elif outcome.fetched is None:
            echo(f"failed: {line['file']}: {line['detail']} [{line['reason']}]", err=True)

    def _take_unmeasured(self, fetched: Fetched) -> None:
        self._unmeasured += 1
        if not self._as_json and not self._quiet:
            echo(
                f"length unverified: {fetched.path}: the host did not say how long it is", err=True
            )

    def close(self, directory: Path, *, status: str = "") -> None:
        """Print the sum of it all."""
        total = sum(self.counts.values()) + len(self._unfinished)
        status = status or ("incomplete" if self._failures else "complete")
        if self._as_json:
            files = {
                "total": total,
                **{state: self.counts[state] for state in ("downloaded", "skipped", "failed")},
                "unresolved": len(self._unfinished),
            }
            summary = {
                "event": "summary",
                "status": status,
                "files": files,
                "bytes": {"downloaded": self._received},
                "elapsed_s": round(time.monotonic() - self._began, 3),
                "failures": self._failures,
            }
            echo_json(summary)
        elif not self._quiet:
            counts = self.counts + Counter(unfinished=len(self._unfinished))
            states = ", ".join(f"{n:,} {state}" for state, n in counts.items())
            where = f"received {size(self._received)} into {directory}"
            doubt = f" (length unverified: {self._unmeasured:,})" if self._unmeasured else ""
            echo(
                f"{status.capitalize()}{doubt}: {count(total, 'file')}: {states or 'none'}; {where}"
            )
            for advice in dict.fromkeys(f"{f['reason']}: {f['remedy']}" for f in self._failures):
                echo(advice, err=True)


def _may_be_cut(fetched: Fetched) -> bool:
    """Tell whether nothing shows that all of a file has come: neither length nor digest."""
    length, *checks = fetched.proof.split("+")
    return length == "unverified-length" and not set(checks) & set(ALGORITHMS)


def ending_of(outcome: Outcome) -> FileFinished:
    """Return an outcome as the display counts it, of a file that no product wants."""
    key, fetched = outcome.request.key, outcome.fetched
    if fetched is None:
        return FileFinished("", "", key, FileState.FAILED)
    state = FileState.SKIPPED if fetched.already_there else FileState.DOWNLOADED
    return FileFinished("", "", key, state, size_bytes=fetched.size_bytes)


def _facts_of(error: Exception | None) -> dict[str, str]:
    """Return why a file failed; the file itself stands beside it."""
    detail = error.detail if isinstance(error, TransferError) else str(error)
    match error:
        case TransferError() | DiskError() | NetworkError():
            reason, remedy = reason_of(error), error.remedy
        case _:
            reason, remedy = "error", TransferError.remedy
    advice = " ".join(filter(None, (remedy, _MORE.get(reason))))
    texts = {"detail": redact(detail), "remedy": advice}
    return {"reason": reason} | {name: spelt_for_get(text) for name, text in texts.items()}


def _log(line: Mapping[str, object]) -> None:
    if line["state"] == "failed":
        log.warning("%s: failed: %s [%s]", line["file"], line["detail"], line["reason"])
    else:
        log.info("%s: %s (%s)", line["file"], line["state"], line["proof"])
