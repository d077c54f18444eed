"""Why a certificate was refused is said as OpenSSL says it, with what helps; over real TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, TCPConnector
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from asyncdl.doctor.host_checks import probe_host
from asyncdl.errors import NetworkError
from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from asyncdl.net.faults import certificate_problem
from asyncdl.net.tls import TlsSettings
from asyncdl.transfer import Downloader, FileRequest

CA = trustme.CA(organization_name="A test's own authority")
STRANGER = trustme.CA(organization_name="Corporate proxy")
NOW = datetime.now(UTC)


def valid_between(first_day: int, last_day: int) -> trustme.LeafCert:
    """Return a certificate that is valid between two days, counted from today."""
    first, last = NOW + timedelta(first_day), NOW + timedelta(last_day)
    return CA.issue_cert("127.0.0.1", not_before=first, not_after=last)


CASES: dict[str, tuple[Callable[[], trustme.LeafCert], str, str]] = {
    "expired": (
        lambda: valid_between(-9, -1),
        "certificate has expired",
        "clock",
    ),
    "not yet valid": (
        lambda: valid_between(9, 99),
        "certificate is not yet valid",
        "clock",
    ),
    "other host": (
        lambda: CA.issue_cert("elsewhere.example"),
        "certificate is not valid for '127.0.0.1'",
        "captive portal",
    ),
    "unknown issuer": (
        lambda: STRANGER.issue_cert("127.0.0.1"),
        "unable to get local issuer certificate",
        "SSL_CERT_FILE",
    ),
}


@asynccontextmanager
async def tls_server(certificate: trustme.LeafCert | Path) -> AsyncIterator[str]:
    """Shake hands with this certificate, and say nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if isinstance(certificate, Path):
        context.load_cert_chain(certificate)
    else:
        certificate.configure_cert(context)
    loop = asyncio.get_running_loop()
    # The loop's own account of a handshake that the client breaks off is of no interest.
    loop.set_exception_handler(lambda _loop, _context: None)
    server = await asyncio.start_server(_hang_up, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await asyncio.sleep(0)
        loop.set_exception_handler(None)


def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def trusting() -> ssl.SSLContext:
    """Return a context that knows the test's authority and no other."""
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


@pytest.mark.parametrize("case", CASES)
async def test_the_service_with_a_bad_certificate(case: str, options: ClientOptions) -> None:
    make, reason, remedy = CASES[case]
    async with (
        tls_server(make()) as url,
        ClientSession(connector=TCPConnector(ssl=trusting())) as session,
        M2MClient(Credentials("ann", "t"), url=url, options=options, session=session) as client,
    ):
        with pytest.raises(NetworkError) as caught:
            await client.call("permissions")
        assert client.calls == {"login-token": 1}
    assert not caught.value.retryable
    assert "bad certificate: " in str(caught.value)
    assert reason in str(caught.value)
    assert remedy in str(caught.value)


def self_signed(folder: Path) -> Path:
    """Return a file with a key and a certificate that nobody else signed, as appliances have."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(IPv4Address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(1))
        .not_valid_after(NOW + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "appliance.pem"
    plain_key = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    file.write_bytes(plain_key + certificate.public_bytes(Encoding.PEM))
    return file


def with_its_root(folder: Path) -> Path:
    """Return a file with a certificate and the authority of a proxy that signed it."""
    leaf = STRANGER.issue_cert("127.0.0.1")
    file = folder / "chain.pem"
    pems = (leaf.private_key_and_cert_chain_pem, STRANGER.cert_pem)
    file.write_bytes(b"".join(pem.bytes() for pem in pems))
    return file


@pytest.mark.parametrize(
    ("make", "reason"),
    [(self_signed, "self-signed certificate;"), (with_its_root, "self-signed certificate in cert")],
)
async def test_a_self_signed_certificate_is_named_as_one(
    make: Callable[[Path], Path], reason: str, options: ClientOptions, tmp_path: Path
) -> None:
    async with (
        tls_server(make(tmp_path)) as url,
        M2MClient(Credentials("ann", "t"), url=url, options=options) as client,
    ):
        with pytest.raises(NetworkError) as caught:
            await client.call("permissions")
    assert reason in str(caught.value).replace("self signed", "self-signed")
    assert "SSL_CERT_FILE" in str(caught.value)


def of_old_form(folder: Path) -> tuple[Path, Path]:
    """Return files of an authority, and of a key and certificate by it; without key identifiers."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An old authority")])
    certificates = []
    for number, (key, extension) in enumerate(
        (
            (keys[0], x509.BasicConstraints(ca=True, path_length=None)),
            (keys[1], x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])),
        )
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]) if number else name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(number + 1)
            .not_valid_before(NOW - timedelta(1))
            .not_valid_after(NOW + timedelta(1))
            .add_extension(extension, critical=True)
        )
        certificates.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "old.pem").write_bytes(certificates[0])
    key_pem = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "chain.pem").write_bytes(key_pem + certificates[1])
    return folder / "old.pem", folder / "chain.pem"


async def test_an_authority_of_the_old_form_is_trusted_by_name_alone(tmp_path: Path) -> None:
    """Which Python takes no more from 3.13 on; curl does."""
    file, chain = of_old_form(tmp_path)
    strict = ssl.create_default_context(cafile=file)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    async with tls_server(chain) as url:
        with pytest.raises(NetworkError, match=r"Python 3\.13 .* `ca_file`"):
            await probe_host(url, strict)
        with pytest.raises(NetworkError) as caught:
            await probe_host(url, TlsSettings(ca_file=file))
    assert "certificate" not in caught.value.cause  # it hangs up behind the handshake


@pytest.mark.parametrize("is_wire", [True, False], ids=["own wire", "given session"])
async def test_the_file_host_with_a_bad_certificate(is_wire: bool, tmp_path: Path) -> None:
    async with (
        tls_server(STRANGER.issue_cert("127.0.0.1")) as url,
        ClientSession() as session,
        Downloader(session=None if is_wire else session) as downloader,
    ):
        with pytest.raises(NetworkError, match="issuer certificate; a proxy") as caught:
            await downloader.fetch(FileRequest(url=f"{url}a.tif", directory=tmp_path))
    assert not caught.value.retryable


async def test_the_doctor_names_the_reason_too() -> None:
    async with tls_server(STRANGER.issue_cert("127.0.0.1")) as url:
        with pytest.raises(NetworkError, match="issuer certificate; a proxy"):
            await probe_host(url)


def test_a_clock_is_shown_when_it_may_be_wrong() -> None:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    text = certificate_problem(error, now=datetime(2040, 1, 2, 3, 4, tzinfo=UTC))
    assert "this machine's clock, which says 2040-01-02 03:04 UTC" in text


def test_a_reason_that_nobody_foresaw_is_said_as_it_is() -> None:
    assert certificate_problem(ssl.SSLError(1, "odd")).startswith("bad certificate: ")
