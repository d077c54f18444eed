"""``python -m asyncdl`` is the same as ``asyncdl``."""

from typing import NoReturn

from asyncdl.cli.early_signals import leaving_at_once


def main() -> NoReturn:
    """Run a command and exit, as :func:`asyncdl.cli.main.main` does, which is imported here."""
    with leaving_at_once():
        from asyncdl.cli.main import main as run
    run()


if __name__ == "__main__":
    main()
