"""TLS contexts: which CA certificates are trusted, and which client certificate is shown.

The only module that makes contexts; they are the same for all hosts. The CA certificates are the
first of these that is given: ``ca_file`` of the settings, ``CURL_CA_BUNDLE``,
``REQUESTS_CA_BUNDLE``, each in place of all others, as with curl; ``SSL_CERT_FILE`` and
``SSL_CERT_DIR``, with the meaning that OpenSSL gives them; the operating system's store, if the
package truststore is installed; OpenSSL's default places. They are read when a context is made, not
at import.
"""

from __future__ import annotations

import importlib
import os
import re
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import anyio
from anyio import to_thread
from msgspec import Struct

from asyncdl.errors import ConfigError
from asyncdl.outside import TooMuch, read_at_most

BUNDLES = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Variables that name a file or folder in place of all others; the first one takes precedence."""
OPENSSL_FILE, OPENSSL_FOLDERS = "SSL_CERT_FILE", "SSL_CERT_DIR"
"""Variables that OpenSSL itself reads."""

VARIABLES = (*BUNDLES, OPENSSL_FILE, OPENSSL_FOLDERS)

_HTTP = ["http/1.1"]
_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_LOCKED_KEY = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: *4, *ENCRYPTED")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
_MOST_PEM_BYTES = 16 * 1024**2
"""The certificates of all public CAs take a quarter of a megabyte."""
_DER = b"\x30"
"""How DER and PKCS#12 begin: an ASN.1 sequence."""

_CA_FORMS = "a PEM file of CA certificates, or a folder of them as `openssl rehash` names them"
_CERT_FORMS = "a PEM file of your certificate, and of those between it and its CA"
_KEY_FORMS = "a PEM file of the private key, not encrypted"
_NATIVE = ("darwin", "win32")
"""Where the operating system verifies certificates itself, which truststore uses."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Certificates to trust and to show; what is not given is taken from the environment.

    Each field names a PEM file. An invalid one raises ConfigError when it is first needed, before
    any network.
    """

    ca_file: str | os.PathLike[str] | None = None
    """CA certificates to trust, in place of all others; or a folder of them as made by
    ``openssl rehash``."""
    client_cert: str | os.PathLike[str] | None = None
    """Certificate to show to every host that requests one."""
    client_key: str | os.PathLike[str] | None = None
    """Its private key, without a passphrase; ``None`` if it is in ``client_cert``."""


Tls: TypeAlias = ssl.SSLContext | TlsSettings
"""What every client takes: settings, or a whole context, which is used as it is."""


class NamedRoots(Struct, frozen=True):
    """A file or folder of CA certificates that settings or environment name."""

    path: Path
    named_by: str
    """A field of :class:`TlsSettings`, or a variable."""
    is_alone: bool
    """Whether nothing else is trusted."""


def named_roots(settings: TlsSettings, environ: Mapping[str, str]) -> NamedRoots | None:
    """Return the CA certificates that settings or environment name, if any. Pure."""
    if settings.ca_file is not None:
        return NamedRoots(Path(settings.ca_file), "ca_file", is_alone=True)
    for name in BUNDLES:
        if path := environ.get(name):
            return NamedRoots(Path(path), name, is_alone=True)
    if path := environ.get(OPENSSL_FILE):
        return NamedRoots(Path(path), OPENSSL_FILE, is_alone=False)
    if folders := environ.get(OPENSSL_FOLDERS):
        # Of several folders OpenSSL does without those that are not there.
        paths = [Path(folder) for folder in folders.split(os.pathsep) if folder]
        there = next((path for path in paths if path.is_dir()), paths[0])
        return NamedRoots(there, OPENSSL_FOLDERS, is_alone=False)
    return None


def names_files(tls: Tls | None, environ: Mapping[str, str]) -> bool:
    """Return whether a context would be made from files that settings or environment name."""
    if isinstance(tls, ssl.SSLContext):
        return False
    settings = tls or TlsSettings()
    named = (settings.client_cert, settings.client_key, named_roots(settings, environ))
    return any(part is not None for part in named)


def tls_context(tls: Tls | None = None) -> ssl.SSLContext:
    """Return the context for settings; a context as it is. Reads files.

    Raises: ConfigError, for a file that is missing or not what it should be.
    """
    if isinstance(tls, ssl.SSLContext):
        return tls
    settings = tls or TlsSettings()
    context = _trusting(named_roots(settings, os.environ))
    _show(context, settings)
    context.set_alpn_protocols(_HTTP)
    return context


class SharedContext:
    """One shared context, made in a thread when it is first needed.

    Args:
        tls: What it is made of.
    """

    def __init__(self, tls: Tls | None = None) -> None:
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._one_at_a_time = anyio.Lock()

    async def get(self) -> ssl.SSLContext:
        """Return the context. Raises: ConfigError, as :func:`tls_context`."""
        async with self._one_at_a_time:
            if self._context is None:
                self._context = await to_thread.run_sync(tls_context, self._tls)
            return self._context


def check_tls(tls: Tls | None) -> None:
    """Check the files that settings or environment name, and nothing else.

    Raises: ConfigError, for one that is missing or not what it should be.
    """
    checked_tls(tls)


def checked_tls(tls: Tls | None) -> Tls | None:
    """Return what clients are to be given, with the files that settings or environment name read.

    Returns: A context that several clients can share, if any file is named; otherwise ``tls``.
    Raises: ConfigError, as :func:`tls_context`.
    """
    return tls_context(tls) if names_files(tls, os.environ) else tls


