"""Print what the clients did, one line for each step, below the tests."""

from __future__ import annotations

import pytest

ROW = "step of a client"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == ROW and report.when == "call"
    ]
    if rows:
        terminalreporter.section("clients that nobody here wrote, against the sandbox")
    for client, version, step, outcome in rows:
        terminalreporter.write_line(f"{client:14} {version:8} {step:40} {outcome}")
