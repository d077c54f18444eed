"""Replies are read by their body first, and every reply has one meaning."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.errors import ApiError, AuthError, EndpointRemoved, ForeignResponse
from asyncdl.m2m.calling import envelope
from asyncdl.m2m.calling.envelope import (
    MAX_MESSAGE_CHARS,
    ErrorKind,
    classify,
    kind_of,
    read_envelope,
    refused_again,
)
from asyncdl.m2m.models import Json
from asyncdl.m2m.reply_rows import RawRows

DATA = Path(__file__).parent.parent / "data"

KINDS = {
    ErrorKind.KEY: "AUTH_EXPIRED AUTH_KEY_INVALID",
    ErrorKind.ACCOUNT: "AUTH_INVALID AUTH_UNAUTHROIZED AUTH_UNAUTHORIZED",
    ErrorKind.BUSY: "RATE_LIMIT RATE_LIMIT_USER",
    ErrorKind.QUOTA: "RATE_LIMIT_USER_DL",
    ErrorKind.SEARCH: (
        "SEARCH_CREATE_ERROR SEARCH_ERROR SEARCH_EXECUTE_ERROR SEARCH_FAILED SEARCH_RESULT_ERROR "
        "SEARCH_UNAVAILABLE SEARCH_UPDATE_ERROR"
    ),
    ErrorKind.SERVER: "SERVER_ERROR UNKNOWN",
    ErrorKind.FATAL: (
        "DOWNLOAD_ERROR INPUT_FORMAT INPUT_INVALID INPUT_PARAMETER_INVALID "
        "INPUT_PARAMETER_REQUIRED NOT_FOUND DATASET_INVALID DATASET_AUTH DATASET_UNAUTHORIZED "
        "DATASET_ERROR DATASET_CUSTOM_CLEAR_ERROR ORDER_ERROR ORDER_AUTH ORDER_INVALID "
        "RESTORE_ORDER_ERROR SUBSCRIPTION_ERROR EXPORT_ERROR ENDPOINT_UNAVAILABLE VERSION_UNKNOWN"
    ),
}


def refusal(status: int, body: bytes | Json = b"", **headers: str) -> ApiError:
    """Return the error that a reply is read as."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    with pytest.raises(ApiError) as caught:
        read_envelope("dataset", status, headers, content, secrets=["tok!en"])
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"), [(code, kind) for kind, codes in KINDS.items() for code in codes.split()]
)
def test_a_known_code_means_the_same_with_every_status(code: str, kind: ErrorKind) -> None:
    for status in (200, 302, 400, 401, 403, 404, 429, 500, 503):
        assert kind_of(refusal(status, {"errorCode": code})) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, ErrorKind.FATAL),
        (400, ErrorKind.FATAL),
        (429, ErrorKind.BUSY),
        (500, ErrorKind.SERVER),
    ],
)
def test_a_code_of_the_future_is_judged_by_its_status(status: int, kind: ErrorKind) -> None:
    assert classify("NEWS_FROM_2030", status) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, ErrorKind.SERVER),
        (301, ErrorKind.FATAL),
        (302, ErrorKind.SERVER),
        (400, ErrorKind.FATAL),
        (401, ErrorKind.FATAL),
        (403, ErrorKind.FATAL),
        (404, ErrorKind.FATAL),
        (408, ErrorKind.SERVER),
        (413, ErrorKind.FATAL),
        (429, ErrorKind.BUSY),
        (502, ErrorKind.SERVER),
        (503, ErrorKind.SERVER),
    ],
)
@pytest.mark.parametrize("body", [b"<html></html>", b"", b'{"da', b"[]", b'"text"', b"\xff"])
def test_without_an_envelope_the_status_decides(body: bytes, status: int, kind: ErrorKind) -> None:
    error = refusal(status, body)
    assert isinstance(error, ForeignResponse)
    assert kind_of(error) is kind
    assert "M2M's" in str(error) and "MACHINE" not in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_an_envelope_with_a_refusal_and_no_code_asks_for_a_login(status: int) -> None:
    error = refusal(status, {"data": None, "errorCode": None})
    assert isinstance(error, AuthError)
    assert kind_of(error) is ErrorKind.KEY


def test_our_own_findings_are_final() -> None:
    assert kind_of(ApiError("dataset", message="unexpected response")) is ErrorKind.FATAL


@pytest.mark.parametrize("data", [None, [], {}, 3, "key", [None]])
def test_data_is_handed_on_as_it_is(data: Json) -> None:
    body = orjson.dumps({"data": data, "errorCode": None, "errorMessage": ""})
    assert read_envelope("dataset", 200, {}, body) == data


def test_an_envelope_without_a_code_is_an_error_when_the_status_is() -> None:
    error = refusal(500, {"data": None, "errorCode": None})
    assert error.retryable
    assert error.http_status == 500


