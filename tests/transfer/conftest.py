"""What all tests of the engine share: each runs with both clients, and over TLS."""

import ssl

import pytest
import trustme

from tests.transfer import fault_server


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """One who signs the certificates of the tests."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a host on this machine speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "127.0.0.2", "::1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with the certificate to be trusted."""
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the third way to run what shows nothing more over TLS."""
    spare = [item for item in items if is_over_tls(item) and "without_tls" in item.keywords]
    if spare:
        config.hook.pytest_deselected(items=spare)
        items[:] = [item for item in items if item not in spare]


def is_over_tls(item: pytest.Item) -> bool:
    params = getattr(getattr(item, "callspec", None), "params", {})
    return params.get("client") == "tls"


@pytest.fixture(autouse=True, params=["wire", "session", "tls"])
def client(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    server_tls: ssl.SSLContext,
    trusted: str,
) -> str:
    """Have the engine's own client make all requests, then aiohttp, then the first over TLS."""
    name: str = request.param
    monkeypatch.setattr(fault_server, "IS_BY_SESSION", name == "session")
    if name == "tls":
        monkeypatch.setattr(fault_server, "TLS", server_tls)
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
    return name
