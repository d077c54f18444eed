"""``asyncdl sandbox``, where it cannot listen."""

from __future__ import annotations

import errno
import socket

import pytest

from asyncdl.cli.sandbox import cannot_listen
from tests.cli.terminal import Terminal


def test_a_port_in_use_is_a_usage_error_with_a_way_out(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert terminal.run("sandbox", "--port", port) == 2
    assert f"port {port} of 127.0.0.1 is in use; --port 0 selects a free one" in terminal.err


@pytest.mark.parametrize("port", ["99999", "-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(port: str, terminal: Terminal) -> None:
    assert terminal.run("sandbox", "--port", port) == 2
    assert "'--port'" in terminal.err


# The last has a label too long for a name; the one before is another machine's, by RFC 5737.
@pytest.mark.parametrize("host", ["no-host.invalid", "192.0.2.1", "x" * 70])
@pytest.mark.allow_blocking  # one look into the resolver
def test_a_host_that_is_not_here_is_a_usage_error(host: str, terminal: Terminal) -> None:
    assert terminal.run("sandbox", "--host", host, "--port", 0) == 2
    assert f"--host {host}" in terminal.err
    assert "allowed: an address of this machine" in terminal.err


def test_a_port_of_the_system_is_reported_as_one() -> None:
    error = PermissionError(errno.EACCES, "Permission denied")
    assert "port 80 is privileged" in cannot_listen("127.0.0.1", 80, error)