@pytest.mark.parametrize("status", [200, 401, 403])
def test_the_recorded_expired_key_asks_for_a_login(status: int) -> None:
    error = refusal(status, (DATA / "recorded_error_AUTH_EXPIRED.json").read_bytes())
    assert isinstance(error, AuthError)
    assert kind_of(error) is ErrorKind.KEY
    assert error.request_id is None


def test_the_recorded_busy_account_is_no_server_error() -> None:
    error = refusal(500, (DATA / "recorded_error_RATE_LIMIT_http500.json").read_bytes())
    assert kind_of(error) is ErrorKind.BUSY
    assert error.retryable
    assert str(error).startswith("dataset: RATE_LIMIT: Your account does not support multiple")


def test_an_error_carries_what_the_help_desk_asks_for() -> None:
    error = refusal(400, {"requestId": 42, "errorCode": "INPUT_INVALID", "errorMessage": "no"})
    assert str(error) == "dataset: INPUT_INVALID: no (request 42)"
    assert (error.request_id, error.http_status, error.retryable) == (42, 400, False)


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (404, None, "removed or renamed this endpoint; look for a newer asyncdl"),
        (200, "ENDPOINT_UNAVAILABLE", "removed or renamed this endpoint"),
        (500, "VERSION_UNKNOWN", "the API has changed"),
        (301, None, "the API has changed"),
        (200, "AUTH_INVALID", "application token is wrong or expired"),
        (200, "AUTH_UNAUTHROIZED", "role MACHINE"),
        (403, None, "role MACHINE"),
        (200, "DATASET_INVALID", "may not see it"),
        (500, "RATE_LIMIT", "another program"),
    ],
)
def test_an_error_says_what_helps(status: int, code: str | None, hint: str) -> None:
    assert hint in str(refusal(status, {"errorCode": code, "errorMessage": "No."}))


def test_a_thing_not_found_is_not_a_changed_api() -> None:
    assert "changed" not in str(refusal(404, {"errorCode": "NOT_FOUND"}))


def test_the_words_of_a_disabled_download_are_kept() -> None:
    """Others read them to know that the same request works later."""
    text = "This download has been temporarily disabled. Please try again at a later time."
    assert refusal(200, {"errorCode": "X", "errorMessage": text}).message == text


def test_a_message_is_one_short_line_without_secrets() -> None:
    text = "bad tok!en\x1b[31m\n at\thttps://host/?requestSignature=abc " + "x" * 5000
    message = refusal(400, {"errorCode": "X", "errorMessage": text}).message
    assert message.startswith("bad ***[31m at https://host/?requestSignature=*** xxx")
    assert len(message) <= MAX_MESSAGE_CHARS


def test_the_wish_to_wait_is_read() -> None:
    assert refusal(503, b"", **{"Retry-After": "17"}).retry_after_s == 17


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500, 503])
@pytest.mark.parametrize(
    ("name", "error_type", "words"),
    [
        ("recorded_error_UNAUTHORIZED_USER_2022-04.json", AuthError, "role MACHINE: ask for"),
        (
            "recorded_error_removed_endpoint_2025-03.json",
            EndpointRemoved,
            "USGS has removed or renamed this endpoint; look for a newer asyncdl",
        ),
        (
            "recorded_error_INPUT_PARAMETER_REQUIRED_http500_2023-12.json",
            ApiError,
            "The parameter label is required",
        ),
    ],
)
def test_recorded_errors_mean_the_same_with_every_status(
    name: str, error_type: type[ApiError], words: str, status: int
) -> None:
    error = refusal(status, (DATA / name).read_bytes())
    assert type(error) is error_type
    assert words in str(error)
    assert not error.retryable


@pytest.mark.parametrize(
    "code",
    [
        "AUTH_ROLE_MISSING", "AUTHENTICATION_FAILED", "UNAUTHORIZED", "UNAUTHORIZED_ROLE", "USER",
        "USER_DISABLED", "PERMISSION_DENIED", "PERMISSIONS_MISSING", "ACCESS_DENIED", "FORBIDDEN",
        "ROLE_REQUIRED", "ACCOUNT_LOCKED", "Unauthorized User", "unauthorized-user",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 403, 500])
def test_a_code_of_the_future_that_refuses_the_account_is_a_refusal(code: str, status: int) -> None:
    error = refusal(status, {"errorCode": code, "errorMessage": "No."})
    assert isinstance(error, AuthError)
    assert kind_of(error) is ErrorKind.ACCOUNT
    assert "ers.cr.usgs.gov" in str(error) or "asyncdl doctor" in str(error)


