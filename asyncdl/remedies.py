"""What helps when a file cannot be had, by the reason why. Pure.

Settings are named as the fields of Python's API, between backticks; whoever shows a remedy spells
them as its reader does (:mod:`asyncdl.cli.spelling`). "Run the same command again" stands only
where another run may end otherwise.
"""

from __future__ import annotations

AGAIN = "Run the same command again: it continues where this run stopped."
"""Where time may help."""
FINAL = "Another run ends the same way, unless what the message names is fixed first."
"""Where it does not, and nothing closer is known."""
NETWORK = "Check your network connection, then run the same command again: it continues."

_NOT_THERE = "The file is not there: check its URL; running again helps only if it comes back."
_NO_ACCESS = "The URL has expired or needs rights that were not given: try a new one."
_BUSY_HOST = "The host is down or overloaded: run the same command again later; it continues."
_REFUSED = "The host refuses this request: change its URL or its headers; time does not help."
_OTHER_HTTP = "The host does not serve it by plain HTTP/1.1 requests: look for another URL."
_LATER = "The host does not have it ready: run the same command again later."

_BY_REASON = {
    "bad-header": "Correct the header.",
    "bad-url": "Correct the URL; one that the service gave may be right in another run.",
    "broken-file": (
        "Every byte came, and the file is not sound: it is broken at its source. Look for "
        "another copy, or report it to the operator of the host."
    ),
    "busy": "Wait for the other fetch to end, then run the same command again.",
    "checksum-mismatch": (
        "The file was fetched more than once and is not what its digest says: one of the "
        "two is wrong at its source. Compare the digest with its publisher's, or take another "
        "mirror."
    ),
    "coded": (
        "The host, or a proxy on the way, compresses the file although no compression was "
        "requested: look for another URL of the file, or try without the proxy."
    ),
    "contradictory-response": (
        "The host contradicts itself about this file; what came is kept. Look for another URL "
        "of it, or begin anew with `overwrite`."
    ),
    "error-page": (
        "A page came in place of the file: open the URL in a browser to see what it says."
    ),
    "file-exists": (
        "Move that file away, fetch into another folder (`directory`), or replace it (`overwrite`)."
    ),
    "host-down": AGAIN,
    "insecure-redirect": (
        "Do not follow it: ask the operator of the host for a URL that stays with https."
    ),
    "interrupted": AGAIN,
    "login-failed": (
        "Correct the name or the password, or check whether the account is locked. It is not sent "
        "to this host again in this run, since accounts are locked after several failures."
    ),
    "login-page": (
        "The host wants a login: give it a name and password (`netrc`). Else the URL has "
        "expired or needs rights that were not given: try a new one."
    ),
    "name-taken": (
        "Fetch this URL by itself into another folder (`directory`), or give it a name of its own "
        "(`name`)."
    ),
    "no-content": "The host has no content under this URL: check it.",
    "no-window": (
        "Fetch the whole file: leave out `window` for it. Or name the window by another area, if "
        "the message is about that."
    ),
    "outside-window": (
        "Nothing is missing: this raster has no pixel in the window. Take a window that meets it, "
        "or a search that leaves its scene out."
    ),
    "range-refused": "The host does not send the whole file: look for another URL of it.",
    "redirects": (
        "Check the URL in a browser: the host may send you in a circle. A longer way is "
        "followed with a larger `max_redirects`."
    ),
    "store-changed": "Another program writes to this name: let one job at a time write there.",
    "store-clock": "Set this machine's clock; the next run continues.",
    "store-credentials": (
        "Give credentials as the provider's own tools take them: the environment, its config "
        "files, or the role of the machine. None of them belongs in the config."
    ),
    "store-denied": (
        "Check which account the credentials are of, and that it may list, read and write in "
        "this bucket; the next run continues."
    ),
    "store-down": ("Check the store, its `endpoint` and your network; the next run continues."),
    "store-expired": "Renew the credentials, as by `aws sso login`; the next run continues.",
    "store-name": "Choose another, or a shorter, `directory` or `layout`.",
    "store-no-bucket": "Make the bucket, or correct its name, `region` or `endpoint`.",
    "store-odd-name": "Rename or remove that object, or choose another `directory`.",
    "store-quota": "Make room in the store, or raise its quota; the next run continues.",
    "too-large": "Raise the limit on the size, if the file is right to be so large.",
    "worker-error": "Report it, with the traceback in the log of the worker.",
    "wrong-content": FINAL,
}
_BY_STATUS = {
    202: _LATER,
    400: "The host does not understand the request: check the URL and the headers.",
    401: (
        "The host wants a login: give it a name and password (`netrc`) or a header (`headers`). "
        "Else the URL has expired: try a new one."
    ),
    402: "The host requires payment.",
    403: _NO_ACCESS,
    404: _NOT_THERE,
    405: _OTHER_HTTP,
    406: "The host has no representation that the `Accept` headers allow: change them.",
    407: "The proxy wants a user name and a password: name them in the variable of the proxy.",
    410: "The file was removed for good: find out where it is now.",
    414: "The URL is too long for the host: shorten it.",
    423: _LATER,
    426: _OTHER_HTTP,
    431: "The headers are too long for the host: send fewer or shorter ones.",
    451: (
        "The host may not serve it for legal reasons: time does not help; another network or "
        "country may be allowed to have it."
    ),
    501: _OTHER_HTTP,
    505: _OTHER_HTTP,
    511: "Log in to the network with a browser first.",
}
_STATUS = "http-"


def remedy_of(reason: str, default: str, *, is_retryable: bool) -> str:
    """Return what helps against the failure of a file, in one or two sentences.

    Args:
        reason: Stable code, such as ``http-404``.
        default: What its class says; counts where the reason alone says nothing.
        is_retryable: Whether the same request may succeed when it is made again.
    """
    if reason.startswith(_STATUS) and reason.removeprefix(_STATUS).isdigit():
        return _of_status(int(reason.removeprefix(_STATUS)), is_retryable=is_retryable)
    if reason == "range-refused" and is_retryable:
        return default
    if default == AGAIN and not is_retryable:
        default = FINAL
    return _BY_REASON.get(reason, default)


def _of_status(status: int, *, is_retryable: bool) -> str:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if is_retryable:
        return _BUSY_HOST
    return _REFUSED if 400 <= status < 500 else FINAL
