"""What a failed request says about the number of connections."""

import pytest

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, WrongContent
from asyncdl.transfer.failures import Strain, strain_of

URL = "http://host/file"


def refused() -> NetworkError:
    return NetworkError("connect to host", "connection refused", phase="connect")


ROWS: dict[str, tuple[AsyncdlError, bool, bool, Strain]] = {
    "429": (HttpStatusError(URL, 429), False, False, Strain.CERTAIN),
    "503 that names a rest": (
        HttpStatusError(URL, 503, retry_after_s=1.0),
        False,
        False,
        Strain.CERTAIN,
    ),
    "503": (HttpStatusError(URL, 503), False, True, Strain.POSSIBLE),
    "500": (HttpStatusError(URL, 500), False, True, Strain.POSSIBLE),
    "404": (HttpStatusError(URL, 404), False, True, Strain.NONE),
    "refused beside others": (refused(), False, True, Strain.CERTAIN),
    "refused alone": (refused(), False, False, Strain.NONE),
    "closed without a word": (NetworkError("read", "closed"), False, True, Strain.POSSIBLE),
    "broken after bytes": (NetworkError("read", "reset", phase="body"), True, True, Strain.NONE),
    "stalled": (Stalled(URL, seconds=60.0), True, True, Strain.POSSIBLE),
    "a page": (WrongContent(URL, "a page"), False, True, Strain.NONE),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_row_e9_what_is_strain(row: tuple[AsyncdlError, bool, bool, Strain]) -> None:
    error, has_bytes, is_beside_others, strain = row
    assert strain_of(error, has_bytes=has_bytes, is_beside_others=is_beside_others) is strain
