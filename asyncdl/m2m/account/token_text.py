"""What a token looks like, so that nothing else is sent for one. Pure.

The USGS does not say; tokens seen have about 64 letters, digits and ``!``, ``@``, ``_``. What is
taken here is wider, and still no other secret that people have in files: those have lines,
spaces, braces, quotes, or a colon (private keys, ``.netrc``, JSON, TOML, ``user:password``).

Source: API notes, section 2.1.
"""

from __future__ import annotations

import re

from asyncdl.redact import Secret

MAX_TOKEN_CHARS = 512
TOKEN_FORM = (
    f"1 to {MAX_TOKEN_CHARS} letters, digits and signs such as !@_-+/=, without spaces, quotes, "
    "braces or colons"
)
_TOKEN = re.compile(r"[A-Za-z0-9!@#$%^&*()_+=,./?~-]+")


def token_in(content: str | bytes) -> Secret:
    """Return the token that stands alone in a text; empty if anything else is there.

    Blanks and line ends around it do not count.
    """
    text = content.decode("ascii", "replace") if isinstance(content, bytes) else content
    token = text.strip()
    is_one = len(token) <= MAX_TOKEN_CHARS and _TOKEN.fullmatch(token)
    return Secret(token if is_one else "")
