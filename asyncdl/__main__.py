"""``python -m asyncdl`` is the same as ``asyncdl``."""

from typing import NoReturn

from asyncdl.cli.early_signals import exit_on_interrupt


def main() -> NoReturn:
    """Run a command and exit, as :func:`asyncdl.cli.main.main` does, which is imported here."""
    with exit_on_interrupt():
        from asyncdl.cli.main import main as run
    run()


if __name__ == "__main__":
    main()
