"""Whether the hosts of a case speak TLS, up to chance."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random

import trustme

from asyncdl.net.tls import VARIABLES
from asyncdl.sandbox import Service
from tests.tls_door import open_door, server_context
from tests.transfer import fault_server

BY_TLS = 0.5


@contextmanager
def own_authority() -> Iterator[ssl.SSLContext]:
    """Have this process and its children trust a CA; give what a host of it speaks TLS with."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "authority.pem"
        authority.cert_pem.write_to_path(str(file))
        for variable in VARIABLES:
            os.environ.pop(variable, None)
        os.environ["SSL_CERT_FILE"] = str(file)
        yield server_context(authority)


def is_secure(seed: int) -> bool:
    """Decide for a case."""
    return Random(f"tls {seed}").random() < BY_TLS


@contextmanager
def speaking(context: ssl.SSLContext, seed: int) -> Iterator[None]:
    """Have the file hosts of a case speak TLS or not."""
    fault_server.TLS = context if is_secure(seed) else None
    try:
        yield
    finally:
        fault_server.TLS = None


@asynccontextmanager
async def behind_tls(service: Service, context: ssl.SSLContext, seed: int) -> AsyncIterator[None]:
    """Have all of a sandbox behind TLS or not; its links lead there, too."""
    if not is_secure(seed):
        yield
        return
    async with open_door(context, int(service.origin.rpartition(":")[2])) as port:
        service._state.origin = f"https://127.0.0.1:{port}"
        yield