def _trusting(roots: NamedRoots | None) -> ssl.SSLContext:
    if roots is None:
        native = installed_truststore()
        return ssl.create_default_context() if native is None else _of_the_system(native)
    _check_roots(roots)
    try:
        if not roots.is_alone:
            return _with_openssl_places(roots)
        path = str(roots.path)
        if roots.path.is_dir():
            context = ssl.create_default_context(capath=path)
        else:
            context = ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise _wrong(roots.named_by, roots.path, _words(error), _CA_FORMS) from error
    # As curl: a certificate that is named is trusted, whether or not it is a root and modern.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _with_openssl_places(roots: NamedRoots) -> ssl.SSLContext:
    """Return a context with the file and the folders that OpenSSL's own variables name.

    OpenSSL does not report a file that it cannot read, so the file is named to it. It is read once:
    the certificates of all public CAs take it 15 ms.

    Raises: ssl.SSLError.
    """
    if roots.path.is_dir():
        return ssl.create_default_context()
    if sys.platform == "win32":
        # The stores of the system count, too.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(roots.path)
        return ssl.create_default_context()
    folders = os.environ.get(OPENSSL_FOLDERS) or ssl.get_default_verify_paths().openssl_capath
    return ssl.create_default_context(cafile=str(roots.path), capath=folders)


def _check_roots(roots: NamedRoots) -> None:
    if not roots.path.is_dir():
        pem = _read(roots.path, roots.named_by, _CA_FORMS)
        if not _CERTIFICATE.search(pem):
            problem = _not_pem(pem) or "holds no certificate"
            raise _wrong(roots.named_by, roots.path, problem, _CA_FORMS)
        return
    try:
        has_any = any(_HASHED.fullmatch(path.name) for path in roots.path.iterdir())
    except OSError as error:
        problem = error.strerror or str(error)
        raise _wrong(roots.named_by, roots.path, problem, _CA_FORMS) from error
    if not has_any:
        problem = "no certificate in this folder has a name that OpenSSL looks for"
        raise _wrong(roots.named_by, roots.path, problem, _CA_FORMS)


def installed_truststore() -> ModuleType | None:
    """Return the package truststore, if it is installed (extra ``trust``)."""
    try:
        return importlib.import_module("truststore")
    except ImportError:
        return None


def _of_the_system(truststore: ModuleType) -> ssl.SSLContext:
    """Return a context that trusts the certificates that the operating system trusts."""
    native: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.platform in _NATIVE:
        return native
    # Elsewhere the store is a file, which truststore would read again for each connection.
    probe = native.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    roots = probe.context.get_ca_certs(binary_form=True)
    if not roots:
        return ssl.create_default_context()
    return ssl.create_default_context(cadata=b"".join(roots))


class _Encrypted(Exception):
    """OpenSSL needs a passphrase; without this it would prompt for it at the terminal."""


def _no_passphrase() -> str:
    raise _Encrypted


def _show(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Load the client certificate of the settings, if there is one, into a context."""
    if settings.client_cert is None:
        if settings.client_key is not None:
            problem = "is the key of no certificate: client_cert is not given"
            raise _wrong("client_key", Path(settings.client_key), problem, _KEY_FORMS)
        return
    cert = Path(settings.client_cert)
    key = cert if settings.client_key is None else Path(settings.client_key)
    key_named_by = "client_cert" if settings.client_key is None else "client_key"
    pem = _read(cert, "client_cert", _CERT_FORMS)
    if not _CERTIFICATE.search(pem):
        problem = _not_pem(pem) or "holds no certificate"
        raise _wrong("client_cert", cert, problem, _CERT_FORMS)
    _check_key(key, key_named_by)
    try:
        context.load_cert_chain(cert, key, password=_no_passphrase)
    except _Encrypted:
        raise _locked(key_named_by, key) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"is not the key of the certificate in {cert}"
            raise _wrong(key_named_by, key, problem, _KEY_FORMS) from error
        raise _wrong("client_cert", cert, _words(error), _CERT_FORMS) from error


def _check_key(key: Path, named_by: str) -> None:
    pem = _read(key, named_by, _KEY_FORMS)
    if _LOCKED_KEY.search(pem):
        raise _locked(named_by, key)
    if _KEY.search(pem):
        return
    problem = _not_pem(pem) or "holds no private key"
    if named_by == "client_cert":
        problem += "; `client_key` names the file that does"
    raise _wrong(named_by, key, problem, _KEY_FORMS)


def _locked(named_by: str, key: Path) -> ConfigError:
    problem = (
        "the private key is encrypted, and there is no prompt for its passphrase; "
        "`openssl pkey -in KEY -out PLAIN` writes one without"
    )
    return _wrong(named_by, key, problem, _KEY_FORMS)


def _not_pem(content: bytes) -> str:
    """Return what a file is in place of PEM, if it is recognised."""
    if not content.strip():
        return "is empty"
    if content.startswith(_DER) and b"-----BEGIN" not in content:
        return (
            "is not PEM text but DER or PKCS#12: `openssl x509 -inform der` and "
            "`openssl pkcs12 -nodes` turn them into PEM"
        )
    return ""


def _words(error: ssl.SSLError) -> str:
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"cannot be read as PEM: {reason}"


def _read(path: Path, named_by: str, allowed: str) -> bytes:
    try:
        with path.open("rb") as file:
            return read_at_most(file, _MOST_PEM_BYTES)
    except TooMuch as error:
        raise _wrong(named_by, path, str(error), allowed) from error
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise _wrong(named_by, path, problem, allowed) from error
    except ValueError as error:
        raise _wrong(named_by, path, "has a NUL in it", allowed) from error


def _wrong(named_by: str, path: Path, problem: str, allowed: str) -> ConfigError:
    return ConfigError(problem, key=named_by, value=str(path), allowed=allowed)
