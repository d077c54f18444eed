"""What the tests of the pages share."""

from tests.e2e.conftest import static_file

__all__ = ["static_file"]
