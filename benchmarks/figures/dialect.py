"""Words and turns of phrase that have a better one; counted in code, help and pages.

What a command's help, an error or a docstring says stands in the code, so that one reading of
all text finds it. Identifiers count by their parts: ``told_digests`` has the word "told". Words
that the field or plain English has as well ("link", "look", "batch", "turn", "holding") are left
out, for a count could not tell which of the two is meant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

BETTER: dict[str, str] = {
    r"told|tells?|telling": "reported, reports, given, shown",
    r"answer(?:s|ed|ing)?": "response, respond",
    r"(?:so|how) manieth": "the Nth, which one",
    r"inmost": "max zone",
    r"receptions?": "body receiver",
    r"crews?": "segmented download",
    r"claims?|claimants?": "name registry, owner",
    r"governors?": "host limiter, adaptive concurrency",
    r"inward(?: address(?:es)?)?": "address policy, blocked address",
    r"patience|patient|impatient": "stall detector, retry policy, doctor target",
    r"arriving": "placing",
    r"proofs?|proving|proves?|proven|proved": "verification, checks, verified",
    r"follower": "incremental hasher",
    r"checkup": "run checks",
    r"chronicle": "event log",
    r"watching": "event stream",
    r"amounts": "formatting, units",
    r"wish(?:es|ed)?": "request, search plan",
    r"news": "incremental",
    r"agreements?": "EULAs",
    r"promises?|promised": "expected checksums",
    r"obstacles?": "path conflict",
    r"standing": "outstanding requests, file status",
    r"manners|courtes(?:y|ies)": "service notifications, fair use",
    r"successions?": "superseded scenes",
    r"withdrawals?": "deleted scenes",
    r"books?": "finalize, journal",
    r"ledgers?": "request log",
    r"blam(?:e|es|ed|ing)": "record violation",
    r"leftovers?": "cleanup report",
    r"tally": "summary",
    r"settle(?:s|d)?": "make durable",
    r"kin": "similar",
    r"frowns?|frowned": "counts as a violation",
    r"whom": "who, or another sentence",
    r"all the same": "nevertheless, still",
    r"at present": "right now",
    r"look(?:s)? after": "check",
    r"get the right to": "make sure you may",
    r"spoken to": "is not an HTTP proxy",
    r"asks? no network|no network is asked": "works offline",
    r"foresaw": "unexpected error",
    r"another one makes": "seed",
    r"has to hash to": "expected digest",
    r"the rest is (?:told|dull)": "plain words",
}
"""What is looked for, and the field's words. Source: the project's list of words."""

PAGES = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md")
"""Pages beside those in ``docs``; the changelog is history and stays as it is."""

_PATTERNS = {re.compile(rf"\b(?:{pattern})\b"): pattern for pattern in BETTER}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = re.compile(r"[\W_]+")


def words_of(text: str) -> str:
    """Return a text in lower case, with identifiers taken apart and all else a space."""
    return _APART.sub(" ", _CAMEL.sub(" ", text)).lower()


def counts_of(text: str) -> Counter[str]:
    """Count what :data:`BETTER` has a better word for."""
    words = words_of(text)
    found = {pattern: len(regex.findall(words)) for regex, pattern in _PATTERNS.items()}
    return Counter({pattern: count for pattern, count in found.items() if count})


def texts_of(root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and text of all that is read by users and developers: code, then pages."""
    for folder, pattern in (("asyncdl", "*.py"), ("docs", "*.md"), ("examples", "*.*")):
        for path in sorted((root / folder).rglob(pattern)):
            if path.suffix in (".py", ".md", ".toml"):
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
    for name in PAGES:
        if (path := root / name).exists():
            yield name, path.read_text(encoding="utf-8")


def dialect_of(root: Path) -> tuple[Counter[str], Counter[str]]:
    """Count in a tree: in the code, names of files included, and in the pages."""
    code, pages = Counter[str](), Counter[str]()
    for path, text in texts_of(root):
        if path.startswith("asyncdl/"):
            code += counts_of(f"{path}\n{text}")
        else:
            pages += counts_of(text)
    return code, pages
