"""Whom TLS trusts and what it shows, by real handshakes; the same for API, STAC, files, doctor."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate

from asyncdl import TlsSettings
from asyncdl.config import parse_config
from asyncdl.errors import ConfigError, NetworkError
from asyncdl.job.job import Job
from asyncdl.m2m import Credentials
from asyncdl.net.tls import (
    BUNDLES,
    OPENSSL_FILE,
    OPENSSL_FOLDERS,
    check_tls,
    named_roots,
    tls_context,
)
from asyncdl.sandbox import Service
from tests.proxy import far, open_proxy
from tests.tls_door import Asker, open_door, refusals_at, refusing, server_context

OURS = trustme.CA(organization_name="Whom the tests trust")
THEIRS = trustme.CA(organization_name="Who signs for clients")
SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, right ones and others."""
    folder = tmp_path_factory.mktemp("pems")
    OURS.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "other").mkdir()
    THEIRS.cert_pem.write_to_path(str(folder / "other" / "ca.pem"))
    client = THEIRS.issue_cert("ann@client.example")
    client.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    client.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    client.private_key_pem.write_to_path(str(folder / "key.pem"))
    THEIRS.issue_cert("bob@client.example").private_key_pem.write_to_path(
        str(folder / "other_key.pem")
    )
    key = load_pem_private_key(client.private_key_pem.bytes(), None)
    for name, form in (
        ("locked.pem", PrivateFormat.PKCS8),
        ("old_locked.pem", PrivateFormat.TraditionalOpenSSL),
    ):
        (folder / name).write_bytes(
            key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"word"))
        )
    (folder / "empty.pem").write_bytes(b"")
    (folder / "page.pem").write_text("<html>log in</html>")
    (folder / "cut.pem").write_bytes(OURS.cert_pem.bytes()[:300])
    certificate = load_pem_x509_certificate(OURS.cert_pem.bytes())
    (folder / "ca.der").write_bytes(certificate.public_bytes(Encoding.DER))
    (folder / "hashed").mkdir()
    # By its subject, as `openssl rehash` does.
    name_hash = _name_hash(folder / "ca.pem")
    (folder / "hashed" / f"{name_hash}.0").write_bytes(OURS.cert_pem.bytes())
    return folder


def _name_hash(pem: Path) -> str:
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(pem)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# -- which certificates count ------------------------------------------------


def test_what_is_said_goes_before_what_the_environment_says() -> None:
    environ = {
        "SSL_CERT_DIR": "/d", "SSL_CERT_FILE": "/s",
        "REQUESTS_CA_BUNDLE": "/r", "CURL_CA_BUNDLE": "/c",
    }  # fmt: skip
    order = []
    while roots := named_roots(TlsSettings(), environ):
        order.append((roots.named_by, str(roots.path), roots.is_alone))
        del environ[roots.named_by]
    assert order == [
        ("CURL_CA_BUNDLE", "/c", True),
        ("REQUESTS_CA_BUNDLE", "/r", True),
        ("SSL_CERT_FILE", "/s", False),
        ("SSL_CERT_DIR", "/d", False),
    ]
    said = named_roots(TlsSettings("/f"), {"CURL_CA_BUNDLE": "/c"})
    assert said is not None and (said.named_by, said.is_alone) == ("ca_file", True)
    assert named_roots(TlsSettings(), {"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": ""}) is None


def test_named_certificates_take_the_place_of_the_system_s(pems: Path) -> None:
    names = [dict(pair for (pair,) in ca["subject"]) for ca in _trusted_by(pems / "ca.pem")]
    assert [name["organizationName"] for name in names] == ["Whom the tests trust"]


def _trusted_by(file: Path) -> list[dict[str, list[list[tuple[str, str]]]]]:
    found: list[dict[str, list[list[tuple[str, str]]]]] = tls_context(
        TlsSettings(file)
    ).get_ca_certs()  # type: ignore[assignment]  # as the stubs have it, it is anything
    return found


def test_a_context_is_taken_as_it_is() -> None:
    context = ssl.create_default_context()
    assert tls_context(context) is context


