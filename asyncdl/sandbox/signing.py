"""API keys, signed URLs and download tokens that look like the real ones.

All are base64 of a small JSON, so that leak tests that know the form of the
real secrets find these, too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

_CONTACT_ID = 1_000_001
_SERVICE_TIME = timezone(timedelta(hours=-5))


class Signer:
    """Makes and verifies API keys and signatures.

    Args:
        seed: Sandboxes with different seeds do not accept each other's signatures.
        clock: Returns the current time, seconds since 1970.
    """

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self._secret = hashlib.sha256(f"sandbox {seed}".encode()).digest()
        self._clock = clock
        self._keys = 0
        self._valid_from = 0.0

    def api_key(self) -> str:
        """Return a new API key."""
        self._keys += 1
        session = f"{self._clock():.0f}{self._keys:04}"
        return _encode(
            {"cid": _CONTACT_ID, "s": session, "r": self._keys, "p": ["user", "download"]}
        )

    def sign(self, name: str, download_id: int) -> str:
        """Return the ``requestSignature`` of a file's URL."""
        generated = datetime.fromtimestamp(self._clock(), _SERVICE_TIME).isoformat()
        return _encode(
            {
                "downloadApp": "M2M",
                "contactId": _CONTACT_ID,
                "downloadId": download_id,
                "dateGenerated": generated,
                "id": name,
                "signature": self._seal(name, download_id, generated),
            }
        )

    def check(self, name: str, signature: str, lifetime_s: float) -> int | None:
        """Return the download id of a valid signature that has not expired, or ``None``."""
        claims = _decode(signature)
        try:
            generated = str(claims["dateGenerated"])
            download_id = int(claims["downloadId"])
            made_at = datetime.fromisoformat(generated).timestamp()
            seal = str(claims["signature"])
        except (KeyError, TypeError, ValueError):
            return None
        if not hmac.compare_digest(seal, self._seal(name, download_id, generated)):
            return None
        is_old = self._clock() - made_at > lifetime_s or made_at < self._valid_from
        return None if is_old else download_id

    def expire_all(self) -> None:
        """Expire every signature made so far."""
        self._valid_from = self._clock()

    def _seal(self, name: str, download_id: int, generated: str) -> str:
        text = f"{name}/{download_id}/{generated}".encode()
        digest = hmac.digest(self._secret, text, "sha256")
        # As crypt(3) writes a SHA-256: 43 characters and no padding.
        return "$5$$" + base64.b64encode(digest, altchars=b"./").decode().rstrip("=")


def download_token(download_id: int) -> str:
    """Return the token of a URL of the older host; it is not signed."""
    return _encode({"id": download_id, "contactId": _CONTACT_ID})


def read_download_token(token: str) -> int | None:
    """Return the download id of such a token, or ``None`` if it is invalid."""
    try:
        return int(_decode(token)["id"])
    except (KeyError, TypeError, ValueError):
        return None


def _encode(claims: dict[str, Any]) -> str:
    text = json.dumps(claims, separators=(",", ":")).replace("/", "\\/")
    return base64.b64encode(text.encode()).decode()


def _decode(token: str) -> dict[str, Any]:
    try:
        claims = json.loads(base64.b64decode(token, validate=True))
    except (Base64Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