@pytest.mark.parametrize(
    ("message", "is_removed"),
    [
        ("Invalid Endpoint", True),
        ("invalid endpoint: scene-searchh", True),
        ("The requested endpoint does not exist", True),
        ("Endpoint no longer available", True),
        ("Unknown end point.", True),
        ("Scene not found", False),
        ("List endpoint_scenes not found", False),
        ("", False),
    ],
)
def test_not_found_is_an_item_unless_its_message_names_the_endpoint(
    message: str, is_removed: bool
) -> None:
    error = refusal(404, {"errorCode": "NOT_FOUND", "errorMessage": message})
    assert isinstance(error, EndpointRemoved) is is_removed
    assert ("newer asyncdl" in str(error)) is is_removed


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"errorCode": 500, "errorMessage": ["a", {"message": "b"}]}, "500", "a; b"),
        ({"errorCode": {"code": "AUTH_EXPIRED", "message": "m"}}, "AUTH_EXPIRED", "m"),
        ({"errorCode": ["AUTH_EXPIRED"]}, "AUTH_EXPIRED", ""),
        ({"errorCode": True}, "TRUE", ""),
        ({"errorCode": [None]}, "UNKNOWN", ""),
        ({"errorCode": " auth_expired "}, "AUTH_EXPIRED", ""),
        ({"error_code": "AUTH_EXPIRED", "error_message": "m"}, "AUTH_EXPIRED", "m"),
        ({"error": {"code": "AUTH_EXPIRED", "message": "m"}}, "AUTH_EXPIRED", "m"),
        ({"data": None, "errorMessage": "out of order"}, "", "out of order"),
        ({"errorCode": "INPUT_INVALID", "error": "m", "data": [1]}, "INPUT_INVALID", "m"),
    ],
)
def test_an_error_is_found_in_whatever_form_it_has(body: Json, code: str, message: str) -> None:
    error = refusal(200, body)
    assert not isinstance(error, ForeignResponse)
    assert error.error_code == code
    assert message in error.message


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b"\xff\xfe"], ids=["utf-8", "utf-16"])
def test_a_byte_order_mark_changes_nothing(bom: bytes) -> None:
    text = '{"data": "key", "errorCode": null}'
    body = bom + text.encode("utf-8" if len(bom) == 3 else "utf-16-le")
    assert read_envelope("dataset", 200, {}, body) == "key"


def test_a_code_of_great_depth_breaks_nothing() -> None:
    body = b'{"errorCode": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert refusal(200, body).error_code == "UNKNOWN"


def test_a_date_to_wait_for_is_compared_with_the_clock_that_made_it() -> None:
    headers = {
        "Retry-After": "Wed, 01 Jan 2020 00:00:30 GMT",
        "Date": "Wed, 01 Jan 2020 00:00:00 GMT",
    }
    assert refusal(503, b"", **headers).retry_after_s == 30


def test_a_second_refusal_is_final_and_says_so() -> None:
    error = refusal(403, {"errorCode": None})
    assert isinstance(error, AuthError)
    final = refused_again(error)
    assert not final.retryable
    assert str(final).endswith("refused again right after a new login")
    assert "MACHINE" in str(final)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
envelopes = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("data", "errorCode", "errorMessage", "requestId"), json_values)
)


@settings(deadline=None)
@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=50) | envelopes.map(orjson.dumps),
    retry_after=st.text(max_size=10),
)
def test_whatever_comes_is_data_or_an_api_error(status: int, body: bytes, retry_after: str) -> None:
    try:
        read_envelope("dataset", status, {"Retry-After": retry_after}, body)
    except ApiError as error:
        assert str(error).isprintable()
    else:
        assert status < 300


# --- long bodies -----------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_a_long_body_read_in_pieces_means_the_same(value: Json) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "LARGE_BYTES", 8)
        body = b"\xef\xbb\xbf" + orjson.dumps({"data": value, "errorCode": None})
        assert read_envelope("dataset", 200, {}, body) == value


@given(st.lists(JSON), st.sampled_from([None, "SERVER_ERROR"]))
def test_rows_that_are_kept_apart_mean_the_same(rows: list[Json], code: str | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "LARGE_BYTES", 8)
        body = b"\xef\xbb\xbf" + orjson.dumps({"data": rows, "errorCode": code})
        if code:
            with pytest.raises(ApiError, match=code):
                read_envelope("download-options", 200, {}, body, are_rows_apart=True)
        else:
            data = read_envelope("download-options", 200, {}, body, are_rows_apart=True)
            assert isinstance(data, RawRows) and data.plain() == rows


@given(JSON)
def test_what_is_no_list_has_no_rows(value: Json) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "LARGE_BYTES", 8)
        body = orjson.dumps({"data": {"rows": value}, "errorCode": None})
        data = read_envelope("download-options", 200, {}, body, are_rows_apart=True)
        assert data == {"rows": value}


@given(st.binary() | JSON.map(lambda value: orjson.dumps({"data": value})[:-1]))
def test_a_long_body_that_is_no_json_is_refused_as_a_short_one(body: bytes) -> None:
    refused = []
    for large in (8, envelope.LARGE_BYTES):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(ApiError) as error:
            patch.setattr(envelope, "LARGE_BYTES", large)
            read_envelope("dataset", 200, {}, body)
        refused.append(str(error.value))
    assert refused[0] == refused[1]
