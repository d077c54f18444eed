"""Error replies of the API, and responses of a host that is down."""

from __future__ import annotations

from aiohttp import web

from asyncdl.errors import Portable
from asyncdl.sandbox.injected_faults import DownMode

_PAGE = "<!DOCTYPE html><html><body><h1>Down for maintenance</h1></body></html>"


class Refusal(Portable, Exception):
    """A call that the service refuses.

    Args:
        error_code: The service's code, such as ``INPUT_PARAMETER_INVALID``.
        message: Its text.
        http_status: Status of the reply; most refusals have 200.
        is_bare: Whether the body contains nothing but code and text.
    """

    def __init__(
        self, error_code: str, message: str, *, http_status: int = 200, is_bare: bool = False
    ) -> None:
        self.error_code = error_code
        self.message = message
        self.http_status = http_status
        self.is_bare = is_bare
        super().__init__(error_code, message)


class Maintenance(Refusal):
    """The service is down; its web server sends a maintenance page."""

    def __init__(self) -> None:
        super().__init__("", "Down for maintenance", http_status=503)


def required(name: str) -> Refusal:
    """Return the refusal of a call that lacks a parameter, as recorded in December 2023."""
    text = f"The parameter {name} is required and was not supplied"
    return Refusal("INPUT_PARAMETER_REQUIRED", text, http_status=500)


def invalid(message: str) -> Refusal:
    """Return the refusal of a call with an invalid parameter."""
    return Refusal("INPUT_PARAMETER_INVALID", message)


def no_such_dataset(name: object) -> Refusal:
    """Return the refusal of a call for an unknown dataset."""
    return Refusal("DATASET_INVALID", f"Dataset '{name}' does not exist")


def no_such_endpoint() -> Refusal:
    """Return the refusal of a call to an unknown or removed endpoint.

    Code and text are on record, the status is not.
    """
    return Refusal("NOT_FOUND", "Invalid Endpoint", http_status=404)


def no_role() -> Refusal:
    """Return the refusal of a call by an account without the role MACHINE (April 2022)."""
    return Refusal("UNAUTHORIZED_USER", "Unable to validate user API permissions", http_status=500)


def withdrawn() -> Refusal:
    """Return the refusal of a call for a dataset that is closed to the user."""
    return Refusal("DATASET_AUTH", "Dataset status is unavailable to this user")


def rate_limited() -> Refusal:
    """Return the refusal of a call that arrives while another one is running."""
    return Refusal(
        "RATE_LIMIT",
        "Your account does not support multiple requests at a time.",
        http_status=500,
        is_bare=True,
    )


def maintenance(status: int = 503) -> web.Response:
    """Return a maintenance page."""
    return web.Response(status=status, text=_PAGE, content_type="text/html")


def down_response(request: web.Request, mode: DownMode) -> web.Response:
    """Return the response of a host that is down; abort the connection if there is none."""
    if mode == "refuse" and request.transport is not None:
        request.transport.abort()
    return maintenance(200 if mode == "html" else 503)
