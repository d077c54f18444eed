"""Every example in the help of a command runs as it stands."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import click
import pytest

from asyncdl.cli.main import COMMANDS, cli
from asyncdl.cli.options import Command
from tests.cli.terminal import Terminal

EXAMPLE_HOST = "https://example.org"
"""Stands in examples for a host of the reader's; a server of the test takes its place."""


AFTER_A_RUN = ("asyncdl report", "asyncdl verify")
"""What has nothing to say before one."""


def command_of(name: str) -> Command:
    with click.Context(cli) as context:
        found = cli.get_command(context, name)
    assert isinstance(found, Command)
    return found


EXAMPLES = [(name, example) for name in COMMANDS for example in command_of(name).examples]


class Files(http.server.BaseHTTPRequestHandler):
    """Answers every question with the same file."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(bytes(1000))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def file_host() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.allow_blocking  # an area is read before the work begins, on the loop or not
@pytest.mark.parametrize("example", [example for _, example in EXAMPLES])
def test_an_example_runs_as_it_stands(
    example: str,
    terminal: Terminal,
    folder: Path,
    file_host: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "urls.txt").write_text(f"{file_host}/one.bin\n{file_host}/two.bin\n")
    (folder / "token").write_text("sandbox-token\n")
    if example.startswith(AFTER_A_RUN) or "--retry-failed" in example:
        assert terminal.play("asyncdl run examples/anchorage.toml --sandbox --quiet") == 0
    # What would serve until it is interrupted ends as soon as it serves.
    monkeypatch.setattr(anyio, "sleep_forever", anyio.lowlevel.checkpoint)
    status = terminal.play(example.replace(EXAMPLE_HOST, file_host))
    assert status == 0, terminal.err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_ends_with_its_examples(name: str, terminal: Terminal) -> None:
    assert terminal.run(name, "--help") == 0
    shown = terminal.out.partition("Examples:\n")[2].splitlines()
    assert [line.strip() for line in shown] == list(command_of(name).examples)
    assert 1 <= len(shown) <= 3


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        (["serach", "a.toml"], "No such command 'serach'; did you mean search?"),
        (["run", "--sandbx", "a.toml"], "--sandbox"),
        (["bands", "landsat_ot_l2"], "did you mean landsat_ot_c2_l2?"),
        (["file-groups", "landsat_ot_l2", "--sandbox"], "did you mean landsat_ot_c2_l2?"),
    ],
)
def test_what_is_mistyped_gets_what_may_have_been_meant(
    mistyped: list[str], meant: str, terminal: Terminal
) -> None:
    assert terminal.run(*mistyped) == 2
    assert meant in terminal.err


def test_what_is_like_no_command_gets_no_guess(terminal: Terminal) -> None:
    assert terminal.run("xyzzy") == 2
    assert "No such command 'xyzzy'." in terminal.err
    assert "did you mean" not in terminal.err
