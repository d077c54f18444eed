"""The page of errors tells what the code can say: all of it, and nothing else."""

from __future__ import annotations

import inspect
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from asyncdl.cli.main import print_error
from asyncdl.errors import ApiError, AsyncdlError, NetworkError
from asyncdl.m2m.calling.envelope import _KIND_OF_CODE, _KIND_OF_FAMILY, read_envelope
from asyncdl.net import faults
from asyncdl.net.faults import certificate_problem, tls_fault
from tests.docs.reasons import reasons_in_the_code
from tests.own_modules import own_modules

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
CODE = re.compile(r"`([^`]+)`")


def rows_under(title: str) -> list[list[str]]:
    """Return the cells of the table in one section, without its head."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def error_classes() -> Iterator[type[AsyncdlError]]:
    """Yield every class of error in the package."""
    for module in own_modules():
        for _, found in inspect.getmembers(module):
            if isinstance(found, type) and issubclass(found, AsyncdlError):
                yield found


def first_code(cell: str) -> str:
    found: str = CODE.findall(cell)[0]
    return found


def test_every_reason_is_explained_once_and_no_other() -> None:
    explained = [first_code(row[0]) for row in rows_under("Reasons")]
    assert explained == sorted(explained)
    assert {reason.replace("NNN", "") for reason in explained} == reasons_in_the_code()
    assert len(set(explained)) == len(explained)


def test_every_class_stands_there_under_its_parent() -> None:
    listed = {first_code(row[0]): first_code(row[1]) for row in rows_under("Classes")}
    assert listed == {found.__name__: found.__bases__[0].__name__ for found in error_classes()}


def test_every_code_of_the_service_that_is_told_apart_is_listed() -> None:
    listed = {code for row in rows_under("Codes of the service") for code in CODE.findall(row[0])}
    families = {f"{family}…" for family in _KIND_OF_FAMILY}
    assert listed == {*_KIND_OF_CODE, *families}


PAGES = (b"<title>Blocked</title>", b"Blocked", b'{"message": "Blocked"}', b"[]")
RESPONSES = rows_under("Responses of the service")


def bodies_of(response: str) -> list[bytes]:
    """Return bodies that a row of responses is about."""
    if " with a page" in response:
        return [*PAGES, b""]
    code = first_code(f"{response}``") if response.startswith("`") else None
    text = next(iter(re.findall(r"\"(.*?)\"", response)), None)
    return [orjson.dumps({"data": None, "errorCode": code, "errorMessage": text})]


def statuses_of(response: str) -> list[int]:
    """Return HTTP statuses that a row of responses is about."""
    return list(map(int, re.findall(r"\b\d{3}\b", response))) or [200, 401, 404, 500, 503]


@pytest.mark.parametrize("row", RESPONSES, ids=[row[0] for row in RESPONSES])
def test_every_response_ends_as_its_row_says(row: list[str]) -> None:
    response, error_class, again, _, exit_status = row
    for http_status in statuses_of(response):
        for body in bodies_of(response):
            with pytest.raises(ApiError) as caught:
                read_envelope("dataset", http_status, {}, body)
            assert type(caught.value).__name__ == first_code(error_class)
            assert caught.value.retryable is again.startswith("yes")
            assert print_error(caught.value) == int(exit_status)


def network_faults() -> list[faults.Fault]:
    """Return a fault of each sentence that the code has for the network."""
    constants = [value for value in vars(faults).values() if isinstance(value, faults.Fault)]
    return [
        *constants,
        faults.not_http("x"),
        faults.proxy_unreachable(ConnectionRefusedError(111, "x")),
        faults.proxy_refusal(502),
        faults.socks_refusal("Host unreachable", code=4),
        faults.socks_refusal("Authentication failed"),
        faults.socks_refusal("Unexpected version"),
        faults.socks_refusal("", has_responded=False),
        faults.moved_inward("host"),
    ]


def test_every_sentence_about_the_network_is_explained() -> None:
    rows = {first_code(row[0]): row for row in rows_under("Network")}
    explained = set()
    for fault in network_faults():
        sentence = next(text for text in rows if fits(fault.cause, text))
        assert rows[sentence][2].startswith("no") is not fault.retryable, fault
        explained.add(sentence)
    assert explained == set(rows)


def fits(cause: str, sentence: str) -> bool:
    """Tell whether a sentence, with ``…`` for what varies, is that of a cause."""
    return re.fullmatch(re.escape(sentence).replace("…", ".+"), cause) is not None


def test_every_reason_of_openssl_has_its_remedy() -> None:
    for number, row in zip((10, 9, 19, 18, 20, 62, 85), rows_under("Certificates"), strict=True):
        refusal = ssl.SSLCertVerificationError(1, "failed")
        refusal.verify_code, refusal.verify_message = number, first_code(row[0])
        problem = certificate_problem(refusal)
        assert first_code(row[0]) in problem
        for word in ("clock", "SSL_CERT_FILE", "captive portal"):
            assert (word in problem) == (
                word in row[2] or (row[2].startswith("the same") and word[0] == "S")
            )
        assert print_error(NetworkError("call dataset", problem, retryable=False)) == 1


def test_every_other_reason_of_openssl_is_final_or_not_as_its_row_says() -> None:
    for said, meaning, again, _ in rows_under("TLS"):
        error = ssl.SSLError(1, "failed")
        error.reason = first_code(said).replace(" ", "_").upper()
        fault = tls_fault(error)
        assert f"(OpenSSL: {first_code(said)})" in fault.cause
        assert meaning in fault.cause
        assert fault.retryable is (again == "yes")


@pytest.mark.parametrize(
    "title", ["Classes", "Reasons", "Responses of the service", "Certificates", "TLS"]
)
def test_no_cell_is_empty(title: str) -> None:
    assert rows_under(title)
    assert all(all(row) for row in rows_under(title))
