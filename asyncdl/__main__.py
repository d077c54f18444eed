"""``python -m asyncdl`` is the same as ``asyncdl``."""

from asyncdl.cli.main import main

main()
