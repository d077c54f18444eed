"""``landsatxplore``, the last release of which logs in with a password."""

from __future__ import annotations

import landsatxplore.api  # type: ignore[import-not-found, unused-ignore]

from tests.clients.steps import Steps


def main() -> None:
    steps = Steps("landsatxplore")
    landsatxplore.api.API_URL = steps.url
    with steps.step("login"):
        landsatxplore.api.API(steps.username, steps.token)
    steps.report()


main()
