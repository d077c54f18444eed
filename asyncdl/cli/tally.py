"""What ``asyncdl get`` has to tell of its files, one by one and in sum."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.printing import echo
from asyncdl.cli.quantities import count, size
from asyncdl.redact import redact
from asyncdl.transfer import Outcome

log = logging.getLogger("asyncdl.cli")


class Tally:
    """Counts outcomes and prints each: JSON on stdout, or what failed on stderr."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()
        self._received = 0
        self._failures: list[dict[str, object]] = []

    def take(self, outcome: Outcome) -> None:
        """Count one outcome and print it."""
        if outcome.fetched is not None:
            state = "skipped" if outcome.fetched.already_there else "downloaded"
            self._received += outcome.fetched.received_bytes
            line: dict[str, object] = {
                "file": str(outcome.fetched.path),
                "state": state,
                "size_bytes": outcome.fetched.size_bytes,
                "proof": outcome.fetched.proof,
            }
        else:
            state = "failed"
            line = {
                "file": outcome.request.key,
                "state": state,
                "reason": getattr(outcome.error, "reason", "error"),
                "detail": redact(str(outcome.error)),
                "remedy": getattr(outcome.error, "remedy", "Run the same command again."),
            }
            self._failures.append(line)
        self.counts[state] += 1
        _log(line)
        if self._as_json:
            echo_json({"event": "file", "url": outcome.request.key} | line)
        elif outcome.fetched is None:
            echo(f"failed: {line['detail']}", err=True)

    def close(self, directory: Path, *, status: str = "") -> None:
        """Print the sum of it all."""
        total = sum(self.counts.values())
        status = status or ("incomplete" if self._failures else "complete")
        if self._as_json:
            files = {"total": total} | {
                state: self.counts[state]
                for state in ("downloaded", "skipped", "failed", "unresolved")
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
            states = ", ".join(f"{n:,} {state}" for state, n in self.counts.items())
            where = f"received {size(self._received)} into {directory}"
            echo(f"{status.capitalize()}: {count(total, 'file')}: {states or 'none'}; {where}")


def _log(line: Mapping[str, object]) -> None:
    if line["state"] == "failed":
        log.warning("%s: failed: %s [%s]", line["file"], line["detail"], line["reason"])
    else:
        log.info("%s: %s (%s)", line["file"], line["state"], line["proof"])
