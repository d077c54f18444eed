"""How long the replies of the endpoints can be. Pure.

Source: recorded replies; API notes, section 4. What tells of scenes or files one by one grows
with their number, which the config bounds; what tells of the account or a dataset does not.
"""

from __future__ import annotations

SHORT_REPLY_BYTES = 1024**2
"""A key, a count or a list of rights takes some hundred bytes."""
DATASET_REPLY_BYTES = 32 * 1024**2
"""All datasets with all that is said of them take about one."""

_SHORT = frozenset(
    {
        "download-complete-proxied", "download-eula", "download-order-remove", "download-remove",
        "download-summary", "login-token", "logout", "notifications", "permissions",
        "rate-limit-summary", "scene-list-add", "scene-list-remove", "scene-list-summary",
        "scene-list-types", "scene-search-delete",
    }
)  # fmt: skip
_OF_DATASETS = frozenset(
    {
        "dataset", "dataset-download-options", "dataset-file-groups", "dataset-filters",
        "dataset-search",
    }
)  # fmt: skip


def most_bytes_of(endpoint: str) -> int:
    """Return how long a reply can be; of what grows with what is asked for, ``service.max_reply``
    alone decides."""
    if endpoint in _SHORT:
        return SHORT_REPLY_BYTES
    return DATASET_REPLY_BYTES if endpoint in _OF_DATASETS else 2**63
