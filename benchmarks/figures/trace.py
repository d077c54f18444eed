"""Runs ``asyncdl`` and notes which of its functions ran: ``trace.py PACKAGE OUT ARGUMENT…``."""

from __future__ import annotations

import atexit
import json
import runpy
import sys
import threading
from pathlib import Path
from types import FrameType


def main() -> None:
    """Run the command whose arguments follow the first two."""
    package, out = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
    seen: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            seen.add((code.co_filename[len(package) + 1 :], code.co_qualname))

    def dump() -> None:
        sys.setprofile(None)
        out.write_text(json.dumps(sorted(seen)))

    atexit.register(dump)
    sys.argv = ["asyncdl", *sys.argv[3:]]
    threading.setprofile(note)
    sys.setprofile(note)
    runpy.run_module("asyncdl", run_name="__main__")


if __name__ == "__main__":
    main()
