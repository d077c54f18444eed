"""The files of certificates that commands are given: used, or refused before any network."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme

from tests.cli.terminal import Terminal

CA = trustme.CA(organization_name="Whom the tests trust")
CLIENTS = trustme.CA(organization_name="Who signs for clients")
CONFIG = """
[service]
url = "{url}"
username = "ann"
token_file = "token"
{keys}
[search]
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]

[[products]]
kind = "bundle"
"""


@pytest.fixture
def pems(tmp_path: Path) -> Path:
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client = CLIENTS.issue_cert("ann@client.example")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    (tmp_path / "page.pem").write_text("<html>log in</html>")
    (tmp_path / "token").write_text("word")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


class QuietHandler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def wanting() -> Iterator[str]:
    """A file host that asks for certificates and takes those of ``CLIENTS``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1").configure_cert(context)
    CLIENTS.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/a.bin"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("shown", [["me.pem"], ["cert.pem", "--key", "key.pem"]])
def test_a_file_is_fetched_with_certificates_of_one_s_own(
    shown: list[str], terminal: Terminal, pems: Path, wanting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pems)
    status = terminal.run("get", wanting, "-d", "data", "--cacert", "ca.pem", "--cert", *shown)
    assert (status, (pems / "data" / "a.bin").read_bytes()) == (0, b"hello"), terminal.err


def test_without_them_it_is_not(terminal: Terminal, pems: Path, wanting: str) -> None:
    assert terminal.run("get", wanting, "-d", pems / "data") == 1
    assert "issuer certificate" in terminal.out + terminal.err


COMMANDS: dict[str, list[str]] = {
    "get": ["https://127.0.0.1:1/a.bin"],
    "datasets": ["--url", "https://127.0.0.1:1/"],
    "file-groups": ["landsat_ot_c2_l2", "--url", "https://127.0.0.1:1/"],
    "run": ["job.toml"],
    "plan": ["job.toml"],
    "search": ["job.toml"],
    "map": ["job.toml", "-o", "map.html"],
    "doctor": ["job.toml"],
    "login": ["job.toml"],
    "verify": ["job.toml"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cacert", "page.pem"], "--cacert = 'page.pem': holds no certificate"),
        (["--cacert", "gone.pem"], "--cacert = 'gone.pem': no such file"),
        (["--cert", "page.pem"], "--cert = 'page.pem': holds no certificate"),
        (["--cert", "me.pem", "--key", "page.pem"], "--key = 'page.pem': holds no private key"),
        (["--key", "key.pem"], "--key needs --cert"),
    ],
)
def test_a_wrong_file_ends_each_command_and_is_named_by_its_option(
    command: str,
    options: list[str],
    said: str,
    terminal: Terminal,
    pems: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(pems)
    (pems / "job.toml").write_text(CONFIG.format(url="https://127.0.0.1:1/", keys=""))
    assert terminal.run(command, *COMMANDS[command], *options) == 2
    assert said in terminal.err


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('ca_file = "page.pem"', "service.ca_file = "),
        ('ca_file = "gone.pem"', "service.ca_file = 'gone.pem': no such file"),
        ('client_cert = "cert.pem"', "service.client_cert = "),
        ('client_key = "key.pem"', "service.client_key = 'key.pem': is a key without its"),
        ('client_cert = "me.pem"\nclient_key = "page.pem"', "service.client_key = "),
    ],
)
def test_a_wrong_file_of_a_config_is_named_by_its_key(
    command: str,
    keys: str,
    said: str,
    terminal: Terminal,
    pems: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(pems)
    (pems / "job.toml").write_text(CONFIG.format(url="https://127.0.0.1:1/", keys=keys))
    assert terminal.run(command, "job.toml") == 2
    assert f"job.toml: {said}" in terminal.err


@pytest.mark.parametrize("command", ["get", "datasets", "run", "plan"])
def test_a_wrong_file_of_the_environment_is_named_by_its_variable(
    command: str, terminal: Terminal, pems: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pems)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setenv("ASYNCDL_USERNAME", "ann")
    monkeypatch.setenv("ASYNCDL_TOKEN", "word")
    (pems / "job.toml").write_text(CONFIG.format(url="https://127.0.0.1:1/", keys=""))
    assert terminal.run(command, *COMMANDS[command]) == 2
    assert "asyncdl: REQUESTS_CA_BUNDLE = '/nowhere/ca.pem': no such file" in terminal.err


def test_an_option_goes_before_the_config_and_that_before_the_environment(
    terminal: Terminal, pems: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the doctor says of the store is what the clients use."""
    monkeypatch.chdir(pems)
    monkeypatch.setenv("CURL_CA_BUNDLE", "by-variable.pem")
    for name in ("by-option.pem", "by-config.pem", "by-variable.pem"):
        CA.cert_pem.write_to_path(name)
    (pems / "job.toml").write_text(
        CONFIG.format(url="https://127.0.0.1:1/", keys='ca_file = "by-config.pem"')
    )
    (pems / "plain.toml").write_text(CONFIG.format(url="https://127.0.0.1:1/", keys=""))
    for arguments, file in (
        (["job.toml", "--cacert", "by-option.pem"], "by-option.pem (ca_file)"),
        (["job.toml"], "by-config.pem (ca_file)"),
        (["plain.toml"], "by-variable.pem (CURL_CA_BUNDLE)"),
    ):
        assert terminal.run("doctor", *arguments) == 1
        assert f"{file}; OpenSSL " in terminal.out
        assert "shows" not in terminal.out


def test_the_doctor_shakes_hands_and_names_the_proxy_without_its_password(
    terminal: Terminal, pems: Path, wanting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pems)
    monkeypatch.setenv("HTTPS_PROXY", "name:s3cret@127.0.0.1:1")
    keys = f'ca_file = "ca.pem"\nclient_cert = "me.pem"\nstac_url = "{wanting}"'
    (pems / "job.toml").write_text(CONFIG.format(url="https://far.test/", keys=keys))
    assert terminal.run("doctor", "job.toml") == 1
    lines = {line[6:].partition(":")[0]: line for line in terminal.out.splitlines()}
    assert "; its certificate is trusted" in lines["stac"]
    assert "me.pem to hosts that request one" in lines["trust"]
    assert "far.test through http://***@127.0.0.1:1; 127.0.0.1:" in lines["proxy"]
    assert "the proxy cannot be reached" in lines["api"]
    assert "s3cret" not in terminal.out