@pytest.mark.parametrize("is_there", [True, False], ids=["with truststore", "without"])
async def test_the_system_s_store_is_asked_by_truststore(
    is_there: bool, pems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What truststore takes for the store is a file here; without it that file is unknown."""
    if not is_there:
        monkeypatch.setitem(sys.modules, "truststore", None)
    else:
        native = pytest.importorskip(
            "truststore._openssl", reason="needs the extra trust: make extras"
        )
        nowhere = ssl.DefaultVerifyPaths("", "", "", "", "", "")
        monkeypatch.setattr(native.ssl, "get_default_verify_paths", lambda: nowhere)
        monkeypatch.setattr(native, "_CA_FILE_CANDIDATES", [str(pems / "ca.pem")])
    async with open_door(server_context(OURS)) as port:
        for way in Asker.WAYS:
            with pytest.raises(NetworkError) as caught:
                await Asker(tmp_path).ask(way, f"https://127.0.0.1:{port}/")
            assert ("issuer certificate" in str(caught.value)) != is_there, way


def given_file(pems: Path, monkeypatch: pytest.MonkeyPatch) -> TlsSettings:
    return TlsSettings(ca_file=pems / "ca.pem")


def given_folder(pems: Path, monkeypatch: pytest.MonkeyPatch) -> TlsSettings:
    return TlsSettings(ca_file=str(pems / "hashed"))


def given_context(pems: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    context = ssl.create_default_context()
    OURS.configure_trust(context)
    return context


def by_variable(name: str, file: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def name_it(pems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, str(pems / file))

    return name_it


TRUST: dict[str, Callable[[Path, pytest.MonkeyPatch], TlsSettings | ssl.SSLContext | None]] = {
    "ca_file": given_file,
    "a folder": given_folder,
    "a context": given_context,
    "CURL_CA_BUNDLE": by_variable("CURL_CA_BUNDLE", "ca.pem"),
    "REQUESTS_CA_BUNDLE": by_variable("REQUESTS_CA_BUNDLE", "hashed"),
    "SSL_CERT_FILE": by_variable("SSL_CERT_FILE", "ca.pem"),
    "SSL_CERT_DIR": by_variable("SSL_CERT_DIR", "hashed"),
}


@pytest.mark.parametrize("trust", TRUST)
async def test_a_whole_job_trusts_an_authority_of_ours(
    trust: str, pems: Path, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API, catalogue and files, all behind certificates that nobody else trusts."""
    tls = TRUST[trust](pems, monkeypatch)
    async with behind_tls(service, server_context(OURS), monkeypatch) as url:
        summary = await job_at(url, service, tmp_path, tls).run()
    assert (summary.status, summary.error) == ("complete", "")


async def test_without_it_nothing_of_the_job_is_trusted(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind_tls(service, server_context(OURS), monkeypatch) as url:
        summary = await job_at(url, service, tmp_path, None).run()
    assert summary.status == "stopped"
    assert "issuer certificate" in summary.error


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("has_key", [True, False], ids=["two files", "one file"])
async def test_a_whole_job_shows_its_certificate(
    has_key: bool,
    version: ssl.TLSVersion,
    pems: Path,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = ("cert.pem", "key.pem") if has_key else ("both.pem",)
    wanting = server_context(OURS, wants=THEIRS)
    wanting.minimum_version = wanting.maximum_version = version
    tls = TlsSettings(pems / "ca.pem", *(pems / name for name in files))
    async with behind_tls(service, wanting, monkeypatch) as url:
        assert (await job_at(url, service, tmp_path, tls).run()).status == "complete"


@asynccontextmanager
async def behind_tls(service: Service, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Give the embedded service's origin behind TLS; its links lead there, too."""
    port = int(service.origin.rpartition(":")[2])
    async with open_door(context, port) as door:
        origin = f"https://127.0.0.1:{door}"
        monkeypatch.setattr(service._state, "origin", origin)
        yield origin


def job_at(
    origin: str, service: Service, folder: Path, tls: TlsSettings | ssl.SSLContext | None
) -> Job:
    inner = service.origin
    config = parse_config(
        {
            "service": {
                "url": service.url.replace(inner, origin),
                "stac_url": service.stac_url.replace(inner, origin),
                "max_wait": 0,
            },
            "search": {"scenes": [SCENE]},
            "products": [{"kind": "bands", "bands": ["SR_B4"]}],
        },
        base=folder,
    )
    return Job(config, credentials=Credentials(service.username, service.token), tls=tls)


# -- files that are not what they should be ----------------------------------


@pytest.mark.parametrize(
    ("settings", "key", "problem"),
    [
        ({"ca_file": "none.pem"}, "ca_file", "no such file"),
        ({"ca_file": "empty.pem"}, "ca_file", "is empty"),
        ({"ca_file": "page.pem"}, "ca_file", "holds no certificate"),
        ({"ca_file": "key.pem"}, "ca_file", "holds no certificate"),
        ({"ca_file": "cut.pem"}, "ca_file", "cannot be read as PEM"),
        ({"ca_file": "ca.der"}, "ca_file", "is not PEM text but DER or PKCS#12"),
        ({"ca_file": "other"}, "ca_file", "no certificate in this folder"),
        ({"client_cert": "none.pem"}, "client_cert", "no such file"),
        ({"client_cert": "other"}, "client_cert", "is a directory"),
        ({"client_cert": "key.pem"}, "client_cert", "holds no certificate"),
        ({"client_cert": "cert.pem"}, "client_cert", "`client_key` names the file"),
        ({"client_cert": "cert.pem", "client_key": "none.pem"}, "client_key", "no such file"),
        ({"client_cert": "cert.pem", "client_key": "page.pem"}, "client_key", "no private key"),
        ({"client_cert": "cert.pem", "client_key": "locked.pem"}, "client_key", "is encrypted"),
        ({"client_cert": "cert.pem", "client_key": "old_locked.pem"}, "client_key", "encrypted"),
        ({"client_cert": "cert.pem", "client_key": "other_key.pem"}, "client_key", "is not the"),
        ({"client_key": "key.pem"}, "client_key", "client_cert is not given"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(
    settings: dict[str, str], key: str, problem: str, pems: Path
) -> None:
    files = {name: pems / file for name, file in settings.items()}
    with pytest.raises(ConfigError) as caught:
        tls_context(TlsSettings(**files))
    assert (caught.value.key, caught.value.value) == (key, str(files[key]))
    assert problem in caught.value.problem and caught.value.allowed


@pytest.mark.parametrize("name", [*BUNDLES, OPENSSL_FILE, OPENSSL_FOLDERS])
def test_a_wrong_file_of_the_environment_is_named_by_its_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/nowhere/ca.pem")
    with pytest.raises(ConfigError, match="no such file") as caught:
        check_tls(None)
    assert str(caught.value).startswith(f"{name} = '/nowhere/ca.pem': ")


def test_a_cut_file_of_openssl_s_variable_is_not_just_ignored(
    pems: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pems / "cut.pem"))
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE = .* cannot be read as PEM"):
        check_tls(None)


async def test_every_client_refuses_a_wrong_file_before_any_network(
    pems: Path, service: Service, tmp_path: Path
) -> None:
    tls = TlsSettings(ca_file=pems / "page.pem")
    for way in Asker.WAYS:
        with pytest.raises(ConfigError, match="holds no certificate"):
            await Asker(tmp_path, tls).ask(way, "https://127.0.0.1:1/")
    with pytest.raises(ConfigError, match="holds no certificate"):
        await job_at(service.origin.replace("http:", "https:"), service, tmp_path, tls).run()
    assert not service.calls


# -- what is wrong with the other end ----------------------------------------


def speaking(
    change: Callable[[ssl.SSLContext], object], *, wants: trustme.CA | None = None
) -> Callable[[], ssl.SSLContext]:
    def make() -> ssl.SSLContext:
        context = server_context(OURS, wants=wants)
        change(context)
        return context

    return make


def only_tls_1_1(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def only_old_ciphers(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


def only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version

    return change


def alerting(alert: ssl.AlertDescription) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda *_: alert

    return change


FAULTS: dict[str, tuple[Callable[[], ssl.SSLContext], str, str, bool]] = {
    "no version in common": (
        speaking(only_tls_1_1), "no version of TLS in common", "tlsv1 alert protocol version", False
    ),
    "no cipher in common": (
        speaking(only_old_ciphers), "no cipher", "sslv3 alert handshake failure", False
    ),
    "an unknown name": (
        speaking(alerting(ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)),
        "does not know this host's name", "unrecognized name", False,
    ),
    "a failing host": (
        speaking(alerting(ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR)),
        "the host failed", "tlsv1 alert internal error", True,
    ),
    "a certificate wanted, TLS 1.2": (
        speaking(only(ssl.TLSVersion.TLSv1_2), wants=THEIRS),
        "wants a client certificate", "sslv3 alert handshake failure", False,
    ),
    "a certificate wanted, TLS 1.3": (
        speaking(only(ssl.TLSVersion.TLSv1_3), wants=THEIRS),
        "wants a client certificate", "tlsv13 alert certificate required", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_all_say_the_same_of_the_same_fault(fault: str, pems: Path, tmp_path: Path) -> None:
    make, meaning, reason, may_pass = FAULTS[fault]
    with refusing(make()) as port:
        refusals = await refusals_at(f"https://localhost:{port}/", asker_at(pems, tmp_path))
    assert len({refusal.cause for refusal in refusals.values()}) == 1, refusals
    for refusal in refusals.values():
        assert meaning in refusal.cause and f"{reason})" in refusal.cause
        assert refusal.retryable == may_pass


def asker_at(pems: Path, folder: Path) -> Asker:
    return Asker(folder, TlsSettings(ca_file=pems / "ca.pem"))


async def test_all_say_that_a_port_speaks_no_tls(
    service: Service, pems: Path, tmp_path: Path
) -> None:
    url = service.origin.replace("http:", "https:") + "/"
    refusals = await refusals_at(url, asker_at(pems, tmp_path))
    assert len({refusal.cause for refusal in refusals.values()}) == 1, refusals
    for refusal in refusals.values():
        assert "the host does not speak TLS on this port" in refusal.cause and not refusal.retryable
        assert "(OpenSSL: " in refusal.cause


async def test_all_say_that_a_handshake_was_cut(pems: Path, tmp_path: Path) -> None:
    async with open_door(None) as port:  # it hangs up at the first byte
        refusals = await refusals_at(f"https://localhost:{port}/", asker_at(pems, tmp_path))
    assert {(refusal.cause, refusal.retryable) for refusal in refusals.values()} == {
        ("no TLS: the host closed the connection during the TLS handshake", True)
    }


async def test_all_refuse_a_certificate_of_ours_that_the_host_does_not_know(
    pems: Path, tmp_path: Path
) -> None:
    stranger = OURS.issue_cert("eve@client.example")
    stranger.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "eve.pem"))
    tls = TlsSettings(pems / "ca.pem", tmp_path / "eve.pem")
    with refusing(speaking(only(ssl.TLSVersion.TLSv1_3), wants=THEIRS)()) as port:
        for way in Asker.WAYS:
            with pytest.raises(NetworkError) as caught:
                await Asker(tmp_path, tls).ask(way, f"https://127.0.0.1:{port}/")
            assert "refuses our client certificate" in caught.value.cause
            assert not caught.value.retryable


# -- by a proxy --------------------------------------------------------------


async def test_a_whole_job_goes_by_a_proxy_to_certificates_of_ours(
    pems: Path, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = server_context(OURS, wants=THEIRS, names=("far.test",))
    async with behind_tls(service, context, monkeypatch) as url, open_proxy() as proxy:
        monkeypatch.setattr(service._state, "origin", far(url))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        tls = TlsSettings(pems / "ca.pem", pems / "both.pem")
        assert (await job_at(far(url), service, tmp_path, tls).run()).status == "complete"
    assert set(proxy.asked) == {f"CONNECT {far(url).partition('://')[2]}"}


async def test_what_is_wrong_behind_a_proxy_is_said_as_without_one(
    pems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, meaning, _, _ = FAULTS["an unknown name"]
    with refusing(make()) as port:
        direct = await refusals_at(f"https://localhost:{port}/", asker_at(pems, tmp_path))
        async with open_proxy() as proxy:
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            behind = await refusals_at(f"https://far.test:{port}/", asker_at(pems, tmp_path))
    assert len(proxy.asked) == len(Asker.WAYS)
    causes = {refusal.cause for refusal in (*direct.values(), *behind.values())}
    assert len(causes) == 1 and meaning in causes.pop()
